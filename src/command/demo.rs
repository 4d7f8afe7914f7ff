//! `tenantize demo`: the whole story on a throw-away server, told by the real commands.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use include_dir::{Dir, include_dir};
use tempfile::TempDir;

use super::Context;
use crate::cli::DemoArgs;
use crate::db::{Database, DatabaseUrl, SessionSettings};
use crate::error::Error;
use crate::journal::{chunks, store};
use crate::progress::style;
use crate::server::{Server, ServerOptions};
use crate::sql::{Statement, example};

static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples");

pub(super) fn run(cx: &Context<'_>, args: &DemoArgs) -> Result<(), Error> {
    let Some(example) = EXAMPLES.get_dir(&args.system) else {
        let known: Vec<String> = EXAMPLES.dirs().map(|dir| dir.path().display().to_string()).collect();
        return Err(Error::Usage {
            message: format!("there is no example `{}`", args.system),
            hint: format!("one of: {}", known.join(", ")),
        });
    };
    if !(args.scale.is_finite() && args.scale > 0.0 && args.scale <= 100.0) {
        return Err(Error::Usage {
            message: format!("a scale of {} is not possible", args.scale),
            hint: "say a number above 0, up to 100".into(),
        });
    }
    let clock = Instant::now();
    let folder = TempDir::new().map_err(Error::system("cannot make a folder"))?;
    let inside = folder.path().join(&args.system);
    std::fs::create_dir(&inside).map_err(Error::system("cannot make a folder"))?;
    write_files(example, &inside)?;

    let options = ServerOptions { settings: settings(), ..ServerOptions::default() };
    let server = Server::start(&options)?;
    cx.ui.say(&format!("A throw-away PostgreSQL {} is up; it goes when this program goes.", server.version()));
    let demo = Demo { cx, folder: inside, url: server.url("demo"), program: program()?, jobs: args.jobs.get().to_string() };
    demo.load(&server, args)?;
    demo.tell_story()?;
    cx.ui.say(&format!("\nThe whole story took {}.", style::duration(clock.elapsed())));
    demo.say_next(args);
    if args.keep {
        cx.ui.say(&format!("\nThe database: psql '{}'\nPress Enter to end the server.", demo.url));
        let _ = io::stdin().read_line(&mut String::new());
    }
    Ok(())
}

/// What a server in production has: the demo must not look faster than it is by a missing WAL.
fn settings() -> Vec<(String, String)> {
    [("shared_buffers", "512MB"), ("max_wal_size", "4GB"), ("wal_level", "replica"), ("maintenance_work_mem", "256MB")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(Error::system("cannot find this program's own file"))
}

/// Writes the example's files; their paths in the program begin with the example's name.
fn write_files(example: &Dir<'_>, into: &Path) -> Result<(), Error> {
    for entry in example.entries() {
        let name = entry.path().file_name().map(PathBuf::from).unwrap_or_default();
        let path = into.join(name);
        if let Some(dir) = entry.as_dir() {
            std::fs::create_dir(&path).map_err(Error::system("cannot make a folder"))?;
            write_files(dir, &path)?;
        } else if let Some(file) = entry.as_file() {
            std::fs::write(&path, file.contents()).map_err(Error::system(format!("cannot write {}", path.display())))?;
        }
    }
    Ok(())
}

struct Demo<'a> {
    cx: &'a Context<'a>,
    folder: PathBuf,
    url: String,
    program: PathBuf,
    jobs: String,
}

#[derive(QueryableByName)]
struct Owner {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    tenant: String,
}

#[derive(QueryableByName)]
struct Share {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Nullable<Text>)]
    tenants: Option<String>,
}

impl Demo<'_> {
    fn database(&self) -> Result<Database, Error> {
        Ok(Database::connect(&DatabaseUrl::parse(&self.url)?, &SessionSettings::default(), 2)?)
    }

    fn script(&self, name: &str) -> Result<String, Error> {
        std::fs::read_to_string(self.folder.join(name)).map_err(Error::system(format!("cannot read {name}")))
    }

    /// The single-tenant start.
    fn load(&self, server: &Server, args: &DemoArgs) -> Result<(), Error> {
        let clock = Instant::now();
        let admin = Database::connect(&DatabaseUrl::parse(&server.url("postgres"))?, &SessionSettings::default(), 1)?;
        admin.connect_dedicated()?.batch_execute("CREATE DATABASE demo")?;
        let mut conn = self.database()?.connect_dedicated()?;
        self.cx.ui.say(&format!("Loading {} at scale {} …", args.system, args.scale));
        conn.batch_execute(&self.script("before.sql")?)?;
        example::set_scale(args.scale).run(&mut conn)?;
        conn.batch_execute(&self.script("seed.sql")?)?;
        self.write_owners(&mut conn)?;
        self.cx.ui.say(&format!("Loaded in {}: one application, one owner, no tenants.", style::duration(clock.elapsed())));
        Ok(())
    }

    /// The map of users to customers, which in real life somebody exports from a billing system.
    fn write_owners(&self, conn: &mut diesel::PgConnection) -> Result<(), Error> {
        if !self.folder.join("owners.sql").exists() {
            return Ok(());
        }
        let query = self.script("owners.sql")?;
        let owners: Vec<Owner> = example::owners(&query).rows(conn)?;
        let fail = |error: csv::Error| Error::Other(format!("cannot write owners.csv: {error}"));
        let mut file = csv::Writer::from_path(self.folder.join("owners.csv")).map_err(fail)?;
        file.write_record(["id", "tenant"]).map_err(fail)?;
        for Owner { id, tenant } in &owners {
            file.write_record([id, tenant]).map_err(fail)?;
        }
        file.flush().map_err(Error::system("cannot write owners.csv"))
    }

    fn tell_story(&self) -> Result<(), Error> {
        self.chapter("1. What will happen: every step, its lock and its reason. Nothing is changed.", &["plan"])?;
        self.killed()?;
        self.chapter("3. The journal knows what is committed.", &["status"])?;
        self.chapter("4. Go on from the last committed batch.", &["resume", "--jobs", &self.jobs])?;
        self.first_day()?;
        self.shares()?;
        self.chapter("5. Prove it: checks, the comparison with the backup, and attacks as the application role.", &["verify"])
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.folder).env("DATABASE_URL", &self.url).stdin(Stdio::null());
        command
    }

    fn chapter(&self, title: &str, args: &[&str]) -> Result<(), Error> {
        self.cx.ui.say(&format!("\n── {title}\n$ tenantize {}", args.join(" ")));
        let _ = io::stdout().flush();
        let status = self.command(args).status().map_err(Error::system("cannot run this program again"))?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Other(format!("tenantize {} ended with {status}", args.join(" "))))
    }

    /// Starts the run and kills it in the middle of the biggest fill, without a warning.
    fn killed(&self) -> Result<(), Error> {
        let args = ["run", "--yes", "--jobs", &self.jobs];
        self.cx.ui.say(&format!("\n── 2. The run. It will be killed in the middle by kill -9.\n$ tenantize {}", args.join(" ")));
        let mut child = self.command(&args).spawn().map_err(Error::system("cannot run this program again"))?;
        let outcome = self.wait_for_middle(&mut child);
        if outcome.is_err() || child.try_wait().map_err(Error::system("cannot watch the run"))?.is_none() {
            // SIGKILL: no handler, no goodbye.
            child.kill().map_err(Error::system("cannot kill the run"))?;
            child.wait().map_err(Error::system("cannot watch the run"))?;
        }
        let rows = outcome?;
        self.cx.ui.say(&format!("\n^ kill -9, {} rows after the start of the fill.", style::grouped(rows.cast_unsigned())));
        Ok(())
    }

    fn wait_for_middle(&self, child: &mut Child) -> Result<i64, Error> {
        let db = self.database()?;
        let mut conn = db.get()?;
        loop {
            std::thread::sleep(Duration::from_millis(20));
            if let Some(status) = child.try_wait().map_err(Error::system("cannot watch the run"))? {
                if status.success() {
                    return Ok(0);
                }
                return Err(Error::Other(format!("the run ended with {status}")));
            }
            if !store::exists(&mut conn)? {
                continue;
            }
            let Some(run) = store::newest_run(&mut conn)? else { continue };
            let fills = chunks::pages_settled(&mut conn, run.id)?;
            let biggest = fills.iter().max_by_key(|(_, _, pages, _)| *pages);
            let steps = store::steps_in_order(&mut conn, run.id)?;
            let last_fill = steps.iter().rfind(|step| step.step_id.ends_with("/fill"));
            if let (Some((step, settled, pages, rows)), Some(last)) = (biggest, last_fill)
                && *step == last.step_id
                && settled * 10 >= pages * 4
            {
                return Ok(*rows);
            }
        }
    }

    /// A few rows for the tables that are new, as the application would write them on the first day.
    fn first_day(&self) -> Result<(), Error> {
        if self.folder.join("first_day.sql").exists() {
            self.database()?.connect_dedicated()?.batch_execute(&self.script("first_day.sql")?)?;
            self.cx.ui.say("\nThe application wrote its first rows into the new tables (first_day.sql).");
        }
        Ok(())
    }

    fn shares(&self) -> Result<(), Error> {
        let query = "SELECT relation, string_agg(slug || ' ' || to_char(rows, 'FM999,999,999'), ', ' ORDER BY slug) AS tenants FROM (\
             SELECT 'users' AS relation, t.slug, count(*) AS rows FROM public.users AS u JOIN public.tenants AS t ON t.id = u.tenant_id GROUP BY 2 \
             UNION ALL SELECT 'projects', t.slug, count(*) FROM public.projects AS p JOIN public.tenants AS t ON t.id = p.tenant_id GROUP BY 2 \
             UNION ALL SELECT 'project_files', t.slug, count(*) FROM public.project_files AS f JOIN public.tenants AS t ON t.id = f.tenant_id GROUP BY 2\
             ) AS s GROUP BY relation ORDER BY relation";
        let mut conn = self.database()?.connect_dedicated()?;
        let shares: Vec<Share> = Statement::of_operator(query).rows(&mut conn)?;
        self.cx.ui.say("\nRows per tenant:");
        for Share { relation, tenants } in shares {
            self.cx.ui.say(&format!("  {relation:<14} {}", tenants.unwrap_or_default()));
        }
        Ok(())
    }

    fn say_next(&self, args: &DemoArgs) {
        self.cx.ui.say(&format!(
            "\nWhat to look at next:\n  examples/{system}/tenantize.toml   the decisions behind this run\n  \
             tenantize plan --full                    every statement with its undo\n  \
             tenantize rollback                       the way back, newest step first\n  \
             tenantize init                           a first configuration for a copy of your own database\n  \
             tenantize demo {system} --keep     the same, and the database stays open for psql",
            system = args.system
        ));
    }
}

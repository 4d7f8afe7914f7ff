//! The example `cin7-playground`, small: its whole life, and kill -9 at random moments of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Cli, Output, TestDb};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cin7-playground");
/// 0.01 of the full size: some 22 000 rows.
const SCALE: &str = "0.01";

/// A copy of the example with roles of its own, and a database that holds its start.
struct Example {
    db: TestDb,
    roles: [String; 2],
    folder: tempfile::TempDir,
}

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(name)).unwrap()
}

impl Example {
    fn new() -> Self {
        let start = format!("{}\nSET tenantize.scale = '{SCALE}';\n{}", file("before.sql"), file("seed.sql"));
        let db = TestDb::new(&start);
        let folder = tempfile::tempdir().unwrap();
        // Roles are shared by all databases of the server: each test has its own.
        let (app, readonly) = (db.role("app"), db.role("ro"));
        copy(Path::new(ROOT), folder.path(), &|text| text.replace("cin7_app", &app).replace("cin7_readonly", &readonly));
        let owners = db.psql(&format!("COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)", file("owners.sql").trim().trim_end_matches(';')));
        std::fs::write(folder.path().join("owners.csv"), owners + "\n").unwrap();
        Self { db, roles: [app, readonly], folder }
    }

    fn cli(&self, args: &[&str]) -> Cli {
        Cli::new().args(args).arg("--progress=none").env("DATABASE_URL", self.db.url()).dir(self.folder.path())
    }

    fn run(&self, args: &[&str]) -> Output {
        self.cli(args).run()
    }

    /// Everything but the journal and the backup, which hold times and other things that differ.
    fn result(&self) -> (String, String) {
        self.db.psql("DROP SCHEMA IF EXISTS tenantize CASCADE; DROP SCHEMA IF EXISTS tenantize_backup CASCADE");
        // Tenants carry the time of the run.
        self.db.psql("SET session_replication_role = replica; UPDATE tenants SET created_at = 'epoch', updated_at = 'epoch'");
        (self.schema(), self.db.dump_data())
    }

    /// The schema with the names of this test's roles made equal to those of other tests.
    fn schema(&self) -> String {
        self.db.dump_schema().replace(&self.roles[0], "app").replace(&self.roles[1], "ro")
    }

    /// Rows that the journal counted, and rows with a tenant that had to be written.
    fn counters(&self) -> (i64, i64) {
        let counted = self.db.scalar_i64("SELECT sum(rows_done) FROM tenantize.steps WHERE step_id LIKE '%/fill'");
        let chunks = self.db.scalar_i64("SELECT sum(rows_done) FROM tenantize.fill_chunks");
        assert_eq!(counted, chunks, "steps and chunks disagree");
        let rows = self
            .db
            .scalar_i64("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM projects) + (SELECT count(*) FROM project_files)");
        (counted, rows)
    }
}

fn copy(from: &Path, to: &Path, change: &dyn Fn(String) -> String) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&path, &target, change);
        } else {
            std::fs::write(&target, change(std::fs::read_to_string(&path).unwrap())).unwrap();
        }
    }
}

/// Compares dumps and shows no more than the first lines that differ.
fn assert_same(expected: &str, found: &str, what: &str) {
    let differing = expected.lines().zip(found.lines()).filter(|(a, b)| a != b);
    let lines: Vec<String> = differing.take(5).map(|(a, b)| format!("- {a}\n+ {b}")).collect();
    assert!(expected == found, "{what}\n{}", lines.join("\n"));
}

#[test]
fn the_run_does_what_the_audit_predicted() {
    let example = Example::new();
    let before = example.db.psql(
        "SELECT sum(hashtextextended(t::text, 0)::numeric) FROM (SELECT id, project_id, path, content, created_at, updated_at FROM project_files) AS t",
    );
    let plan = example.run(&["plan", "--format", "json"]);
    assert!(plan.ok(), "{plan}");
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let out = example.run(&["run", "--yes"]);
    assert!(out.ok(), "{out}");
    for table in ["users", "projects", "project_files", "prompt_templates"] {
        let predicted = plan["plan"]["tables"].as_array().or(plan["tables"].as_array()).unwrap();
        let predicted = predicted.iter().find(|entry| entry["table"] == format!("public.{table}")).unwrap();
        let found = example.db.psql(&format!(
            "SELECT json_object_agg(slug, rows) FROM (SELECT s.slug, count(*) AS rows FROM {table} AS t JOIN tenants AS s ON s.id = t.tenant_id GROUP BY 1) AS c"
        ));
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found, predicted["expected"], "{table}");
    }
    let after = example.db.psql(
        "SELECT sum(hashtextextended(t::text, 0)::numeric) FROM (SELECT id, project_id, path, content, created_at, updated_at FROM project_files) AS t",
    );
    assert_eq!(before, after, "a column other than tenant_id changed");
    let (counted, rows) = example.counters();
    assert_eq!(counted, rows);
}

#[test]
fn rollback_after_every_phase_leaves_the_start() {
    let example = Example::new();
    let start = (example.schema(), example.db.dump_data());
    for phase in ["backup", "expand", "backfill", "constraints", "rls"] {
        let out = example.run(&["run", "--yes", "--until", phase]);
        assert!(out.ok(), "{phase}: {out}");
        let out = example.run(&["rollback", "--yes"]);
        assert!(out.ok(), "{phase}: {out}");
        let out = example.run(&["clean", "--yes"]);
        assert!(out.ok(), "{phase}: {out}");
        assert_same(&start.0, &example.schema(), phase);
        assert_same(&start.1, &example.db.dump_data(), phase);
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a failure is repeated by its seed")]
fn killed_at_random_moments_it_ends_like_an_uninterrupted_run() {
    let kills = if std::env::var("TENANTIZE_CHAOS").as_deref() == Ok("full") { 20 } else { 4 };
    let seed = std::env::var("TENANTIZE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("TENANTIZE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    let whole = Example::new();
    let clock = std::time::Instant::now();
    let out = whole.run(&["run", "--yes", "--batch-time=5ms"]);
    assert!(out.ok(), "{out}");
    let took = clock.elapsed();
    let expected = whole.result();

    let killed = Example::new();
    let mut args = vec!["run", "--yes", "--batch-time=5ms"];
    let mut hits = 0;
    while hits < kills {
        let mut child = killed.cli(&args).spawn();
        // Spread the kills over the whole run: each try may take a share of it before it is ended.
        let share = took.as_secs_f64() * 2.0 / f64::from(kills);
        std::thread::sleep(Duration::from_secs_f64(0.01 + random.f64() * share));
        if !child.is_running() {
            break;
        }
        child.signal(Signal::SIGKILL);
        let out = child.wait();
        assert_ne!(out.code(), Some(0), "{out}");
        hits += 1;
        let opened = killed.db.psql("SELECT to_regclass('tenantize.runs') IS NOT NULL") == "t"
            && killed.db.scalar_i64("SELECT count(*) FROM tenantize.runs") > 0;
        if opened {
            args = vec!["resume", "--batch-time=5ms"];
        }
    }
    println!("{hits} kills");
    let last = killed.run(&args);
    let finished = killed.db.psql("SELECT state FROM tenantize.runs");
    assert!(last.ok() || finished == "finished", "{last}");
    let (counted, rows) = killed.counters();
    assert_eq!(counted, rows, "a row was counted twice or not at all");
    let result = killed.result();
    assert_same(&expected.0, &result.0, "the schemas differ");
    assert_same(&expected.1, &result.1, "the data differ");
}

//! What the tool itself needs: memory and time with a big CSV map, and time to plan many tables.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use tenantize::catalog::Catalog;
use tenantize::db::{Database, DatabaseUrl, SessionSettings};
use tenantize::rule::{MapSpec, Origin, Tenant, TenantSet, csv_map};
use tenantize::sql::{Ident, KeyType, TenantKey};

use crate::args::{Keys, ScaleArgs};
use crate::record::{Record, Results, ScaleLine};
use crate::stage::{Shape, Stage, Width};
use crate::tool::Tool;

/// Tenants that the map names.
const TENANTS: i64 = 1000;
const ROUNDS: usize = 5;

struct Bench {
    stage: Stage,
    results: Results,
}

diesel::table! {
    plain (key) {
        key -> BigInt,
        tenant -> Text,
    }
}

pub(crate) fn run(args: &ScaleArgs) {
    let stage = Stage::start();
    let results = Results::open(&args.output.out, stage.host());
    let mut bench = Bench { stage, results };
    bench.maps(args.rows);
    bench.plans(args.tables);
    bench.partitions(args.partitions);
}

impl Bench {
    fn add(&mut self, what: &str, size: i64, value: f64, unit: &str, target: &str) {
        println!("  {what}: {value:.2} {unit} (target: {target})");
        let (what, unit, target) = (what.to_owned(), unit.to_owned(), target.to_owned());
        self.results.add(Record::Scale(ScaleLine { what, size, value, unit, target }));
    }

    /// A table of so many rows, and a map that names each of them.
    fn maps(&mut self, rows: i64) {
        println!("\na CSV map of {rows} lines, {TENANTS} tenants");
        self.stage.fresh(Shape { width: Width::Narrow, ..Shape::usual(rows, Keys::Bigint) });
        let items =
            "[tables.\"public.items\"]\ntenant = { csv = \"map.csv\", key = \"id\" }\n[tables.\"public.owners\"]\nscope = \"shared\"\n";
        let tool = Tool::with_tables(&self.stage, "csv = \"tenants.csv\"\n", items);
        let folder = tool.folder();
        let lines = (1..=TENANTS).map(|n| format!("t{n},{}", uuid::Uuid::from_u128(n.cast_unsigned().into())));
        write(&folder.join("tenants.csv"), "slug,id", lines);
        write(&folder.join("map.csv"), "id,tenant", (1..=rows).map(|n| format!("{n},t{}", n % TENANTS + 1)));
        let (plain, staged) = (self.plain(&folder.join("map.csv")), self.staged(&folder.join("map.csv")));
        self.add("plain `COPY` of the file", rows, plain, "s", "–");
        self.add("the map staged", rows, staged, "s", "–");
        self.add("staged ÷ plain", rows, staged / plain, "×", "≤ 1.5");
        let (seconds, peak) = watched(&tool, &["plan"]);
        self.add("`plan` with this map", rows, seconds, "s", "–");
        self.add("peak memory of `plan`", rows, peak, "MB", "≤ 64");
        let (seconds, peak) = watched(&tool, &["run", "--yes", "--jobs=2"]);
        self.add("`run` with this map", rows, seconds, "s", "–");
        self.add("peak memory of `run`", rows, peak, "MB", "≤ 64");
    }

    /// The best of some times in which the lines are copied into a table with types and primary key: what a map is.
    fn plain(&self, file: &Path) -> f64 {
        let copy = || {
            let mut conn = self.stage.connect("work");
            let table = "CREATE TEMPORARY TABLE plain (key bigint NOT NULL, tenant text NOT NULL)";
            conn.batch_execute(table).unwrap();
            let clock = Instant::now();
            let send = |out: &mut dyn std::io::Write| -> Result<(), diesel::result::Error> {
                let mut file = BufReader::with_capacity(64 * 1024, std::fs::File::open(file).unwrap());
                let mut header = String::new();
                file.read_line(&mut header).unwrap();
                std::io::copy(&mut file, out).unwrap();
                Ok(())
            };
            let query = diesel::copy_from(plain::table).from_raw_data(plain::table, send);
            query.with_format(diesel::pg::CopyFormat::Csv).execute(&mut conn).unwrap();
            clock.elapsed().as_secs_f64()
        };
        (0..ROUNDS).map(|_| copy()).fold(f64::MAX, f64::min)
    }

    fn staged(&self, file: &Path) -> f64 {
        let spec = MapSpec {
            file: file.to_owned(),
            staged: "tenantize.map_items".parse().unwrap(),
            table: "public.items".parse().unwrap(),
            key: Ident::new("id").unwrap(),
            key_ty: "bigint".into(),
        };
        let tenant = |n: i64| Tenant {
            key: TenantKey { ty: KeyType::Uuid, text: uuid::Uuid::from_u128(n.cast_unsigned().into()).to_string() },
            slug: format!("t{n}"),
            columns: std::collections::BTreeMap::new(),
            origin: Origin::New,
        };
        let tenants = TenantSet { ty: KeyType::Uuid, tenants: (1..=TENANTS).map(tenant).collect::<Vec<_>>().into(), default: "t1".into() };
        let stage = || {
            let mut conn = self.database().connect_dedicated().unwrap();
            let clock = Instant::now();
            let staged = csv_map::stage(&mut conn, &spec, &tenants).unwrap();
            assert!(staged.rejected.is_empty());
            clock.elapsed().as_secs_f64()
        };
        (0..ROUNDS).map(|_| stage()).fold(f64::MAX, f64::min)
    }

    fn database(&self) -> Database {
        Database::connect(&DatabaseUrl::parse(&self.stage.url("work")).unwrap(), &SessionSettings::default(), 1).unwrap()
    }

    /// So many tables, each with a key, a foreign key to the one before its tenth, and three indexes.
    fn plans(&mut self, tables: i64) {
        println!("\n{tables} tables");
        self.empty();
        let mut conn = self.stage.connect("work");
        let mut rules = String::new();
        for n in 1..=tables {
            let parent = if n == 1 { String::new() } else { format!(" REFERENCES t{}", n / 10 + i64::from(n < 10)) };
            let table = format!(
                "CREATE TABLE t{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_id bigint{parent}, code text NOT NULL UNIQUE,
                        title text NOT NULL, body text, amount numeric(12, 2) CHECK (amount >= 0), created_at timestamptz NOT NULL DEFAULT now());
                 CREATE INDEX ON t{n} (parent_id); CREATE INDEX ON t{n} (created_at);
                 INSERT INTO t{n} (parent_id, code, title) VALUES (1, 'a', 'A')"
            );
            conn.batch_execute(&table).unwrap();
            let rule = if n == 1 { "\"default\"".to_owned() } else { format!("{{ parent = \"public.t{}\" }}", n / 10 + i64::from(n < 10)) };
            let _ = writeln!(rules, "[tables.\"public.t{n}\"]\ntenant = {rule}\nunique = {{ t{n}_code_key = \"per-tenant\" }}");
        }
        conn.batch_execute("ANALYZE").unwrap();
        let schemas = [Ident::new("public").unwrap()];
        let mut dedicated = self.database().connect_dedicated().unwrap();
        let load = |conn: &mut PgConnection| {
            let clock = Instant::now();
            let catalog = Catalog::load(conn, &schemas).unwrap();
            assert_eq!(i64::try_from(catalog.tables.len()).unwrap(), tables);
            clock.elapsed().as_secs_f64()
        };
        let best = (0..ROUNDS).map(|_| load(&mut dedicated)).fold(f64::MAX, f64::min);
        self.add("catalog read", tables, best, "s", "≤ 1");
        self.planned(&Tool::with_tables(&self.stage, "", &rules), "", tables, "≤ 5");
    }

    /// One table of so many partitions, each with a key, an index and a foreign key.
    fn partitions(&mut self, partitions: i64) {
        println!("\na table of {partitions} partitions");
        self.empty();
        let mut conn = self.stage.connect("work");
        let tables = "CREATE TABLE owners (id bigint PRIMARY KEY);
             INSERT INTO owners VALUES (1), (2);
             CREATE TABLE events (id bigint PRIMARY KEY, owner_id bigint NOT NULL REFERENCES owners, body text) PARTITION BY RANGE (id);
             CREATE INDEX ON events (owner_id)";
        conn.batch_execute(tables).unwrap();
        for n in 0..partitions {
            let part = format!("CREATE TABLE events_{n} PARTITION OF events FOR VALUES FROM ({n}) TO ({})", n + 1);
            conn.batch_execute(&part).unwrap();
            // Each lock on a partition is kept to the end of its transaction: a thousand rows in one are enough.
            if n % 1000 == 999 {
                conn.batch_execute(&format!("INSERT INTO events SELECT n, 1 + n % 2 FROM generate_series({}, {n}) AS n", n - 999)).unwrap();
            }
        }
        conn.batch_execute("ANALYZE").unwrap();
        let rules = "[tables.\"public.owners\"]\ntenant = { csv = \"owners.csv\", key = \"id\" }\n\
                     [tables.\"public.events\"]\ntenant = { parent = \"public.owners\" }\n";
        let tool = Tool::with_tables(&self.stage, "csv = \"tenants.csv\"\n", rules);
        write(&tool.folder().join("tenants.csv"), "slug", ["a", "b"].map(String::from).into_iter());
        write(&tool.folder().join("owners.csv"), "id,tenant", ["1,a", "2,b"].map(String::from).into_iter());
        self.planned(&tool, " of partitions", partitions, "≤ 10");
    }

    fn empty(&self) {
        let mut admin = self.stage.connect("postgres");
        admin.batch_execute("DROP DATABASE work").unwrap();
        admin.batch_execute("CREATE DATABASE work").unwrap();
    }

    fn planned(&mut self, tool: &Tool, what: &str, size: i64, target: &str) {
        let plans: Vec<(f64, f64)> = (0..ROUNDS).map(|_| watched(tool, &["plan"])).collect();
        self.add(&format!("`plan`{what}"), size, plans.iter().map(|plan| plan.0).fold(f64::MAX, f64::min), "s", target);
        let peak = plans.iter().map(|plan| plan.1).fold(0.0, f64::max);
        self.add(&format!("peak memory of `plan`{what}"), size, peak, "MB", "≤ 64");
    }
}

fn write(path: &Path, header: &str, lines: impl Iterator<Item = String>) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    writeln!(file, "{header}").unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    file.flush().unwrap();
}

/// Seconds that a command took, and the most memory it had, in MB.
fn watched(tool: &Tool, args: &[&str]) -> (f64, f64) {
    let clock = Instant::now();
    let mut child = tool.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0.0_f64;
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.trim().strip_suffix(" kB"));
        peak = peak.max(most.map_or(0.0, |kb| kb.trim().parse::<f64>().unwrap() * 1024.0 / 1e6));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert!(status.success(), "tenantize {}: {said}", args.join(" "));
    (clock.elapsed().as_secs_f64(), peak)
}

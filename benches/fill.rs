//! The fill against the usual ways, on one embedded server, in one run: `cargo bench --bench fill [-- ROWS]`.
//!
//! Seconds depend on the machine and on what else it does; compare lines of one run only.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark reports on standard output and may fail loudly")]

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double};
use tenantize::server::{Server, ServerOptions};

const TENANT: &str = "9b0ce777-8504-5a8c-ba64-06f8b1bc1cfd";

#[derive(QueryableByName)]
struct Measured {
    #[diesel(sql_type = BigInt)]
    wal: i64,
    #[diesel(sql_type = BigInt)]
    heap: i64,
    #[diesel(sql_type = BigInt)]
    updated: i64,
    #[diesel(sql_type = BigInt)]
    hot: i64,
}

#[derive(QueryableByName)]
struct Seconds {
    #[diesel(sql_type = Double)]
    seconds: f64,
}

struct Bench {
    server: Server,
    rows: i64,
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(2_000_000);
    let settings = [("shared_buffers", "512MB"), ("max_wal_size", "8GB"), ("wal_level", "replica"), ("autovacuum", "off")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let bench = Bench { server: Server::start(&ServerOptions { settings, ..ServerOptions::default() }).unwrap(), rows };
    bench.template("start", rows);
    println!("PostgreSQL {}, {rows} rows of about 270 bytes, uuid keys, three indexes", bench.server.version());
    println!("| way | seconds | rows/s | WAL MB | heap MB after | HOT |\n|---|---|---|---|---|---|");
    bench.peer("one UPDATE", |conn| {
        conn.batch_execute(&format!("UPDATE items SET tenant_id = '{TENANT}' WHERE tenant_id IS NULL")).unwrap();
    });
    bench.peer("one UPDATE, derived", |conn| {
        conn.batch_execute(&format!("ALTER TABLE owners ADD COLUMN tenant_id uuid DEFAULT '{TENANT}'")).unwrap();
        conn.batch_execute(
            "UPDATE items AS i SET tenant_id = o.tenant_id FROM owners AS o WHERE o.id = i.owner_id AND i.tenant_id IS NULL",
        )
        .unwrap();
    });
    bench.peer("ctid ranges of 1000 pages, one visit", |conn| {
        let pages = bench.rows / 20;
        for page in (0..pages).step_by(1000) {
            let range = format!("ctid >= '({page},0)' AND ctid < '({},0)'", page + 1000);
            conn.batch_execute(&format!("UPDATE items SET tenant_id = '{TENANT}' WHERE {range} AND tenant_id IS NULL")).unwrap();
        }
    });
    for jobs in ["1", "2"] {
        bench.tenantize(&format!("tenantize striped, {jobs} worker(s), literal"), "tenant = \"default\"", jobs);
        bench.tenantize(&format!("tenantize striped, {jobs} worker(s), derived"), "tenant = { parent = \"public.owners\" }", jobs);
    }
    println!("\nconstant strategy: the step that adds the column, and rows written");
    println!("| rows | seconds | rows written |\n|---|---|---|");
    for rows in [10_000, 100_000, 1_000_000] {
        bench.constant(rows);
    }
}

impl Bench {
    fn connect(&self, database: &str) -> PgConnection {
        PgConnection::establish(&self.server.url(database)).unwrap()
    }

    fn template(&self, name: &str, rows: i64) {
        self.connect("postgres").batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let mut conn = self.connect(name);
        conn.batch_execute(&format!(
            "CREATE TABLE owners (id uuid PRIMARY KEY, name text NOT NULL);
             INSERT INTO owners SELECT md5('o' || n)::uuid, 'owner ' || n FROM generate_series(1, greatest({rows} / 10, 1)) AS n;
             CREATE TABLE items (id uuid PRIMARY KEY, owner_id uuid NOT NULL REFERENCES owners, name text NOT NULL, body text NOT NULL,
                                 created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
             INSERT INTO items SELECT md5('i' || n)::uuid, md5('o' || (n % greatest({rows} / 10, 1)) + 1)::uuid, 'item ' || n,
                    repeat(md5(n::text), 5), now() - n * interval '1 second', now() FROM generate_series(1, {rows}) AS n;
             CREATE INDEX ON items (owner_id);
             CREATE INDEX ON items (created_at);"
        ))
        .unwrap();
        conn.batch_execute("VACUUM ANALYZE").unwrap();
    }

    fn clone_of(&self, template: &str, name: &str) {
        let mut admin = self.connect("postgres");
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap();
        admin.batch_execute("CHECKPOINT").unwrap();
    }

    fn measure(&self, database: &str) -> Measured {
        let mut conn = self.connect(database);
        diesel::sql_query(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS wal, pg_relation_size('items') AS heap,
                    s.n_tup_upd AS updated, s.n_tup_hot_upd AS hot
             FROM pg_stat_user_tables AS s WHERE s.relname = 'items'",
        )
        .get_result(&mut conn)
        .unwrap()
    }

    fn line(&self, way: &str, seconds: f64, before: &Measured, after: &Measured) {
        let mb = |bytes: i64| bytes / 1_000_000;
        let hot = (after.hot - before.hot) * 100 / (after.updated - before.updated).max(1);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = self.rows as f64 / seconds;
        println!("| {way} | {seconds:.1} | {rate:.0} | {} | {} | {hot} % |", mb(after.wal - before.wal), mb(after.heap));
    }

    fn peer(&self, way: &str, work: impl FnOnce(&mut PgConnection)) {
        self.clone_of("start", "work");
        let mut conn = self.connect("work");
        conn.batch_execute("ALTER TABLE items ADD COLUMN tenant_id uuid").unwrap();
        let before = self.measure("work");
        let clock = Instant::now();
        work(&mut conn);
        let seconds = clock.elapsed().as_secs_f64();
        drop(conn);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        self.line(way, seconds, &before, &self.measure("work"));
    }

    fn config(folder: &Path, items: &str) {
        let toml = format!(
            "version = 1\n[tenants]\ntable = \"public.tenants\"\ndefault = {{ slug = \"default\", id = \"{TENANT}\" }}\n\
             [backup]\nmethod = \"off\"\n[tables.\"public.owners\"]\ntenant = \"default\"\n[tables.\"public.items\"]\n{items}\n"
        );
        std::fs::write(folder.join("tenantize.toml"), toml).unwrap();
    }

    fn cli(&self, folder: &Path, args: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantize"));
        command.args(args).arg("--progress=none").current_dir(folder).env("DATABASE_URL", self.server.url("work"));
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    fn tenantize(&self, way: &str, items: &str, jobs: &str) {
        self.clone_of("start", "work");
        let folder = tempfile::tempdir().unwrap();
        Self::config(folder.path(), items);
        self.cli(folder.path(), &["run", "--yes", "--strategy=batched", "--until=expand"]);
        // A derived table comes after its parent, which is filled and vacuumed first.
        if items.contains("parent") {
            self.cli(folder.path(), &["resume", "--steps=2", "--jobs", jobs]);
        }
        let before = self.measure("work");
        self.cli(folder.path(), &["resume", "--steps=1", "--jobs", jobs]);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        let after = self.measure("work");
        let seconds = self.step("backfill/public.items/fill");
        self.line(way, seconds, &before, &after);
    }

    fn step(&self, step: &str) -> f64 {
        let query =
            format!("SELECT extract(epoch FROM finished_at - started_at)::float8 AS seconds FROM tenantize.steps WHERE step_id = '{step}'");
        diesel::sql_query(query).get_result::<Seconds>(&mut self.connect("work")).unwrap().seconds
    }

    fn constant(&self, rows: i64) {
        let template = format!("start_{rows}");
        self.template(&template, rows);
        self.clone_of(&template, "work");
        let folder = tempfile::tempdir().unwrap();
        Self::config(folder.path(), "tenant = \"default\"");
        let before = self.measure("work");
        self.cli(folder.path(), &["run", "--yes", "--until=backfill"]);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        let after = self.measure("work");
        println!("| {rows} | {:.3} | {} |", self.step("expand/public.items/column"), after.updated - before.updated);
    }
}

//! Backup: every row is copied once, whatever it is made of and however many workers copy.

use std::time::{Duration, Instant};
use std::{fs, thread};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::support::{Cli, Spawned, TestDb, psql_at};

const CONFIG: &str = "version = 1\n[tenants]\ntable = \"public.tenants\"\ndefault = { slug = \"default\" }\n";

/// 16,000 rows in some 4,000 pages, the first of them empty; every kind of value; rows out of line; no column at all.
const TABLES: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN amount AS numeric(12,3) CHECK (VALUE >= 0);
    CREATE TABLE wide (id bigint PRIMARY KEY, body text, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
    INSERT INTO wide SELECT n, repeat(md5(n::text), 60) FROM generate_series(1, 17000) AS n;
    DELETE FROM wide WHERE id <= 1000; VACUUM (TRUNCATE false) wide;
    INSERT INTO wide SELECT -n, string_agg(md5(n::text || m), '') FROM generate_series(1, 20) AS n, generate_series(1, 400) AS m GROUP BY n;
    CREATE TABLE \"odd; \"\"ones\"\"\" (
      \"a column\" uuid, n numeric, f float8, j json, jb jsonb, x text[], p pair, m mood, d amount, c char(9), t tsvector, i interval, b bytea, o oid, r int4range, ts timestamptz, v varchar(9)[]
    );
    INSERT INTO \"odd; \"\"ones\"\"\" VALUES
      (NULL, 1.0, '-0', '{\"a\":  1}', '{\"a\": 1.00}', '{a,NULL}', '(1,x)', 'sad', 1, 'x  ', 'a:1', '1 mon', '\\x00', 1, '[1,2)', 'infinity', '{a}'),
      (NULL, 1.00, '0', '{\"a\": 1}', '{\"a\": 1.0}', '{}', '(,)', 'glad', 1, 'x', 'a:2', '30 days', '', 2, 'empty', '-infinity', NULL),
      (NULL, NULL, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    CREATE TABLE nothing ();
    INSERT INTO nothing DEFAULT VALUES;
    CREATE TABLE empty (id int);
    CREATE TABLE gone (id int); INSERT INTO gone SELECT generate_series(1, 9); DELETE FROM gone;
";

/// The first table is the biggest and its only pair makes its reader wait, or fail; the second has three parts with a pair each.
const HELD: &str = "
    CREATE TYPE pair AS (a int, b text);
    CREATE FUNCTION slow(pair) RETURNS text STRICT LANGUAGE plpgsql AS $$
    BEGIN
      IF $1.a = 1 THEN
        WHILE NOT pg_try_advisory_xact_lock_shared(7) LOOP PERFORM pg_sleep(0.02); END LOOP;
      ELSIF $1.a = 2 THEN PERFORM pg_sleep(0.4);
      ELSE RAISE EXCEPTION 'no such pair';
      END IF;
      RETURN 'x';
    END $$;
    CREATE CAST (pair AS text) WITH FUNCTION slow(pair);
    CREATE TABLE held (id bigint, p pair, body text);
    INSERT INTO held SELECT n, CASE n WHEN 1 THEN (1, '')::pair END, repeat(md5(n::text), 60) FROM generate_series(1, 14000) AS n;
    CREATE TABLE other (id bigint, p pair, body text);
    INSERT INTO other SELECT n, CASE WHEN n % 4000 = 1 THEN (2, '')::pair END, repeat(md5(n::text), 60) FROM generate_series(1, 12300) AS n;
";

struct Backup {
    db: TestDb,
    dir: TempDir,
}

impl Backup {
    fn of(sql: &str, tables: &[&str]) -> Self {
        let (db, dir) = (TestDb::new(sql), TempDir::new().unwrap());
        let rules: Vec<String> = tables.iter().map(|table| format!("[tables.'public.{table}']\ntenant = \"default\"\n")).collect();
        fs::write(dir.path().join("tenantize.toml"), format!("{CONFIG}{}", rules.concat())).unwrap();
        Self { db, dir }
    }

    fn cli(&self, arguments: &[&str]) -> Cli {
        Cli::new().args(arguments).args(["--database-url", &self.db.url()]).dir(self.dir.path())
    }

    fn run(&self, jobs: &str) -> Cli {
        self.cli(&["run", "--yes", "--until", "backup", "--jobs", jobs])
    }

    /// Waits until something is so.
    #[track_caller]
    fn wait_until(&self, condition: &str) {
        let begun = Instant::now();
        while self.db.psql(&format!("SELECT {condition}")) != "t" {
            assert!(begun.elapsed() < Duration::from_mins(1), "this never came true: {condition}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Begins a backup with one worker, which stands still in the first table.
    fn standing(&self) -> (Spawned, PgConnection) {
        let mut conn = PgConnection::establish(&self.db.url()).unwrap();
        conn.batch_execute("SELECT pg_advisory_lock(7)").unwrap();
        let run = self.run("1").spawn();
        self.wait_until("EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep' AND query LIKE '%hash_record%held%')");
        (run, conn)
    }
}

fn go_on(mut conn: PgConnection) {
    conn.batch_execute("SELECT pg_advisory_unlock(7)").unwrap();
}

fn backed_up(jobs: &str) -> TestDb {
    let backup = Backup::of(TABLES, &["wide", "\"odd; \"\"ones\"\"\"", "nothing", "empty", "gone"]);
    let output = backup.run(jobs).run();
    assert_eq!(output.code(), Some(0), "{output}");
    backup.db
}

#[test]
fn every_row_is_copied_once_as_it_is() {
    for jobs in ["1", "3"] {
        let db = backed_up(jobs);
        let rows = db.psql("SELECT relation, rows_copied FROM tenantize.backups ORDER BY relation");
        assert_eq!(rows, "public.\"odd; \"\"ones\"\"\"|3\npublic.empty|0\npublic.gone|0\npublic.nothing|1\npublic.wide|16020");
        let differing = db.psql(
            "SELECT count(*) FROM (SELECT id, body FROM wide EXCEPT ALL SELECT id, body FROM tenantize_backup.public_wide_copy) AS d
             UNION ALL SELECT count(*) FROM (SELECT t::text FROM \"odd; \"\"ones\"\"\" AS t EXCEPT ALL SELECT t::text FROM tenantize_backup.\"public_odd; \"\"ones\"\"_copy\" AS t) AS d
             UNION ALL SELECT count(*) - 16020 FROM tenantize_backup.public_wide_copy",
        );
        assert_eq!(differing, "0\n0\n0");
        assert!(db.psql("SELECT pg_relation_size('wide') / 8192").parse::<i64>().unwrap() > 3 * 1024, "several parts");
    }
}

#[test]
fn nobody_empties_or_rewrites_a_table_while_others_are_copied() {
    let backup = Backup::of(HELD, &["held", "other"]);
    let (run, conn) = backup.standing();
    for statement in ["TRUNCATE other", "ALTER TABLE other ALTER id TYPE numeric", "VACUUM FULL other"] {
        let refused = backup.db.try_psql(&format!("SET lock_timeout = '200ms'; {statement}")).unwrap_err();
        assert!(refused.contains("lock timeout"), "{statement}: {refused}");
    }
    // Who waits for as long as it takes has us neither wait for him nor fail.
    let url = backup.db.url();
    let vacuum = thread::spawn(move || psql_at(&url, "VACUUM FULL other"));
    backup.wait_until(
        "EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'other'::regclass
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
    );
    go_on(conn);
    let output = run.wait();
    assert_eq!(output.code(), Some(0), "{output}");
    vacuum.join().unwrap().unwrap();
    assert_eq!(backup.db.psql("SELECT count(*), count(DISTINCT id) FROM tenantize_backup.public_other_copy"), "12300|12300");
}

#[test]
fn a_backup_asks_for_its_locks_within_the_budget_and_names_who_holds_them() {
    let backup = Backup::of(HELD, &["held", "other"]);
    let hold = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 9
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    let mut other = PgConnection::establish(&backup.db.url()).unwrap();
    other.batch_execute("SET application_name = 'in the way'; SELECT pg_advisory_lock(9)").unwrap();
    let run = backup.run("1").args(["--lock-budget", "1s", "--hold-while", hold]).spawn();
    backup.wait_until("to_regclass('tenantize.programs') IS NOT NULL");
    backup.wait_until("EXISTS (SELECT FROM tenantize.programs WHERE state ->> 'waits' IS NOT NULL)");
    other.batch_execute("BEGIN; LOCK TABLE other; SELECT pg_advisory_unlock(9)").unwrap();
    let output = run.wait();
    assert!(output.code() == Some(6) && output.stderr.contains("in the way"), "{output}");
}

#[test]
fn a_backup_whose_snapshot_is_lost_says_so_and_can_be_made_again() {
    let backup = Backup::of(HELD, &["held", "other"]);
    let (run, conn) = backup.standing();
    let leader = "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity AS a
        WHERE a.datname = current_database() AND a.state = 'idle in transaction'
          AND EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.relation = 'other'::regclass)";
    assert_eq!(backup.db.psql(leader), "1");
    go_on(conn);
    let output = run.wait();
    assert_eq!(output.code(), Some(1), "{output}");
    assert!(output.stderr.contains("the connection that held the backup's snapshot was lost"), "{output}");
    let output = backup.cli(&["resume", "--until", "backup"]).run();
    assert_eq!(output.code(), Some(0), "{output}");
}

#[test]
fn when_a_worker_fails_the_others_stop() {
    let backup = Backup::of(&format!("{HELD} UPDATE held SET p = (3, '') WHERE id = 1"), &["held", "other"]);
    let output = backup.run("2").run();
    assert!(output.code() == Some(1) && output.stderr.contains("no such pair"), "{output}");
    let copied = backup.db.scalar_i64("SELECT count(*) FROM tenantize_backup.public_other_copy");
    assert!(copied < 12_300, "{copied} rows");
}

//! Backup: every row is copied once, whatever it is made of and however many workers copy.

use std::fs;

use tempfile::TempDir;

use crate::support::{Cli, TestDb};

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

fn backed_up(jobs: &str) -> TestDb {
    let db = TestDb::new(TABLES);
    let dir = TempDir::new().unwrap();
    let tables = ["wide", "\"odd; \"\"ones\"\"\"", "nothing", "empty", "gone"];
    let rules: String = tables.iter().map(|table| format!("[tables.'public.{table}']\ntenant = \"default\"\n")).collect();
    fs::write(dir.path().join("tenantize.toml"), format!("{CONFIG}{rules}")).unwrap();
    let output = Cli::new().args(["run", "--yes", "--until", "backup", "--jobs", jobs, "--database-url", &db.url()]).dir(dir.path()).run();
    assert_eq!(output.code(), Some(0), "{output}");
    db
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

//! What is written before a run: the proposed configuration, and the plan as a script.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Cli, TestDb};

const FIXTURE: &str = r#"
    CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, team_id bigint);
    CREATE TABLE teams (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lead_id bigint REFERENCES users);
    ALTER TABLE users ADD FOREIGN KEY (team_id) REFERENCES teams;
    CREATE TABLE currencies (code text PRIMARY KEY);
    CREATE TABLE projects (id bigint PRIMARY KEY, owner_id bigint NOT NULL REFERENCES users, currency text REFERENCES currencies, slug text UNIQUE);
    CREATE TABLE "Weird ""files" (id bigint PRIMARY KEY, "project" bigint NOT NULL REFERENCES projects ON DELETE CASCADE,
        parent bigint REFERENCES "Weird ""files");
    CREATE TABLE events (id bigint, project_id bigint NOT NULL REFERENCES projects, at date NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
    CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2040-01-01');
    CREATE TABLE schema_migrations (version text);
    CREATE VIEW everyone AS SELECT email FROM users;

    INSERT INTO currencies VALUES ('EUR');
    INSERT INTO users (email) SELECT n || '@example.com' FROM generate_series(1, 20) AS n;
    INSERT INTO teams (lead_id) VALUES (1);
    UPDATE users SET team_id = 1 WHERE id <= 2;
    INSERT INTO projects SELECT n, n, 'EUR', 'p' || n FROM generate_series(1, 20) AS n;
    INSERT INTO "Weird ""files" SELECT n, (n - 1) / 50 + 1, CASE n % 50 WHEN 1 THEN NULL ELSE n - 1 END FROM generate_series(1, 1000) AS n;
    INSERT INTO events SELECT n, n % 20 + 1, date '2010-01-01' + n * 10 FROM generate_series(1, 1000) AS n;
    ANALYZE;
"#;

fn tenantize(db: &TestDb, dir: &Path, command: &str) -> Cli {
    Cli::new().args(command.split(' ')).args(["--database-url", &db.url(), "--color", "never"]).dir(dir)
}

/// Replaces one line of a configuration and fails when it is not there.
fn correct(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in\n{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn what_init_writes_classifies_every_table() {
    let (db, dir) = (TestDb::new(FIXTURE), TempDir::new().unwrap());
    let before = db.dump_schema();
    let init = tenantize(&db, dir.path(), "init").run();
    assert!(init.ok() && init.stderr.contains("5 tenant tables, 4 derived, 1 shared, 1 ignored"), "{init}");
    let check = tenantize(&db, dir.path(), "check").run();
    assert!(check.ok() && !check.stdout.contains("T001"), "{check}");
    assert_eq!(db.dump_schema(), before, "neither changes anything");
}

#[test]
fn the_plan_shows_every_table_and_says_that_nothing_was_changed() {
    let (db, dir) = (TestDb::new(FIXTURE), TempDir::new().unwrap());
    assert!(tenantize(&db, dir.path(), "init").run().ok());
    let plan = tenantize(&db, dir.path(), "plan").run();
    assert!(plan.ok() && plan.stdout.contains("public.\"Weird \"\"files\"  constant"), "{plan}");
    assert!(plan.stdout.ends_with("Nothing was changed. Start with: tenantize run\n"), "{plan}");
    let full = tenantize(&db, dir.path(), "plan --full --strategy batched").run();
    assert!(full.ok() && full.stdout.contains("UPDATE ONLY \"public\".\"Weird \"\"files\" AS t SET"), "{full}");
    let json = tenantize(&db, dir.path(), "plan --format json").run();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(json["v"], 1);
}

#[test]
fn psql_runs_the_script_of_a_plan() {
    let (db, dir) = (TestDb::new(FIXTURE), TempDir::new().unwrap());
    let config = dir.path().join("tenantize.toml");
    assert!(tenantize(&db, dir.path(), "init").run().ok());
    correct(&config, "# csv = \"tenants.csv\"", "csv = \"tenants.csv\"");
    let users = "[tables.\"public.users\"]\ntenant = ";
    correct(&config, &format!("{users}\"default\""), &format!("{users}{{ csv = \"users.csv\", key = \"id\", otherwise = \"default\" }}"));
    let files = r#"tenant = { parent = "public.projects" }"#;
    let own = r#"tenant = [{ parent = "public.\"Weird \"\"files\"" }, { parent = "public.projects" }]"#;
    correct(&config, &format!("files\\\"\"]\n{files}"), &format!("files\\\"\"]\n{own}"));
    let role = db.role("app");
    correct(&config, "# app_roles = [\"app_rw\"]", &format!("app_roles = [\"{role}\"]"));
    fs::write(dir.path().join("tenants.csv"), "slug,name\nacme,Acme\n").unwrap();
    fs::write(dir.path().join("users.csv"), "id,tenant\n1,acme\n2,acme\n").unwrap();

    let plan = tenantize(&db, dir.path(), "plan --format sql").run();
    let check = tenantize(&db, dir.path(), "check").run();
    assert!(plan.ok(), "{check}");
    assert!(plan.stdout.contains("DO $settle$"), "rows that depend on rows of their own table: {plan}");
    db.psql(&format!("\\cd '{}'\n{}", dir.path().display(), plan.stdout));
    let count = |table: &str| {
        let sql = format!("SELECT n.slug, count(*) FROM {table} AS t JOIN tenants AS n ON n.id = t.tenant_id GROUP BY 1 ORDER BY 1");
        db.psql(&sql)
    };
    assert_eq!(count("projects"), "acme|2\ndefault|18");
    assert_eq!(count("\"Weird \"\"files\""), "acme|100\ndefault|900");
    assert_eq!(count("events"), "acme|100\ndefault|900");
    assert_eq!(count("users"), "acme|2\ndefault|18");
    let unprotected = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relforcerowsecurity AND relname NOT IN ('currencies', 'schema_migrations')";
    assert_eq!(db.scalar_i64(unprotected), 0);
    assert_eq!(db.scalar_i64("SELECT count(*) FROM tenantize_backup.\"public_Weird \"\"files_copy\""), 1000);
}

#[test]
fn init_leaves_no_table_of_the_examples_unclassified() {
    for example in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let Ok(before) = fs::read_to_string(example.unwrap().path().join("before.sql")) else { continue };
        let (db, dir) = (TestDb::new(&before), TempDir::new().unwrap());
        let schemas = db.psql("SELECT DISTINCT '--schema ' || schemaname FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'");
        let init = tenantize(&db, dir.path(), &format!("init {}", schemas.replace('\n', " "))).run();
        assert!(init.ok(), "{init}");
        let check = tenantize(&db, dir.path(), "check").run();
        assert!(!check.stdout.contains("T001") && matches!(check.code(), Some(0 | 3)), "{check}");
    }
}

//! `verify --tenant-column` on databases that no run has made: what it reads from them, what it refuses to guess.

use crate::support::{Cli, Output, TestDb, install_pgtap};

/// Sound in another way than ours: no fence, no FORCE, and whoever owns the tables does not connect.
const SOUND: &str = "
    CREATE TABLE orgs (id bigint PRIMARY KEY, name text NOT NULL);
    CREATE TABLE items (
      id bigint PRIMARY KEY, name text,
      org_id bigint NOT NULL DEFAULT nullif(current_setting('my.org_id', true), '')::bigint REFERENCES orgs);
    CREATE INDEX ON items (org_id);
    INSERT INTO orgs VALUES (1, 'a'), (2, 'b');
    INSERT INTO items SELECT n, 'item', 1 + n % 2 FROM generate_series(1, 10) AS n;
    ALTER TABLE orgs ENABLE ROW LEVEL SECURITY;
    ALTER TABLE items ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON orgs FOR SELECT USING (id = (SELECT nullif(current_setting('my.org_id', true), '')::bigint));
    CREATE POLICY own ON items USING (org_id = (SELECT nullif(current_setting('my.org_id', true), '')::bigint));
    ANALYZE;
";

fn sound() -> TestDb {
    let db = TestDb::new(SOUND);
    let app = db.role("app");
    db.psql(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON items TO {app}; GRANT SELECT ON orgs TO {app}; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    ));
    db
}

fn verify(db: &TestDb, arguments: &[&str]) -> Output {
    let dir = tempfile::TempDir::new().unwrap();
    Cli::new().args(["verify", "--database-url", &db.url()]).args(arguments).dir(dir.path()).run()
}

#[track_caller]
fn assert_refused(output: &Output, texts: &[&str]) {
    assert_eq!(output.code(), Some(2), "{output}");
    for text in texts {
        assert!(output.stderr.contains(text), "{text} is not said\n{output}");
    }
}

#[test]
fn a_database_that_is_sound_in_another_way_is_proven_and_unchanged() {
    let db = sound();
    let (schema, data) = (db.dump_schema(), db.dump_data());
    let output = verify(&db, &["--tenant-column", "org_id"]);
    assert!(output.ok(), "{output}");
    assert!(output.stdout.contains("isolation is proven"), "{output}");
    assert!(
        output.stdout.contains("registry             public.orgs (referenced by 1 foreign key; say otherwise with --registry)"),
        "{output}"
    );
    assert!(output.stdout.contains("setting my.org_id"), "{output}");
    assert!(output.stderr.contains(&format!("application roles: {}_app", db.name())), "{output}");
    assert_eq!(db.dump_schema(), schema);
    assert_eq!(db.dump_data(), data);
}

#[test]
fn what_was_guessed_stands_in_the_json_and_what_was_said_is_not_guessed() {
    let db = sound();
    let app = format!("{}_app", db.name());
    let said = ["--tenant-column", "org_id", "--registry", "public.orgs", "--app-role", &app, "--setting", "my.org_id", "--format", "json"];
    let output = verify(&db, &said);
    assert!(output.ok(), "{output}");
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let facts = json["verification"]["looked_at"].as_array().unwrap();
    assert!(facts.iter().all(|fact| fact["source"] != "guessed"), "{facts:#?}");
    assert!(!output.stderr.contains("guessed"), "{output}");
    let output = verify(&db, &["--tenant-column", "org_id", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let guessed = json["verification"]["looked_at"].as_array().unwrap().iter().filter(|fact| fact["source"] == "guessed");
    assert_eq!(guessed.map(|fact| fact["option"].as_str().unwrap()).collect::<Vec<_>>(), ["--registry", "--app-role", "--setting"]);
}

#[test]
fn a_leak_is_found() {
    let db = sound();
    db.psql("ALTER POLICY own ON items USING (true)");
    let output = verify(&db, &["--tenant-column", "org_id", "--setting", "my.org_id"]);
    assert_eq!(output.code(), Some(4), "{output}");
    assert!(output.stdout.contains("LEAK          public.items  reads rows of others"), "{output}");
}

#[test]
fn nothing_without_a_run_and_without_a_column() {
    assert_refused(&verify(&sound(), &[]), &["there is no run to verify", "tenantize verify --tenant-column COLUMN"]);
    let output = verify(&sound(), &["--registry", "public.orgs"]);
    assert_refused(&output, &["--tenant-column"]);
}

#[test]
fn a_column_that_nobody_has_is_answered_with_those_that_many_have() {
    let db = TestDb::new(&format!("{SOUND} CREATE TABLE more (id int PRIMARY KEY, org_id bigint REFERENCES orgs);"));
    let output = verify(&db, &["--tenant-column", "tenant_id"]);
    assert_refused(&output, &["no table of public has the column tenant_id", "org_id (2 tables reference public.orgs)"]);
}

#[test]
fn what_is_ambiguous_is_listed_and_not_guessed() {
    let db = TestDb::new(&format!(
        "{SOUND} CREATE TABLE firms (id bigint PRIMARY KEY); CREATE TABLE more (id int PRIMARY KEY, org_id bigint REFERENCES firms);"
    ));
    let output = verify(&db, &["--tenant-column", "org_id"]);
    assert_refused(&output, &["several tables may be the registry", "public.firms (1), public.orgs (1)", "--registry"]);
    let db = sound();
    db.psql("CREATE POLICY other ON items USING (org_id = current_setting('other.org_id')::bigint)");
    let output = verify(&db, &["--tenant-column", "org_id"]);
    assert_refused(
        &output,
        &["--setting my.org_id (asked for by 2 policies and 1 function)", "--setting other.org_id (asked for by 1 policy)"],
    );
}

#[test]
fn names_that_do_not_exist_and_types_that_no_tenant_has() {
    let db = sound();
    db.psql("CREATE TABLE odd (org numeric)");
    assert_refused(&verify(&db, &["--tenant-column", "org_id", "--app-role", "nobody"]), &["the role nobody does not exist"]);
    assert_refused(
        &verify(&db, &["--tenant-column", "org_id", "--registry", "public.nowhere"]),
        &["the table public.nowhere does not exist"],
    );
    assert_refused(&verify(&db, &["--tenant-column", "org_id", "--registry", "nowhere"]), &["must be written with its schema"]);
    assert_refused(&verify(&db, &["--tenant-column", "org"]), &["public.odd.org is of type numeric"]);
    let output = verify(&db, &["--tenant-column", "org_id", "--set", "my.user={member}"]);
    assert_refused(&output, &["no membership table is known", "--membership"]);
}

#[test]
fn without_a_registry_the_checks_that_need_one_are_not_asked_and_that_is_said() {
    let db = TestDb::new("CREATE TABLE notes (id int PRIMARY KEY, org_id text NOT NULL); INSERT INTO notes VALUES (1, 'a'), (2, 'b')");
    let output = verify(&db, &["--tenant-column", "org_id"]);
    assert_eq!(output.code(), Some(4), "{output}");
    assert!(output.stdout.contains("not asked            T109, T502, T509, T803 (there is no registry)"), "{output}");
    assert!(!output.stdout.contains("T502  "), "{output}");
    assert!(output.stdout.contains("nobody but the owner"), "{output}");
}

#[test]
fn a_script_for_pgtap_is_green_on_the_sound_database_and_red_on_a_leak() {
    let db = sound();
    install_pgtap(&db, &format!("{}_app", db.name()));
    let output = verify(&db, &["--tenant-column", "org_id", "--format", "pgtap"]);
    assert!(output.ok(), "{output}");
    let green = db.psql(&output.stdout);
    assert!(green.contains("ok ") && !green.contains("not ok ") && !green.contains("# SKIP"), "{green}");
    db.psql("ALTER POLICY own ON items USING (true)");
    let red = db.psql(&output.stdout);
    for title in ["a tenant sees no row of another", "a tenant deletes no row of another", "a session without a tenant sees nothing"] {
        assert!(red.lines().any(|line| line.starts_with("not ok ") && line.contains(title)), "{title} is green\n{red}");
    }
}

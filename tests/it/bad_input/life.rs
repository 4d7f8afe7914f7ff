//! Commands at the wrong moment of a run.

use tenantize::db::lock::LockKey;
use tenantize::db::{Database, DatabaseUrl, RunLock, SessionSettings};

use super::Case;

fn begun() -> Case {
    let case = Case::new();
    case.accepts("run --yes --until expand");
    case
}

#[test]
fn a_run_must_be_confirmed() {
    let case = Case::new();
    case.refuses("run", 2, &["nobody can be asked", "say --yes"]);
    let case = begun();
    case.refuses("rollback", 2, &["nobody can be asked", "say --yes"]);
    case.accepts("rollback --yes");
    case.refuses("clean", 2, &["nobody can be asked", "say --yes"]);
}

#[test]
fn nothing_can_be_continued_or_taken_back_before_it_has_begun() {
    let case = Case::new();
    for (command, part, next) in [
        ("resume", "there is no unfinished run", "tenantize run"),
        ("rollback --yes", "there is no run to take back", "tenantize"),
        ("status", "there is no run in this database", "tenantize plan"),
        ("verify", "there is no run", "tenantize run"),
        ("clean --yes", "there is no journal", "clean --backups"),
    ] {
        case.refuses(command, 2, &[part, next]);
    }
}

#[test]
fn an_interrupted_run_is_continued_and_not_begun_again() {
    let case = begun();
    case.refuses("run --yes", 2, &["run 1 is not finished: it is stopped", "continue with: tenantize resume"]);
    case.refuses("clean --yes --backups", 2, &["run 1 is not finished", "end it first with: tenantize resume"]);
    case.accepts("resume");
    case.refuses("run --yes", 2, &["run 1 is finished", "tenantize verify"]);
    case.refuses("resume", 2, &["there is no unfinished run"]);
    case.accepts("rollback --yes");
    case.refuses("rollback --yes", 2, &["there is no run to take back"]);
    case.refuses("resume", 2, &["there is no unfinished run"]);
    case.accepts("run --yes --until backup");
}

#[test]
fn a_schema_that_changed_meanwhile_is_named() {
    for (change, part) in [
        ("ALTER TABLE projects DROP COLUMN name", "public.projects.name is gone"),
        ("ALTER TABLE projects ALTER name TYPE varchar(50)", "public.projects.name was of type text and is character varying(50)"),
        ("ALTER TABLE projects RENAME name TO title", "public.projects.name is gone"),
        ("DROP TABLE projects", "public.projects is gone"),
    ] {
        let case = begun();
        case.db.psql(change);
        case.refuses("resume", 8, &["the schema changed since the plan was made", part, "tenantize rollback"]);
    }
    // what the plan does not rely on may change
    let case = begun();
    case.db.psql("ALTER TABLE projects ADD note text; CREATE TABLE extra (id int)");
    case.accepts("resume");
}

#[test]
fn a_configuration_that_changed_meanwhile_is_refused_until_it_is_put_back() {
    let case = begun();
    case.config("\"shared\"", "\"ignored\"");
    case.refuses("resume", 8, &["the configuration changed since the plan was made", "put it back and resume"]);
    case.config("\"ignored\"", "\"shared\" # as before");
    case.accepts("resume");
}

#[test]
fn a_second_runner_is_told_of_the_first() {
    let case = begun();
    let db = Database::connect(&DatabaseUrl::parse(&case.db.url()).unwrap(), &SessionSettings::default(), 1).unwrap();
    let lock = RunLock::acquire(&db, LockKey::RUN).unwrap();
    for command in ["run --yes", "resume", "rollback --yes", "clean --yes"] {
        case.refuses(command, 7, &["another tenantize run holds the lock (pid ", "tenantize status"]);
    }
    let status = case.accepts("status");
    assert!(status.stdout.contains("it is being worked on"), "{status}");
    drop(lock);
    case.accepts("resume");
}

#[test]
fn a_migration_without_a_way_back_is_told_before_and_stops_the_rollback() {
    let case = Case::new();
    case.config("[tables.\"public.users\"]", "[expand]\nmigrations = \"db\"\n\n[tables.\"public.users\"]");
    case.file("db/001_extra.sql", "CREATE TABLE extra (id int);\n");
    let check = case.accepts("check");
    for part in ["warning[T024]: 001_extra", "there is no down.sql", "`rollback` stops before it", "write its down.sql"] {
        assert!(check.stdout.contains(part), "{part}: {check}");
    }
    case.accepts("run --yes");
    let output = case.cli("rollback --yes").run();
    super::refused(
        &output,
        1,
        &["expand/migration/001_extra was not taken back", "the migration 001_extra has no down.sql", "take it back by hand"],
    );
    let status = case.accepts("status");
    assert!(status.stdout.contains("rolling back") && status.stdout.contains("tenantize rollback"), "{status}");
    case.refuses("run --yes", 2, &["it is being rolled back", "tenantize rollback"]);
    case.refuses("resume", 2, &["it is being rolled back", "tenantize rollback"]);
    case.db.psql("DROP TABLE extra");
    case.accepts("rollback --yes --by-hand expand/migration/001_extra");
}

#[test]
fn a_script_that_fails_leaves_a_run_that_goes_on_or_back() {
    let case = Case::new();
    case.config("[tables.\"public.users\"]", "[expand]\nmigrations = \"db\"\n\n[tables.\"public.users\"]");
    case.file("db/001_wrong.sql", "CREATE TABLE extra (id int);\nSELECT no_such_function();\n");
    case.file("db/001_wrong.down.sql", "DROP TABLE extra;\n");
    let before = case.content();
    let output = case.cli("run --yes").run();
    super::refused(&output, 1, &["expand/migration/001_wrong failed", "no_such_function", "tenantize resume", "tenantize rollback"]);
    let status = case.accepts("status");
    assert!(status.stdout.contains("failed") && status.stdout.contains("no_such_function"), "{status}");
    case.accepts("rollback --yes");
    case.accepts("clean --yes --backups");
    assert_eq!(case.content(), before);
}

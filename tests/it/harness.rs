//! The helpers of the other tests keep their word.

use nix::sys::signal::Signal;

use crate::support::{Cli, TestDb};

const FIXTURE: &str = "
    CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text);
    INSERT INTO item (label) VALUES ('one'), (E'two\\nlines');
";

#[test]
fn two_databases_of_one_fixture_do_not_see_each_other() {
    let (changed, other) = (TestDb::new(FIXTURE), TestDb::new(FIXTURE));
    changed.psql("DELETE FROM item");
    assert_eq!(changed.scalar_i64("SELECT count(*) FROM item"), 0);
    assert_eq!(other.scalar_i64("SELECT count(*) FROM item"), 2);
}

#[test]
fn a_database_is_gone_with_its_roles() {
    let db = TestDb::new(FIXTURE);
    let name = db.name().to_owned();
    let role = db.role("app");
    db.psql(&format!("GRANT SELECT ON item TO {role}; GRANT CREATE ON DATABASE {name} TO {role}"));
    drop(db);

    let witness = TestDb::empty();
    let left = format!(
        "SELECT (SELECT count(*) FROM pg_database WHERE datname = '{name}') + (SELECT count(*) FROM pg_roles WHERE rolname = '{role}')"
    );
    assert_eq!(witness.scalar_i64(&left), 0);
}

#[test]
fn a_role_logs_in_as_itself_once_it_may() {
    let db = TestDb::empty();
    let role = db.role("app");
    let who = "SELECT session_user";
    assert!(db.try_psql_as(&role, who).unwrap_err().contains("not permitted to log in"));
    db.psql(&format!("ALTER ROLE {role} LOGIN"));
    assert_eq!(db.try_psql_as(&role, who).unwrap(), role);
}

#[test]
fn psql_stops_at_the_first_error() {
    let db = TestDb::empty();
    let error = db.try_psql("CREATE TABLE a (); SELECT 1/0; CREATE TABLE b ();").unwrap_err();
    assert!(error.contains("division by zero"), "{error}");
    assert_eq!(db.psql("SELECT to_regclass('a'), to_regclass('b')"), "a|");
}

#[test]
fn dumps_tell_content_and_not_the_order_of_rows() {
    let (db, moved) = (TestDb::new(FIXTURE), TestDb::new(FIXTURE));
    moved.psql("UPDATE item SET label = label WHERE id = 1");
    assert_eq!(db.dump_data(), moved.dump_data());
    assert_eq!(db.dump_schema(), moved.dump_schema());
    assert!(db.dump_data().contains("2\ttwo\\nlines"), "{}", db.dump_data());

    moved.psql("UPDATE item SET label = 'three' WHERE id = 1; ALTER TABLE item ADD extra int");
    assert_ne!(db.dump_data(), moved.dump_data());
    assert_ne!(db.dump_schema(), moved.dump_schema());
}

#[test]
fn a_run_of_the_program_shows_how_it_ended() {
    let output = Cli::new().arg("--version").args(["--color", "never"]).env("LC_ALL", "C").dir("/").run();
    assert_eq!(output.code(), Some(0), "{output}");
    assert!(output.ok() && output.to_string().contains("--version"), "{output}");
}

#[test]
fn a_started_program_can_be_killed() {
    let mut program = Cli::new().arg("--version").spawn();
    if program.is_running() {
        program.signal(Signal::SIGKILL);
    }
    let output = program.wait();
    assert!(output.ok() || output.code().is_none(), "{output}");
}

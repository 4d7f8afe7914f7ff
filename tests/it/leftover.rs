//! A program is killed while the server builds an index for it; the server goes on building.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use nix::sys::signal::Signal;

use crate::support::Scenario;

const STATEMENT: &str = r#"CREATE UNIQUE INDEX CONCURRENTLY "users_tenant_id_id_key" ON "public"."users" ("tenant_id", "id")"#;
const BUILDS: &str = r#"FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND wait_event = 'virtualxid'
                        AND query LIKE 'CREATE%INDEX CONCURRENTLY "users%'"#;
const INVALID: &str = "FROM pg_index WHERE NOT indisvalid";

#[track_caller]
fn wait_until(scenario: &Scenario, condition: &str) {
    let begun = Instant::now();
    while scenario.db().psql(&format!("SELECT {condition}")) != "t" {
        assert!(begun.elapsed() < Duration::from_mins(1), "this never came true: {condition}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Kills a run while an index of its constraints waits for this old transaction.
fn killed(scenario: &Scenario) -> PgConnection {
    scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
    let mut old = PgConnection::establish(&scenario.db().url()).unwrap();
    old.batch_execute("SET application_name = 'nightly report'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").unwrap();
    let run = scenario.cli(&["resume"]).spawn();
    wait_until(scenario, &format!("EXISTS (SELECT {BUILDS})"));
    run.signal(Signal::SIGKILL);
    run.wait();
    old
}

/// The same, and the session stays: as where the server cannot tell that its client is gone, or has not yet heard of it.
fn left_behind(scenario: &Scenario) -> (PgConnection, JoinHandle<Result<(), String>>) {
    let old = killed(scenario);
    scenario.db().psql(&format!("SELECT pg_terminate_backend(pid) {BUILDS}"));
    wait_until(scenario, &format!("NOT EXISTS (SELECT {BUILDS})"));
    scenario.db().psql("DROP INDEX CONCURRENTLY users_tenant_id_id_key");
    let mut session = PgConnection::establish(&scenario.db().url()).unwrap();
    session.batch_execute("SET application_name = 'tenantize'").unwrap();
    let builds = thread::spawn(move || session.batch_execute(STATEMENT).map_err(|error| error.to_string()));
    wait_until(scenario, &format!("EXISTS (SELECT {BUILDS})"));
    (old, builds)
}

fn assert_whole(scenario: &Scenario) {
    assert_eq!(scenario.db().scalar_i64(&format!("SELECT count(*) {INVALID}")), 0);
    let other = Scenario::new("shop");
    other.run();
    scenario.content().assert_same_as(&other.content(), "killed and resumed");
}

#[test]
fn a_build_that_outlives_its_program_is_waited_for_and_kept() {
    let scenario = Scenario::new("shop");
    let (mut old, builds) = left_behind(&scenario);
    let index = scenario.db().psql("SELECT 'users_tenant_id_id_key'::regclass::oid");
    let session = scenario.db().psql(&format!("SELECT pid {BUILDS}"));
    let mut run = scenario.cli(&["resume"]).spawn();
    thread::sleep(Duration::from_secs(2));
    assert!(run.is_running(), "{}", run.wait());
    old.batch_execute("COMMIT").unwrap();
    let output = run.wait();
    assert!(output.ok(), "{output}");
    builds.join().unwrap().unwrap();
    assert!(output.stderr.contains(&format!("pid {session}")), "the session is not named\n{output}");
    assert_eq!(scenario.db().psql("SELECT 'users_tenant_id_id_key'::regclass::oid"), index, "it was built again");
    assert_whole(&scenario);
}

/// Where the server looks after its clients it ends what nobody waits for any more.
#[test]
fn a_build_that_dies_with_its_program_is_made_again() {
    let scenario = Scenario::new("shop");
    let old = killed(&scenario);
    wait_until(&scenario, &format!("NOT EXISTS (SELECT {BUILDS})"));
    assert_ne!(scenario.db().scalar_i64(&format!("SELECT count(*) {INVALID}")), 0);
    drop(old);
    scenario.tenantize(&["resume"]);
    assert_whole(&scenario);
}

#[test]
fn an_invalid_index_goes_on_the_way_back() {
    let scenario = Scenario::new("shop");
    let before = scenario.content();
    let old = killed(&scenario);
    scenario.tenantize(&["rollback", "--yes"]);
    assert_eq!(scenario.db().scalar_i64(&format!("SELECT count(*) {INVALID}")), 0);
    scenario.content().assert_same_as(&before, "killed and taken back");
    drop(old);
}

/// The old transaction is still there, and the session would wait for it: that must not keep the run from being taken back.
#[test]
fn a_build_that_outlives_its_program_is_ended_on_the_way_back() {
    let scenario = Scenario::new("shop");
    let before = scenario.content();
    let (old, builds) = left_behind(&scenario);
    scenario.tenantize(&["rollback", "--yes"]);
    assert!(builds.join().unwrap().is_err());
    scenario.content().assert_same_as(&before, "killed and taken back");
    drop(old);
}

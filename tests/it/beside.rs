//! Steps of the constraints at the same time: that they are, and that a kill, a stop or a failure in the middle costs nothing.

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use nix::sys::signal::Signal;
use tenantize::phase::Phase;
use tenantize::plan::Plan;

use crate::support::{Scenario, Spawned, psql_at};

#[track_caller]
fn wait_until(scenario: &Scenario, condition: &str) {
    let begun = Instant::now();
    while psql_at(&scenario.db().url(), &format!("SELECT {condition}")).as_deref() != Ok("t") {
        assert!(begun.elapsed() < Duration::from_secs(40), "this never came true: {condition}\n{}", steps(scenario));
        thread::sleep(Duration::from_millis(10));
    }
}

fn steps(scenario: &Scenario) -> String {
    scenario.db().psql("SELECT step_id, state FROM tenantize.steps WHERE phase = 'constraints' ORDER BY position")
}

/// A session of the application that has written to these tables and not yet committed: an index on one of them waits for it.
struct Writer(PgConnection);

impl Writer {
    fn of(scenario: &Scenario, tables: &[&str]) -> Self {
        let mut conn = PgConnection::establish(&scenario.db().url()).unwrap();
        conn.batch_execute("BEGIN").unwrap();
        for table in tables {
            conn.batch_execute(&format!("LOCK TABLE {table} IN ROW EXCLUSIVE MODE")).unwrap();
        }
        Self(conn)
    }

    fn commit(mut self) {
        self.0.batch_execute("COMMIT").unwrap();
    }
}

/// The shop after its backfill, and the program at its constraints with four workers.
fn constraining(tables: &[&str]) -> (Scenario, Writer, Spawned) {
    let scenario = Scenario::new("shop");
    scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
    let writer = Writer::of(&scenario, tables);
    let program = scenario.cli(&["resume", "--jobs", "4"]).spawn();
    (scenario, writer, program)
}

fn is(step: &str, state: &str) -> String {
    format!("EXISTS (SELECT FROM tenantize.steps WHERE step_id LIKE 'constraints/public.{step}/index/%' AND state = '{state}')")
}

/// How many indexes are being built.
fn running(count: u32) -> String {
    format!("(SELECT count(*) FROM tenantize.steps WHERE phase = 'constraints' AND state = 'running') = {count}")
}

/// The run has come to its end, which is that of a run whose steps came one after the other.
#[track_caller]
fn assert_same_as_in_order(scenario: &Scenario) {
    assert_eq!(scenario.state(), "finished");
    let in_order = Scenario::new("shop");
    in_order.tenantize(&["run", "--yes", "--jobs", "1"]);
    scenario.content().assert_same_as(&in_order.content(), "steps at the same time");
}

#[test]
fn a_step_that_waits_does_not_hold_up_those_of_other_tables() {
    let (scenario, writer, program) = constraining(&["users"]);
    // The plan begins with the index of users.
    for table in ["orders", "order_lines", "coupons"] {
        wait_until(&scenario, &is(table, "done"));
    }
    assert_eq!(scenario.db().psql(&format!("SELECT {}", is("users", "running"))), "t", "{}", steps(&scenario));
    let before = "(SELECT min(position) FROM tenantize.steps WHERE state = 'done' AND phase = 'constraints') > \
                  (SELECT min(position) FROM tenantize.steps WHERE state = 'running' AND phase = 'constraints')";
    assert_eq!(scenario.db().psql(&format!("SELECT {before}")), "t", "{}", steps(&scenario));
    writer.commit();
    let output = program.wait();
    assert!(output.ok(), "{output}");
    assert_same_as_in_order(&scenario);
}

/// No session of ours waits for a lock on a table of the application that another one of ours holds.
#[test]
fn workers_do_not_wait_for_each_other() {
    let scenario = Scenario::new("shop");
    scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
    let mut program = scenario.cli(&["resume", "--jobs", "4"]).spawn();
    let url = scenario.db().url();
    while program.is_running() {
        let waits = psql_at(
            &url,
            "SELECT a.query FROM pg_stat_activity AS a JOIN pg_locks AS l ON l.pid = a.pid AND NOT l.granted AND l.locktype = 'relation' \
             WHERE a.datname = current_database() AND a.application_name LIKE 'tenantize%'",
        );
        assert_eq!(waits.as_deref(), Ok(""));
    }
    let output = program.wait();
    assert!(output.ok(), "{output}");
}

#[test]
fn killed_with_two_steps_at_work_it_goes_on_and_back() {
    for goes_on in [true, false] {
        let before = Scenario::new("shop").content();
        let (scenario, writer, program) = constraining(&["users", "orders"]);
        wait_until(&scenario, &is("coupons", "done"));
        wait_until(&scenario, &is("order_lines", "done"));
        wait_until(&scenario, &running(2));
        program.signal(Signal::SIGKILL);
        program.wait();
        writer.commit();
        // The server takes two seconds to notice.
        wait_until(
            &scenario,
            "NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tenantize%')",
        );
        if goes_on {
            scenario.tenantize(&["resume", "--jobs", "4"]);
            assert_same_as_in_order(&scenario);
        }
        scenario.tenantize(&["rollback", "--yes"]);
        scenario.content().assert_same_as(&before, "back");
    }
}

#[test]
fn a_stop_lets_the_steps_at_work_come_to_their_end() {
    let (scenario, writer, program) = constraining(&["users", "orders"]);
    wait_until(&scenario, &running(2));
    program.signal(Signal::SIGTERM);
    thread::sleep(Duration::from_millis(100));
    writer.commit();
    assert_eq!(program.wait().code(), Some(5));
    assert_eq!(scenario.db().psql(&format!("SELECT {}", running(0))), "t", "{}", steps(&scenario));
    assert_eq!(scenario.db().psql(&format!("SELECT {} AND {}", is("users", "done"), is("orders", "done"))), "t");
    scenario.tenantize(&["resume"]);
    assert_same_as_in_order(&scenario);
}

#[test]
fn of_steps_at_the_same_time_the_first_that_fails_is_told_and_the_others_end() {
    let scenario = Scenario::new("shop");
    scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
    let index = "SELECT split_part(step_id, '/', 4) FROM tenantize.steps WHERE step_id LIKE 'constraints/public.orders/index/%' LIMIT 1";
    let index = scenario.db().psql(index);
    scenario.db().psql(&format!("CREATE SEQUENCE {index}"));
    let writer = Writer::of(&scenario, &["users"]);
    let program = scenario.cli(&["resume", "--jobs", "4"]).spawn();
    wait_until(&scenario, &is("users", "running"));
    let begun = Instant::now();
    while !program.stderr_so_far().contains("no other step begins, those at work come to their end") {
        assert!(begun.elapsed() < Duration::from_secs(40), "{}", program.stderr_so_far());
        thread::sleep(Duration::from_millis(10));
    }
    writer.commit();
    let output = program.wait();
    assert_eq!(output.code(), Some(1), "{output}");
    assert_eq!(output.stderr.matches(&format!("relation \"{index}\" already exists")).count(), 2, "at once, and at the end: {output}");
    assert_eq!(scenario.state(), "failed");
    assert_eq!(scenario.db().psql(&format!("SELECT {} AND {}", is("users", "done"), is("orders", "failed"))), "t", "{}", steps(&scenario));
    scenario.db().psql(&format!("DROP SEQUENCE {index}"));
    scenario.tenantize(&["resume", "--jobs", "4"]);
    assert_same_as_in_order(&scenario);
}

/// Of every fixture's constraints it is known what they lock: a step of which it is not would silently wait for all others.
#[test]
fn what_the_steps_lock_is_known() {
    for fixture in ["shop", "cycle", "partitioned", "inheritance", "weird-names", "several-parents", "existing-column", "composite-key"] {
        let scenario = Scenario::new(fixture);
        scenario.tenantize(&["run", "--yes", "--steps", "1"]);
        let plan: Plan = serde_json::from_str(&scenario.db().psql("SELECT plan FROM tenantize.runs")).unwrap();
        for step in plan.phase(Phase::Constraints) {
            assert!(step.locks().is_some_and(|locks| !locks.is_empty()), "{}", step.id);
        }
        // To drop a key locks its parent: before the end it would keep the keys of other tables from being validated beside it.
        let steps = plan.phase(Phase::Constraints).map(|step| step.id.as_str());
        let after: Vec<&str> = steps.skip_while(|step| !step.contains("/old_key/")).collect();
        assert!(after.iter().all(|step| step.contains("/old_key/")), "{fixture}: {after:?}");
    }
}

/// Rows that came late, or that the application has moved, are put right in the middle of it, whichever worker finds them.
#[test]
fn rows_are_put_right_while_other_steps_work() {
    let scenario = Scenario::new("shop");
    scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
    let expected = scenario.rows_per_tenant();
    scenario.tenantize(&["resume", "--steps", "1"]);
    scenario.db().psql(
        "SET session_replication_role = replica;
         UPDATE orders SET tenant_id = NULL WHERE id % 7 = 0;
         UPDATE coupons SET tenant_id = NULL WHERE id % 5 = 0;
         UPDATE order_lines SET tenant_id = (SELECT max(id::text)::uuid FROM tenants) WHERE order_id % 11 = 0",
    );
    scenario.tenantize(&["resume", "--jobs", "4"]);
    assert_eq!(scenario.state(), "finished");
    assert_eq!(scenario.rows_per_tenant(), expected);
    let misplaced = "SELECT count(*) FROM order_lines AS l JOIN orders AS o ON o.id = l.order_id WHERE l.tenant_id <> o.tenant_id";
    assert_eq!(scenario.db().scalar_i64(misplaced), 0);
}

/// From wherever several workers have stopped, the way back leads to what was there before.
#[test]
fn a_run_is_taken_back_from_after_any_number_of_steps() {
    let full = std::env::var("TENANTIZE_CHAOS").is_ok_and(|chaos| chaos == "full");
    for (fixture, stride) in [("partitioned", 3), ("inheritance", 7), ("cycle", 7)] {
        let scenario = Scenario::new(fixture);
        let before = scenario.content();
        scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
        let all = scenario.db().scalar_i64("SELECT count(*) FROM tenantize.steps WHERE phase = 'constraints'");
        let backfilled = scenario.content();
        for steps in (2..all).step_by(if full { 1 } else { stride }) {
            scenario.tenantize(&["resume", "--jobs", "3", "--steps", &steps.to_string()]);
            scenario.tenantize(&["rollback", "--yes", "--to", "backfill"]);
            scenario.content().assert_same_as(&backfilled, &format!("{fixture}: after {steps} steps of the constraints and back"));
        }
        scenario.tenantize(&["resume", "--jobs", "3", "--steps", &(all / 2).to_string()]);
        scenario.tenantize(&["rollback", "--yes"]);
        scenario.content().assert_same_as(&before, &format!("{fixture}: all the way back"));
    }
}

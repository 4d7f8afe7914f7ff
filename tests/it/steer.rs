//! An operator steers a run from another shell, and what holds it back says why.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{Scenario, Spawned, psql_at};

/// Some 30 000 rows.
const BIG: &str = "
    INSERT INTO orders (user_id, number, total) SELECT 1 + n % 60, 'B' || n, n FROM generate_series(0, 9999) AS n;
    INSERT INTO order_lines (id, order_id, product, quantity)
    SELECT ('11111111-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 1 + n % 10600, 'p' || 1 + n % 7, n % 9
    FROM generate_series(0, 19999) AS n;
    CREATE SCHEMA ops;
    CREATE TABLE ops.hold (why text);
";

/// What every control command must do within.
const SOON: Duration = Duration::from_secs(2);
const ROWS: &str = "coalesce((SELECT sum(rows_done) FROM tenantize.fill_chunks), 0)";

fn big() -> Scenario {
    Scenario::with("shop", BIG)
}

fn start(scenario: &Scenario, arguments: &[&str]) -> Spawned {
    let run = ["run", "--yes", "--strategy", "batched", "--jobs", "1", "--batch-time", "5ms"];
    scenario.cli(&run.iter().chain(arguments).copied().collect::<Vec<_>>()).spawn()
}

fn is_true(scenario: &Scenario, condition: &str) -> bool {
    psql_at(&scenario.db().url(), &format!("SELECT {condition}")).as_deref() == Ok("t")
}

#[track_caller]
fn wait_until(scenario: &Scenario, condition: &str) -> Duration {
    let begun = Instant::now();
    while !is_true(scenario, condition) {
        assert!(begun.elapsed() < Duration::from_mins(1), "this never came true: {condition}");
        thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed()
}

fn rows(scenario: &Scenario) -> i64 {
    scenario.db().scalar_i64(&format!("SELECT {ROWS}"))
}

fn status(scenario: &Scenario) -> serde_json::Value {
    serde_json::from_str(&scenario.tenantize(&["status", "--format", "json"]).stdout).unwrap()
}

/// Waits until the program says so of itself; returns how long that took.
#[track_caller]
fn wait_until_it_says(scenario: &Scenario, what: &str) -> Duration {
    wait_until(scenario, &format!("EXISTS (SELECT FROM tenantize.programs WHERE {what})"))
}

#[test]
fn a_paused_run_stands_still_until_it_may_go_on() {
    let scenario = big();
    let mut run = start(&scenario, &["--nice", "0.9"]);
    wait_until(&scenario, &format!("{ROWS} > 100"));
    scenario.tenantize(&["pause"]);
    let took = wait_until_it_says(&scenario, "state ->> 'waits' LIKE 'paused%'");
    assert!(took < SOON, "{took:?}");
    thread::sleep(Duration::from_millis(300));
    let before = rows(&scenario);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(rows(&scenario), before, "nothing is filled while the run is paused");
    assert_eq!(status(&scenario)["programs"][0]["eta"], "paused");
    assert!(run.is_running());
    scenario.tenantize(&["set", "jobs=3", "nice=0"]);
    scenario.tenantize(&["unpause"]);
    let took = wait_until(&scenario, &format!("{ROWS} > {before}"));
    assert!(took < SOON, "{took:?}");
    let output = run.wait();
    assert!(output.ok(), "{output}");
    assert!(output.stderr.contains("paused by the operator"), "{output}");
    scenario.assert_counters_are_exact();
    assert_eq!(scenario.db().psql("SELECT count(*) FROM tenantize.programs"), "0", "the program has signed off");
}

#[test]
fn workers_come_and_go_as_the_operator_wants() {
    let scenario = big();
    // So many pages that several workers find a chunk each.
    scenario.db().psql(
        "ALTER TABLE order_lines SET (fillfactor = 10);
         INSERT INTO order_lines (id, order_id, product, quantity)
         SELECT ('33333333-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 1 + n % 10600, 'p1', 1 FROM generate_series(0, 79999) AS n",
    );
    let run = start(&scenario, &["--nice", "0.8"]);
    wait_until(&scenario, "EXISTS (SELECT FROM tenantize.fill_chunks WHERE relation = 'public.order_lines' AND rows_done > 0)");
    scenario.tenantize(&["set", "jobs=3"]);
    let took = wait_until(&scenario, "(SELECT count(DISTINCT worker) FROM tenantize.fill_chunks WHERE state = 'claimed') = 3");
    assert!(took < SOON, "{took:?}");
    scenario.tenantize(&["set", "jobs=1"]);
    let took = wait_until(&scenario, "(SELECT count(DISTINCT worker) FROM tenantize.fill_chunks WHERE state = 'claimed') <= 1");
    assert!(took < SOON, "{took:?}");
    scenario.tenantize(&["set", "nice=0", "batch-time=200ms"]);
    let output = run.wait();
    assert!(output.ok(), "{output}");
    scenario.assert_counters_are_exact();
}

#[test]
fn the_operators_condition_holds_the_run_and_a_broken_one_too() {
    let scenario = big();
    scenario.db().psql("INSERT INTO ops.hold VALUES ('freeze')");
    let run = start(&scenario, &["--hold-while", "EXISTS (SELECT FROM ops.hold)"]);
    wait_until_it_says(&scenario, "state ->> 'waits' LIKE 'hold-while is true%'");
    assert_eq!(scenario.db().scalar_i64("SELECT count(*) FROM tenantize.steps WHERE state = 'done'"), 0, "not even the backup has begun");
    scenario.tenantize(&["set", "hold-while=no_such_function()"]);
    wait_until_it_says(&scenario, "state ->> 'waits' LIKE 'hold-while cannot be asked%'");
    scenario.tenantize(&["set", "hold-while=off"]);
    let output = run.wait();
    assert!(output.ok(), "{output}");
}

#[test]
fn outside_of_its_hours_a_run_waits_and_settings_outlive_a_restart() {
    let scenario = big();
    let now = chrono::Local::now().time();
    let later = |hours: i64| (now + chrono::TimeDelta::hours(hours)).format("%H:%M").to_string();
    let hours = format!("{}-{}", later(2), later(4));
    let run = start(&scenario, &["--only-between", &hours]);
    wait_until_it_says(&scenario, "state ->> 'waits' LIKE '%outside of only-between%'");
    scenario.tenantize(&["set", "nice=0.25"]);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.wait().code(), Some(5));
    let shown: serde_json::Value = serde_json::from_str(&scenario.tenantize(&["set", "--format", "json"]).stdout).unwrap();
    assert_eq!(shown["nice"], "0.25");
    scenario.tenantize(&["resume", "--steps", "1"]);
    scenario.tenantize(&["set", "nice=default"]);
    let shown = scenario.tenantize(&["set"]).stdout;
    assert!(shown.lines().any(|line| line.starts_with("nice") && line.contains(" 0 ")), "{shown}");
    scenario.tenantize(&["resume"]);
}

#[test]
fn settings_that_make_no_sense_are_refused_before_anything_is_changed() {
    let scenario = big();
    scenario.refused(2, &["run", "--yes", "--nice", "1.5"]);
    scenario.refused(2, &["pause"]);
    scenario.tenantize(&["run", "--yes", "--steps", "1"]);
    let refused = scenario.refused(2, &["set", "jobs=2", "max-leg=1s"]);
    assert!(refused.stderr.contains("the nearest is max-lag"), "{refused}");
    assert_eq!(scenario.db().psql("SELECT settings FROM tenantize.control"), "{}", "not even the good one is stored");
    let watched = scenario.tenantize(&["status", "--watch"]);
    assert!(watched.stdout.contains("next: tenantize resume"), "{watched}");
}

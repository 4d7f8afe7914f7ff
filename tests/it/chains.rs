//! Tables whose rows get their tenant from each other, however long the way is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use nix::sys::signal::Signal;

use crate::support::{PerTenant, Scenario};

/// Every row of the fixture: its name, that of the row above it, and a tenant of its own, which wins, with the tenant it has got.
const EDGES: &str = r#"
    SELECT 'chain ' || id AS key, 'chain ' || parent_id AS up, CASE id WHEN 1 THEN 'acme' WHEN 2501 THEN 'globex' END AS own, tenant_id FROM chain
    UNION ALL
    SELECT 'tree ' || id, 'tree ' || parent_id, CASE WHEN parent_id IS NULL THEN (ARRAY['acme', 'globex', 'default', 'acme', 'globex'])[id] END, tenant_id FROM tree
    UNION ALL
    SELECT 'rings ' || id, 'rings ' || next_id, CASE id WHEN 201 THEN 'acme' END, tenant_id FROM rings
    UNION ALL
    SELECT 'teams ' || id, 'people ' || lead_id, NULL, tenant_id FROM teams
    UNION ALL
    SELECT 'people ' || id, 'teams ' || team_id, CASE WHEN team_id IS NULL THEN 'acme' END, tenant_id FROM people
    UNION ALL
    SELECT 'places ' || region || no, 'places ' || up_region || up_no, CASE label WHEN 'place 1' THEN 'acme' WHEN 'place 2' THEN 'globex' END, tenant_id
    FROM places
    UNION ALL
    SELECT 'odd ' || coalesce(place, 1400), 'odd ' || "parent ""id", CASE WHEN "parent ""id" IS NULL THEN 'globex' END, tenant_id FROM """order""; drop"
"#;

fn chains() -> Scenario {
    Scenario::new("chains")
}

/// Asserts that every row has the tenant that a walk down from the roots gives it, level by level.
#[track_caller]
fn assert_true(scenario: &Scenario) {
    let different = scenario.db().psql(&format!(
        "WITH RECURSIVE edges AS MATERIALIZED ({EDGES}), down AS (
           SELECT key, own AS slug FROM edges WHERE own IS NOT NULL
           UNION ALL SELECT e.key, d.slug FROM down AS d JOIN edges AS e ON e.up = d.key WHERE e.own IS NULL)
         SELECT e.key, r.slug, d.slug FROM edges AS e LEFT JOIN down AS d USING (key) LEFT JOIN tenants AS r ON r.id = e.tenant_id
         WHERE r.slug IS DISTINCT FROM coalesce(d.slug, 'quarantine') ORDER BY 1 LIMIT 5"
    ));
    assert_eq!(different, "", "row, its tenant, what it should be");
}

/// Rows per tenant as the plan promises them.
fn promised(scenario: &Scenario) -> BTreeMap<String, PerTenant> {
    let plan: serde_json::Value = serde_json::from_str(&scenario.tenantize(&["plan", "--format", "json"]).stdout).unwrap();
    let rows = |table: &serde_json::Value| -> PerTenant {
        let expected = table["expected"].as_object().unwrap();
        expected.iter().map(|(slug, rows)| (slug.clone(), rows.as_i64().unwrap())).collect()
    };
    let tables = plan["tables"].as_array().unwrap();
    tables.iter().map(|table| (table["table"].as_str().unwrap().to_owned(), rows(table))).collect()
}

/// Runs up to the fill, and holds one row in the middle of the chain then.
fn in_the_way(scenario: &Scenario) -> PgConnection {
    scenario.tenantize(&["run", "--yes", "--until", "expand"]);
    let mut conn = PgConnection::establish(&scenario.db().url()).unwrap();
    conn.batch_execute("BEGIN; SELECT FROM chain WHERE id = 2000 FOR UPDATE").unwrap();
    conn
}

const WAITING: &str =
    "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%tenantize_placed%'";

#[track_caller]
fn wait_until_it_waits(scenario: &Scenario) {
    let begun = Instant::now();
    while scenario.db().psql(&format!("SELECT EXISTS (SELECT {WAITING})")) != "t" {
        assert!(begun.elapsed() < Duration::from_mins(1), "the walk never came to the row");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn every_row_gets_the_tenant_at_the_end_of_its_way() {
    let scenario = chains();
    let before = scenario.other_columns();
    let promised = promised(&scenario);
    scenario.run();
    assert_true(&scenario);
    assert_eq!(scenario.rows_per_tenant(), promised);
    assert_eq!(scenario.other_columns(), before, "columns other than the tenant's");
    scenario.assert_counters_are_exact();
    let sweeps = "SELECT max(pass) FROM tenantize.fill_chunks WHERE relation = 'public.chain'";
    assert_eq!(scenario.db().scalar_i64(sweeps), 1, "the chain is walked once, and no page of it is visited for one level");
}

#[test]
fn it_goes_back_from_where_it_was() {
    let scenario = chains();
    let before = scenario.content();
    scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
    scenario.tenantize(&["rollback", "--yes"]);
    scenario.content().assert_same_as(&before, "there and back");
}

/// Nobody has a tenant in a ring, and nobody gets lost in it.
#[test]
fn rows_in_a_ring_are_counted_and_stop_the_run() {
    let scenario = chains();
    let config = std::fs::read_to_string(scenario.file("tenantize.toml")).unwrap();
    std::fs::write(scenario.file("tenantize.toml"), config.replace("orphans = \"quarantine\"\n", "")).unwrap();
    let output = scenario.cli(&["check"]).run();
    assert!(!output.ok() && output.stdout.contains("200 rows, for example id=1; id=10; id=100"), "{output}");
}

#[test]
fn a_walk_that_is_killed_is_walked_to_its_end() {
    let scenario = chains();
    let held = in_the_way(&scenario);
    let run = scenario.cli(&["resume", "--batch-time", "10ms"]).spawn();
    wait_until_it_waits(&scenario);
    run.signal(Signal::SIGKILL);
    run.wait();
    let done = scenario.db().scalar_i64("SELECT count(*) FROM chain WHERE tenant_id IS NOT NULL");
    assert!(done < 5000, "it was killed before the end");
    drop(held);
    scenario.tenantize(&["resume"]);
    assert_eq!(scenario.state(), "finished");
    assert_true(&scenario);
    scenario.assert_counters_are_exact();
}

#[test]
fn a_walk_whose_connection_is_lost_begins_again() {
    let scenario = chains();
    let held = in_the_way(&scenario);
    let run = scenario.cli(&["resume", "--batch-time", "10ms"]).spawn();
    wait_until_it_waits(&scenario);
    scenario.db().psql(&format!("SELECT pg_terminate_backend(pid) {WAITING}"));
    drop(held);
    let output = run.wait();
    assert!(output.ok(), "{output}");
    assert_true(&scenario);
    scenario.assert_counters_are_exact();
}

#[test]
fn a_walk_that_is_stopped_goes_on() {
    let scenario = chains();
    let held = in_the_way(&scenario);
    let run = scenario.cli(&["resume", "--batch-time", "10ms"]).spawn();
    wait_until_it_waits(&scenario);
    run.signal(Signal::SIGINT);
    drop(held);
    let output = run.wait();
    assert!(scenario.state() == "stopped", "{output}");
    scenario.tenantize(&["resume"]);
    assert_true(&scenario);
    scenario.assert_counters_are_exact();
}

/// A row that was found is moved, with everything below it, before it is written.
#[test]
fn a_row_that_moves_while_the_walk_waits_takes_its_own_along() {
    let scenario = chains();
    let mut held = in_the_way(&scenario);
    let run = scenario.cli(&["resume", "--batch-time", "10ms"]).spawn();
    wait_until_it_waits(&scenario);
    // from the tenant of number 1 to that of number 2501
    held.batch_execute("UPDATE chain SET parent_id = 2501 WHERE id = 2000; COMMIT").unwrap();
    let output = run.wait();
    assert!(output.ok(), "{output}");
    assert_true(&scenario);
}

#[test]
fn what_the_application_moves_meanwhile_is_right_in_the_end() {
    let scenario = chains();
    scenario.tenantize(&["run", "--yes", "--until", "expand"]);
    let stop = Arc::new(AtomicBool::new(false));
    let (told, url) = (Arc::clone(&stop), scenario.db().url());
    let application = thread::spawn(move || {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut conn = PgConnection::establish(&url).unwrap();
        let mut written = 0;
        while !told.load(Ordering::Relaxed) {
            // always under a smaller number: no ring comes of it
            let id = rng.u32(6..=4000);
            let parent = rng.u32(1..id);
            let statement = match rng.u8(0..3) {
                0 => format!("INSERT INTO tree VALUES ({}, {id}, 'new')", 5000 + written),
                1 => format!("UPDATE tree SET name = name || '.' WHERE id = {id}"),
                _ => format!("UPDATE tree SET parent_id = {parent} WHERE id = {id}"),
            };
            conn.batch_execute(&statement).unwrap();
            written += 1;
            thread::sleep(Duration::from_millis(2));
        }
        written
    });
    thread::sleep(Duration::from_millis(200));
    scenario.tenantize(&["resume", "--until", "backfill", "--batch-time", "10ms"]);
    stop.store(true, Ordering::Relaxed);
    assert!(application.join().unwrap() > 50);
    scenario.tenantize(&["resume"]);
    assert_true(&scenario);
}

//! The application during a run: its rows get their tenant, and it never waits long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use crate::support::Scenario;

/// Phases after which the old application still writes.
const MEANWHILE: [&str; 3] = ["expand", "backfill", "constraints"];

/// Returns the slug of the tenant of the rows that the condition names.
fn tenants_of(scenario: &Scenario, table: &str, condition: &str) -> String {
    let tenants = "string_agg(DISTINCT coalesce(r.slug, 'none'), ',')";
    scenario.db().psql(&format!("SELECT {tenants} FROM {table} AS t LEFT JOIN tenants AS r ON r.id = t.tenant_id WHERE {condition}"))
}

#[test]
fn rows_written_during_the_run_get_their_tenant() {
    // user n: 1 = acme, 2 = globex, 3 = default, and so on
    const WRITES: &str = "
        INSERT INTO orders (user_id, number) VALUES (1, 'inserted');
        COPY orders (user_id, number) FROM stdin;
2\tcopied
3\tcopied too
\\.
        INSERT INTO order_lines (id, order_id, product, quantity)
        SELECT gen_random_uuid(), id, 'p1', 41 FROM orders WHERE number = 'copied';
        INSERT INTO orders (user_id, number) VALUES (1, 'moved');
        UPDATE orders SET user_id = 2 WHERE number = 'moved';
        UPDATE order_lines SET order_id = (SELECT id FROM orders WHERE number = 'copied too'), quantity = 42
        WHERE id = '00000000-0000-4000-8000-000000000000';
        INSERT INTO users (email) VALUES ('new@example.com');
    ";
    for phase in MEANWHILE {
        let scenario = Scenario::new("shop");
        scenario.tenantize(&["run", "--yes", "--until", phase]);
        scenario.db().psql(WRITES);
        scenario.tenantize(&["resume"]);
        assert_eq!(scenario.state(), "finished");
        let expected = [
            ("orders", "t.number = 'inserted'", "acme"),
            ("orders", "t.number = 'copied'", "globex"),
            ("orders", "t.number = 'copied too'", "default"),
            ("orders", "t.number = 'moved'", "globex"),
            ("order_lines", "t.quantity = 41", "globex"),
            ("order_lines", "t.quantity = 42", "default"),
            ("users", "t.email = 'new@example.com'", "default"),
        ];
        for (table, condition, tenant) in expected {
            assert_eq!(tenants_of(&scenario, table, condition), tenant, "after {phase}: {table} where {condition}");
        }
    }
}

/// Before the fill no parent has a tenant: the orphans' tenant must not be taken for theirs.
#[test]
fn a_parent_without_a_tenant_is_no_missing_parent() {
    for (fixture, orphans) in [("orphans-default", "default"), ("orphans-quarantine", "quarantine")] {
        for phase in MEANWHILE {
            let scenario = Scenario::new(fixture);
            scenario.tenantize(&["run", "--yes", "--until", phase]);
            scenario.db().psql(
                "INSERT INTO notes VALUES (1001, 1, 'of acme'), (1002, 2, 'of globex'), (1003, NULL, 'of nobody');
                 INSERT INTO attachments VALUES (1001, 1001), (1002, 1002), (1003, 1003), (1004, NULL);",
            );
            scenario.tenantize(&["resume"]);
            for (table, id, tenant) in [
                ("notes", 1001, "acme"),
                ("notes", 1002, "globex"),
                ("notes", 1003, orphans),
                ("attachments", 1001, "acme"),
                ("attachments", 1002, "globex"),
                ("attachments", 1003, orphans),
                ("attachments", 1004, orphans),
            ] {
                assert_eq!(tenants_of(&scenario, table, &format!("t.id = {id}")), tenant, "{fixture}, after {phase}: {table} {id}");
            }
        }
    }
}

#[test]
fn the_next_rule_does_not_speak_for_a_parent_without_a_tenant() {
    for phase in MEANWHILE {
        let scenario = Scenario::new("several-parents");
        scenario.tenantize(&["run", "--yes", "--until", phase]);
        scenario.db().psql(
            "INSERT INTO messages VALUES (1001, 1, NULL, NULL), (1002, NULL, 4, NULL), (1003, NULL, NULL, NULL);
             INSERT INTO messages VALUES (1004, NULL, 1, NULL);
             UPDATE messages SET sender_id = 4 WHERE id = 1004;",
        );
        scenario.tenantize(&["resume"]);
        for (id, tenant) in [(1001, "acme"), (1002, "globex"), (1003, "default"), (1004, "globex")] {
            assert_eq!(tenants_of(&scenario, "messages", &format!("t.id = {id}")), tenant, "after {phase}: {id}");
        }
    }
}

/// A row that loses its parent goes nowhere else: its tenant is the last thing that is known of it.
#[test]
fn a_row_that_loses_its_parent_stays_with_its_tenant() {
    for phase in ["backfill", "constraints"] {
        let scenario = Scenario::new("orphans-default");
        scenario.tenantize(&["run", "--yes", "--until", phase]);
        scenario.db().psql("UPDATE notes SET user_id = NULL WHERE id = 1; DELETE FROM users WHERE id = 1");
        scenario.tenantize(&["resume"]);
        // the notes of user 1 are those with an even number
        assert_eq!(tenants_of(&scenario, "notes", "t.user_id IS NULL AND t.id % 10 <> 0 AND t.id % 2 = 0"), "acme", "after {phase}");
        assert_eq!(tenants_of(&scenario, "notes", "t.id = 1"), "globex", "after {phase}");
    }
}

/// A transaction that began before the fill and ends after it leaves a row that no sweep has seen.
#[test]
fn a_row_of_a_transaction_longer_than_the_fill_gets_its_tenant() {
    for fixture in ["shop", "cycle", "orphans-quarantine"] {
        let row = match fixture {
            "shop" => "INSERT INTO orders (user_id, number) VALUES (1, 'slow')",
            "cycle" => "INSERT INTO employees VALUES (41, 3, 21, 'slow')",
            _ => "INSERT INTO notes VALUES (1001, 1, 'slow')",
        };
        let (table, mark, tenant) = match fixture {
            "shop" => ("orders", "number", "acme"),
            "cycle" => ("employees", "name", "globex"),
            _ => ("notes", "body", "acme"),
        };
        let scenario = Scenario::new(fixture);
        scenario.tenantize(&["run", "--yes", "--until", "expand"]);
        let mut long = PgConnection::establish(&scenario.db().url()).unwrap();
        long.batch_execute(&format!("BEGIN; {row}")).unwrap();
        scenario.tenantize(&["resume", "--until", "backfill"]);
        long.batch_execute("COMMIT").unwrap();
        scenario.tenantize(&["resume"]);
        assert_eq!(tenants_of(&scenario, table, &format!("t.{mark} = 'slow'")), tenant, "{fixture}");
        scenario.assert_counters_are_exact();
    }
}

/// The same when it ends while the constraints are made, after the promise of the backfill was kept.
#[test]
fn a_row_that_appears_during_the_constraints_gets_its_tenant() {
    let scenario = Scenario::new("shop");
    scenario.tenantize(&["run", "--yes", "--until", "expand"]);
    let mut long = PgConnection::establish(&scenario.db().url()).unwrap();
    long.batch_execute("BEGIN; INSERT INTO order_lines (id, order_id, product, quantity) VALUES (gen_random_uuid(), 2, 'p1', 77)").unwrap();
    let program = scenario.cli(&["resume"]).spawn();
    let begun = Instant::now();
    let waiting = "SELECT count(*) FROM tenantize.steps WHERE phase = 'constraints' AND state <> 'pending'";
    while scenario.db().scalar_i64(waiting) == 0 {
        assert!(begun.elapsed() < Duration::from_mins(1));
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(200));
    long.batch_execute("COMMIT").unwrap();
    let output = program.wait();
    assert!(output.ok(), "{output}");
    assert_eq!(tenants_of(&scenario, "order_lines", "t.quantity = 77"), "globex");
    scenario.assert_counters_are_exact();
}

/// An order that moves to a customer of another tenant takes its lines along.
#[test]
fn a_row_that_moves_takes_its_children_along() {
    for phase in MEANWHILE {
        let scenario = Scenario::new("shop");
        scenario.tenantize(&["run", "--yes", "--until", phase]);
        scenario.db().psql("UPDATE orders SET user_id = 2, coupon_id = NULL WHERE number = 'N0'");
        scenario.tenantize(&["resume"]);
        assert_eq!(tenants_of(&scenario, "orders", "t.number = 'N0'"), "globex", "after {phase}");
        assert_eq!(tenants_of(&scenario, "order_lines", "t.order_id = 1"), "globex", "after {phase}");
    }
}

#[test]
fn a_lock_that_is_held_is_named_and_waited_for_within_the_budget() {
    let scenario = Scenario::new("shop");
    let mut application = PgConnection::establish(&scenario.db().url()).unwrap();
    application.batch_execute("SET application_name = 'nightly report'; BEGIN; SELECT count(*) FROM orders").unwrap();
    let begun = Instant::now();
    let output = scenario.refused(6, &["run", "--yes", "--lock-budget", "1s"]);
    assert!(begun.elapsed() < Duration::from_secs(15), "{output}");
    for part in ["nightly report", "blocked by pid", "tenantize resume"] {
        assert!(output.stderr.contains(part), "{part}: {output}");
    }
    application.batch_execute("COMMIT").unwrap();
    scenario.tenantize(&["resume"]);
    scenario.assert_counters_are_exact();
}

/// The promise about locks: whatever the run does, no write of the application waits longer than one attempt for a lock.
#[test]
fn no_write_of_the_application_waits_long() {
    let scenario = Scenario::with(
        "shop",
        "INSERT INTO order_lines (id, order_id, product, quantity)
         SELECT gen_random_uuid(), 1 + n % 600, 'p1', 1 FROM generate_series(1, 20000) AS n;",
    );
    let stop = Arc::new(AtomicBool::new(false));
    let (told, url) = (Arc::clone(&stop), scenario.db().url());
    let writer = thread::spawn(move || {
        let mut conn = PgConnection::establish(&url).unwrap();
        let (mut longest, mut count) = (Duration::ZERO, 0);
        while !told.load(Ordering::Relaxed) {
            let begun = Instant::now();
            // a transaction of the usual length: locks of its first statement are held until its end
            let written = conn.batch_execute(
                "BEGIN; UPDATE orders SET total = total WHERE id = 1 + floor(random() * 600)::int; SELECT pg_sleep(0.02);
                 UPDATE order_lines SET quantity = quantity WHERE order_id = 1 + floor(random() * 600)::int; COMMIT",
            );
            written.unwrap();
            longest = longest.max(begun.elapsed());
            count += 1;
        }
        (longest, count)
    });
    let output = scenario.tenantize(&["run", "--yes"]);
    stop.store(true, Ordering::Relaxed);
    let (longest, count) = writer.join().unwrap();
    assert!(count > 10, "{output}");
    assert!(longest < Duration::from_millis(2_500), "a write took {longest:?}\n{output}");
}

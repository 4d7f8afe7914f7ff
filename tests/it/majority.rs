//! A table whose rows mostly belong to one tenant: the default of its column answers for them, and only the others are written.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::Scenario;

/// 20 000 lines of an order of the default tenant, beside 1 800 of three tenants; a line may come to be without an order.
const MANY: &str = "
    ALTER TABLE order_lines ALTER COLUMN order_id DROP NOT NULL;
    INSERT INTO order_lines (id, order_id, product, quantity)
    SELECT ('11111111-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 3, 'p' || 1 + n % 7, n % 9 FROM generate_series(0, 19999) AS n;
";

const MISPLACED: &str =
    "SELECT l.id FROM order_lines AS l JOIN orders AS o ON o.id = l.order_id WHERE l.tenant_id IS DISTINCT FROM o.tenant_id";

fn scenario() -> Scenario {
    Scenario::with("shop", MANY)
}

/// Updates that the server has counted, those that were taken back as well.
fn updates(scenario: &Scenario) -> i64 {
    thread::sleep(Duration::from_millis(1200));
    scenario.db().scalar_i64("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'public.order_lines'::regclass")
}

fn assert_placed(scenario: &Scenario, when: &str) {
    assert_eq!(scenario.state(), "finished", "{when}");
    assert_eq!(scenario.db().psql(MISPLACED), "", "{when}");
}

#[test]
fn only_rows_of_other_tenants_are_written() {
    let (scenario, batched) = (scenario(), scenario());
    let before = (scenario.content(), scenario.other_columns());
    let plan = scenario.tenantize(&["plan"]).stdout;
    let line = plan.lines().find(|line| line.starts_with("public.order_lines")).unwrap();
    assert!(line.contains("majority") && line.contains("most rows belong to one tenant"), "{plan}");
    assert!(plan.contains("~1,200 rows"), "{plan}");
    scenario.run();
    assert_eq!(updates(&scenario), 1200, "rows of the default tenant are not written");
    assert_placed(&scenario, "after the run");
    assert_eq!(scenario.other_columns(), before.1);
    batched.tenantize(&["run", "--yes", "--strategy", "batched"]);
    scenario.content().assert_same_as(&batched.content(), "beside a run that writes every row");
    scenario.tenantize(&["rollback", "--yes"]);
    scenario.content().assert_same_as(&before.0, "forward and back");
}

#[test]
fn a_run_that_is_killed_writes_no_row_twice() {
    let scenario = scenario();
    scenario.tenantize(&["run", "--yes", "--until", "expand"]);
    let some = "SELECT count(*) FROM tenantize.fill_chunks WHERE relation = 'public.order_lines' AND rows_done BETWEEN 1 AND 1199";
    let mut killed = 0;
    for _ in 0..5 {
        let mut running = scenario.cli(&["resume", "--jobs", "1", "--batch-time", "5ms", "--nice", "0.95", "--until", "backfill"]).spawn();
        let begun = Instant::now();
        while running.is_running() && begun.elapsed() < Duration::from_secs(20) {
            if scenario.db().scalar_i64(some) > 0 {
                killed += 1;
                break;
            }
        }
        running.signal_if_running(Signal::SIGKILL);
        running.wait();
    }
    assert!(killed > 0, "it was never in the middle");
    scenario.tenantize(&["resume"]);
    assert_placed(&scenario, "after kills");
    let written = "SELECT sum(rows_done)::bigint FROM tenantize.fill_chunks WHERE relation = 'public.order_lines'";
    assert_eq!(scenario.db().scalar_i64(written), 1200);
}

#[test]
fn rows_written_during_the_run_get_their_tenant() {
    // user n: 1 = acme, 2 = globex, 3 = default, and so on; so are orders
    const WRITES: &str = "
        INSERT INTO order_lines (id, order_id, product, quantity) VALUES
          (gen_random_uuid(), 1, 'p1', 41), (gen_random_uuid(), 2, 'p1', 42), (gen_random_uuid(), 3, 'p1', 43);
        UPDATE order_lines SET order_id = 1, quantity = 44 WHERE id = '11111111-0000-4000-8000-000000000000';
        UPDATE order_lines SET order_id = 3, quantity = 45 WHERE id = '00000000-0000-4000-8000-000000000000';
        UPDATE order_lines SET quantity = 46 WHERE id = '00000000-0000-4000-8000-000000000001';
        UPDATE orders SET user_id = 2, number = 'moved' WHERE id = 4;
    ";
    for phase in ["backup", "expand", "backfill", "constraints"] {
        let scenario = scenario();
        scenario.tenantize(&["run", "--yes", "--until", phase]);
        scenario.db().psql(WRITES);
        scenario.tenantize(&["resume"]);
        assert_placed(&scenario, phase);
        let tenants =
            "SELECT l.quantity, r.slug FROM order_lines AS l JOIN tenants AS r ON r.id = l.tenant_id WHERE l.quantity > 40 ORDER BY 1";
        assert_eq!(scenario.db().psql(tenants), "41|acme\n42|globex\n43|default\n44|acme\n45|default\n46|globex", "after {phase}");
        assert_eq!(scenario.db().psql("SELECT count(DISTINCT tenant_id) FROM order_lines WHERE order_id = 4"), "1", "after {phase}");
    }
}

/// The audit has seen no row without an order. One that came between it and the column reads the default, to which it has no right.
#[test]
fn a_row_that_no_rule_covers_is_not_given_the_default() {
    let scenario = scenario();
    scenario.tenantize(&["run", "--yes", "--until", "backup"]);
    scenario.db().psql("INSERT INTO order_lines (id, product, quantity) VALUES ('22222222-0000-4000-8000-000000000000', 'p1', 50)");
    let refused = scenario.refused(4, &["resume"]);
    assert!(refused.stderr.contains("1 of public.order_lines have no tenant"), "{refused}");
    scenario.db().psql("UPDATE order_lines SET order_id = 2 WHERE quantity = 50");
    scenario.tenantize(&["resume"]);
    assert_placed(&scenario, "after the row was given an order");
}

/// Rows of a table that others take their tenants from must never read a wrong one; and few rows are not worth a thought.
#[test]
fn parents_and_small_tables_are_filled_as_before() {
    let parents = "INSERT INTO orders (user_id, number) SELECT 3, 'M' || n FROM generate_series(1, 20000) AS n;";
    let scenario = Scenario::with("shop", parents);
    let plan = scenario.tenantize(&["plan"]).stdout;
    assert!(!plan.contains("majority"), "{plan}");
}

/// Partitions and children by inheritance read the default as their parent does, and no longer have it afterwards.
#[test]
fn partitions_and_children_read_the_default_too() {
    let partitioned = Scenario::with(
        "partitioned",
        "CREATE TABLE readings (id bigint NOT NULL, at int NOT NULL, sensor_id int NOT NULL REFERENCES sensors, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
         CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM (0) TO (100);
         CREATE TABLE readings_2 (sensor_id int NOT NULL, at int NOT NULL, id bigint NOT NULL);
         ALTER TABLE readings ATTACH PARTITION readings_2 DEFAULT;
         INSERT INTO readings SELECT n, n % 200, CASE WHEN n % 50 = 0 THEN 1 + n / 50 % 6 ELSE 1 END FROM generate_series(1, 20000) AS n",
    );
    let config = partitioned.file("tenantize.toml");
    let more = "\n[tables.\"public.readings\"]\ntenant = { parent = \"public.sensors\" }\n";
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + more).unwrap();
    let inherited = Scenario::with(
        "inheritance",
        "INSERT INTO vehicles SELECT 1000 + n, 1, 'v' FROM generate_series(1, 5000) AS n;
         INSERT INTO cars SELECT 10000 + n, 1, 'c', 4 FROM generate_series(1, 5000) AS n;",
    );
    for (scenario, table, parent, key) in [(partitioned, "readings", "sensors", "sensor_id"), (inherited, "vehicles", "owners", "owner_id")]
    {
        let plan = scenario.tenantize(&["plan"]).stdout;
        assert!(plan.lines().any(|line| line.starts_with(&format!("public.{table}")) && line.contains("majority")), "{plan}");
        scenario.tenantize(&["run", "--yes", "--until", "constraints"]);
        let defaults = "SELECT attrelid::regclass FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid WHERE attname = 'tenant_id' AND atthasdef AND relkind IN ('r', 'p')";
        assert_eq!(scenario.db().psql(&format!("{defaults} AND relnamespace = 'public'::regnamespace")), "", "defaults of {table}");
        scenario.tenantize(&["resume"]);
        let misplaced = format!(
            "SELECT count(*) FROM {table} AS t JOIN {parent} AS p ON p.id = t.{key} WHERE t.tenant_id IS DISTINCT FROM p.tenant_id"
        );
        assert_eq!(scenario.db().scalar_i64(&misplaced), 0, "{table}");
        let before = scenario.db().scalar_i64("SELECT sum(rows_done)::bigint FROM tenantize.fill_chunks");
        assert!(before < 1000, "{table}: {before} rows were written");
    }
}

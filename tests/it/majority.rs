//! A table whose rows mostly belong to one tenant: the default of its column answers for them, and only the others are written.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::Scenario;

/// 20 000 lines of an order of the default tenant, beside 1 800 of three tenants.
const MANY: &str = "
    INSERT INTO order_lines (id, order_id, product, quantity)
    SELECT ('11111111-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 3, 'p' || 1 + n % 7, n % 9 FROM generate_series(0, 19999) AS n;
";

const MISPLACED: &str =
    "SELECT l.id FROM order_lines AS l JOIN orders AS o ON o.id = l.order_id WHERE l.tenant_id IS DISTINCT FROM o.tenant_id";

fn scenario() -> Scenario {
    Scenario::with("shop", MANY)
}

/// The same, with a rule that has a last resort: its batches have another shape.
fn with_a_last_resort() -> Scenario {
    let scenario = scenario();
    reconfigure(&scenario, "{ parent = \"public.orders\" }", "[{ parent = \"public.orders\" }, \"default\"]");
    scenario
}

fn reconfigure(scenario: &Scenario, from: &str, to: &str) {
    let file = scenario.file("tenantize.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    assert!(config.contains(from), "{config}");
    std::fs::write(&file, config.replace(from, to)).unwrap();
}

fn is_planned(scenario: &Scenario, table: &str) -> bool {
    let plan = scenario.tenantize(&["plan"]).stdout;
    let line = plan.lines().find(|line| line.starts_with(&format!("public.{table} "))).unwrap();
    line.contains("majority") && line.contains("most rows belong to one tenant")
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
    assert!(is_planned(&scenario, "order_lines"));
    assert!(scenario.tenantize(&["plan"]).stdout.contains("~1,200 rows"));
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
    let phases = ["backup", "expand", "backfill", "constraints"];
    for (phase, begin) in phases.iter().flat_map(|phase| [(*phase, scenario as fn() -> Scenario), (*phase, with_a_last_resort)]) {
        let scenario = begin();
        assert!(is_planned(&scenario, "order_lines"));
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

/// A row that no rule covers could come between the audit and the column, which would give it the default: where one can be, there is none.
#[test]
fn a_default_is_for_tables_whose_every_row_has_a_tenant() {
    let scenario = scenario();
    scenario.db().psql("ALTER TABLE order_lines ALTER COLUMN order_id DROP NOT NULL");
    assert!(!is_planned(&scenario, "order_lines"), "a line may come without an order");
    reconfigure(&scenario, "{ parent = \"public.orders\" }", "[{ parent = \"public.orders\" }, \"default\"]");
    assert!(is_planned(&scenario, "order_lines"), "then it goes to the default tenant");
    scenario.tenantize(&["run", "--yes", "--until", "backup"]);
    scenario.db().psql("INSERT INTO order_lines (id, product, quantity) VALUES (gen_random_uuid(), 'p1', 50)");
    scenario.db().psql("INSERT INTO order_lines (id, order_id, product, quantity) VALUES (gen_random_uuid(), 2, 'p1', 51)");
    scenario.tenantize(&["resume"]);
    assert_placed(&scenario, "after rows that the audit had not seen");
    let tenants =
        "SELECT l.quantity, r.slug FROM order_lines AS l JOIN tenants AS r ON r.id = l.tenant_id WHERE l.quantity >= 50 ORDER BY 1";
    assert_eq!(scenario.db().psql(tenants), "50|default\n51|globex");
}

/// An expression may read any table: it must never see a tenant that is not the row's own.
#[test]
fn beside_expressions_there_is_no_such_default() {
    let scenario = scenario();
    let rule = "tenant = { sql = \"'9b0ce777-8504-5a8c-ba64-06f8b1bc1cfd'\" }";
    reconfigure(&scenario, "scope = \"ignored\"", rule);
    assert!(!is_planned(&scenario, "order_lines"));
}

/// The script for psql says so when a row was missed.
#[test]
fn the_script_holds_every_row_against_its_rule() {
    let scenario = scenario();
    let script = scenario.tenantize(&["plan", "--format", "sql"]).stdout;
    assert_eq!(script.matches("rows of public.order_lines have another tenant than their rule says, or none").count(), 1, "{script}");
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
    let readings = "\n[tables.\"public.readings\"]\ntenant = { parent = \"public.sensors\" }\n[tables.\"public.alerts\"]";
    reconfigure(&partitioned, "\n[tables.\"public.alerts\"]", readings);
    let inherited = Scenario::with(
        "inheritance",
        "INSERT INTO vehicles SELECT 1000 + n, 1, 'v' FROM generate_series(1, 5000) AS n;
         INSERT INTO cars SELECT 10000 + n, 1, 'c', 4 FROM generate_series(1, 5000) AS n;",
    );
    // no foreign key of the parent binds its children
    assert!(!is_planned(&inherited, "vehicles"));
    reconfigure(&inherited, "{ parent = \"public.owners\" }", "[{ parent = \"public.owners\" }, \"default\"]");
    for (scenario, table, parent, key) in [(partitioned, "readings", "sensors", "sensor_id"), (inherited, "vehicles", "owners", "owner_id")]
    {
        assert!(is_planned(&scenario, table));
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

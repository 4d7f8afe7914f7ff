//! The journal beside the application's own tables, and what it finds after a crash.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use crate::support::Scenario;

/// An application that uses Diesel itself keeps its own list of migrations, to the last byte.
#[test]
fn the_applications_own_migrations_stay_its_own() {
    let scenario = Scenario::with(
        "shop",
        "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now());
         INSERT INTO __diesel_schema_migrations VALUES ('20240101000000', '2024-01-01'), ('20260101000000', '2024-01-02');",
    );
    let toml = scenario.file("tenantize.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, format!("{text}\n[tables.\"public.__diesel_schema_migrations\"]\nscope = \"ignored\"\n")).unwrap();
    let table = || {
        let rows = scenario.db().psql("SELECT ctid, xmin, * FROM public.__diesel_schema_migrations ORDER BY version");
        let schema = scenario.db().dump_schema();
        let definition = schema.split("\n\n").filter(|part| part.contains("__diesel_schema_migrations")).collect::<Vec<_>>().join("\n");
        (rows, definition)
    };
    let before = table();
    scenario.tenantize(&["run", "--yes"]);
    assert_eq!(table(), before);
    scenario.tenantize(&["rollback", "--yes"]);
    assert_eq!(table(), before);
    scenario.tenantize(&["clean", "--yes", "--backups"]);
    assert_eq!(table(), before);
}

#[test]
fn a_journal_of_a_newer_version_is_refused() {
    let scenario = Scenario::new("constant");
    scenario.tenantize(&["run", "--yes", "--until", "expand"]);
    scenario.tenantize(&["rollback", "--yes"]);
    scenario.db().psql("INSERT INTO tenantize.__diesel_schema_migrations (version) VALUES ('29990101000000')");
    let before = scenario.content();
    let output = scenario.cli(&["run", "--yes"]).run();
    assert!(!output.ok() && output.stderr.contains("newer tenantize") && output.stderr.contains("29990101000000"), "{output}");
    assert!(output.stderr.contains("use the version of tenantize that began the run"), "{output}");
    scenario.content().assert_same_as(&before, "after the refusal");
}

#[test]
fn a_resume_by_an_older_version_is_refused() {
    let scenario = Scenario::new("constant");
    scenario.tenantize(&["run", "--yes", "--until", "expand"]);
    scenario.db().psql("INSERT INTO tenantize.__diesel_schema_migrations (version) VALUES ('29990101000000')");
    let before = scenario.content();
    for command in [&["resume"][..], &["rollback", "--yes"]] {
        let output = scenario.cli(command).run();
        assert!(!output.ok() && output.stderr.contains("newer tenantize"), "{output}");
    }
    scenario.content().assert_same_as(&before, "after the refusal");
}

/// A `CREATE INDEX CONCURRENTLY` that dies leaves an invalid index of the name that the next one wants.
#[test]
fn an_invalid_index_is_dropped_and_built_again() {
    let scenario = Scenario::new("shop");
    scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
    let name = "order_lines_tenant_id_order_id_idx";
    // it waits for the transaction that is open, and is cancelled while it does
    let mut open = PgConnection::establish(&scenario.db().url()).unwrap();
    open.batch_execute("BEGIN; UPDATE order_lines SET quantity = quantity WHERE quantity = 1").unwrap();
    let failed = scenario
        .db()
        .try_psql(&format!("SET statement_timeout = '300ms';\nCREATE INDEX CONCURRENTLY {name} ON order_lines (tenant_id, order_id);"));
    assert!(failed.is_err());
    open.batch_execute("COMMIT").unwrap();
    let valid = format!("SELECT indisvalid FROM pg_index WHERE indexrelid = '{name}'::regclass");
    assert_eq!(scenario.db().psql(&valid), "f");
    scenario.tenantize(&["resume"]);
    assert_eq!(scenario.db().psql(&valid), "t");
    let whole = Scenario::new("shop");
    whole.run();
    assert_eq!(scenario.content().schema, whole.content().schema);
}

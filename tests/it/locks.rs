//! The locks that changes say they take are those that the server sees them take.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use tenantize::catalog::Referential;
use tenantize::sql::change::{Deferral, ExistingRows, ForeignKeySpec, IndexSpec, LockMode, Reach, Uniqueness};
use tenantize::sql::{Change, Ident, QualifiedName};

use crate::support::TestDb;

/// Tables with partitions and with children by inheritance, and constraints to validate, to join and to drop.
const TABLES: &str = "
    CREATE TABLE parent (tenant_id int NOT NULL, id int NOT NULL, UNIQUE (tenant_id, id)) PARTITION BY RANGE (id);
    CREATE TABLE parent_1 PARTITION OF parent FOR VALUES FROM (0) TO (10);
    CREATE TABLE child (id int, tenant_id int, parent_id int, code text CONSTRAINT child_code_key UNIQUE);
    CREATE TABLE child_kin () INHERITS (child);
    CREATE UNIQUE INDEX child_code_tenant ON child (tenant_id, code);
    ALTER TABLE child ADD CONSTRAINT child_check CHECK (tenant_id IS NOT NULL) NOT VALID;
    ALTER TABLE child ADD CONSTRAINT child_old FOREIGN KEY (tenant_id, parent_id) REFERENCES parent (tenant_id, id) NOT VALID;
    CREATE TABLE parts (id int NOT NULL, tenant_id int, parent_id int) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
    CREATE INDEX parts_1_idx ON parts_1 (tenant_id);
    CREATE INDEX parts_2_idx ON parts_2 (tenant_id);
    ALTER TABLE parts_1 ADD CONSTRAINT parts_key FOREIGN KEY (tenant_id, parent_id) REFERENCES parent (tenant_id, id) ON DELETE CASCADE;
    ALTER TABLE parts_2 ADD CONSTRAINT parts_key FOREIGN KEY (tenant_id, parent_id) REFERENCES parent (tenant_id, id) ON DELETE CASCADE;
    ALTER TABLE parts ADD CONSTRAINT parts_old FOREIGN KEY (tenant_id, parent_id) REFERENCES parent (tenant_id, id);
";

const FAMILIES: [(&str, &[&str]); 3] = [("parent", &["parent_1"]), ("child", &["child_kin"]), ("parts", &["parts_1", "parts_2"])];

/// The mode as `pg_locks` writes it, weakest first.
const MODES: [(&str, LockMode); 8] = [
    ("AccessShareLock", LockMode::AccessShare),
    ("RowShareLock", LockMode::RowShare),
    ("RowExclusiveLock", LockMode::RowExclusive),
    ("ShareUpdateExclusiveLock", LockMode::ShareUpdateExclusive),
    ("ShareLock", LockMode::Share),
    ("ShareRowExclusiveLock", LockMode::ShareRowExclusive),
    ("ExclusiveLock", LockMode::Exclusive),
    ("AccessExclusiveLock", LockMode::AccessExclusive),
];

fn ident(text: &str) -> Ident {
    Ident::new(text).unwrap()
}

fn table(name: &str) -> QualifiedName {
    format!("public.{name}").parse().unwrap()
}

fn key(child: &str, name: &str, existing: ExistingRows) -> Change {
    Change::AddForeignKey(ForeignKeySpec {
        table: table(child),
        name: ident(name),
        columns: vec![ident("tenant_id"), ident("parent_id")],
        parent: table("parent"),
        references: vec![ident("tenant_id"), ident("id")],
        on_delete: Referential::Cascade,
        set_columns: Vec::new(),
        on_update: Referential::NoAction,
        deferral: Deferral::Immediate,
        existing,
    })
}

fn index(of: &str, name: &str) -> IndexSpec {
    IndexSpec { name: ident(name), table: table(of), columns: vec![ident("tenant_id")], uniqueness: Uniqueness::Plain }
}

fn validate(of: &str, name: &str, parent: Option<&str>) -> Change {
    Change::ValidateConstraint { table: table(of), name: ident(name), parent: parent.map(table) }
}

fn drop(of: &str, name: &str, parent: Option<&str>) -> Change {
    Change::DropConstraint { table: table(of), name: ident(name), parent: parent.map(table) }
}

type Locks = BTreeMap<String, Vec<LockMode>>;

#[derive(QueryableByName)]
struct Lock {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    mode: String,
}

/// The locks on tables that the session with this condition holds.
fn held(conn: &mut PgConnection, whose: &str) -> Locks {
    let sql = format!(
        "SELECT c.relname::text AS relation, l.mode FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_class AS c ON c.oid = l.relation \
         WHERE l.locktype = 'relation' AND l.granted AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND {whose}"
    );
    let mut locks = Locks::new();
    for lock in diesel::sql_query(sql).load::<Lock>(conn).unwrap() {
        let mode = MODES.iter().find(|(name, _)| *name == lock.mode).unwrap().1;
        locks.entry(lock.relation).or_default().push(mode);
    }
    locks
}

/// What the change says: for each table how it is locked, and whether it is named or only below one that is.
fn declared(change: &Change) -> BTreeMap<String, (LockMode, Reach)> {
    let mut declared = BTreeMap::new();
    for lock in change.locks().unwrap() {
        let name = lock.table.name.plain();
        let below = FAMILIES.iter().filter(|(top, _)| *top == name && lock.reach == Reach::Family).flat_map(|(_, below)| *below);
        declared.extend(below.map(|below| ((*below).to_owned(), (lock.mode, Reach::Family))));
        declared.insert(name.to_owned(), (lock.mode, Reach::Itself));
    }
    declared
}

#[track_caller]
fn assert_as_declared(change: &Change, held: &Locks) {
    let declared = declared(change);
    for (table, modes) in held {
        let Some((mode, _)) = declared.get(table) else { panic!("{change}\nlocks {table}, and does not say so: {modes:?}") };
        for (_, other) in MODES {
            let waits = modes.iter().any(|mode| mode.conflicts(other));
            assert!(!waits || mode.conflicts(other), "{change}\nlocks {table} as {modes:?}, and says {mode}");
        }
    }
    for (table, (mode, _)) in declared.iter().filter(|(_, (_, reach))| *reach == Reach::Itself) {
        let below = FAMILIES.iter().filter(|(top, _)| top == table).flat_map(|(_, below)| *below);
        let family = below.copied().chain([table.as_str()]).filter_map(|table| held.get(table));
        let strongest = family.flatten().max();
        assert_eq!(strongest, Some(mode), "{change}\non {table}, it says {mode}");
    }
    let strongest = declared.values().map(|(mode, _)| *mode).max();
    assert_eq!(strongest, Some(change.lock()), "{change}\nits strongest lock");
}

#[test]
fn a_change_locks_what_it_says() {
    let db = TestDb::new(TABLES);
    let mut conn = PgConnection::establish(&db.url()).unwrap();
    let column = || ident("tenant_id");
    let changes = [
        Change::JoinIndexes(index("parts", "parts_idx")),
        Change::AddKey { table: table("child"), name: ident("child_new_key"), index: ident("child_code_tenant") },
        Change::AddNotNullCheck { table: table("child"), name: ident("c"), column: column() },
        Change::AddNotNullCheck { table: table("parts"), name: ident("c"), column: column() },
        validate("child", "child_check", None),
        Change::SetNotNull { table: table("child"), column: column() },
        Change::SetNotNull { table: table("parts"), column: column() },
        Change::DropNotNull { table: table("parts"), column: column() },
        drop("child", "child_check", None),
        drop("child", "child_code_key", None),
        key("child", "child_new", ExistingRows::NotValid),
        key("parts_1", "parts_1_new", ExistingRows::NotValid),
        validate("child", "child_old", Some("parent")),
        key("parts", "parts_key", ExistingRows::Checked),
        drop("child", "child_old", Some("parent")),
        drop("parts", "parts_old", Some("parent")),
    ];
    for change in changes {
        conn.batch_execute("BEGIN").unwrap();
        change.statement().run_script(&mut conn).unwrap_or_else(|error| panic!("{change}\n{error}"));
        let held = held(&mut conn, "l.pid = pg_backend_pid()");
        conn.batch_execute("ROLLBACK").unwrap();
        assert_as_declared(&change, &held);
    }
}

#[test]
fn an_index_that_is_built_beside_the_application_locks_what_it_says() {
    let db = TestDb::new(TABLES);
    let [mut application, mut watcher, mut builder] = [(), (), ()].map(|()| PgConnection::establish(&db.url()).unwrap());
    // A partition as well: the tables above it are not locked.
    for (of, name) in [("child", "child_built"), ("parts_1", "parts_1_built")] {
        application.batch_execute(&format!("BEGIN; LOCK TABLE {of} IN ROW EXCLUSIVE MODE")).unwrap();
        let change = Change::CreateIndex(index(of, name));
        let whose = format!(
            "l.pid = (SELECT pid FROM pg_catalog.pg_stat_activity WHERE query LIKE '%{name}%' AND wait_event = 'virtualxid' \
             AND datname = current_database() AND pid <> pg_backend_pid())"
        );
        let held = thread::scope(|scope| {
            scope.spawn(|| change.statement().run_script(&mut builder).unwrap());
            let begun = Instant::now();
            let mut locks = Locks::new();
            while locks.is_empty() && begun.elapsed() < Duration::from_secs(20) {
                thread::sleep(Duration::from_millis(10));
                locks = held(&mut watcher, &whose);
            }
            application.batch_execute("COMMIT").unwrap();
            locks
        });
        assert_as_declared(&change, &held);
    }
}

#[test]
fn what_the_server_lets_two_sessions_hold_is_what_does_not_conflict() {
    let db = TestDb::new(TABLES);
    let [mut one, mut other] = [(), ()].map(|()| PgConnection::establish(&db.url()).unwrap());
    for (_, mode) in MODES {
        for (_, beside) in MODES {
            one.batch_execute(&format!("BEGIN; LOCK TABLE child IN {mode} MODE")).unwrap();
            let waits = other.batch_execute(&format!("BEGIN; LOCK TABLE child IN {beside} MODE NOWAIT")).is_err();
            other.batch_execute("ROLLBACK").unwrap();
            one.batch_execute("ROLLBACK").unwrap();
            assert_eq!(mode.conflicts(beside), waits, "{beside} beside {mode}");
        }
    }
}

//! Connections, locks and retries against a real server.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use tenantize::db::lock::LockKey;
use tenantize::db::reconnect::{Patience, ReconnectError, reconnecting};
use tenantize::db::retry::{RetryError, RetryPolicy, ddl};
use tenantize::db::{BlockerWatch, ConnectError, Database, DatabaseUrl, Fault, LockError, RunLock, SessionSettings};

use crate::support::TestDb;

const TABLE: &str = "CREATE TABLE public.item (id int PRIMARY KEY, label text); INSERT INTO item VALUES (1, 'a'), (2, 'b');";
const ADD_COLUMN: &str = "ALTER TABLE public.item ADD COLUMN tenant_id int";
const SHORT: RetryPolicy =
    RetryPolicy { first: Duration::from_millis(100), max: Duration::from_millis(300), budget: Duration::from_millis(1200) };

fn open(db: &TestDb) -> Database {
    connect(&db.url()).unwrap()
}

fn connect(url: &str) -> Result<Database, ConnectError> {
    Database::connect(&DatabaseUrl::parse(url).unwrap(), &SessionSettings::default(), 4)
}

fn pid(conn: &mut PgConnection) -> i32 {
    diesel::select(sql::<Integer>("pg_backend_pid()")).get_result(conn).unwrap()
}

fn setting(conn: &mut PgConnection, name: &str) -> String {
    diesel::select(sql::<Text>("current_setting(").bind::<Text, _>(name).sql(")")).get_result(conn).unwrap()
}

/// A session that keeps `item` locked until told to let go.
fn blocker(db: &TestDb, application: &str) -> (i32, mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (told, tells) = (mpsc::channel::<()>(), mpsc::channel());
    let mut conn = PgConnection::establish(&db.url()).unwrap();
    conn.batch_execute(&format!("SET application_name = '{application}'; BEGIN; SELECT * FROM public.item")).unwrap();
    tells.0.send(pid(&mut conn)).unwrap();
    let holder = thread::spawn(move || {
        // an error means that the test is over
        let _ = told.1.recv();
        conn.batch_execute("COMMIT").unwrap();
    });
    (tells.1.recv().unwrap(), told.0, holder)
}

#[test]
fn every_connection_has_our_settings_and_a_search_path_that_nobody_can_write_to() {
    let test = TestDb::empty();
    test.psql(&format!("ALTER DATABASE {} SET search_path = app, public", test.name()));
    test.psql(&format!("ALTER DATABASE {} SET statement_timeout = '3s'", test.name()));
    test.psql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", test.name()));
    let db = open(&test);
    for conn in [&mut *db.get().unwrap(), &mut db.connect_dedicated().unwrap()] {
        for (name, value) in [
            ("row_security", "off"),
            ("lock_timeout", "900ms"),
            ("statement_timeout", "0"),
            ("application_name", "tenantize"),
            ("default_transaction_read_only", "off"),
            ("idle_session_timeout", "0"),
            ("TimeZone", "UTC"),
            ("search_path", "pg_catalog, pg_temp"),
        ] {
            assert_eq!(setting(conn, name), value, "{name}");
        }
        // what the operator wrote runs under the path of the database
        conn.batch_execute("SET search_path TO DEFAULT").unwrap();
        assert_eq!(setting(conn, "search_path"), "app, public");
    }
    assert!(db.version().is_supported());
}

#[test]
fn a_role_without_privileges_gets_the_same_settings() {
    let test = TestDb::empty();
    let role = test.role("app");
    test.psql(&format!("ALTER ROLE {role} LOGIN"));
    let url = DatabaseUrl::parse(&test.url()).unwrap().with_login(&role, "any'thing");
    let db = Database::connect(&url, &SessionSettings::default(), 1).unwrap();
    assert_eq!(setting(&mut db.get().unwrap(), "row_security"), "off");
}

#[test]
fn what_is_wrong_is_said_at_once() {
    let test = TestDb::empty();
    let begun = Instant::now();
    let wrong = DatabaseUrl::parse(&test.url()).unwrap().with_database("no_such_database");
    let error = Database::connect(&wrong, &SessionSettings::default(), 1).unwrap_err();
    assert!(matches!(error, ConnectError::UnknownDatabase { .. }), "{error:?}");

    let nobody = DatabaseUrl::parse(&test.url()).unwrap().with_login("no_such_role", "hunter2");
    let error = Database::connect(&nobody, &SessionSettings::default(), 1).unwrap_err();
    assert!(matches!(error, ConnectError::Login { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");

    let error = connect("postgres://app:hunter2@127.0.0.1:1/shop").unwrap_err();
    assert!(matches!(error, ConnectError::NoServer { .. }), "{error:?}");
    assert_eq!(error.to_string(), "no server answers at postgres://app:***@127.0.0.1:1/shop");

    let error = connect("postgres://nobody.invalid/shop").unwrap_err();
    assert!(matches!(error, ConnectError::UnknownHost { .. }), "{error:?}");

    let error = connect(&format!("{}?schema=hunter2", test.url())).unwrap_err();
    assert!(matches!(error, ConnectError::Parameter { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_used_up_pool_says_so() {
    let test = TestDb::empty();
    let url = DatabaseUrl::parse(&test.url()).unwrap();
    let role = test.role("app");
    test.psql(&format!("ALTER ROLE {role} LOGIN CONNECTION LIMIT 0"));
    let error = Database::connect(&url.with_login(&role, "x"), &SessionSettings::default(), 1).unwrap_err();
    assert!(matches!(error, ConnectError::TooManyConnections { .. }), "{error:?}");
}

#[test]
fn the_second_runner_hears_who_the_first_is() {
    let test = TestDb::empty();
    let db = open(&test);
    let mut lock = RunLock::acquire(&db, LockKey::RUN).unwrap();
    assert!(lock.still_held());

    let holder_pid = i32::try_from(test.scalar_i64("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")).unwrap();
    let Err(LockError::Busy(holder)) = RunLock::acquire(&db, LockKey::RUN) else { panic!("two runners") };
    assert_eq!((holder.pid, holder.application.as_deref()), (holder_pid, Some("tenantize")));
    assert_eq!(holder.client.as_deref(), Some("local"));
    assert!(holder.since.is_some());
    RunLock::acquire(&db, LockKey::new(2)).unwrap();

    drop(lock);
    RunLock::acquire(&db, LockKey::RUN).unwrap();
}

#[test]
fn a_lock_whose_connection_was_killed_is_not_held() {
    let test = TestDb::empty();
    let mut lock = RunLock::acquire(&open(&test), LockKey::RUN).unwrap();
    test.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'");
    assert!(!lock.still_held());
    RunLock::acquire(&open(&test), LockKey::RUN).unwrap();
}

#[test]
fn a_schema_change_gives_up_within_its_budget_and_names_the_blocker() {
    let test = TestDb::new(TABLE);
    let db = open(&test);
    let (blocker_pid, release, holder) = blocker(&test, "reports");
    let (begun, mut waits) = (Instant::now(), Vec::new());
    let mut conn = db.get().unwrap();
    let result = ddl(
        &mut conn,
        &SHORT,
        &mut BlockerWatch::new(&db),
        &mut |wait| {
            waits.push((wait.attempt, wait.fault, wait.lock_timeout));
            ControlFlow::Continue(())
        },
        |conn| conn.batch_execute(ADD_COLUMN),
    );
    let error = result.unwrap_err();
    assert!(begun.elapsed() < SHORT.budget + Duration::from_millis(800), "{:?}", begun.elapsed());
    let named = &error.blockers()[0];
    assert_eq!(
        (named.pid, named.application.as_deref(), named.state.as_deref()),
        (blocker_pid, Some("reports"), Some("idle in transaction"))
    );
    assert!(named.query.is_some());
    assert!(error.to_string().contains(&format!("blocked by pid {blocker_pid}, idle in transaction for ")), "{error}");
    assert!(waits.len() >= 2 && waits.iter().all(|(_, fault, _)| *fault == Fault::LockTimeout), "{waits:?}");
    assert!(waits.iter().all(|(_, _, timeout)| !timeout.is_zero()), "{waits:?}");
    assert_eq!(setting(&mut conn, "lock_timeout"), "900ms");
    release.send(()).unwrap();
    holder.join().unwrap();
}

#[test]
fn a_schema_change_succeeds_when_the_blocker_lets_go() {
    let test = TestDb::new(TABLE);
    let db = open(&test);
    let (_, release, holder) = blocker(&test, "reports");
    let policy = RetryPolicy { budget: Duration::from_secs(20), ..SHORT };
    ddl(
        &mut db.get().unwrap(),
        &policy,
        &mut BlockerWatch::new(&db),
        &mut |_| {
            // an error means that it has been told already
            let _ = release.send(());
            ControlFlow::Continue(())
        },
        |conn| conn.transaction(|conn| conn.batch_execute(ADD_COLUMN)),
    )
    .unwrap();
    holder.join().unwrap();
    assert_eq!(test.scalar_i64("SELECT count(*) FROM pg_attribute WHERE attname = 'tenant_id'"), 1);
}

#[test]
fn waiting_ends_when_asked_to() {
    let test = TestDb::new(TABLE);
    let db = open(&test);
    let (_, release, holder) = blocker(&test, "reports");
    let stop = &mut |_: tenantize::db::retry::LockAttempt<'_>| ControlFlow::Break(());
    let result = ddl(&mut db.get().unwrap(), &SHORT, &mut BlockerWatch::new(&db), stop, |conn| conn.batch_execute(ADD_COLUMN));
    assert!(matches!(result, Err(RetryError::Stopped)), "{result:?}");
    release.send(()).unwrap();
    holder.join().unwrap();
}

#[test]
fn another_error_is_not_repeated() {
    let test = TestDb::empty();
    let db = open(&test);
    let mut attempts = 0;
    let result = ddl(&mut db.get().unwrap(), &SHORT, &mut BlockerWatch::new(&db), &mut |_| ControlFlow::Continue(()), |conn| {
        attempts += 1;
        conn.batch_execute(ADD_COLUMN)
    });
    assert!(matches!(result, Err(RetryError::Failed(_))), "{result:?}");
    assert_eq!(attempts, 1);
}

#[test]
fn a_deadlock_is_repeated() {
    let test = TestDb::new(TABLE);
    let db = open(&test);
    let mut other = PgConnection::establish(&test.url()).unwrap();
    // the other one waits long before it looks for deadlocks, so that it is ours that is broken
    other.batch_execute("SET deadlock_timeout = '1min'; BEGIN; UPDATE public.item SET label = 'x' WHERE id = 2").unwrap();
    let policy = RetryPolicy { first: Duration::from_secs(2), max: Duration::from_secs(2), budget: Duration::from_mins(1) };
    let (ready, meet) = mpsc::channel::<()>();
    let opponent = thread::spawn(move || {
        meet.recv().unwrap();
        other.batch_execute("UPDATE public.item SET label = 'x' WHERE id = 1; COMMIT").unwrap();
    });
    let mut faults = Vec::new();
    let mut conn = db.get().unwrap();
    conn.batch_execute("SET deadlock_timeout = '300ms'").unwrap();
    ddl(
        &mut conn,
        &policy,
        &mut BlockerWatch::new(&db),
        &mut |wait| {
            faults.push(wait.fault);
            ControlFlow::Continue(())
        },
        |conn| {
            conn.transaction(|conn| {
                conn.batch_execute("UPDATE public.item SET label = 'y' WHERE id = 1")?;
                // an error means that they have met already
                let _ = ready.send(());
                thread::sleep(Duration::from_millis(200));
                conn.batch_execute("UPDATE public.item SET label = 'y' WHERE id = 2")
            })
        },
    )
    .unwrap();
    opponent.join().unwrap();
    assert_eq!(faults, [Fault::Deadlock]);
    assert_eq!(test.psql("SELECT string_agg(label, '' ORDER BY id) FROM public.item"), "yy");
}

#[test]
fn faults_are_recognised_on_a_server_that_speaks_german() {
    let test = TestDb::new(TABLE);
    let (_, release, holder) = blocker(&test, "reports");
    let mut conn = PgConnection::establish(&test.url()).unwrap();
    // without the translation installed the server answers in English, which is right as well
    conn.batch_execute("SET lc_messages = 'de_DE.UTF-8'").or_else(|_| conn.batch_execute("SET lc_messages = 'C'")).unwrap();
    conn.batch_execute("SET lock_timeout = '50ms'; SET statement_timeout = '5s'").unwrap();
    assert_eq!(Fault::of(&conn.batch_execute(ADD_COLUMN).unwrap_err()), Fault::LockTimeout);
    let taken = conn.batch_execute("LOCK TABLE public.item IN ACCESS EXCLUSIVE MODE NOWAIT").unwrap_err();
    assert_eq!(Fault::of(&taken), Fault::Other, "LOCK TABLE needs a transaction: {taken}");
    let taken = conn.batch_execute("BEGIN; LOCK TABLE public.item IN ACCESS EXCLUSIVE MODE NOWAIT").unwrap_err();
    assert_eq!(Fault::of(&taken), Fault::LockTimeout, "{taken}");
    conn.batch_execute("ROLLBACK; SET statement_timeout = '50ms'").unwrap();
    assert_eq!(Fault::of(&conn.batch_execute("SELECT pg_sleep(5)").unwrap_err()), Fault::StatementTimeout);
    release.send(()).unwrap();
    holder.join().unwrap();
}

#[test]
fn a_killed_backend_is_a_lost_connection_wherever_it_is_noticed() {
    let test = TestDb::empty();
    let kill = |conn: &mut PgConnection| test.psql(&format!("SELECT pg_terminate_backend({}, 5000)", pid(conn)));

    let mut idle = PgConnection::establish(&test.url()).unwrap();
    kill(&mut idle);
    let error = diesel::select(sql::<Integer>("1")).get_result::<i32>(&mut idle).unwrap_err();
    assert_eq!(Fault::of(&error), Fault::ConnectionLost, "{error:?}");

    let mut batch = PgConnection::establish(&test.url()).unwrap();
    kill(&mut batch);
    let error = batch.batch_execute("SELECT 1").unwrap_err();
    assert_eq!(Fault::of(&error), Fault::ConnectionLost, "{error:?}");

    let mut open = PgConnection::establish(&test.url()).unwrap();
    let error = open
        .transaction(|conn| {
            kill(conn);
            diesel::sql_query("SELECT 1").execute(conn)
        })
        .unwrap_err();
    assert_eq!(Fault::of(&error), Fault::ConnectionLost, "{error:?}");

    let mut commit = PgConnection::establish(&test.url()).unwrap();
    let error = commit.transaction(|conn| Ok::<_, diesel::result::Error>(kill(conn))).unwrap_err();
    assert_eq!(Fault::of(&error), Fault::ConnectionLost, "{error:?}");

    let mut busy = PgConnection::establish(&test.url()).unwrap();
    let victim = pid(&mut busy);
    let url = test.url();
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        let mut conn = PgConnection::establish(&url).unwrap();
        conn.batch_execute(&format!("SELECT pg_terminate_backend({victim})")).unwrap();
    });
    let error = diesel::sql_query("SELECT pg_sleep(30)").execute(&mut busy).unwrap_err();
    assert_eq!(Fault::of(&error), Fault::ConnectionLost, "{error:?}");
    killer.join().unwrap();
}

#[test]
fn work_goes_on_with_another_connection_after_its_own_was_killed() {
    let test = TestDb::new(TABLE);
    let db = open(&test);
    let (mut pids, mut waits) = (Vec::new(), 0);
    let sum: i64 = reconnecting(
        &db,
        Patience(Duration::from_secs(20)),
        &mut |_| {
            waits += 1;
            ControlFlow::Continue(())
        },
        |conn| {
            pids.push(pid(conn));
            if pids.len() < 3 {
                test.psql(&format!("SELECT pg_terminate_backend({}, 5000)", pids[pids.len() - 1]));
            }
            diesel::select(sql::<diesel::sql_types::BigInt>("(SELECT sum(id) FROM public.item)")).get_result(conn)
        },
    )
    .unwrap();
    assert_eq!((sum, waits), (3, 2));
    assert!(pids[0] != pids[1] && pids[1] != pids[2], "{pids:?}");
}

#[test]
fn a_database_that_is_gone_ends_the_work_and_its_own_errors_pass() {
    let test = TestDb::empty();
    let db = open(&test);
    let own: Result<(), _> =
        reconnecting(&db, Patience::default(), &mut |_| ControlFlow::Continue(()), |conn| conn.batch_execute("SELECT 1/0"));
    assert!(matches!(own, Err(ReconnectError::Work(_))), "{own:?}");

    let other = TestDb::empty();
    let db = open(&other);
    drop(other);
    let gone: Result<(), ReconnectError<diesel::result::Error>> =
        reconnecting(&db, Patience(Duration::from_secs(8)), &mut |_| ControlFlow::Continue(()), |conn| conn.batch_execute("SELECT 1"));
    assert!(matches!(gone, Err(ReconnectError::Connect(ConnectError::UnknownDatabase { .. }))), "{gone:?}");
}

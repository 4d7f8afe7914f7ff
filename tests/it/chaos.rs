//! A run that is killed, stopped, cut off, crashed under and raced, and still comes to the same end.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tenantize::server::{Server, ServerOptions};

use crate::support::{Cli, Scenario, Spawned, TestDb, fixture_folder, psql_at};

/// Makes the shop big enough to be interrupted: some 30 000 rows.
const BIG: &str = "
    INSERT INTO orders (user_id, number, total) SELECT 1 + n % 60, 'B' || n, n FROM generate_series(0, 9999) AS n;
    INSERT INTO order_lines (id, order_id, product, quantity)
    SELECT ('11111111-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 1 + n % 10600, 'p' || 1 + n % 7, n % 9
    FROM generate_series(0, 19999) AS n;
";

const QUICK: [&str; 4] = ["--jobs", "2", "--batch-time", "10ms"];

fn big() -> Scenario {
    Scenario::with("shop", BIG)
}

fn with<'a>(command: &[&'a str]) -> Vec<&'a str> {
    command.iter().chain(&QUICK).copied().collect()
}

/// Waits until the SQL condition holds.
#[track_caller]
fn wait_until(db: &TestDb, condition: &str) {
    wait_until_at(&db.url(), condition);
}

#[track_caller]
fn wait_until_at(url: &str, condition: &str) {
    let begun = Instant::now();
    while psql_at(url, &format!("SELECT {condition}")).as_deref() != Ok("t") {
        assert!(begun.elapsed() < Duration::from_mins(1), "this never came true: {condition}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Holds one row of `order_lines`, in the middle of the table: a fill comes to it and waits.
struct RowInTheWay(PgConnection);

impl RowInTheWay {
    fn hold(url: &str) -> Self {
        let mut conn = PgConnection::establish(url).unwrap();
        conn.batch_execute(
            "SET application_name = 'nightly report'; BEGIN; \
             SELECT FROM order_lines WHERE id = '11111111-0000-4000-8000-000000009000' FOR UPDATE",
        )
        .unwrap();
        Self(conn)
    }

    fn release(mut self) {
        self.0.batch_execute("COMMIT").unwrap();
    }
}

const A_WORKER_WAITS: &str = "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
     AND application_name LIKE 'tenantize%' AND wait_event_type = 'Lock' AND query LIKE '%order_lines%')";

/// The old application, at work during the run: it inserts, moves, changes and deletes.
struct Application {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Application {
    fn start(db: &TestDb, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, url) = (Arc::clone(&stop), db.url());
        let thread = thread::spawn(move || {
            let mut rng = Rng::with_seed(seed);
            let mut conn = PgConnection::establish(&url).unwrap();
            let mut written = 0_u32;
            while !told.load(Ordering::Relaxed) {
                let number = written;
                let (order, line) = (rng.u32(1..=10_600), rng.u32(0..20_000));
                let user = rng.u32(1..=60);
                let statement = match rng.u8(0..6) {
                    0 | 1 => format!("INSERT INTO orders (user_id, number, total) VALUES ({user}, 'W{number}', 1)"),
                    2 => format!(
                        "INSERT INTO order_lines (id, order_id, product, quantity) VALUES ('22222222-0000-4000-8000-{number:012}', {order}, 'p1', 1)"
                    ),
                    // to an order of any tenant
                    3 => format!("UPDATE order_lines SET order_id = {order} WHERE id = '11111111-0000-4000-8000-{line:012}'"),
                    4 => format!("UPDATE orders SET total = total + 0 WHERE id = {order}"),
                    _ => format!("DELETE FROM order_lines WHERE id = '22222222-0000-4000-8000-{:012}'", number.saturating_sub(3)),
                };
                match conn.batch_execute(&statement) {
                    Ok(()) => written += 1,
                    // rls takes the guards away: from here on the application must say for which tenant it speaks
                    Err(error) if error.to_string().contains("tenant_id") && is_rls_begun(&url) => break,
                    Err(error) => panic!("{statement}\n{error}"),
                }
                thread::sleep(Duration::from_millis(2));
            }
            written
        });
        Self { stop, thread }
    }

    /// Returns how many statements it has run.
    fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn is_rls_begun(url: &str) -> bool {
    psql_at(url, "SELECT to_regnamespace('tenancy') IS NOT NULL").unwrap() == "t"
}

/// Rows whose tenant is not the one of their parent, or of the map.
const MISPLACED: &str = "
    SELECT 'users', u.id::text FROM users AS u JOIN tenants AS t ON t.id = u.tenant_id WHERE t.slug <> (ARRAY['default', 'acme', 'globex'])[1 + u.id % 3]
    UNION ALL SELECT 'orders', o.id::text FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE o.tenant_id IS DISTINCT FROM u.tenant_id
    UNION ALL SELECT 'order_lines', l.id::text FROM order_lines AS l JOIN orders AS o ON o.id = l.order_id WHERE l.tenant_id IS DISTINCT FROM o.tenant_id
    LIMIT 20
";

/// Takes back what the application did, by hand, so that the rest can be compared.
const TAKE_BACK: &str = "
    SET session_replication_role = replica;
    DELETE FROM order_lines WHERE id::text LIKE '22222222%';
    DELETE FROM orders WHERE number LIKE 'W%';
    UPDATE order_lines AS l SET order_id = o.id, tenant_id = o.tenant_id FROM orders AS o
    WHERE l.id::text LIKE '11111111%' AND o.id = 1 + right(l.id::text, 12)::int % 10600 AND l.order_id <> o.id;
    UPDATE order_lines SET updated_at = '2024-01-01' WHERE updated_at <> '2024-01-01';
    UPDATE orders SET updated_at = '2024-01-01' WHERE updated_at <> '2024-01-01';
    DELETE FROM journal_of_changes;
    SELECT setval('orders_id_seq', 10600);
";

/// Kills the program again and again until it comes to the end between two kills; returns how often it was killed.
fn run_under_fire(scenario: &Scenario, rng: &mut Rng) -> u32 {
    let mut kills = 0;
    while let Some(command) = next_command(scenario) {
        let mut program = scenario.cli(&with(command)).spawn();
        // later and later, so that it comes to an end
        let moment = Duration::from_millis(rng.u64(30..250) + 20 * u64::from(kills));
        let started = Instant::now();
        while program.is_running() && started.elapsed() < moment {
            thread::sleep(Duration::from_millis(2));
        }
        if program.is_running() {
            program.signal(Signal::SIGKILL);
        }
        let output = program.wait();
        match output.code() {
            Some(0) => return kills,
            None => kills += 1,
            // the server has not yet noticed that the one before is dead
            Some(7) => thread::sleep(Duration::from_millis(50)),
            // the one before was killed in the commit that opens the run, which was not yet to be seen
            Some(_) if command[0] == "run" && scenario.state() == "running" => {}
            Some(_) => panic!("{output}"),
        }
        assert!(kills < 200, "it never ends");
    }
    kills
}

/// What an operator would do now; nothing where the run is finished, even if its program was killed before it could say so.
fn next_command(scenario: &Scenario) -> Option<&'static [&'static str]> {
    if scenario.db().psql("SELECT to_regclass('tenantize.runs') IS NOT NULL") != "t" {
        return Some(&["run", "--yes"]);
    }
    match scenario.state().as_str() {
        "" => Some(&["run", "--yes"]),
        "finished" => None,
        _ => Some(&["resume"]),
    }
}

/// Says what a failure can be repeated with: `TENANTIZE_SEED=…`.
fn tell(what: &str) {
    writeln!(std::io::stderr(), "{what}").unwrap();
}

fn seeds() -> std::ops::Range<u64> {
    let full = std::env::var("TENANTIZE_CHAOS").is_ok_and(|chaos| chaos == "full");
    let first = std::env::var("TENANTIZE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    first..first + if full { 20 } else { 3 }
}

#[test]
fn killed_at_random_moments_it_writes_each_row_once() {
    let whole = big();
    whole.tenantize(&with(&["run", "--yes"]));
    let expected = whole.content();
    for seed in seeds() {
        let scenario = big();
        let kills = run_under_fire(&scenario, &mut Rng::with_seed(seed));
        tell(&format!("seed {seed}: killed {kills} times"));
        scenario.assert_counters_are_exact();
        scenario.content().assert_same_as(&expected, &format!("seed {seed}, killed {kills} times"));
    }
}

#[test]
fn killed_while_the_application_writes_it_places_every_row() {
    let whole = big();
    whole.run();
    let expected = whole.content().data;
    for seed in seeds().take(if seeds().count() > 3 { 20 } else { 2 }) {
        let scenario = big();
        let application = Application::start(scenario.db(), seed);
        let kills = run_under_fire(&scenario, &mut Rng::with_seed(seed));
        let written = application.end();
        tell(&format!("seed {seed}: killed {kills} times, {written} statements of the application"));
        assert!(written > 20, "seed {seed}: the application could not work");
        assert_eq!(scenario.db().psql(MISPLACED), "", "seed {seed}");
        scenario.rows_per_tenant();
        scenario.db().psql(TAKE_BACK);
        let found = scenario.content().data;

        assert_eq!(without_backup(&found), without_backup(&expected), "seed {seed}");
    }
}

/// The copies hold what was there when the run began: with an application at work, nobody knows what.
fn without_backup(data: &str) -> String {
    let mut copied = false;
    let outside = |line: &&str| {
        if line.starts_with("COPY ") || line.starts_with("SELECT ") {
            copied = line.starts_with("COPY tenantize_backup.");
        }
        !copied
    };
    data.lines().filter(outside).collect::<Vec<_>>().join("\n")
}

/// A program that has come to the row in the way, in the middle of the biggest table.
fn fill_in_the_middle(scenario: &Scenario) -> (Spawned, RowInTheWay) {
    scenario.tenantize(&with(&["run", "--yes", "--until", "expand"]));
    let row = RowInTheWay::hold(&scenario.db().url());
    let program = scenario.cli(&with(&["resume"])).spawn();
    wait_until(scenario.db(), A_WORKER_WAITS);
    (program, row)
}

#[test]
fn sigterm_ends_it_after_the_batch_and_it_can_go_on() {
    let scenario = big();
    let (program, row) = fill_in_the_middle(&scenario);
    program.signal(Signal::SIGTERM);
    let output = program.wait();
    assert_eq!(output.code(), Some(5), "{output}");
    assert!(output.stderr.contains("tenantize resume"), "{output}");
    assert_eq!(scenario.state(), "stopped");
    row.release();
    scenario.tenantize(&with(&["resume"]));
    scenario.assert_counters_are_exact();
    let whole = big();
    whole.run();
    scenario.content().assert_same_as(&whole.content(), "after SIGTERM");
}

#[test]
fn a_worker_that_loses_its_connection_goes_on_by_itself() {
    let scenario = big();
    let (program, row) = fill_in_the_middle(&scenario);
    let ended = scenario.db().psql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name LIKE 'tenantize%' AND wait_event_type = 'Lock'",
    );
    assert_ne!(ended, "0");
    row.release();
    let output = program.wait();
    assert!(output.ok(), "{output}");
    scenario.assert_counters_are_exact();
}

#[test]
fn a_second_program_is_refused_while_one_works() {
    let scenario = big();
    let (program, row) = fill_in_the_middle(&scenario);
    let holder = scenario.db().psql(
        "SELECT l.pid FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database \
         WHERE d.datname = current_database() AND locktype = 'advisory' AND classid = x'74656e61'::int",
    );
    for command in [&["resume"][..], &["run", "--yes"], &["rollback", "--yes"]] {
        let output = scenario.refused(7, command);
        assert!(output.stderr.contains(&format!("(pid {holder})")), "{holder}: {output}");
    }
    row.release();
    assert!(program.wait().ok());
    scenario.assert_counters_are_exact();
}

/// The worst of all: a program that sleeps, loses its lock to another one, and wakes up.
#[test]
fn a_program_that_was_taken_over_is_fenced() {
    let scenario = big();
    let (first, row) = fill_in_the_middle(&scenario);
    first.signal(Signal::SIGSTOP);
    scenario.db().psql(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database \
         WHERE d.datname = current_database() AND locktype = 'advisory'",
    );
    let second = scenario.cli(&with(&["resume"])).spawn();
    wait_until(scenario.db(), "epoch = 3 FROM tenantize.runs");
    // the statement of the first ends, and its transaction stays open: nobody is there to end it
    row.release();
    thread::sleep(Duration::from_millis(300));
    first.signal(Signal::SIGCONT);
    let first = first.wait();
    assert_eq!(first.code(), Some(7), "{first}");
    let second = second.wait();
    assert!(second.ok(), "{second}");
    scenario.assert_counters_are_exact();
    assert_eq!(scenario.state(), "finished");
    assert_eq!(scenario.db().scalar_i64("SELECT count(*) FROM tenantize.steps WHERE state <> 'done'"), 0);
}

/// A backend that dies takes the server down: every connection is lost, what was not on disk as well.
#[test]
fn a_server_that_crashes_and_recovers_costs_nothing_but_time() {
    let options = ServerOptions {
        settings: vec![("restart_after_crash".into(), "on".into()), ("wal_writer_delay".into(), "10s".into())],
        ..ServerOptions::default()
    };
    let server = Server::start(&options).unwrap();
    let url = server.url("postgres");
    let (folder, before) = fixture_folder("shop", "crash_app", "crash_readonly");
    psql_at(&url, &format!("{before}\n{BIG}")).unwrap();
    let file = folder.path().join("tenantize.toml");
    let cli = |command: &[&str]| {
        let cli = Cli::new().args(with(command)).args(["--progress", "plain", "--database-url", &url]);
        cli.arg("--config").arg(&file)
    };
    let output = cli(&["run", "--yes", "--until", "expand"]).run();
    assert!(output.ok(), "{output}");
    let row = RowInTheWay::hold(&url);
    let program = cli(&["resume"]).spawn();
    wait_until_at(&url, A_WORKER_WAITS);
    let victim: i32 = psql_at(&url, "SELECT pid FROM pg_stat_activity WHERE application_name = 'nightly report'").unwrap().parse().unwrap();
    kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
    drop(row);
    let output = program.wait();
    assert!(output.ok(), "{output}");
    assert_eq!(psql_at(&url, MISPLACED).unwrap(), "");
    let counters = "SELECT relation, sum(rows_done) FROM tenantize.fill_chunks GROUP BY 1 ORDER BY 1";
    assert_eq!(
        psql_at(&url, counters).unwrap(),
        "public.coupons|60\npublic.order_lines|21800\npublic.orders|10600\npublic.users|60",
        "{output}"
    );
}

//! Several programs fill one database: no row twice, counters exact, and whoever dies is replaced.

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use nix::sys::signal::Signal;

use crate::support::{Scenario, Spawned, psql_at};

/// Some 60 000 rows, few to a page: there are so many pages that several workers find a chunk each.
const BIG: &str = "
    ALTER TABLE order_lines SET (fillfactor = 10);
    INSERT INTO orders (user_id, number, total) SELECT 1 + n % 60, 'B' || n, n FROM generate_series(0, 9999) AS n;
    INSERT INTO order_lines (id, order_id, product, quantity)
    SELECT ('11111111-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 1 + n % 10600, 'p' || 1 + n % 7, n % 9
    FROM generate_series(0, 49999) AS n;
";

/// The fill that takes long.
const LINES: &str = "relation = 'public.order_lines'";

fn big() -> Scenario {
    Scenario::with("shop", BIG)
}

fn is_true(scenario: &Scenario, condition: &str) -> bool {
    psql_at(&scenario.db().url(), &format!("SELECT {condition}")).as_deref() == Ok("t")
}

#[track_caller]
fn wait_until(scenario: &Scenario, condition: &str) {
    let begun = Instant::now();
    while !is_true(scenario, condition) {
        assert!(
            begun.elapsed() < Duration::from_secs(40),
            "this never came true: {condition}\n{}\n{}",
            scenario.tenantize(&["status"]).stdout,
            scenario
                .db()
                .psql("SELECT relation, first_page, end_page, stripe, stripes, rows_done, state, program FROM tenantize.fill_chunks")
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// A program that leads, in the middle of the biggest table, and one that helps; both so slow that they stay there.
fn two_programs(scenario: &Scenario, leads: &[&str], helps: &[&str]) -> (Spawned, Spawned) {
    let slow = ["--jobs", "1", "--batch-time", "5ms", "--nice", "0.9"];
    scenario.tenantize(&["run", "--yes", "--strategy", "batched", "--until", "expand"]);
    let leader = scenario.cli(&[&["resume"], &slow[..], leads].concat()).spawn();
    wait_until(scenario, &format!("EXISTS (SELECT FROM tenantize.fill_chunks WHERE {LINES} AND rows_done > 0)"));
    let helper = scenario.cli(&[&["run", "--join"], &slow[..], helps].concat()).spawn();
    wait_until(
        scenario,
        &format!("(SELECT count(DISTINCT program) FROM tenantize.fill_chunks WHERE {LINES} AND state = 'claimed' AND rows_done > 0) = 2"),
    );
    (leader, helper)
}

/// Lets all programs work as fast as they can.
fn let_go(scenario: &Scenario) {
    scenario.tenantize(&["set", "nice=0", "batch-time=100ms"]);
}

/// Rows whose tenant is not the one of their parent.
const MISPLACED: &str = "
    SELECT 'orders', o.id::text FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE o.tenant_id IS DISTINCT FROM u.tenant_id
    UNION ALL SELECT 'order_lines', l.id::text FROM order_lines AS l JOIN orders AS o ON o.id = l.order_id WHERE l.tenant_id IS DISTINCT FROM o.tenant_id
    LIMIT 20
";

/// The run has come to its end, every row was written once, to its place.
fn assert_exact(scenario: &Scenario) {
    assert_eq!(scenario.state(), "finished");
    scenario.assert_counters_are_exact();
    assert_eq!(scenario.db().psql(MISPLACED), "");
}

/// Updates of the table that the server has counted, those of transactions that were taken back as well.
fn updates(scenario: &Scenario) -> i64 {
    thread::sleep(Duration::from_millis(1200));
    scenario.db().scalar_i64("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'public.order_lines'::regclass")
}

#[test]
fn two_programs_fill_one_database_and_write_each_row_once() {
    let scenario = big();
    let (leader, helper) = two_programs(&scenario, &[], &[]);
    let shown = scenario.tenantize(&["status"]).stdout;
    assert_eq!(shown.matches("process").count(), 2, "{shown}");
    let_go(&scenario);
    let (leader, helper) = (leader.wait(), helper.wait());
    assert!(leader.ok() && helper.ok(), "{leader}\n{helper}");
    assert_eq!(updates(&scenario), 51_800, "the server has seen each row written once");
    let by_helper = scenario.db().scalar_i64(
        "SELECT sum(rows_done)::bigint FROM tenantize.fill_chunks WHERE program = (SELECT max(program) FROM tenantize.fill_chunks)",
    );
    assert!(by_helper > 0);
    assert!(helper.stderr.contains("This program has written "), "{helper}");
    assert!(helper.stderr.contains("next: tenantize verify"), "{helper}");
    assert_exact(&scenario);
    let whole = big();
    whole.tenantize(&["run", "--yes", "--strategy", "batched"]);
    scenario.content().assert_same_as(&whole.content(), "with two programs");
}

#[test]
fn when_the_helper_is_killed_the_leader_finishes() {
    let scenario = big();
    let (leader, helper) = two_programs(&scenario, &[], &[]);
    helper.signal(Signal::SIGKILL);
    helper.wait();
    let_go(&scenario);
    let leader = leader.wait();
    assert!(leader.ok(), "{leader}");
    assert_exact(&scenario);
}

#[test]
fn when_the_leader_is_killed_the_helper_fills_on_and_stays_for_the_next_one() {
    let scenario = big();
    let (leader, mut helper) = two_programs(&scenario, &[], &[]);
    leader.signal(Signal::SIGKILL);
    leader.wait();
    let_go(&scenario);
    wait_until(&scenario, &format!("NOT EXISTS (SELECT FROM tenantize.fill_chunks WHERE {LINES} AND state <> 'done')"));
    assert!(helper.is_running());
    assert_eq!(scenario.state(), "running", "nobody has ended the step: that is the leader's");
    scenario.tenantize(&["resume"]);
    let helper = helper.wait();
    assert!(helper.ok(), "{helper}");
    assert!(helper.stderr.contains("nobody leads the run"), "{helper}");
    assert_exact(&scenario);
}

/// The leader has died without a word, so the run is to go on: as far as the leader was to take it.
#[test]
fn when_the_leader_is_killed_and_nobody_resumes_the_helper_leads() {
    let scenario = big();
    let (leader, helper) = two_programs(&scenario, &["--until", "constraints"], &["--patience", "2s"]);
    leader.signal(Signal::SIGKILL);
    leader.wait();
    let_go(&scenario);
    let helper = helper.wait();
    assert!(helper.ok(), "{helper}");
    assert!(helper.stderr.contains("run 1 resumed"), "{helper}");
    assert_eq!(scenario.state(), "stopped");
    assert_eq!(scenario.db().psql("SELECT DISTINCT phase FROM tenantize.steps WHERE state <> 'done'"), "rls");
    scenario.tenantize(&["resume"]);
    assert_exact(&scenario);
}

#[test]
fn a_helper_follows_the_run_to_its_next_leader() {
    let scenario = big();
    let (leader, helper) = two_programs(&scenario, &[], &[]);
    leader.signal(Signal::SIGTERM);
    assert_eq!(leader.wait().code(), Some(5));
    let epoch = scenario.db().scalar_i64("SELECT epoch FROM tenantize.runs");
    let next = scenario.cli(&["resume", "--jobs", "1", "--batch-time", "5ms"]).spawn();
    wait_until(&scenario, &format!("epoch > {epoch} FROM tenantize.runs"));
    wait_until(
        &scenario,
        &format!("(SELECT count(DISTINCT program) FROM tenantize.fill_chunks WHERE {LINES} AND state = 'claimed' AND rows_done > 0) = 2"),
    );
    let_go(&scenario);
    let (next, helper) = (next.wait(), helper.wait());
    assert!(next.ok() && helper.ok(), "{next}\n{helper}");
    assert_exact(&scenario);
}

#[test]
fn a_helper_goes_when_it_is_asked_to_or_nobody_leads() {
    let scenario = big();
    scenario.refused(2, &["run", "--join"]);
    let (leader, helper) = two_programs(&scenario, &[], &[]);
    helper.signal(Signal::SIGTERM);
    let helper = helper.wait();
    assert_eq!(helper.code(), Some(5), "{helper}");
    assert!(helper.stderr.contains("it goes on without this program"), "{helper}");
    leader.signal(Signal::SIGTERM);
    assert_eq!(leader.wait().code(), Some(5));
    scenario.tenantize(&["pause"]);
    let helper = scenario.cli(&["run", "--join", "--patience", "1s"]).spawn();
    wait_until(&scenario, "EXISTS (SELECT FROM tenantize.programs WHERE state ->> 'waits' LIKE 'paused%')");
    thread::sleep(Duration::from_secs(2));
    scenario.tenantize(&["unpause"]);
    let helper = helper.wait();
    assert_eq!(helper.code(), Some(1), "{helper}");
    assert!(helper.stderr.contains("nobody has led run 1 for 1s"), "{helper}");
    scenario.tenantize(&["resume"]);
    scenario.refused(2, &["run", "--join"]);
    assert_exact(&scenario);
}

/// The session that shows that a program lives is lost, and the program lives: others take its chunk, and nothing is written twice.
#[test]
fn a_program_that_is_taken_for_dead_does_no_harm() {
    let scenario = big();
    let (leader, helper) = two_programs(&scenario, &[], &[]);
    let number = scenario.db().psql("SELECT max(program) FROM tenantize.fill_chunks");
    let chunk = scenario.db().psql(&format!(
        "SELECT first_page, end_page FROM tenantize.fill_chunks WHERE {LINES} AND state = 'claimed' AND program = {number}"
    ));
    let (chunk, end) = chunk.split_once('|').unwrap();
    // It stands still in the middle of its chunk, because a row is in its way; meanwhile its session ends.
    let mut in_the_way = PgConnection::establish(&scenario.db().url()).unwrap();
    in_the_way
        .batch_execute(&format!(
            "BEGIN; SELECT FROM order_lines WHERE ctid >= '({chunk},0)' AND ctid < '({end},0)' AND tenant_id IS NULL FOR UPDATE"
        ))
        .unwrap();
    let_go(&scenario);
    let taken = format!("EXISTS (SELECT FROM tenantize.fill_chunks WHERE {LINES} AND first_page = {chunk} AND program <> {number})");
    let begun = Instant::now();
    while !is_true(&scenario, &taken) {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "nobody takes chunk {chunk}:\n{}\n{}",
            scenario.tenantize(&["status"]).stdout,
            scenario
                .db()
                .psql(&format!("SELECT first_page, end_page, stripe, next_page, state, program FROM tenantize.fill_chunks WHERE {LINES}"))
        );
        scenario.db().psql(&format!(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database \
             WHERE d.datname = current_database() AND locktype = 'advisory' AND classid = x'74656e70'::int \
             AND objid = {number}"
        ));
        thread::sleep(Duration::from_millis(20));
    }
    in_the_way.batch_execute("COMMIT").unwrap();
    let (leader, helper) = (leader.wait(), helper.wait());
    assert!(leader.ok() && helper.ok(), "{leader}\n{helper}");
    assert_exact(&scenario);
}

/// Two programs at a time, one of which is killed again and again: the leader or the helper, whoever has the luck. The other one
/// goes on, and may come to lead.
#[test]
fn killed_by_turns_they_write_each_row_once() {
    let full = std::env::var("TENANTIZE_CHAOS").is_ok_and(|chaos| chaos == "full");
    for seed in 1..=if full { 10 } else { 2 } {
        let mut rng = fastrand::Rng::with_seed(seed);
        let scenario = big();
        let quick = ["--jobs", "2", "--batch-time", "10ms"];
        scenario.tenantize(&["run", "--yes", "--strategy", "batched", "--until", "expand"]);
        let spawn = |command: &[&str]| scenario.cli(&command.iter().chain(&quick).copied().collect::<Vec<_>>()).spawn();
        let leader = || spawn(&["resume"]);
        let helper = || spawn(&["run", "--join", "--patience", "1s"]);
        let mut programs = vec![leader(), helper()];
        let mut kills = 0;
        while scenario.state() != "finished" {
            thread::sleep(Duration::from_millis(rng.u64(100..600 + 40 * kills)));
            let victim = programs.swap_remove(rng.usize(0..programs.len()));
            victim.signal_if_running(Signal::SIGKILL);
            victim.wait();
            kills += 1;
            programs.push(if rng.bool() { leader() } else { helper() });
            // Nobody is left to lead when both are helpers of a run whose leader has stopped.
            for program in &mut programs {
                if !program.is_running() {
                    *program = leader();
                }
            }
            assert!(kills < 100, "seed {seed}: it never ends");
        }
        drop(programs);
        assert_exact(&scenario);
    }
}

/// The shop with so many small tables whose rows follow their user.
fn notes(count: i32, sql: &str) -> Scenario {
    let table = |n: i32| {
        format!(
            "CREATE TABLE notes_{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, body text);
             INSERT INTO notes_{n} (user_id, body) SELECT 1 + i % 60, repeat('x', 100) FROM generate_series(0, 7999) AS i;"
        )
    };
    let rule = |n: i32| format!("\n[tables.\"public.notes_{n}\"]\ntenant = {{ parent = \"public.users\" }}\n");
    let (tables, config): (Vec<String>, Vec<String>) = (0..count).map(|n| (table(n), rule(n))).unzip();
    let scenario = Scenario::with("shop", &format!("{}\n{sql}", tables.join("\n")));
    let toml = scenario.file("tenantize.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, text + &config.concat()).unwrap();
    scenario
}

/// Small tables that do not depend on each other are filled side by side, and a child begins when its parent is done.
#[test]
fn tables_are_filled_side_by_side_and_parents_first() {
    let scenario = notes(12, "");
    scenario.tenantize(&["run", "--yes", "--strategy", "batched", "--jobs", "2", "--batch-time", "5ms", "--until", "backfill"]);
    let fills = "(SELECT * FROM tenantize.steps WHERE step_id LIKE 'backfill/%/fill')";
    let together = scenario.db().scalar_i64(&format!(
        "SELECT count(*) FROM {fills} AS a JOIN {fills} AS b ON a.position < b.position AND a.finished_at > b.started_at \
         WHERE a.step_id LIKE '%notes%' AND b.step_id LIKE '%notes%'"
    ));
    assert!(together > 0, "no two tables were filled at the same time");
    let busy = scenario.db().scalar_i64("SELECT count(DISTINCT worker) FROM tenantize.fill_chunks WHERE relation LIKE '%notes%'");
    assert_eq!(busy, 2);
    let too_early = scenario.db().psql(&format!(
        "SELECT c.step_id FROM {fills} AS c JOIN {fills} AS p \
         ON p.step_id = CASE WHEN c.step_id LIKE '%order_lines%' THEN 'backfill/public.orders/fill' ELSE 'backfill/public.users/fill' END \
         WHERE c.step_id <> p.step_id AND c.started_at < p.finished_at"
    ));
    assert_eq!(too_early, "");
    scenario.assert_counters_are_exact();
    scenario.tenantize(&["resume"]);
}

#[test]
fn one_worker_keeps_to_the_order_of_the_plan() {
    let scenario = notes(3, "");
    scenario.tenantize(&["run", "--yes", "--strategy", "batched", "--jobs", "1", "--until", "backfill"]);
    let order = |by: &str| scenario.db().psql(&format!("SELECT step_id FROM tenantize.steps WHERE phase = 'backfill' ORDER BY {by}"));
    assert_eq!(order("started_at, position"), order("position"));
    assert_eq!(order("finished_at, position"), order("position"));
}

/// One table cannot be filled. The others stop at their next batch, the reason is the one that is told, and what was begun goes on later.
#[test]
fn one_fill_that_fails_stops_the_others_and_is_the_one_that_is_named() {
    let scenario = notes(
        4,
        "UPDATE notes_1 SET body = 'bad' WHERE id = 5000;
         ALTER TABLE notes_1 ADD CONSTRAINT good CHECK (body <> 'bad') NOT VALID;",
    );
    let run = ["run", "--yes", "--strategy", "batched", "--jobs", "3", "--batch-time", "5ms"];
    let failed = scenario.refused(1, &run);
    assert!(failed.stderr.contains("backfill/public.notes_1/fill failed"), "{failed}");
    assert_eq!(scenario.state(), "failed");
    assert_eq!(scenario.db().psql("SELECT step_id FROM tenantize.steps WHERE state = 'failed'"), "backfill/public.notes_1/fill");
    scenario.db().psql("ALTER TABLE notes_1 DROP CONSTRAINT good");
    scenario.tenantize(&["resume", "--jobs", "3"]);
    assert_exact(&scenario);
}

/// Whoever takes the run back is another leader: helpers hear of it and go.
#[test]
fn a_helper_goes_when_the_run_is_taken_back() {
    let scenario = big();
    let (leader, helper) = two_programs(&scenario, &[], &[]);
    leader.signal(Signal::SIGTERM);
    assert_eq!(leader.wait().code(), Some(5));
    scenario.tenantize(&["rollback", "--yes"]);
    let helper = helper.wait();
    assert_eq!(helper.code(), Some(2), "{helper}");
    assert!(helper.stderr.contains("run 1 is taken back"), "{helper}");
    let before = big();
    scenario.content().assert_same_as(&before.content(), "taken back under a helper");
}

#[test]
fn a_helper_goes_when_the_run_was_stopped_after_its_fills() {
    let scenario = Scenario::new("shop");
    scenario.tenantize(&["run", "--yes", "--until", "backfill"]);
    let helper = scenario.tenantize(&["run", "--join"]);
    assert!(helper.stderr.contains("all fills are done; next: tenantize resume"), "{helper}");
    assert!(helper.stderr.contains("has written 0 of the rows"), "{helper}");
    scenario.tenantize(&["resume"]);
}

/// A login that may write and may not keep triggers quiet would change `updated_at`: it must not help.
#[test]
fn a_helper_whose_login_would_fire_triggers_is_refused() {
    let scenario = big();
    scenario.tenantize(&["run", "--yes", "--strategy", "batched", "--until", "expand"]);
    let mine = scenario.db().role("mine");
    scenario.db().psql(&format!(
        "ALTER ROLE {mine} LOGIN; GRANT USAGE ON SCHEMA tenantize TO {mine}; GRANT ALL ON ALL TABLES IN SCHEMA public, tenantize TO {mine}"
    ));
    let leader = scenario.cli(&["resume", "--jobs", "1", "--batch-time", "5ms", "--nice", "0.5"]).spawn();
    wait_until(&scenario, &format!("EXISTS (SELECT FROM tenantize.fill_chunks WHERE {LINES} AND rows_done > 0)"));
    let helper = scenario.cli_at(&scenario.db().url_as(&mine), &["run", "--join"]).run();
    assert_eq!(helper.code(), Some(1), "{helper}");
    assert!(helper.stderr.contains("of public.order_lines would fire") && helper.stderr.contains("GRANT SET ON PARAMETER"), "{helper}");
    let_go(&scenario);
    let leader = leader.wait();
    assert!(leader.ok(), "{leader}");
    assert_exact(&scenario);
}

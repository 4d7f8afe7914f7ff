//! The journal beside the application's own tables, and what it finds after a crash.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use tenantize::db::lock::LockKey;
use tenantize::db::{Database, DatabaseUrl, RunLock, SessionSettings};
use tenantize::journal::chunks::{self, Claimant, Open, Pass};
use tenantize::journal::store::RunKey;
use tenantize::journal::{Chunk, NewChunk, prepare};
use tenantize::plan::StepId;

use crate::support::{Scenario, TestDb};

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

const RUN: RunKey = RunKey { id: 1, epoch: 1 };

/// A journal with one running step whose pass has so many chunks of ten pages.
fn journal_of(count: i64) -> (TestDb, PgConnection) {
    let db = TestDb::empty();
    prepare(&mut PgConnection::establish(&db.url()).unwrap()).unwrap();
    db.psql(
        "INSERT INTO tenantize.runs (plan_id, plan, config_hash, tool_version, state) VALUES ('p', '{}', 'c', '0', 'running');
         INSERT INTO tenantize.steps (run_id, step_id, position, phase, state) VALUES (1, 's', 0, 'backfill', 'running')",
    );
    let mut conn = PgConnection::establish(&db.url()).unwrap();
    let new = |at: i64| NewChunk {
        run_id: 1,
        step_id: "s",
        relation: "public.t",
        pass: 0,
        first_page: at * 10,
        end_page: at * 10 + 10,
        stripes: 2,
        next_page: at * 10,
        state: "pending",
    };
    chunks::add(&mut conn, RUN, &(0..count).map(new).collect::<Vec<_>>()).unwrap();
    (db, conn)
}

fn step() -> StepId {
    StepId::from_journal("s".into())
}

/// The chunk a visit later.
fn visited(chunk: &Chunk) -> Chunk {
    Chunk { stripe: chunk.stripe + 1, rows_done: chunk.rows_done + 7, ..chunk.clone() }
}

/// Whoever claims one goes on after it, and each update fits onto its page and touches no index.
#[test]
fn chunks_are_claimed_once_and_their_journal_does_not_grow() {
    let (db, mut conn) = journal_of(2_000);
    let (step, me) = (step(), Claimant { program: 1, worker: 1 });
    let pass = Pass { step: &step, relation: "public.t", number: 0 };
    let size = || db.scalar_i64("SELECT pg_total_relation_size('tenantize.fill_chunks')");
    let before = size();
    let mut from = 0;
    let mut claimed = Vec::new();
    while let Some(mut chunk) = chunks::claim(&mut conn, RUN, &pass, me, from).unwrap() {
        (from, claimed) = (chunk.end_page, [claimed, vec![chunk.first_page]].concat());
        for _ in 0..2 {
            let after = visited(&chunk);
            assert!(chunks::advance(&mut conn, RUN, &chunk, &after, me).unwrap());
            chunk = after;
        }
    }
    assert_eq!(claimed, (0..2_000).map(|at| at * 10).collect::<Vec<i64>>());
    assert_eq!(chunks::open(&mut conn, RUN, &pass).unwrap(), Open { pending: 0, claimed: 0 });
    assert_eq!(chunks::rows_of(&mut conn, RUN, &pass).unwrap(), 2_000 * 14);
    drop(conn);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let hot =
        db.psql("SELECT n_tup_upd, n_tup_upd - n_tup_hot_upd FROM pg_stat_all_tables WHERE relid = 'tenantize.fill_chunks'::regclass");
    let (updates, not_hot) = hot.split_once('|').unwrap();
    assert_eq!(updates, "6000");
    // An autoanalyze at the same time keeps old versions for a moment.
    // Other tests may keep old versions alive for a while; with a changed column in an index it would be every one.
    let not_hot = not_hot.parse::<i64>().unwrap();
    assert!(not_hot <= 2_000, "{not_hot} of 6000 updates were not HOT");
    // The maps of free and of visible pages are new; whatever is not HOT has a new version and new entries in the indexes.
    let most = before * 13 / 10 + not_hot * 400;
    assert!(size() <= most, "the journal has grown from {before} to {}, {not_hot} updates were not HOT", size());
}

/// A program lives as long as its session holds its lock. Then its chunk is anybody's, and its own checkpoint comes too late.
#[test]
fn chunks_of_a_program_whose_session_has_ended_are_taken_over() {
    let (db, mut conn) = journal_of(2);
    let step = step();
    let pass = Pass { step: &step, relation: "public.t", number: 0 };
    let [first, second] = [1, 2].map(|program| Claimant { program, worker: 1 });
    let tool = Database::connect(&DatabaseUrl::parse(&db.url()).unwrap(), &SessionSettings::default(), 1).unwrap();
    let lock = RunLock::acquire(&tool, LockKey::program(1)).unwrap();
    let chunk = chunks::claim(&mut conn, RUN, &pass, first, 0).unwrap().unwrap();
    let one = visited(&chunk);
    assert!(chunks::advance(&mut conn, RUN, &chunk, &one, first).unwrap());
    assert_eq!(chunks::reclaim(&mut conn, RUN, &pass, None).unwrap(), 0, "it lives");
    assert_eq!(chunks::claim(&mut conn, RUN, &pass, second, 0).unwrap().unwrap().first_page, 10);
    // The second has no lock: it is dead.
    assert_eq!(chunks::reclaim(&mut conn, RUN, &pass, None).unwrap(), 1);
    db.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1");
    assert_eq!(chunks::reclaim(&mut conn, RUN, &pass, None).unwrap(), 1);
    let taken = chunks::claim(&mut conn, RUN, &pass, second, 0).unwrap().unwrap();
    assert_eq!(taken, one, "what was committed is kept");
    assert!(!chunks::advance(&mut conn, RUN, &one, &visited(&one), first).unwrap());
    assert_eq!(chunks::held(&mut conn, RUN, &one, first).unwrap(), None);
    assert!(chunks::advance(&mut conn, RUN, &taken, &visited(&taken), second).unwrap());
    assert_eq!(chunks::rows_of(&mut conn, RUN, &pass).unwrap(), 14);
    drop(lock);
}

/// A program whose workers hold nothing gives back what a crash has left with them.
#[test]
fn own_chunks_are_given_back_when_nobody_works_on_them() {
    let (_db, mut conn) = journal_of(1);
    let step = step();
    let pass = Pass { step: &step, relation: "public.t", number: 0 };
    let me = Claimant { program: 3, worker: 2 };
    chunks::claim(&mut conn, RUN, &pass, me, 0).unwrap().unwrap();
    assert_eq!(chunks::open(&mut conn, RUN, &pass).unwrap(), Open { pending: 0, claimed: 1 });
    assert_eq!(chunks::reclaim(&mut conn, RUN, &pass, Some(3)).unwrap(), 1);
    assert_eq!(chunks::open(&mut conn, RUN, &pass).unwrap(), Open { pending: 1, claimed: 0 });
    let later = RunKey { id: 1, epoch: 2 };
    assert!(chunks::reclaim(&mut conn, later, &pass, None).is_err(), "another program has the run");
}

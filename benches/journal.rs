//! What the journal costs when a table has very many chunks: `cargo bench --bench journal [-- CHUNKS [BATCHES]]`.
//!
//! Two programs claim 100 000 chunks and write the checkpoints of their batches, without any rows to fill. Times per claim and per checkpoint
//! are told for each tenth of the chunks: they must not grow. Then the size of the journal and how many of its updates were HOT.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark reports on standard output and may fail loudly")]

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use tenantize::journal::chunks::{self, Claimant, Pass};
use tenantize::journal::store::RunKey;
use tenantize::journal::{NewChunk, prepare};
use tenantize::plan::StepId;
use tenantize::server::{Server, ServerOptions};

const RUN: RunKey = RunKey { id: 1, epoch: 1 };
const PAGES: i64 = 8_192;

#[derive(QueryableByName)]
struct Measured {
    #[diesel(sql_type = BigInt)]
    heap: i64,
    #[diesel(sql_type = BigInt)]
    index: i64,
    #[diesel(sql_type = BigInt)]
    updated: i64,
    #[diesel(sql_type = BigInt)]
    hot: i64,
}

/// Time that one tenth of the chunks took.
#[derive(Clone, Copy, Default)]
struct Tenth {
    claims: Duration,
    checkpoints: Duration,
    /// What a statement that does nothing takes: the measure of what else the machine does meanwhile.
    nothing: Duration,
    chunks: u32,
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<i64>().ok());
    let (count, batches) = (numbers.next().unwrap_or(100_000), numbers.next().unwrap_or(8));
    let settings = vec![("shared_buffers".into(), "256MB".into())];
    let server = Server::start(&ServerOptions { settings, ..ServerOptions::default() }).unwrap();
    let connect = || {
        let mut conn = PgConnection::establish(&server.url("postgres")).unwrap();
        conn.batch_execute("SET search_path = pg_catalog, pg_temp").unwrap();
        conn
    };
    prepare(&mut PgConnection::establish(&server.url("postgres")).unwrap()).unwrap();
    let mut conn = connect();
    conn.batch_execute(
        "INSERT INTO tenantize.runs (plan_id, plan, config_hash, tool_version, state) VALUES ('p', '{}', 'c', '0', 'running');
         INSERT INTO tenantize.steps (run_id, step_id, position, phase, state) VALUES (1, 's', 0, 'backfill', 'running')",
    )
    .unwrap();
    let step = StepId::from_journal("s".into());
    let pass = Pass { step: &step, relation: "public.t", number: 0 };
    let added = Instant::now();
    let new = |at: i64| NewChunk {
        run_id: 1,
        step_id: "s",
        relation: "public.t",
        pass: 0,
        first_page: at * PAGES,
        end_page: (at + 1) * PAGES,
        stripes: 1,
        next_page: at * PAGES,
        state: "pending",
    };
    let all: Vec<NewChunk<'_>> = (0..count).map(new).collect();
    conn.transaction(|conn| chunks::add(conn, RUN, &all)).unwrap();
    println!("PostgreSQL {}, {count} chunks added in {:.1} s", server.version(), added.elapsed().as_secs_f64());
    let before = measured(&mut conn);
    let clock = Instant::now();
    let tenths: Vec<Vec<Tenth>> = std::thread::scope(|scope| {
        let work = |program: i32| work(&mut connect(), &pass, program, (count, batches));
        let programs: Vec<_> = (1..=2).map(|program| scope.spawn(move || work(program))).collect();
        programs.into_iter().map(|program| program.join().unwrap()).collect()
    });
    println!("2 programs, {batches} checkpoints per chunk, {:.0} s\n", clock.elapsed().as_secs_f64());
    println!("| chunks done | ms per claim | ms per checkpoint | ms per `SELECT 1` | checkpoint / `SELECT 1` |\n|---|---|---|---|---|");
    for tenth in 0..10 {
        let sum = |of: fn(&Tenth) -> Duration| tenths.iter().filter_map(|tenths| tenths.get(tenth)).map(of).sum::<Duration>().as_secs_f64();
        let chunks: f64 = tenths.iter().filter_map(|tenths| tenths.get(tenth)).map(|tenth| f64::from(tenth.chunks)).sum();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let checkpoints = chunks * batches as f64;
        let (claims, written) = (sum(|tenth| tenth.claims), sum(|tenth| tenth.checkpoints));
        let (claim, checkpoint) = (claims * 1000.0 / chunks, written * 1000.0 / checkpoints);
        let nothing = sum(|tenth| tenth.nothing) * 1000.0 / chunks;
        println!("| {} % | {claim:.3} | {checkpoint:.3} | {nothing:.3} | {:.1} |", tenth * 10, checkpoint / nothing);
    }
    std::thread::sleep(Duration::from_secs(2));
    let after = measured(&mut conn);
    println!("\n| | heap MB | index MB | updates | HOT |\n|---|---|---|---|---|");
    for (when, m) in [("before", before), ("after", after)] {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let share = if m.updated == 0 { String::new() } else { format!("{:.2} %", m.hot as f64 * 100.0 / m.updated as f64) };
        println!("| {when} | {} | {} | {} | {share} |", m.heap >> 20, m.index >> 20, m.updated);
    }
}

/// Claims chunks until none is left, with their checkpoints.
fn work(conn: &mut PgConnection, pass: &Pass<'_>, program: i32, (count, batches): (i64, i64)) -> Vec<Tenth> {
    let me = Claimant { program, worker: 1 };
    let mut tenths = vec![Tenth::default(); 10];
    let mut from = 0;
    loop {
        let clock = Instant::now();
        let Some(mut chunk) = chunks::claim(conn, RUN, pass, me, from).unwrap() else { return tenths };
        let tenth = &mut tenths[usize::try_from(chunk.first_page / PAGES * 10 / count).unwrap()];
        tenth.claims += clock.elapsed();
        tenth.chunks += 1;
        let clock = Instant::now();
        conn.batch_execute("SELECT 1").unwrap();
        tenth.nothing += clock.elapsed();
        from = chunk.end_page;
        for batch in 1..=batches {
            let mut after = chunk.clone();
            after.rows_done += 10;
            after.next_page = chunk.first_page + batch * 10;
            after.stripe = i32::from(batch == batches);
            let clock = Instant::now();
            conn.transaction(|conn| {
                conn.batch_execute("SET LOCAL synchronous_commit = off")?;
                chunks::advance(conn, RUN, &chunk, &after, me).map(|advanced| assert!(advanced))
            })
            .unwrap();
            tenth.checkpoints += clock.elapsed();
            chunk = after;
        }
    }
}

fn measured(conn: &mut PgConnection) -> Measured {
    conn.batch_execute("SELECT pg_catalog.pg_stat_clear_snapshot()").unwrap();
    diesel::sql_query(
        "SELECT pg_table_size(relid) AS heap, pg_indexes_size(relid) AS index, n_tup_upd AS updated, n_tup_hot_upd AS hot \
         FROM pg_stat_all_tables WHERE relid = 'tenantize.fill_chunks'::regclass",
    )
    .get_result(conn)
    .unwrap()
}

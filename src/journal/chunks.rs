//! Chunks: which pages of a table are settled, and who works on which.

use diesel::connection::SimpleConnection as _;
use diesel::dsl::now;
use diesel::pg::PgConnection;
use diesel::prelude::*;

use super::schema::{fill_chunks, steps};
use super::store::{RunKey, check_epoch};
use super::{Chunk, JournalError, NewChunk};
use crate::db::lock::PROGRAMS;
use crate::plan::StepId;

/// Adds chunks; those that are there already stay as they are.
pub fn add(conn: &mut PgConnection, run: RunKey, chunks: &[NewChunk<'_>]) -> Result<(), JournalError> {
    check_epoch(conn, run)?;
    for chunks in chunks.chunks(2_000) {
        diesel::insert_into(fill_chunks::table).values(chunks).on_conflict_do_nothing().execute(conn)?;
    }
    Ok(())
}

/// Who claims chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The number of the program.
    pub program: i32,
    /// The number of its worker.
    pub worker: i32,
}

/// Claims the next pending chunk of a pass at `from` or after it, skipping those that others are claiming at this moment.
///
/// Whoever claims one goes on after it: chunks that are done are not visited again, however many there are. A chunk that was given
/// back before `from` is found from page 0.
pub fn claim(conn: &mut PgConnection, run: RunKey, pass: &Pass<'_>, me: Claimant, from: i64) -> Result<Option<Chunk>, JournalError> {
    conn.transaction(|conn| {
        check_epoch(conn, run)?;
        // In the order of the key, whatever the statistics say of a table that was empty a moment ago.
        conn.batch_execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")?;
        let next = Chunk::query()
            .filter(pass.filter(run))
            .filter(fill_chunks::first_page.ge(from).and(fill_chunks::state.eq("pending")))
            .order(fill_chunks::first_page)
            .for_update()
            .skip_locked()
            .first(conn)
            .optional()?;
        if let Some(chunk) = &next {
            diesel::update(pass.chunk(run, chunk.first_page))
                .set((
                    fill_chunks::state.eq("claimed"),
                    fill_chunks::program.eq(me.program),
                    fill_chunks::worker.eq(me.worker),
                    fill_chunks::updated_at.eq(now),
                ))
                .execute(conn)?;
        }
        Ok(next)
    })
}

/// One pass over one table in one step.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// The step.
    pub step: &'a StepId,
    /// The table, as text.
    pub relation: &'a str,
    /// 0 = the fill, from 1 on sweeps.
    pub number: i32,
}

type Chunks<'a> = diesel::dsl::And<
    diesel::dsl::And<
        diesel::dsl::And<diesel::dsl::Eq<fill_chunks::run_id, i64>, diesel::dsl::Eq<fill_chunks::step_id, &'a str>>,
        diesel::dsl::Eq<fill_chunks::relation, &'a str>,
    >,
    diesel::dsl::Eq<fill_chunks::pass, i32>,
>;

impl<'a> Pass<'a> {
    fn filter(&self, run: RunKey) -> Chunks<'a> {
        fill_chunks::run_id
            .eq(run.id)
            .and(fill_chunks::step_id.eq(self.step.as_str()))
            .and(fill_chunks::relation.eq(self.relation))
            .and(fill_chunks::pass.eq(self.number))
    }

    fn chunk(&self, run: RunKey, first_page: i64) -> diesel::dsl::Find<fill_chunks::table, (i64, &'a str, &'a str, i32, i64)> {
        fill_chunks::table.find((run.id, self.step.as_str(), self.relation, self.number, first_page))
    }
}

/// Moves the checkpoint of a chunk in the transaction of the batch, and tells whether it was where the batch began.
///
/// It is not when the run or the chunk was taken over: that is the fence. Nor when the server has crashed and lost the batches before,
/// nor when this batch was committed and only the answer was lost: [`held`] tells where it is.
pub fn advance(conn: &mut PgConnection, run: RunKey, before: &Chunk, chunk: &Chunk, me: Claimant) -> QueryResult<bool> {
    let done = chunk.stripe >= chunk.stripes;
    let claimed = fill_chunks::table
        .find(key(run, chunk))
        .filter(fill_chunks::state.eq("claimed"))
        .filter(fill_chunks::program.eq(me.program).and(fill_chunks::worker.eq(me.worker)))
        .filter(fill_chunks::stripe.eq(before.stripe))
        .filter(fill_chunks::next_page.eq(before.next_page));
    let changed = diesel::update(claimed)
        .set((
            fill_chunks::stripe.eq(chunk.stripe),
            fill_chunks::next_page.eq(chunk.next_page),
            fill_chunks::rows_done.eq(chunk.rows_done),
            fill_chunks::state.eq(if done { "done" } else { "claimed" }),
            fill_chunks::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

fn key(run: RunKey, chunk: &Chunk) -> (i64, &str, &str, i32, i64) {
    (run.id, &chunk.step_id, &chunk.relation, chunk.pass, chunk.first_page)
}

/// A chunk as the journal has it, if this worker holds it or has ended it.
pub fn held(conn: &mut PgConnection, run: RunKey, chunk: &Chunk, me: Claimant) -> QueryResult<Option<Chunk>> {
    let mine = fill_chunks::program.eq(me.program).and(fill_chunks::worker.eq(me.worker)).assume_not_null();
    let mine = mine.and(fill_chunks::state.ne("pending"));
    Chunk::query()
        .filter(fill_chunks::run_id.eq(run.id).and(fill_chunks::step_id.eq(&chunk.step_id)))
        .filter(fill_chunks::relation.eq(&chunk.relation).and(fill_chunks::pass.eq(chunk.pass)))
        .filter(fill_chunks::first_page.eq(chunk.first_page).and(mine))
        .first(conn)
        .optional()
}

/// Chunks of a pass that are not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Anybody may claim them.
    pub pending: i64,
    /// Somebody has.
    pub claimed: i64,
}

/// How many chunks of a pass are not done.
///
/// Asked in a transaction that waits for the disk: what it sees will not be lost.
pub fn open(conn: &mut PgConnection, run: RunKey, pass: &Pass<'_>) -> Result<Open, JournalError> {
    let count = |of: &'static str| diesel::dsl::sql::<diesel::sql_types::BigInt>(of);
    conn.transaction(|conn| {
        check_epoch(conn, run)?;
        // Something must be written, or there is nothing to wait for.
        diesel::update(steps::table.find((run.id, pass.step.as_str()))).set(steps::attempts.eq(steps::attempts)).execute(conn)?;
        let counts = (count("count(*) FILTER (WHERE state = 'pending')"), count("count(*) FILTER (WHERE state = 'claimed')"));
        let (pending, claimed) = fill_chunks::table.filter(pass.filter(run)).select(counts).first(conn)?;
        Ok(Open { pending, claimed })
    })
}

/// Puts chunks of programs that are dead into the queue again, and those of the program `own`, if it works on none of them.
///
/// Their committed stripes are kept. Should a program live after all, its session being lost only, its next checkpoint finds the
/// chunk in other hands and takes the batch back.
pub fn reclaim(conn: &mut PgConnection, run: RunKey, pass: &Pass<'_>, own: Option<i32>) -> Result<usize, JournalError> {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    conn.transaction(|conn| {
        check_epoch(conn, run)?;
        let reclaimed = diesel::sql_query(include_str!("queries/reclaim.sql"))
            .bind::<BigInt, _>(run.id)
            .bind::<Text, _>(pass.step.as_str())
            .bind::<Text, _>(pass.relation)
            .bind::<Integer, _>(pass.number)
            .bind::<Nullable<Integer>, _>(own)
            .bind::<BigInt, _>(i64::from(PROGRAMS));
        Ok(reclaimed.execute(conn)?)
    })
}

/// Gives a chunk back, with what is committed of it.
pub fn release(conn: &mut PgConnection, run: RunKey, chunk: &Chunk, me: Claimant) -> QueryResult<()> {
    let claimed = fill_chunks::table.find(key(run, chunk)).filter(fill_chunks::state.eq("claimed"));
    diesel::update(claimed.filter(fill_chunks::program.eq(me.program).and(fill_chunks::worker.eq(me.worker))))
        .set((fill_chunks::state.eq("pending"), fill_chunks::program.eq(None::<i32>), fill_chunks::worker.eq(None::<i32>)))
        .execute(conn)?;
    Ok(())
}

/// Rows that a pass has written, by whatever program.
pub fn rows_of(conn: &mut PgConnection, run: RunKey, pass: &Pass<'_>) -> QueryResult<i64> {
    let sum = diesel::dsl::sql::<diesel::sql_types::BigInt>("coalesce(sum(rows_done), 0)::bigint");
    fill_chunks::table.filter(pass.filter(run)).select(sum).first(conn)
}

/// How many chunks a pass has.
pub fn count(conn: &mut PgConnection, run: RunKey, pass: &Pass<'_>) -> QueryResult<i64> {
    fill_chunks::table.filter(pass.filter(run)).count().get_result(conn)
}

/// The last sweep that was begun over a table, 0 if none was.
pub fn last_pass(conn: &mut PgConnection, run: RunKey, step: &StepId, relation: &str) -> QueryResult<i32> {
    let last: Option<i32> = fill_chunks::table
        .filter(fill_chunks::run_id.eq(run.id))
        .filter(fill_chunks::step_id.eq(step.as_str()))
        .filter(fill_chunks::relation.eq(relation))
        .select(diesel::dsl::max(fill_chunks::pass))
        .first(conn)?;
    Ok(last.unwrap_or(0))
}

/// Rows that a step's chunks have written so far.
pub fn rows_filled(conn: &mut PgConnection, run: i64, step: &StepId) -> QueryResult<i64> {
    diesel::select(
        diesel::dsl::sql::<diesel::sql_types::BigInt>("coalesce((SELECT sum(rows_done)::bigint FROM tenantize.fill_chunks WHERE run_id = ")
            .bind::<diesel::sql_types::BigInt, _>(run)
            .sql(" AND step_id = ")
            .bind::<diesel::sql_types::Text, _>(step.as_str())
            .sql("), 0)"),
    )
    .get_result(conn)
}

/// Pages of chunks that are settled and pages of all chunks, per step, for `status`.
pub fn pages_settled(conn: &mut PgConnection, run: i64) -> QueryResult<Vec<(String, i64, i64, i64)>> {
    fill_chunks::table
        .filter(fill_chunks::run_id.eq(run))
        .filter(fill_chunks::pass.eq(0))
        .group_by(fill_chunks::step_id)
        .select((
            fill_chunks::step_id,
            diesel::dsl::sql::<diesel::sql_types::BigInt>(
                "coalesce(sum(CASE state WHEN 'done' THEN end_page - first_page ELSE (end_page - first_page) * stripe / stripes END), 0)::bigint",
            ),
            diesel::dsl::sql::<diesel::sql_types::BigInt>("coalesce(sum(end_page - first_page), 0)::bigint"),
            diesel::dsl::sql::<diesel::sql_types::BigInt>("coalesce(sum(rows_done), 0)::bigint"),
        ))
        .order(fill_chunks::step_id)
        .load(conn)
}

/// Forgets the chunks of a step; for a step that has been taken back.
pub fn forget(conn: &mut PgConnection, run: RunKey, step: &StepId) -> QueryResult<()> {
    let chunks = fill_chunks::table.filter(fill_chunks::run_id.eq(run.id)).filter(fill_chunks::step_id.eq(step.as_str()));
    diesel::delete(chunks).execute(conn).map(drop)
}

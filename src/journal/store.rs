//! Every question to the journal and every entry, one function each.
//!
//! All take a plain connection, so they compose inside any transaction.

use diesel::dsl::now;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::schema::{backups, control, events, fill_chunks, runs, steps};
use super::{BackupRecord, Chunk, IllegalTransition, NewChunk, RunRecord, RunState, StepEvent, StepRecord, StepState};
use crate::plan::{Plan, StepId};

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The server refused.
    #[error("cannot use the journal in schema tenantize")]
    Query(#[from] diesel::result::Error),
    /// Its tables could not be created.
    #[error("cannot prepare the journal in schema tenantize: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
    /// A newer program wrote it.
    #[error("the journal was written by a newer tenantize (version {found} of its tables)")]
    WrittenByNewerVersion {
        /// Its version.
        found: String,
    },
    /// The stored plan cannot be read.
    #[error("the stored plan cannot be read by this version of tenantize")]
    Plan(#[from] serde_json::Error),
    /// A step is not in the state it should be in.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    /// Another program has taken the run over.
    #[error("another tenantize has taken the run over; this one stops")]
    Fenced,
}

/// The right to work on a run: a program that has lost it finds another epoch in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunKey {
    /// The run.
    pub id: i64,
    /// The epoch of this program.
    pub epoch: i32,
}

/// Whether the database has a journal at all.
pub fn exists(conn: &mut PgConnection) -> QueryResult<bool> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>("to_regclass('tenantize.runs') IS NOT NULL")).get_result(conn)
}

/// Opens a run with all its steps pending.
pub fn open_run(conn: &mut PgConnection, plan: &Plan, config_hash: &str) -> Result<RunKey, JournalError> {
    let json = serde_json::to_value(plan)?;
    conn.transaction(|conn| {
        let (id, epoch) = diesel::insert_into(runs::table)
            .values((
                runs::plan_id.eq(&plan.id),
                runs::plan.eq(json),
                runs::config_hash.eq(config_hash),
                runs::tool_version.eq(env!("CARGO_PKG_VERSION")),
                runs::state.eq(RunState::Running),
            ))
            .returning((runs::id, runs::epoch))
            .get_result(conn)?;
        let rows: Vec<_> = plan
            .steps
            .iter()
            .zip(0i32..)
            .map(|(step, position)| {
                (
                    steps::run_id.eq(id),
                    steps::step_id.eq(step.id.as_str()),
                    steps::position.eq(position),
                    steps::phase.eq(step.phase.name()),
                    steps::state.eq(StepState::Pending),
                )
            })
            .collect();
        for rows in rows.chunks(5_000) {
            diesel::insert_into(steps::table).values(rows).execute(conn)?;
        }
        diesel::insert_into(control::table).values(control::run_id.eq(id)).execute(conn)?;
        Ok(RunKey { id, epoch })
    })
}

/// The run that is open, if there is one.
pub fn unfinished_run(conn: &mut PgConnection) -> QueryResult<Option<RunRecord>> {
    RunRecord::query().filter(runs::finished_at.is_null()).order(runs::id.desc()).first(conn).optional()
}

/// The newest run, open or not.
pub fn newest_run(conn: &mut PgConnection) -> QueryResult<Option<RunRecord>> {
    RunRecord::query().order(runs::id.desc()).first(conn).optional()
}

/// Takes a run over: whoever worked on it before finds another epoch.
pub fn take_over(conn: &mut PgConnection, run: i64, state: RunState) -> QueryResult<RunKey> {
    let epoch = diesel::update(runs::table.find(run))
        .set((runs::epoch.eq(runs::epoch + 1), runs::state.eq(state), runs::finished_at.eq(None::<chrono::DateTime<chrono::Utc>>)))
        .returning(runs::epoch)
        .get_result(conn)?;
    // What the predecessor had claimed goes back to the queue; its committed stripes are kept.
    diesel::update(fill_chunks::table.filter(fill_chunks::run_id.eq(run)).filter(fill_chunks::state.eq("claimed")))
        .set((fill_chunks::state.eq("pending"), fill_chunks::worker.eq(None::<String>)))
        .execute(conn)?;
    Ok(RunKey { id: run, epoch })
}

/// Notes how a run ended; `Finished` and `RolledBack` close it.
pub fn end_run(conn: &mut PgConnection, run: RunKey, state: RunState) -> Result<(), JournalError> {
    let closes = matches!(state, RunState::Finished | RunState::RolledBack);
    let mine = runs::table.filter(runs::id.eq(run.id)).filter(runs::epoch.eq(run.epoch));
    let changed = if closes {
        diesel::update(mine).set((runs::state.eq(state), runs::finished_at.eq(diesel::dsl::sql("now()")))).execute(conn)?
    } else {
        diesel::update(mine).set(runs::state.eq(state)).execute(conn)?
    };
    if changed == 1 { Ok(()) } else { Err(JournalError::Fenced) }
}

/// Fails when another program has taken the run over; inside a transaction it also keeps others from doing so until commit.
pub fn check_epoch(conn: &mut PgConnection, run: RunKey) -> Result<(), JournalError> {
    let mine = runs::table.filter(runs::id.eq(run.id)).filter(runs::epoch.eq(run.epoch));
    let found: Option<i64> = mine.select(runs::id).for_key_share().first(conn).optional()?;
    found.map(drop).ok_or(JournalError::Fenced)
}

/// The steps of a run in the order of the plan.
pub fn steps_in_order(conn: &mut PgConnection, run: i64) -> QueryResult<Vec<StepRecord>> {
    StepRecord::query().filter(steps::run_id.eq(run)).order(steps::position).load(conn)
}

/// Steps that took effect or may have, newest first: the order in which to undo them.
pub fn steps_to_undo(conn: &mut PgConnection, run: i64) -> QueryResult<Vec<StepRecord>> {
    StepRecord::query()
        .filter(steps::run_id.eq(run))
        .filter(steps::state.eq_any([StepState::Done, StepState::Running, StepState::Failed]))
        .order(steps::position.desc())
        .load(conn)
}

fn state_of(conn: &mut PgConnection, run: RunKey, step: &StepId) -> QueryResult<StepState> {
    steps::table.find((run.id, step.as_str())).select(steps::state).for_update().first(conn)
}

/// Notes that a step begins; before anything that cannot share its transaction.
pub fn begin_step(conn: &mut PgConnection, run: RunKey, step: &StepId) -> Result<(), JournalError> {
    check_epoch(conn, run)?;
    let state = state_of(conn, run, step)?.after(StepEvent::Begin)?;
    diesel::update(steps::table.find((run.id, step.as_str())))
        .set((
            steps::state.eq(state),
            steps::attempts.eq(steps::attempts + 1),
            steps::error.eq(None::<String>),
            steps::started_at.eq(diesel::dsl::sql("coalesce(started_at, now())")),
        ))
        .execute(conn)?;
    Ok(())
}

/// Notes that a step is done, with the rows it wrote.
pub fn finish_step(conn: &mut PgConnection, run: RunKey, step: &StepId, rows: Option<i64>) -> Result<(), JournalError> {
    check_epoch(conn, run)?;
    let state = state_of(conn, run, step)?.after(StepEvent::Finish)?;
    diesel::update(steps::table.find((run.id, step.as_str())))
        .set((
            steps::state.eq(state),
            steps::rows_done.eq(rows),
            steps::error.eq(None::<String>),
            steps::started_at.eq(diesel::dsl::sql("coalesce(started_at, now())")),
            steps::finished_at.eq(diesel::dsl::sql("clock_timestamp()")),
        ))
        .execute(conn)?;
    Ok(())
}

/// Notes why a step failed.
pub fn fail_step(conn: &mut PgConnection, run: RunKey, step: &StepId, error: &str) -> Result<(), JournalError> {
    let state = state_of(conn, run, step)?.after(StepEvent::Fail)?;
    diesel::update(steps::table.find((run.id, step.as_str()))).set((steps::state.eq(state), steps::error.eq(error))).execute(conn)?;
    Ok(())
}

/// Notes that a step has been taken back.
pub fn undo_step(conn: &mut PgConnection, run: RunKey, step: &StepId) -> Result<(), JournalError> {
    check_epoch(conn, run)?;
    let state = state_of(conn, run, step)?.after(StepEvent::Undo)?;
    diesel::update(steps::table.find((run.id, step.as_str())))
        .set((steps::state.eq(state), steps::finished_at.eq(diesel::dsl::sql("clock_timestamp()"))))
        .execute(conn)?;
    Ok(())
}

/// Puts taken-back steps into the queue again, for a run that goes forward once more.
pub fn reopen_undone(conn: &mut PgConnection, run: i64) -> QueryResult<()> {
    diesel::update(steps::table.filter(steps::run_id.eq(run)).filter(steps::state.eq(StepState::Undone)))
        .set((
            steps::state.eq(StepState::Pending),
            steps::rows_done.eq(None::<i64>),
            steps::started_at.eq(None::<chrono::DateTime<chrono::Utc>>),
            steps::finished_at.eq(None::<chrono::DateTime<chrono::Utc>>),
        ))
        .execute(conn)?;
    Ok(())
}

/// Adds chunks; those that are there already stay as they are.
pub fn add_chunks(conn: &mut PgConnection, run: RunKey, chunks: &[NewChunk<'_>]) -> Result<(), JournalError> {
    check_epoch(conn, run)?;
    for chunks in chunks.chunks(2_000) {
        diesel::insert_into(fill_chunks::table).values(chunks).on_conflict_do_nothing().execute(conn)?;
    }
    Ok(())
}

/// Claims the next chunk of a pass, skipping those that others are claiming at this moment.
///
/// A chunk that this worker holds already comes first: its claim was committed, but the answer was lost.
pub fn claim_chunk(conn: &mut PgConnection, run: RunKey, pass: &Pass<'_>, worker: &str) -> Result<Option<Chunk>, JournalError> {
    conn.transaction(|conn| {
        check_epoch(conn, run)?;
        let next = Chunk::query()
            .filter(pass.filter(run))
            .filter(
                fill_chunks::state.eq("pending").or(fill_chunks::state.eq("claimed").and(fill_chunks::worker.eq(worker).assume_not_null())),
            )
            .order((fill_chunks::state, fill_chunks::first_page))
            .for_update()
            .skip_locked()
            .first(conn)
            .optional()?;
        if let Some(chunk) = &next {
            diesel::update(pass.chunk(run, chunk.first_page))
                .set((fill_chunks::state.eq("claimed"), fill_chunks::worker.eq(worker), fill_chunks::updated_at.eq(now)))
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

/// Checkpoints a chunk in the transaction of the batch that moved it.
///
/// A worker whose run was taken over finds its claim gone: that is the fence.
pub fn advance_chunk(conn: &mut PgConnection, run: RunKey, chunk: &Chunk, worker: &str) -> Result<(), JournalError> {
    let done = chunk.stripe >= chunk.stripes;
    let claimed = fill_chunks::table.find(key(run, chunk)).filter(fill_chunks::state.eq("claimed")).filter(fill_chunks::worker.eq(worker));
    let changed = diesel::update(claimed)
        .set((
            fill_chunks::stripe.eq(chunk.stripe),
            fill_chunks::next_page.eq(chunk.next_page),
            fill_chunks::rows_done.eq(chunk.rows_done),
            fill_chunks::state.eq(if done { "done" } else { "claimed" }),
            fill_chunks::updated_at.eq(now),
        ))
        .execute(conn)?;
    if changed == 1 { Ok(()) } else { Err(JournalError::Fenced) }
}

fn key(run: RunKey, chunk: &Chunk) -> (i64, &str, &str, i32, i64) {
    (run.id, &chunk.step_id, &chunk.relation, chunk.pass, chunk.first_page)
}

/// The rows of a batch that was committed after `chunk` was read, if it was: the answer to a connection lost in COMMIT.
pub fn committed_since(conn: &mut PgConnection, run: RunKey, chunk: &Chunk) -> QueryResult<Option<i64>> {
    let (stripe, next_page, rows_done): (i32, i64, i64) = fill_chunks::table
        .find(key(run, chunk))
        .select((fill_chunks::stripe, fill_chunks::next_page, fill_chunks::rows_done))
        .first(conn)?;
    let moved = (stripe, next_page) != (chunk.stripe, chunk.next_page);
    Ok(moved.then_some(rows_done - chunk.rows_done))
}

/// Whether the connected role may keep triggers from firing.
pub fn may_suppress_triggers(conn: &mut PgConnection) -> QueryResult<bool> {
    use diesel::connection::SimpleConnection as _;
    let tried = conn.transaction(|conn| conn.batch_execute("SET LOCAL session_replication_role = replica"));
    match tried {
        Ok(()) => Ok(true),
        Err(diesel::result::Error::DatabaseError(kind, _)) if !matches!(kind, diesel::result::DatabaseErrorKind::ClosedConnection) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Gives a chunk back, with what is committed of it.
pub fn release_chunk(conn: &mut PgConnection, run: RunKey, chunk: &Chunk) -> QueryResult<()> {
    diesel::update(fill_chunks::table.find(key(run, chunk)).filter(fill_chunks::state.eq("claimed")))
        .set((fill_chunks::state.eq("pending"), fill_chunks::worker.eq(None::<String>)))
        .execute(conn)?;
    Ok(())
}

/// How many chunks a pass has.
pub fn count_chunks(conn: &mut PgConnection, run: RunKey, pass: &Pass<'_>) -> QueryResult<i64> {
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
pub fn drop_chunks(conn: &mut PgConnection, run: RunKey, step: &StepId) -> QueryResult<()> {
    let chunks = fill_chunks::table.filter(fill_chunks::run_id.eq(run.id)).filter(fill_chunks::step_id.eq(step.as_str()));
    diesel::delete(chunks).execute(conn).map(drop)
}

/// Notes a copy; a copy of an earlier try is replaced.
pub fn add_backup(conn: &mut PgConnection, backup: &BackupRecord) -> QueryResult<()> {
    diesel::insert_into(backups::table)
        .values(backup)
        .on_conflict((backups::run_id, backups::relation))
        .do_update()
        .set((
            backups::copy.eq(excluded(backups::copy)),
            backups::copied_columns.eq(excluded(backups::copied_columns)),
            backups::rows_copied.eq(excluded(backups::rows_copied)),
            backups::hash.eq(excluded(backups::hash)),
            backups::taken_at.eq(excluded(backups::taken_at)),
        ))
        .execute(conn)
        .map(drop)
}

/// The copies of a run, by table.
pub fn backups(conn: &mut PgConnection, run: i64) -> QueryResult<Vec<BackupRecord>> {
    BackupRecord::query().filter(backups::run_id.eq(run)).order(backups::relation).load(conn)
}

/// Keeps an event for the report.
pub fn add_event(conn: &mut PgConnection, run: i64, event: &serde_json::Value) -> QueryResult<()> {
    diesel::insert_into(events::table).values((events::run_id.eq(run), events::event.eq(event))).execute(conn).map(drop)
}

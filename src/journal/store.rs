//! Every question to the journal and every entry, one function each.
//!
//! All take a plain connection, so they compose inside any transaction.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::schema::{backups, control, events, fill_chunks, runs, steps};
use super::{BackupRecord, IllegalTransition, RunRecord, RunState, StepEvent, StepRecord, StepState};
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

/// A run as it is now.
pub fn run(conn: &mut PgConnection, run: i64) -> QueryResult<Option<RunRecord>> {
    RunRecord::query().filter(runs::id.eq(run)).first(conn).optional()
}

/// Takes a run over: whoever worked on it before finds another epoch.
pub fn take_over(conn: &mut PgConnection, run: i64, state: RunState) -> QueryResult<RunKey> {
    let epoch = diesel::update(runs::table.find(run))
        .set((runs::epoch.eq(runs::epoch + 1), runs::state.eq(state), runs::finished_at.eq(None::<chrono::DateTime<chrono::Utc>>)))
        .returning(runs::epoch)
        .get_result(conn)?;
    // What the predecessor had claimed goes back to the queue; its committed stripes are kept.
    diesel::update(fill_chunks::table.filter(fill_chunks::run_id.eq(run)).filter(fill_chunks::state.eq("claimed")))
        .set((fill_chunks::state.eq("pending"), fill_chunks::program.eq(None::<i32>), fill_chunks::worker.eq(None::<i32>)))
        .execute(conn)?;
    Ok(RunKey { id: run, epoch })
}

/// Notes where the program that leads a run stops: after a phase, after some steps, or at the end.
pub fn note_goal(conn: &mut PgConnection, run: RunKey, stops_after: Option<&str>) -> QueryResult<()> {
    let mine = runs::table.filter(runs::id.eq(run.id)).filter(runs::epoch.eq(run.epoch));
    diesel::update(mine).set(runs::stops_after.eq(stops_after)).execute(conn).map(drop)
}

/// Where the program that leads a run stops.
pub fn goal(conn: &mut PgConnection, run: i64) -> QueryResult<Option<String>> {
    runs::table.find(run).select(runs::stops_after).first(conn)
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
    // Not FOR KEY SHARE: the epoch is no key, so a takeover would not wait for it.
    let found: Option<i64> = mine.select(runs::id).for_share().first(conn).optional()?;
    found.map(drop).ok_or(JournalError::Fenced)
}

/// The steps of a run in the order of the plan.
pub fn steps_in_order(conn: &mut PgConnection, run: i64) -> QueryResult<Vec<StepRecord>> {
    StepRecord::query().filter(steps::run_id.eq(run)).order(steps::position).load(conn)
}

/// The steps of a run that have begun and are not done, in the order of the plan.
pub fn running_steps(conn: &mut PgConnection, run: i64) -> QueryResult<Vec<String>> {
    let running = steps::table.filter(steps::run_id.eq(run)).filter(steps::state.eq(StepState::Running));
    running.order(steps::position).select(steps::step_id).load(conn)
}

/// How many steps of a phase are not done.
pub fn steps_left(conn: &mut PgConnection, run: i64, phase: &str) -> QueryResult<i64> {
    let left = steps::table.filter(steps::run_id.eq(run)).filter(steps::phase.eq(phase)).filter(steps::state.ne(StepState::Done));
    left.count().get_result(conn)
}

/// Steps that took effect or may have, newest first: the order in which to undo them.
pub fn steps_to_undo(conn: &mut PgConnection, run: i64) -> QueryResult<Vec<StepRecord>> {
    StepRecord::query()
        .filter(steps::run_id.eq(run))
        .filter(steps::state.eq_any([StepState::Done, StepState::Running, StepState::Failed]))
        .order(steps::position.desc())
        .load(conn)
}

/// Whether a step is in this state already: the answer to a connection lost in COMMIT.
pub fn is_in_state(conn: &mut PgConnection, run: RunKey, step: &StepId, state: StepState) -> QueryResult<bool> {
    let found: Option<StepState> = steps::table.find((run.id, step.as_str())).select(steps::state).first(conn).optional()?;
    Ok(found == Some(state))
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

/// Notes that a step is done, with the rows it wrote. A commit whose answer was lost is not noted again.
pub fn finish_step(conn: &mut PgConnection, run: RunKey, step: &StepId, rows: Option<i64>) -> Result<(), JournalError> {
    check_epoch(conn, run)?;
    let before = state_of(conn, run, step)?;
    if before == StepState::Done {
        return Ok(());
    }
    let state = before.after(StepEvent::Finish)?;
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

/// Corrects the rows of a step that is done.
pub fn recount_step(conn: &mut PgConnection, run: RunKey, step: &StepId, rows: i64) -> QueryResult<()> {
    diesel::update(steps::table.find((run.id, step.as_str()))).set(steps::rows_done.eq(rows)).execute(conn).map(drop)
}

/// Notes why a step failed.
pub fn fail_step(conn: &mut PgConnection, run: RunKey, step: &StepId, error: &str) -> Result<(), JournalError> {
    check_epoch(conn, run)?;
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

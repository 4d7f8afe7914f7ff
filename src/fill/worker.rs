//! The loop of one worker: claim a chunk, visit its pages stripe by stripe, checkpoint with every batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;

use super::conflict::Conflicts;
use super::pace::Pace;
use super::stripe::SEGMENTS;
use crate::config::TriggerPolicy;
use crate::db::{Fault, HasFault as _};
use crate::exec::{ExecError, Executor, milliseconds};
use crate::journal::chunks::Claimant;
use crate::journal::{Chunk, JournalError, chunks, store};
use crate::plan::{FillSpec, StepId};
use crate::progress::Event;
use crate::sql::fill::{Stripe, count_firing};

/// One pass over one table, shared by the workers that work on it.
#[derive(Debug)]
pub(super) struct Job {
    /// The step whose chunks these are.
    pub(super) step: StepId,
    pub(super) spec: FillSpec,
    relation: String,
    /// 0 = the fill, from 1 on sweeps.
    pub(super) number: i32,
    suppress: Suppress,
    /// This program has claimed the chunks before this page.
    from: AtomicI64,
    /// Rows of the step that are settled, by all workers and in earlier executions.
    pub(super) settled: Arc<AtomicI64>,
}

/// Whether triggers are kept from firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suppress {
    /// By `session_replication_role`.
    Yes,
    /// There are none, or the operator wants them to fire.
    No,
}

impl Suppress {
    /// What the operator wants. Where the connected role may not, no trigger must be there that would fire: the planner has seen to it
    /// for the role that began the run, but another one may go on with it, or help.
    pub(super) fn wanted(conn: &mut PgConnection, spec: &FillSpec) -> Result<Self, ExecError> {
        if spec.triggers == TriggerPolicy::Fire {
            return Ok(Self::No);
        }
        if may_suppress_triggers(conn)? {
            return Ok(Self::Yes);
        }
        match count_firing(&spec.table).row::<super::Value>(conn)?.value {
            0 => Ok(Self::No),
            _ => Err(ExecError::Triggers { table: spec.table.clone() }),
        }
    }

    /// The settings of a batch. A lost commit takes its checkpoint with it, so it need not wait for the disk. A batch must
    /// never hash a whole parent table, so joins probe its key.
    pub(super) fn settings(self) -> &'static str {
        const COMMON: &str = "SET LOCAL search_path TO DEFAULT; SET LOCAL synchronous_commit = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
                              SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";
        const SUPPRESSING: &str = "SET LOCAL search_path TO DEFAULT; SET LOCAL session_replication_role = replica; SET LOCAL synchronous_commit = off; \
                                   SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
                                   SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";
        match self {
            Self::Yes => SUPPRESSING,
            Self::No => COMMON,
        }
    }
}

/// Whether the connected role may keep triggers from firing.
fn may_suppress_triggers(conn: &mut PgConnection) -> QueryResult<bool> {
    let tried = conn.transaction(|conn| conn.batch_execute("SET LOCAL session_replication_role = replica"));
    match tried {
        Ok(()) => Ok(true),
        Err(diesel::result::Error::DatabaseError(kind, _)) if !matches!(kind, diesel::result::DatabaseErrorKind::ClosedConnection) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

impl Job {
    /// A pass whose chunks are in the journal.
    pub(super) fn new(step: &StepId, spec: FillSpec, number: i32, suppress: Suppress, settled: Arc<AtomicI64>) -> Self {
        Self { step: step.clone(), relation: spec.table.plain(), spec, number, suppress, from: AtomicI64::new(0), settled }
    }

    pub(super) fn pass(&self) -> chunks::Pass<'_> {
        chunks::Pass { step: &self.step, relation: &self.relation, number: self.number }
    }
}

/// A worker.
pub(super) struct Hand<'a> {
    exec: &'a Executor<'a>,
    number: usize,
    me: Claimant,
    /// Raised when a worker has failed: the others give their chunks back.
    halted: &'a AtomicBool,
    /// How big its batches are, in the table where it worked last.
    pace: Option<(String, Pace)>,
}

impl<'a> Hand<'a> {
    pub(super) fn new(exec: &'a Executor<'a>, number: usize, halted: &'a AtomicBool) -> Self {
        let me = Claimant { program: exec.gate.number(), worker: i32::try_from(number).unwrap_or(i32::MAX) };
        Self { exec, number, me, halted, pace: None }
    }

    /// Whether it must not begin another batch.
    pub(super) fn is_dismissed(&self) -> bool {
        self.exec.stop.requested() || self.halted.load(Ordering::Relaxed) || self.number > self.exec.gate.jobs()
    }

    /// Works on the next chunk of a pass; false if there is none to claim.
    pub(super) fn take(&mut self, job: &Job) -> Result<bool, ExecError> {
        let from = job.from.load(Ordering::Relaxed);
        let mut claimed = self.claim(job, from)?;
        if claimed.is_none() && from > 0 {
            // Somebody may have given one back.
            claimed = self.claim(job, 0)?;
        }
        let Some(mut chunk) = claimed else { return Ok(false) };
        job.from.fetch_max(chunk.end_page, Ordering::Relaxed);
        let mut pace = match self.pace.take() {
            Some((relation, pace)) if relation == job.relation => pace,
            _ => Pace::new(self.exec.gate.settings().batch_time),
        };
        let worked = self.chunk(job, &mut chunk, &mut pace);
        self.pace = Some((job.relation.clone(), pace));
        worked.map(|()| true)
    }

    fn claim(&self, job: &Job, from: i64) -> Result<Option<Chunk>, ExecError> {
        self.exec.patiently(|conn| Ok(chunks::claim(conn, self.exec.run, &job.pass(), self.me, from)?))
    }

    fn chunk(&self, job: &Job, chunk: &mut Chunk, pace: &mut Pace) -> Result<(), ExecError> {
        let exec = self.exec;
        let mut conflicts = Conflicts::new(exec.options.lock_budget);
        while chunk.stripe < chunk.stripes {
            exec.gate.wait(job.step.as_str(), &*exec.report, &exec.stop);
            if self.is_dismissed() {
                return exec.patiently(|conn| Ok(chunks::release(conn, exec.run, chunk, self.me)?));
            }
            pace.aim(exec.gate.settings().batch_time);
            // A visit takes several segments: by the next one the versions that this one leaves behind can be removed.
            let segment = ((chunk.end_page - chunk.first_page) / SEGMENTS).max(1);
            let end = (chunk.next_page + pace.pages().min(segment)).min(chunk.end_page);
            let clock = Instant::now();
            match self.batch(job, chunk, end) {
                Ok(Some(after)) => {
                    conflicts = Conflicts::new(exec.options.lock_budget);
                    let took = clock.elapsed();
                    pace.observe(end - chunk.next_page, took);
                    self.told(job, after.rows_done - chunk.rows_done, end - chunk.next_page, clock);
                    *chunk = after;
                    exec.gate.rest(took, &exec.stop);
                }
                // Another program has it.
                Ok(None) => return Ok(()),
                Err(error) if error.fault().is_transient() || error.fault() == Fault::StatementTimeout => {
                    pace.shrink();
                    conflicts.wait(&job.step, error, &*exec.report)?;
                }
                Err(error) => return Err(self.reason(error)),
            }
        }
        Ok(())
    }

    /// Why a batch has failed: whatever it was, if another program has the run by now, which may be taking it back, that is why.
    fn reason(&self, error: ExecError) -> ExecError {
        match self.exec.patiently(|conn| Ok(store::check_epoch(conn, self.exec.run)?)) {
            Err(fenced @ ExecError::Journal(JournalError::Fenced)) => fenced,
            _ => error,
        }
    }

    /// One segment of one stripe, with its checkpoint in the same transaction; returns the chunk after it, or nothing if
    /// the chunk is in other hands.
    ///
    /// A checkpoint that is not where it was left has the last word: a crash may have taken batches that were not yet on
    /// disk, or the connection was lost when the batch was committed already.
    fn batch(&self, job: &Job, chunk: &Chunk, end: i64) -> Result<Option<Chunk>, ExecError> {
        let (run, me) = (self.exec.run, self.me);
        let stripe = Stripe { index: narrow(chunk.stripe), of: narrow(chunk.stripes) };
        let statement = job.spec.batch(chunk.next_page..end, stripe).statement();
        self.exec.patiently(|conn| {
            let committed = conn.transaction(|conn| {
                conn.batch_execute(job.suppress.settings())?;
                let rows = i64::try_from(statement.run(conn)?).unwrap_or(i64::MAX);
                let after = next(chunk, end, rows);
                if chunks::advance(conn, run, chunk, &after, me)? { Ok(after) } else { Err(diesel::result::Error::RollbackTransaction) }
            });
            match committed {
                Err(diesel::result::Error::RollbackTransaction) => {
                    store::check_epoch(conn, run)?;
                    match chunks::held(conn, run, chunk, me)? {
                        Some(held) if (held.stripe, held.next_page) == (chunk.stripe, chunk.next_page) => {
                            Err(ExecError::Journal(JournalError::Fenced))
                        }
                        held => Ok(held),
                    }
                }
                other => Ok(Some(other?)),
            }
        })
    }

    fn told(&self, job: &Job, rows: i64, pages: i64, clock: Instant) {
        let settled = job.settled.fetch_add(rows, Ordering::Relaxed) + rows;
        self.exec.written.fetch_add(rows, Ordering::Relaxed);
        self.exec.report.event(&Event::Advanced {
            step: job.step.to_string(),
            unit_done: settled.cast_unsigned(),
            batch: rows.max(0).cast_unsigned(),
            took_ms: milliseconds(clock),
            size: pages.cast_unsigned(),
            worker: self.number,
        });
    }
}

/// The chunk after the pages before `end` are committed in the current stripe.
fn next(chunk: &Chunk, end: i64, rows: i64) -> Chunk {
    let mut after = chunk.clone();
    after.rows_done += rows;
    if end >= chunk.end_page {
        after.stripe += 1;
        after.next_page = chunk.first_page;
    } else {
        after.next_page = end;
    }
    after
}

fn narrow(stripe: i32) -> u16 {
    u16::try_from(stripe).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        Chunk {
            run_id: 1,
            step_id: "s".into(),
            relation: "public.t".into(),
            pass: 0,
            first_page: 100,
            end_page: 200,
            stripes: 2,
            stripe: 0,
            next_page: 100,
            rows_done: 0,
        }
    }

    #[test]
    fn the_checkpoint_moves_through_every_page_of_every_stripe() {
        let mut at = chunk();
        let mut visited = Vec::new();
        while at.stripe < at.stripes {
            let end = (at.next_page + 60).min(at.end_page);
            visited.push((at.stripe, at.next_page, end));
            at = next(&at, end, 5);
        }
        assert_eq!(visited, [(0, 100, 160), (0, 160, 200), (1, 100, 160), (1, 160, 200)]);
        assert_eq!(at.rows_done, 20);
    }
}

//! The loop of one worker: claim a chunk, visit its pages stripe by stripe, checkpoint with every batch.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;

use super::pace::Pace;
use super::stripe::SEGMENTS;
use crate::config::TriggerPolicy;
use crate::db::reconnect::{ConnectionWait, Patience, reconnecting};
use crate::db::{Database, Fault, HasFault as _};
use crate::exec::{ExecError, StopFlag, lost, milliseconds};
use crate::journal::{Chunk, JournalError, chunks, store};
use crate::plan::FillSpec;
use crate::progress::{Event, Reporter};
use crate::sql::fill::{FillBatch, Stripe};
use crate::steer::Gate;

/// One pass over one table, shared by its workers.
pub(super) struct Job<'a> {
    pub(super) db: &'a Database,
    pub(super) run: store::RunKey,
    pub(super) pass: chunks::Pass<'a>,
    pub(super) spec: &'a FillSpec,
    /// Whether triggers can be kept from firing.
    pub(super) suppress: Suppress,
    /// What holds the workers back, and how many there are to be.
    pub(super) gate: &'a Gate,
    /// Whether a worker has found nothing left to claim.
    pub(super) drained: &'a AtomicBool,
    pub(super) lock_budget: Duration,
    pub(super) patience: Duration,
    pub(super) report: &'a dyn Reporter,
    pub(super) stop: &'a StopFlag,
    /// Rows of the step that are settled, by all workers and in earlier executions.
    pub(super) settled: &'a AtomicI64,
    /// Rows that this pass has written.
    pub(super) moved: &'a AtomicI64,
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
    pub(super) fn wanted(spec: &FillSpec, allowed: Allowed) -> Self {
        if spec.triggers == TriggerPolicy::Suppress && allowed == Allowed::Yes { Self::Yes } else { Self::No }
    }
}

/// Whether the connected role may set `session_replication_role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// It may.
    Yes,
    /// It may not; the planner has seen to it that no trigger fires.
    No,
}

/// Conflicts with the application in a row before the worker gives up waiting.
struct Conflicts {
    since: Option<Instant>,
    attempt: u32,
}

impl Job<'_> {
    /// Whether there is nothing left to claim.
    pub(super) fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Relaxed)
    }

    /// Works until no chunk is left, or the operator wants fewer workers.
    pub(super) fn work(&self, number: usize) -> Result<(), ExecError> {
        let name = format!("{}/{number}", self.run.epoch);
        let mut pace = Pace::new(self.gate.settings().batch_time);
        loop {
            if self.stop.requested() {
                return Err(ExecError::Stopped);
            }
            if number > self.gate.jobs() {
                return Ok(());
            }
            let Some(mut chunk) = self.with_connection(|conn| Ok(chunks::claim(conn, self.run, &self.pass, &name)?))? else {
                self.drained.store(true, Ordering::Relaxed);
                return Ok(());
            };
            self.chunk(&mut chunk, &name, number, &mut pace)?;
        }
    }

    fn with_connection<T>(&self, work: impl FnMut(&mut PgConnection) -> Result<T, ExecError>) -> Result<T, ExecError> {
        use std::ops::ControlFlow;
        let mut on_wait = |wait: ConnectionWait<'_>| {
            self.report.event(&lost(&wait));
            if self.stop.requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        Ok(reconnecting(self.db, Patience(self.patience), &mut on_wait, work)?)
    }

    fn chunk(&self, chunk: &mut Chunk, worker: &str, number: usize, pace: &mut Pace) -> Result<(), ExecError> {
        let mut conflicts = Conflicts { since: None, attempt: 0 };
        while chunk.stripe < chunk.stripes {
            self.gate.wait(self.pass.step.as_str(), self.report, self.stop);
            if self.stop.requested() || number > self.gate.jobs() {
                self.with_connection(|conn| Ok(chunks::release(conn, self.run, chunk, worker)?))?;
                return if self.stop.requested() { Err(ExecError::Stopped) } else { Ok(()) };
            }
            pace.aim(self.gate.settings().batch_time);
            // A visit takes several segments: by the next one the versions that this one leaves behind can be removed.
            let segment = ((chunk.end_page - chunk.first_page) / SEGMENTS).max(1);
            let end = (chunk.next_page + pace.pages().min(segment)).min(chunk.end_page);
            let clock = Instant::now();
            match self.batch(chunk, end, worker) {
                Ok(after) => {
                    conflicts = Conflicts { since: None, attempt: 0 };
                    let took = clock.elapsed();
                    pace.observe(end - chunk.next_page, took);
                    self.told(after.rows_done - chunk.rows_done, end - chunk.next_page, clock, number);
                    *chunk = after;
                    self.gate.rest(took, self.stop);
                }
                Err(error) if error.fault().is_transient() || error.fault() == Fault::StatementTimeout => {
                    pace.shrink();
                    self.wait_for_application(&mut conflicts, error)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One segment of one stripe, with its checkpoint in the same transaction; returns the chunk after it.
    ///
    /// A checkpoint that is not where it was left has the last word: a crash may have taken batches that were not yet on
    /// disk, or the connection was lost when the batch was committed already.
    fn batch(&self, chunk: &Chunk, end: i64, worker: &str) -> Result<Chunk, ExecError> {
        let stripe = Stripe { index: narrow(chunk.stripe), of: narrow(chunk.stripes) };
        let batch = FillBatch {
            table: &self.spec.table,
            column: &self.spec.column,
            sources: &self.spec.sources,
            pages: chunk.next_page..end,
            stripe,
        };
        let statement = batch.statement();
        self.with_connection(|conn| {
            let committed = conn.transaction(|conn| {
                conn.batch_execute(self.settings())?;
                let rows = i64::try_from(statement.run(conn)?).unwrap_or(i64::MAX);
                let after = next(chunk, end, rows);
                if chunks::advance(conn, self.run, chunk, &after, worker)? {
                    Ok(after)
                } else {
                    Err(diesel::result::Error::RollbackTransaction)
                }
            });
            match committed {
                Err(diesel::result::Error::RollbackTransaction) => {
                    let held = chunks::held(conn, self.run, chunk, worker)?;
                    let elsewhere = held.filter(|held| (held.stripe, held.next_page) != (chunk.stripe, chunk.next_page));
                    elsewhere.ok_or(ExecError::Journal(JournalError::Fenced))
                }
                other => Ok(other?),
            }
        })
    }

    /// A lost commit takes its checkpoint with it, so it need not wait for the disk. A batch must never hash a whole
    /// parent table, so joins probe its key.
    fn settings(&self) -> &'static str {
        const COMMON: &str = "SET LOCAL search_path TO DEFAULT; SET LOCAL synchronous_commit = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
                              SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";
        const SUPPRESSING: &str = "SET LOCAL search_path TO DEFAULT; SET LOCAL session_replication_role = replica; SET LOCAL synchronous_commit = off; \
                                   SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
                                   SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";
        match self.suppress {
            Suppress::Yes => SUPPRESSING,
            Suppress::No => COMMON,
        }
    }

    fn told(&self, rows: i64, pages: i64, clock: Instant, worker: usize) {
        let settled = self.settled.fetch_add(rows, Ordering::Relaxed) + rows;
        self.moved.fetch_add(rows, Ordering::Relaxed);
        self.report.event(&Event::Advanced {
            step: self.pass.step.to_string(),
            unit_done: settled.cast_unsigned(),
            batch: rows.max(0).cast_unsigned(),
            took_ms: milliseconds(clock),
            size: pages.cast_unsigned(),
            worker,
        });
    }

    fn wait_for_application(&self, conflicts: &mut Conflicts, error: ExecError) -> Result<(), ExecError> {
        let since = *conflicts.since.get_or_insert_with(Instant::now);
        if since.elapsed() > self.lock_budget {
            return Err(error);
        }
        conflicts.attempt += 1;
        let pause = Duration::from_millis(20 * u64::from(conflicts.attempt.min(25)) + fastrand::u64(0..50));
        self.report.event(&Event::Retry {
            step: self.pass.step.to_string(),
            reason: crate::error::chain(&error),
            attempt: conflicts.attempt,
            retry_in_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
        });
        std::thread::sleep(pause);
        Ok(())
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

//! The executor: runs the plan forward and back, and keeps the journal.

mod backup;
mod error;
mod leftover;
mod step;
mod stop;
mod undo;

pub use crate::fill::Helped;
pub use error::ExecError;
pub use stop::StopFlag;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::Connection as _;
use diesel::pg::PgConnection;
use diesel::result::DatabaseErrorKind;

use crate::db::reconnect::{ConnectionWait, Patience, reconnecting};
use crate::db::retry::{LockAttempt, RetryPolicy};
use crate::db::{BlockerWatch, Database};
use crate::journal::{JournalError, RunState, StepState, store};
use crate::phase::Phase;
use crate::plan::{Action, Plan, Step, StepId};
use crate::progress::{Blocker, Event, Reporter, Resumed, style};
use crate::steer::{Gate, Observed};

/// How the executor works.
#[derive(Clone, Debug)]
pub struct ExecOptions {
    /// How long to try for a lock.
    pub lock_budget: Duration,
    /// How long to wait for a lost connection.
    pub patience: Duration,
    /// Stop after this phase.
    pub until: Option<Phase>,
    /// Stop after so many steps.
    pub steps: Option<usize>,
}

/// A step that was not done, with the reason.
#[derive(Debug, thiserror::Error)]
#[error("{step} failed")]
pub struct StepError {
    /// The step.
    pub step: StepId,
    /// Why.
    #[source]
    pub source: ExecError,
}

/// How an execution ended without an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps are done.
    Finished,
    /// The phase or number of steps that was asked for is done; more are left.
    Paused(String),
    /// Somebody asked to stop.
    Stopped,
}

/// Runs a plan.
pub struct Executor<'a> {
    pub(crate) db: &'a Database,
    pub(crate) plan: &'a Plan,
    pub(crate) run: store::RunKey,
    pub(crate) options: &'a ExecOptions,
    pub(crate) report: Arc<dyn Reporter>,
    pub(crate) stop: StopFlag,
    pub(crate) gate: Arc<Gate>,
    /// Rows that this program has written.
    pub(crate) written: AtomicI64,
    /// Held by the worker that puts rows right, in all tables.
    recovery: Mutex<()>,
    watch: BlockerWatch,
}

impl<'a> Executor<'a> {
    /// An executor for an open run.
    #[must_use]
    pub fn new(
        db: &'a Database,
        plan: &'a Plan,
        run: store::RunKey,
        options: &'a ExecOptions,
        report: Arc<dyn Reporter>,
        (stop, gate): (StopFlag, Arc<Gate>),
    ) -> Self {
        let report = Arc::new(Observed::new(report, Arc::clone(&gate)));
        Self {
            db,
            plan,
            run,
            options,
            report,
            stop,
            gate,
            written: AtomicI64::new(0),
            recovery: Mutex::new(()),
            watch: BlockerWatch::new(db),
        }
    }

    /// Applies every step that the journal does not already call done.
    pub fn apply(&self, resumed: Resumed) -> Result<Ending, StepError> {
        let clock = Instant::now();
        let states = self.states().map_err(|source| self.journal_failed(source))?;
        let done = |step: &Step| states.get(&step.id) == Some(&StepState::Done);
        self.tell(&Event::RunStarted { run: self.run.id, plan: self.plan.short_id().to_owned(), resumed, steps: self.plan.steps.len() });
        let mut left_of_budget = self.options.steps.unwrap_or(usize::MAX);
        for phase in Phase::ALL {
            let left: Vec<&Step> = self.plan.phase(phase).filter(|step| !done(step)).collect();
            if !left.is_empty() {
                let phase_clock = Instant::now();
                let steps = self.plan.phase(phase).count();
                self.tell(&Event::PhaseStarted { phase: phase.name().into(), steps, left: left.len() });
                let count = left.len();
                let worked = match phase {
                    Phase::Backfill => self.backfill(&done, left_of_budget),
                    Phase::Constraints => self.constrain(&done, left_of_budget),
                    _ => self.in_order(&left, left_of_budget),
                };
                match worked {
                    Err(StepError { source: ExecError::Stopped, .. }) => return self.stopped(),
                    Err(error) => return Err(error),
                    Ok(worked) if worked < count => return self.paused("the number of steps that was asked for is done"),
                    Ok(worked) => left_of_budget -= worked,
                }
                self.promise(phase)?;
                let took_ms = milliseconds(phase_clock);
                self.tell(&Event::PhaseFinished { phase: phase.name().into(), took_ms, summary: style::plural(steps as u64, "step") });
            } else if !later_begun(self.plan, phase, &done) {
                // An earlier execution may have ended here because the promise did not hold.
                self.promise(phase)?;
            }
            if self.options.until == Some(phase) && phase != Phase::Rls {
                return self.paused(&format!("the phase {phase} is done"));
            }
        }
        self.end(RunState::Finished)?;
        self.tell(&Event::RunFinished { took_ms: milliseconds(clock), next: "tenantize verify".into() });
        Ok(Ending::Finished)
    }

    /// Runs steps one after the other, `budget` of them at most; returns how many.
    fn in_order(&self, steps: &[&Step], budget: usize) -> Result<usize, StepError> {
        for step in steps.iter().take(budget) {
            if self.stop.requested() {
                return Err(self.journal_failed(ExecError::Stopped));
            }
            self.step(step)?;
        }
        Ok(steps.len().min(budget))
    }

    /// Asks the database whether what the phase promises is so.
    fn promise(&self, phase: Phase) -> Result<(), StepError> {
        if phase == Phase::Backfill {
            self.realign(phase).map_err(|source| self.journal_failed(source))?;
        }
        match self.ask_promise(phase) {
            Err(StepError { source: ExecError::Promise { .. }, .. }) if phase == Phase::Backfill => {
                self.fill_late_rows().map_err(|source| self.journal_failed(source))?;
                self.ask_promise(phase)
            }
            other => other,
        }
    }

    fn ask_promise(&self, phase: Phase) -> Result<(), StepError> {
        let checks = crate::check::promises(self.plan, phase);
        let results = self.patiently(|conn| Ok(crate::check::run(conn, &checks, &mut |_| {})?));
        let results = results.map_err(|source| self.journal_failed(source))?;
        let Some(broken) = results.iter().find(|result| result.fails()) else { return Ok(()) };
        let evidence: Vec<String> = broken.evidence.iter().map(|row| format!("{}: {}", row.object, row.detail)).collect();
        let detail = format!("{} {}, but {}", broken.id, broken.claim, evidence.join("; "));
        self.end(RunState::Failed)?;
        Err(StepError { step: StepId::new(phase, None, "promise"), source: ExecError::Promise { phase: phase.to_string(), detail } })
    }

    fn stopped(&self) -> Result<Ending, StepError> {
        self.end(RunState::Stopped)?;
        self.tell(&Event::RunStopped { reason: "stopped on request".into(), next: "tenantize resume".into() });
        Ok(Ending::Stopped)
    }

    fn paused(&self, reason: &str) -> Result<Ending, StepError> {
        self.end(RunState::Stopped)?;
        self.tell(&Event::RunStopped { reason: reason.into(), next: "tenantize resume".into() });
        Ok(Ending::Paused(reason.into()))
    }

    fn states(&self) -> Result<BTreeMap<StepId, StepState>, ExecError> {
        let run = self.run.id;
        let steps = self.patiently(|conn| Ok(store::steps_in_order(conn, run)?))?;
        Ok(steps.into_iter().map(|step| (StepId::from_journal(step.step_id), step.state)).collect())
    }

    fn end(&self, state: RunState) -> Result<(), StepError> {
        let run = self.run;
        self.patiently(|conn| Ok(store::end_run(conn, run, state)?)).map_err(|source| self.journal_failed(source))
    }

    pub(crate) fn journal_failed(&self, source: ExecError) -> StepError {
        StepError { step: StepId::from_journal(format!("run {}", self.run.id)), source }
    }

    /// Tells that a step begins, when nothing holds the run; returns when it did.
    pub(crate) fn start_step(&self, step: &Step) -> Result<Instant, StepError> {
        let clock = Instant::now();
        self.tell_started(step);
        self.gate.wait(step.id.as_str(), &*self.report, &self.stop);
        if self.stop.requested() { Err(StepError { step: step.id.clone(), source: ExecError::Stopped }) } else { Ok(clock) }
    }

    pub(crate) fn tell_started(&self, step: &Step) {
        self.tell(&Event::StepStarted {
            step: step.id.to_string(),
            phase: step.phase.name().into(),
            subject: step.subject.as_ref().map(crate::sql::QualifiedName::plain),
            why: step.why.clone(),
            lock: step.lock().to_string(),
        });
    }

    /// Tells that a step is done.
    pub(crate) fn step_finished(&self, step: &Step, clock: Instant, rows: Option<i64>) {
        let finished = Event::StepFinished { step: step.id.to_string(), took_ms: milliseconds(clock), rows: rows.map(i64::cast_unsigned) };
        self.keep_event(&finished);
        self.tell(&finished);
    }

    fn step(&self, step: &Step) -> Result<(), StepError> {
        self.do_step(step).map_err(|error| self.noted(error))
    }

    /// The error, after it is written down, unless somebody asked to stop.
    pub(crate) fn noted(&self, error: StepError) -> StepError {
        match error {
            StepError { source: ExecError::Stopped, .. } => error,
            StepError { step, source } => StepError { source: self.note_failure(&step, source), step },
        }
    }

    /// Does a step; a failure is not written down.
    pub(crate) fn do_step(&self, step: &Step) -> Result<(), StepError> {
        let clock = self.start_step(step)?;
        let result = match self.act(step) {
            // Some transaction was older than the fill and has ended since. None is now: the CHECK had to wait for them.
            Err(error) if is_violated(&error, DatabaseErrorKind::CheckViolation) => {
                self.alone(|| self.fill_late_rows()).and_then(|()| self.act(step))
            }
            // The application has moved a row whose children were filled. No more can follow: the new key binds new rows.
            Err(error) if is_violated(&error, DatabaseErrorKind::ForeignKeyViolation) => {
                self.alone(|| self.realign(step.phase)).and_then(|()| self.act(step))
            }
            result => result,
        };
        let rows = result.map_err(|source| StepError { step: step.id.clone(), source })?;
        self.step_finished(step, clock, rows);
        Ok(())
    }

    /// Puts rows right, in whichever table, while no other worker does.
    ///
    /// Other steps go on meanwhile. None of them minds: rows without a tenant are in tables whose CHECK is not validated, and rows that
    /// are to move in tables whose key is not; by their locks, keys that bind such rows from elsewhere are added only after that. An
    /// index that is built meanwhile sees them move as it sees the application's.
    fn alone(&self, put_right: impl FnOnce() -> Result<(), ExecError>) -> Result<(), ExecError> {
        let _others_wait = self.recovery.lock().unwrap_or_else(PoisonError::into_inner);
        put_right()
    }

    fn act(&self, step: &Step) -> Result<Option<i64>, ExecError> {
        match &step.action {
            Action::Apply { changes } => self.apply_changes(step, changes),
            Action::Concurrent { change } => self.concurrent(step, change),
            Action::Backup(spec) => self.back_up(step, spec),
            Action::Fill(_) | Action::Settle { .. } => self.fill(step),
        }
    }

    /// Writes the failure down, if the journal can still be reached and is still ours.
    ///
    /// Returns the reason: to lose the run to another program is one, whatever came of it.
    fn note_failure(&self, step: &StepId, error: ExecError) -> ExecError {
        let text = crate::error::chain(&error);
        let noted = self.db.get().map_err(ExecError::from).and_then(|mut conn| {
            Ok(conn.transaction(|conn| {
                store::fail_step(conn, self.run, step, &text)?;
                store::end_run(conn, self.run, RunState::Failed)
            })?)
        });
        match noted {
            Ok(()) => error,
            Err(fenced @ ExecError::Journal(JournalError::Fenced)) => fenced,
            Err(other) => {
                tracing::warn!(error = %other, "the failure could not be noted in the journal");
                error
            }
        }
    }

    fn keep_event(&self, event: &Event) {
        let kept = serde_json::to_value(event).map_err(|error| error.to_string()).and_then(|value| {
            let mut conn = self.db.get().map_err(|error| error.to_string())?;
            store::add_event(&mut conn, self.run.id, &value).map_err(|error| error.to_string())
        });
        // Events feed the report only; the journal's steps are what counts.
        if let Err(error) = kept {
            tracing::debug!(%error, "an event was not kept");
        }
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.report.event(event);
    }

    /// Runs work on a pooled connection, and again when the connection is lost.
    pub(crate) fn patiently<T>(&self, work: impl FnMut(&mut PgConnection) -> Result<T, ExecError>) -> Result<T, ExecError> {
        let mut on_wait = |wait: ConnectionWait<'_>| {
            self.tell(&lost(&wait));
            if self.stop.requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        Ok(reconnecting(self.db, Patience(self.options.patience), &mut on_wait, work)?)
    }

    /// The retry policy of short schema changes.
    pub(crate) fn lock_policy(&self) -> RetryPolicy {
        RetryPolicy { budget: self.options.lock_budget, ..RetryPolicy::default() }
    }
}

fn is_violated(error: &ExecError, kind: DatabaseErrorKind) -> bool {
    use diesel::result::Error;
    matches!(error, ExecError::Query(Error::DatabaseError(found, _)) if std::mem::discriminant(found) == std::mem::discriminant(&kind))
}

pub(crate) fn lost(wait: &ConnectionWait<'_>) -> Event {
    Event::Retry {
        step: "connection".into(),
        reason: wait.error.map_or_else(|| "the connection was lost".to_owned(), ToString::to_string),
        attempt: wait.attempt,
        retry_in_ms: u64::try_from(wait.retry_in.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Whether a phase after `phase` has a step that is done.
fn later_begun(plan: &Plan, phase: Phase, done: &dyn Fn(&Step) -> bool) -> bool {
    plan.steps.iter().any(|step| step.phase > phase && done(step))
}

/// What to tell about a lock that is not free.
fn lock_wait(step: &StepId, attempt: &LockAttempt<'_>) -> Event {
    let blockers = attempt.blockers.iter().map(|blocker| Blocker {
        pid: blocker.pid,
        user: blocker.user.clone().unwrap_or_default(),
        application: blocker.application.clone().unwrap_or_default(),
        age_seconds: blocker.age_seconds.unwrap_or_default(),
        query: blocker.query.clone().unwrap_or_default(),
    });
    Event::LockWait {
        step: step.to_string(),
        attempt: attempt.attempt,
        retry_in_ms: u64::try_from(attempt.retry_in.as_millis()).unwrap_or(u64::MAX),
        blockers: blockers.collect(),
    }
}

pub(crate) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

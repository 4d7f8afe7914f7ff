//! A program helps with the fills of a run that another one leads.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::pg::PgConnection;

use super::crew::{Found, Work, crew};
use super::worker::{Hand, Job, Suppress};
use crate::db::lock::{LockKey, holder};
use crate::exec::{ExecError, Executor, StepError, milliseconds};
use crate::journal::{JournalError, RunState, chunks, store};
use crate::phase::Phase;
use crate::plan::{Action, FillSpec, StepId};
use crate::progress::{Event, Precision, Unit};

/// How often the journal is asked what is open.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a worker without work waits before it looks again.
const LOOK: Duration = Duration::from_millis(100);

/// A leader whose lock is free this long is dead: one that has lost its session takes it again within seconds.
const DEAD: Duration = Duration::from_secs(30);

/// How helping ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helped {
    /// The run has ended like this.
    Over(RunState),
    /// Another program leads the run now, in this epoch.
    Renewed(i32),
    /// The run was stopped after its fills: nothing is left to help with.
    Filled,
    /// Nobody leads the run any more, and nothing is left to do without.
    Leaderless {
        /// What the run is: running, if its leader has died.
        state: RunState,
        /// For how long.
        waited: Duration,
    },
}

struct Help<'e, 'a> {
    exec: &'e Executor<'a>,
    state: Mutex<State>,
    /// Workers on a chunk.
    active: AtomicUsize,
}

#[derive(Default)]
struct State {
    fills: Vec<Fill>,
    looked: Option<Instant>,
    leaderless_since: Option<Instant>,
    waits: Option<&'static str>,
    helped: Option<Helped>,
}

/// A fill that is open.
struct Fill {
    job: Arc<Job>,
    since: Instant,
    /// Whether there was nothing to claim since the last look.
    drained: bool,
}

/// What the journal says.
struct Seen {
    state: RunState,
    epoch: i32,
    is_over: bool,
    is_led: bool,
    /// Steps of the backfill that are not done.
    left: i64,
    /// Fills that have begun and are not done, with their newest pass.
    open: Vec<(StepId, i32)>,
}

impl Executor<'_> {
    /// Works on the chunks of whatever fill is open, until the run ends or its leader changes.
    pub fn help(&self) -> Result<Helped, StepError> {
        let help = Help { exec: self, state: Mutex::default(), active: AtomicUsize::new(0) };
        crew(self, &help)?;
        let state = help.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.helped.ok_or_else(|| self.journal_failed(ExecError::Worker))
    }
}

impl Work for Help<'_, '_> {
    fn work(&self, hand: &mut Hand<'_>) -> Result<Found, StepError> {
        let job = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.helped.is_none() && state.looked.is_none_or(|looked| looked.elapsed() >= PERIOD) {
                self.look(&mut state).map_err(|source| self.exec.journal_failed(source))?;
                state.looked = Some(Instant::now());
            }
            if state.helped.is_some() {
                return Ok(Found::End);
            }
            let job = state.fills.iter().find(|fill| !fill.drained).map(|fill| Arc::clone(&fill.job));
            self.active.fetch_add(usize::from(job.is_some()), Ordering::Relaxed);
            job
        };
        let Some(job) = job else {
            std::thread::sleep(LOOK);
            return Ok(Found::Work);
        };
        let took = hand.take(&job);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.active.fetch_sub(1, Ordering::Relaxed);
        match took {
            Ok(true) => {}
            Ok(false) => {
                for fill in state.fills.iter_mut().filter(|fill| Arc::ptr_eq(&fill.job, &job)) {
                    fill.drained = true;
                }
            }
            // Another program leads now: the next look says which epoch this is.
            Err(ExecError::Journal(JournalError::Fenced)) => state.looked = None,
            Err(source) => return Err(StepError { step: job.step.clone(), source }),
        }
        Ok(Found::Work)
    }
}

impl Help<'_, '_> {
    fn look(&self, state: &mut State) -> Result<(), ExecError> {
        let exec = self.exec;
        let seen = exec.patiently(|conn| Ok(self.ask(conn)?))?;
        if seen.is_over || matches!(seen.state, RunState::RollingBack | RunState::RolledBack) {
            state.helped = Some(Helped::Over(seen.state));
        } else if seen.epoch != exec.run.epoch {
            state.helped = Some(Helped::Renewed(seen.epoch));
        } else if !seen.is_led && seen.left == 0 && seen.state == RunState::Stopped {
            state.helped = Some(Helped::Filled);
        }
        let works = self.active.load(Ordering::Relaxed) > 0 || state.fills.iter().any(|fill| !fill.drained);
        if state.helped.is_none() {
            self.reopen(state, &seen)?;
        }
        state.leaderless_since = if seen.is_led || works { None } else { state.leaderless_since.or_else(|| Some(Instant::now())) };
        let waited = state.leaderless_since.map_or(Duration::ZERO, |since| since.elapsed());
        let died = seen.state == RunState::Running;
        if waited > if died { exec.options.patience.min(DEAD) } else { exec.options.patience } {
            state.helped = state.helped.or(Some(Helped::Leaderless { state: seen.state, waited }));
        }
        match state.helped {
            Some(Helped::Over(_) | Helped::Filled) => self.close(state, &[]),
            Some(_) => {}
            None => self.say(state, &seen),
        }
        Ok(())
    }

    fn ask(&self, conn: &mut PgConnection) -> QueryResult<Seen> {
        let run = self.exec.run.id;
        let record = store::run(conn, run)?.ok_or(diesel::result::Error::NotFound)?;
        let mut open = Vec::new();
        for step in store::running_steps(conn, run)? {
            let step = StepId::from_journal(step);
            if let Some(spec) = self.spec(&step) {
                let pass = chunks::last_pass(conn, self.exec.run, &step, &spec.table.plain())?;
                open.push((step, pass));
            }
        }
        let is_led = holder(conn, LockKey::RUN)?.is_some();
        let left = store::steps_left(conn, run, Phase::Backfill.name())?;
        Ok(Seen { state: record.state, epoch: record.epoch, is_over: record.finished_at.is_some(), is_led, left, open })
    }

    /// A fill whose passes all have the sources of the plan; the last passes over a cycle have not, and are the leader's.
    fn spec(&self, step: &StepId) -> Option<&FillSpec> {
        match &self.exec.plan.step(step)?.action {
            Action::Fill(spec) => Some(spec),
            _ => None,
        }
    }

    /// Brings the fills in line with what is open. Chunks of programs that are dead go back to the queue: perhaps the leader is.
    fn reopen(&self, state: &mut State, seen: &Seen) -> Result<(), ExecError> {
        let exec = self.exec;
        self.close(state, &seen.open);
        for fill in &mut state.fills {
            if fill.drained {
                match exec.patiently(|conn| Ok(chunks::reclaim(conn, exec.run, &fill.job.pass(), None)?)) {
                    Err(ExecError::Journal(JournalError::Fenced)) => return Ok(()),
                    other => drop(other?),
                }
                fill.drained = false;
            }
            let rows = exec.patiently(|conn| Ok(chunks::rows_filled(conn, exec.run.id, &fill.job.step)?))?;
            fill.job.settled.fetch_max(rows, Ordering::Relaxed);
        }
        for (step, pass) in &seen.open {
            let Some(spec) = self.spec(step) else { continue };
            match state.fills.iter_mut().find(|fill| fill.job.step == *step) {
                Some(fill) if fill.job.number == *pass => {}
                Some(fill) => {
                    let suppress = exec.patiently(|conn| Suppress::wanted(conn, spec))?;
                    fill.job = Arc::new(Job::new(step, spec.clone(), *pass, suppress, Arc::clone(&fill.job.settled)));
                }
                None => state.fills.push(self.open(step, spec, *pass)?),
            }
        }
        Ok(())
    }

    fn open(&self, step: &StepId, spec: &FillSpec, pass: i32) -> Result<Fill, ExecError> {
        let exec = self.exec;
        let (rows, suppress) = exec.patiently(|conn| Ok((chunks::rows_filled(conn, exec.run.id, step)?, Suppress::wanted(conn, spec)?)))?;
        if let Some(step) = exec.plan.step(step) {
            exec.tell_started(step);
        }
        exec.tell(&Event::WorkSized {
            step: step.to_string(),
            subject: spec.table.plain(),
            unit: Unit::Rows,
            done: rows.cast_unsigned(),
            total: spec.rows.max(rows).cast_unsigned(),
            precision: Precision::Estimate,
        });
        let job = Job::new(step, spec.clone(), pass, suppress, Arc::new(AtomicI64::new(rows)));
        Ok(Fill { job: Arc::new(job), since: Instant::now(), drained: false })
    }

    /// Forgets fills that are no longer open.
    fn close(&self, state: &mut State, open: &[(StepId, i32)]) {
        let is_open = |fill: &Fill| open.iter().any(|(step, _)| *step == fill.job.step);
        let (kept, closed) = std::mem::take(&mut state.fills).into_iter().partition(is_open);
        state.fills = kept;
        let closed: Vec<Fill> = closed;
        for fill in closed {
            let step = fill.job.step.to_string();
            self.exec.tell(&Event::StepFinished { step, took_ms: milliseconds(fill.since), rows: None });
        }
    }

    /// Says what it waits for, when that changes.
    fn say(&self, state: &mut State, seen: &Seen) {
        let waits = if !seen.is_led {
            Some("nobody leads the run")
        } else if state.fills.is_empty() {
            Some("no fill is open")
        } else {
            None
        };
        if state.waits == waits {
            return;
        }
        state.waits = waits;
        let step = "join".to_owned();
        match waits {
            None => self.exec.tell(&Event::StepFinished { step, took_ms: 0, rows: None }),
            Some(reason) => {
                self.exec.tell(&Event::StepStarted {
                    step: step.clone(),
                    phase: "backfill".into(),
                    subject: Some(format!("run {}", self.exec.run.id)),
                    why: reason.into(),
                    lock: String::new(),
                });
                self.exec.tell(&Event::Waiting { step, reason: reason.into() });
            }
        }
    }
}

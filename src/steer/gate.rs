//! What the workers ask before each batch, and what `status` is told about them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::setting::Settings;
use crate::exec::StopFlag;
use crate::progress::{Eta, Event, Halt, Meter, Reporter};

/// How often somebody who waits looks again.
const LOOK: Duration = Duration::from_millis(100);

/// What a program says of itself, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramState {
    /// The program.
    pub program: Uuid,
    /// Its process on its machine.
    pub process: u32,
    /// The step it works on.
    pub step: Option<String>,
    /// What the step changes.
    pub subject: Option<String>,
    /// Rows that are settled, by all programs.
    pub settled: u64,
    /// Rows there are, an estimate.
    pub total: u64,
    /// Rows per second in the recent window; none before enough was seen.
    pub rate: Option<u64>,
    /// When the step will end: seconds, or why that cannot be told.
    pub eta: Outlook,
    /// Why it waits.
    pub waits: Option<String>,
    /// Every setting as it is.
    pub settings: BTreeMap<String, String>,
    /// What each worker did last.
    pub workers: BTreeMap<usize, WorkerState>,
}

/// When a step will end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Too little was seen to tell.
    #[default]
    Measuring,
    /// In so many seconds.
    Seconds(u64),
    /// All that was counted is settled.
    Finishing,
    /// It waits.
    Throttled,
    /// Somebody paused it.
    Paused,
}

impl From<Halt> for Outlook {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Throttled => Self::Throttled,
            Halt::Paused => Self::Paused,
        }
    }
}

/// What one worker did last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerState {
    /// Rows of its last batch.
    pub rows: u64,
    /// Heap pages of its last batch.
    pub pages: u64,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
    /// Batches so far.
    pub batches: u64,
}

/// What everybody may ask and tell.
#[derive(Debug)]
pub struct Gate {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    held: Option<String>,
    program: ProgramState,
    meter: Option<Meter>,
}

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let program = ProgramState {
            program: Uuid::new_v4(),
            process: std::process::id(),
            step: None,
            subject: None,
            settled: 0,
            total: 0,
            rate: None,
            eta: Outlook::Measuring,
            waits: None,
            settings: BTreeMap::new(),
            workers: BTreeMap::new(),
        };
        Self { started: Instant::now(), state: Mutex::new(State { settings, held: None, program, meter: None }) }
    }

    // A panic of another thread has left nothing half done here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings as they are now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    /// How many workers work now.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.state().settings.jobs.get()
    }

    /// Why the run waits.
    #[must_use]
    pub fn held(&self) -> Option<String> {
        self.state().held.clone()
    }

    /// Returns when nothing holds the run, or somebody asks it to stop.
    pub fn wait(&self, of: &str, report: &dyn Reporter, stop: &StopFlag) {
        let mut told = None;
        while let Some(reason) = self.held() {
            if stop.requested() {
                return;
            }
            if told.as_ref() != Some(&reason) {
                report.event(&Event::Waiting { step: of.to_owned(), reason: reason.clone() });
                told = Some(reason);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Sleeps after work that took `took`, as nice as the operator wants it.
    pub fn rest(&self, took: Duration, stop: &StopFlag) {
        let nice = self.state().settings.nice;
        let until = Instant::now() + nice.rest(took);
        while !stop.requested() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    pub(super) fn set(&self, settings: Settings, held: Option<String>) {
        let at = self.started.elapsed();
        let mut state = self.state();
        state.settings = settings;
        if let (Some(reason), Some(meter)) = (&held, &mut state.meter) {
            meter.halt(at, halt(reason));
        }
        state.held = held;
    }

    /// What the program says of itself now.
    #[must_use]
    pub fn program(&self) -> ProgramState {
        let at = self.started.elapsed();
        let state = self.state();
        let mut program = state.program.clone();
        program.waits.clone_from(&state.held);
        program.settings = state.settings.list().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if let Some(meter) = &state.meter {
            program.rate = meter.rate(at);
            program.eta = match meter.eta(at, program.total.saturating_sub(program.settled)) {
                Eta::Measuring => Outlook::Measuring,
                Eta::Ready(left) => Outlook::Seconds(left.as_secs()),
                Eta::Finishing => Outlook::Finishing,
                Eta::Halted(halt) => halt.into(),
            };
        }
        // Between two steps there is no meter that would know.
        if let Some(reason) = &state.held {
            program.eta = halt(reason).into();
        }
        program
    }

    /// Learns from what is told to the operator.
    pub fn observe(&self, event: &Event) {
        let at = self.started.elapsed();
        let mut state = self.state();
        match event {
            Event::StepStarted { step, subject, .. } => {
                let program = &mut state.program;
                (program.step, program.subject) = (Some(step.clone()), subject.clone());
                (program.settled, program.total) = (0, 0);
                program.workers.clear();
                state.meter = None;
            }
            Event::WorkSized { done, total, .. } => {
                (state.program.settled, state.program.total) = (*done, *total);
                state.meter = Some(Meter::start(at, *done));
            }
            Event::Advanced { unit_done, batch, took_ms, size, worker, .. } => {
                state.program.settled = state.program.settled.max(*unit_done);
                state.program.total = state.program.total.max(*unit_done);
                let last = state.program.workers.entry(*worker).or_default();
                *last = WorkerState { rows: *batch, pages: *size, took_ms: *took_ms, batches: last.batches + 1 };
                if let Some(meter) = &mut state.meter {
                    meter.settle(at, *unit_done, Duration::from_millis(*took_ms));
                }
            }
            Event::StepFinished { .. } => {
                state.program.step = None;
                state.program.subject = None;
                state.program.workers.clear();
                state.meter = None;
            }
            _ => {}
        }
    }
}

fn halt(reason: &str) -> Halt {
    if reason.starts_with(PAUSED) { Halt::Paused } else { Halt::Throttled }
}

/// How the reason of a paused run begins.
pub(super) const PAUSED: &str = "paused";

/// Tells the gate whatever is told to the operator.
pub struct Observed {
    inner: std::sync::Arc<dyn Reporter>,
    gate: std::sync::Arc<Gate>,
}

impl Observed {
    /// A reporter that tells both.
    #[must_use]
    pub fn new(inner: std::sync::Arc<dyn Reporter>, gate: std::sync::Arc<Gate>) -> Self {
        Self { inner, gate }
    }
}

impl Reporter for Observed {
    fn event(&self, event: &Event) {
        self.gate.observe(event);
        self.inner.event(event);
    }

    fn suspend(&self, work: &mut dyn FnMut()) {
        self.inner.suspend(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{Precision, Silent, Unit};

    fn gate() -> Gate {
        Gate::new(Settings::default())
    }

    #[test]
    fn a_gate_that_is_held_lets_nobody_pass_until_it_is_open() {
        let gate = gate();
        gate.set(Settings::default(), Some("paused by the operator".into()));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let clock = Instant::now();
                gate.wait("s", &Silent, &StopFlag::default());
                clock.elapsed()
            });
            std::thread::sleep(Duration::from_millis(300));
            gate.set(Settings::default(), None);
            assert!(waiter.join().unwrap() >= Duration::from_millis(290));
        });
    }

    #[test]
    fn whoever_is_asked_to_stop_does_not_wait_for_the_gate() {
        let (gate, stop) = (gate(), StopFlag::default());
        gate.set(Settings::default(), Some("throttled".into()));
        stop.raise();
        gate.wait("s", &Silent, &stop);
    }

    #[test]
    fn what_is_held_between_two_steps_says_so_too() {
        let gate = gate();
        assert_eq!(gate.program().eta, Outlook::Measuring);
        gate.set(Settings::default(), Some("paused by the operator".into()));
        assert_eq!(gate.program().eta, Outlook::Paused);
        gate.set(Settings::default(), Some("replicas are behind".into()));
        assert_eq!(gate.program().eta, Outlook::Throttled);
        gate.set(Settings::default(), None);
        assert_eq!(gate.program().eta, Outlook::Measuring);
    }

    #[test]
    fn the_program_says_what_its_workers_do() {
        let gate = gate();
        let step = || "backfill/public.t/fill".to_owned();
        gate.observe(&Event::StepStarted {
            step: step(),
            phase: "backfill".into(),
            subject: Some("public.t".into()),
            why: String::new(),
            lock: String::new(),
        });
        gate.observe(&Event::WorkSized {
            step: step(),
            subject: "public.t".into(),
            unit: Unit::Rows,
            done: 10,
            total: 100,
            precision: Precision::Estimate,
        });
        gate.observe(&Event::Advanced { step: step(), unit_done: 30, batch: 20, took_ms: 5, size: 2, worker: 2 });
        let program = gate.program();
        assert_eq!((program.settled, program.total, program.workers[&2].rows), (30, 100, 20));
        gate.set(Settings::default(), Some("paused by the operator".into()));
        assert_eq!(gate.program().eta, Outlook::Paused);
        gate.observe(&Event::StepFinished { step: step(), took_ms: 1, rows: None });
        assert!(gate.program().step.is_none() && gate.program().workers.is_empty());
    }
}

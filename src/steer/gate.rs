//! What the workers ask before each batch, and what `status` is told about them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::setting::Settings;
use crate::exec::StopFlag;
use crate::progress::{Eta, Event, Halt, Meter, Reporter};

/// How often somebody who waits looks again.
const LOOK: Duration = Duration::from_millis(100);

/// What a program says of itself, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramState {
    /// The program's number in the journal.
    pub program: i32,
    /// Its process on its machine.
    pub process: u32,
    /// The steps it works on, in the order they began.
    pub steps: Vec<StepProgress>,
    /// When the first of them will end.
    pub eta: Outlook,
    /// Why it waits.
    pub waits: Option<String>,
    /// Every setting as it is.
    pub settings: BTreeMap<String, String>,
    /// What each worker did last.
    pub workers: BTreeMap<usize, WorkerState>,
}

/// How far a program sees a step to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepProgress {
    /// The step.
    pub step: String,
    /// What it changes.
    pub subject: Option<String>,
    /// Rows that are settled.
    pub settled: u64,
    /// Rows there are, an estimate.
    pub total: u64,
    /// Rows per second in the recent window; none before enough was seen.
    pub rate: Option<u64>,
    /// When the step will end: seconds, or why that cannot be told.
    pub eta: Outlook,
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
    program: i32,
    running: Vec<Running>,
    workers: BTreeMap<usize, WorkerState>,
}

#[derive(Debug)]
struct Running {
    step: StepProgress,
    meter: Option<Meter>,
}

impl Running {
    fn seen(&self, at: Duration, held: Option<Outlook>) -> StepProgress {
        let mut step = self.step.clone();
        if let Some(meter) = &self.meter {
            step.rate = meter.rate(at);
            step.eta = match meter.eta(at, step.total.saturating_sub(step.settled)) {
                Eta::Measuring => Outlook::Measuring,
                Eta::Ready(left) => Outlook::Seconds(left.as_secs()),
                Eta::Finishing => Outlook::Finishing,
                Eta::Halted(halt) => halt.into(),
            };
        }
        // Before its first batch there is no meter that would know.
        step.eta = held.unwrap_or(step.eta);
        step
    }
}

impl State {
    fn running(&mut self, step: &str) -> Option<&mut Running> {
        self.running.iter_mut().find(|running| running.step.step == step)
    }

    fn end(&mut self, step: &str) {
        self.running.retain(|running| running.step.step != step);
        if self.running.is_empty() {
            self.workers.clear();
        }
    }
}

impl Gate {
    /// An open gate, for the program of this number in the journal.
    #[must_use]
    pub fn new(settings: Settings, program: i32) -> Self {
        let state = State { settings, held: None, program, running: Vec::new(), workers: BTreeMap::new() };
        Self { started: Instant::now(), state: Mutex::new(state) }
    }

    /// The program's number in the journal.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.state().program
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
        if let Some(reason) = &held {
            for meter in state.running.iter_mut().filter_map(|running| running.meter.as_mut()) {
                meter.halt(at, halt(reason));
            }
        }
        state.held = held;
    }

    /// What the program says of itself now.
    #[must_use]
    pub fn program(&self) -> ProgramState {
        let at = self.started.elapsed();
        let state = self.state();
        let held = state.held.as_deref().map(|reason| halt(reason).into());
        let steps: Vec<StepProgress> = state.running.iter().map(|running| running.seen(at, held)).collect();
        ProgramState {
            program: state.program,
            process: std::process::id(),
            eta: steps.first().map(|step| step.eta).or(held).unwrap_or_default(),
            steps,
            waits: state.held.clone(),
            settings: state.settings.list().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            // One that was sent away has nothing more to tell.
            workers: state.workers.range(..=state.settings.jobs.get()).map(|(number, worker)| (*number, *worker)).collect(),
        }
    }

    /// Learns from what is told to the operator.
    pub fn observe(&self, event: &Event) {
        let at = self.started.elapsed();
        let mut state = self.state();
        match event {
            Event::StepStarted { step, subject, .. } => {
                state.end(step);
                let (step, subject) = (step.clone(), subject.clone());
                let step = StepProgress { step, subject, settled: 0, total: 0, rate: None, eta: Outlook::Measuring };
                state.running.push(Running { step, meter: None });
            }
            Event::WorkSized { step, done, total, .. } => {
                if let Some(running) = state.running(step) {
                    (running.step.settled, running.step.total) = (*done, *total);
                    running.meter = Some(Meter::start(at, *done));
                }
            }
            Event::Advanced { step, unit_done, batch, took_ms, size, worker } => {
                if let Some(running) = state.running(step) {
                    running.step.settled = running.step.settled.max(*unit_done);
                    running.step.total = running.step.total.max(*unit_done);
                    if let Some(meter) = &mut running.meter {
                        meter.settle(at, *unit_done, Duration::from_millis(*took_ms));
                    }
                }
                let last = state.workers.entry(*worker).or_default();
                *last = WorkerState { rows: *batch, pages: *size, took_ms: *took_ms, batches: last.batches + 1 };
            }
            Event::StepFinished { step, .. } => state.end(step),
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
        Gate::new(Settings::default(), 1)
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
        let mut two = Settings::default();
        two.jobs = two.jobs.saturating_add(1);
        gate.set(two, None);
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
        assert_eq!((program.steps[0].settled, program.steps[0].total, program.workers[&2].rows), (30, 100, 20));
        gate.set(Settings::default(), None);
        assert!(gate.program().workers.is_empty(), "a worker too many is not shown");
        gate.set(Settings::default(), Some("paused by the operator".into()));
        assert_eq!(gate.program().steps[0].eta, Outlook::Paused);
        gate.observe(&Event::StepFinished { step: step(), took_ms: 1, rows: None });
        assert!(gate.program().steps.is_empty() && gate.program().workers.is_empty());
    }
}

//! What is going on at the moment, as the events told it; shared by the reporters for people.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Event, Precision, Unit};
use super::rate::{Eta, Halt, Meter};
use super::style;

/// The running phase and the running steps.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) phase: Option<PhaseLine>,
    /// In the order they began.
    pub(super) steps: Vec<Running>,
}

/// A running phase.
#[derive(Debug)]
pub(super) struct PhaseLine {
    pub(super) name: String,
    pub(super) steps: usize,
    pub(super) done: usize,
    pub(super) since: Duration,
}

/// A running step.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) step: String,
    pub(super) phase: String,
    pub(super) subject: String,
    pub(super) why: String,
    pub(super) since: Duration,
    pub(super) work: Option<Work>,
    waits: Option<Wait>,
}

/// Why a step does nothing.
#[derive(Debug)]
struct Wait {
    reason: String,
    /// When it is surely over, unless it is told again.
    until: Option<Duration>,
}

/// The countable part of a long step.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) unit: Unit,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) precision: Precision,
    pub(super) meter: Meter,
}

impl Board {
    /// Takes in what happened at `at`.
    pub(super) fn apply(&mut self, event: &Event, at: Duration) {
        match event {
            Event::PhaseStarted { phase, steps, left } => {
                self.phase = Some(PhaseLine { name: phase.clone(), steps: *steps, done: steps.saturating_sub(*left), since: at });
            }
            Event::StepStarted { step, phase, subject, why, lock: _ } => {
                self.end(step);
                self.steps.push(Running {
                    step: step.clone(),
                    phase: phase.clone(),
                    subject: subject.clone().unwrap_or_else(|| step.clone()),
                    why: style::one_line(why),
                    since: at,
                    work: None,
                    waits: None,
                });
            }
            Event::WorkSized { step, .. } | Event::Advanced { step, .. } => {
                if let Some(running) = self.step_mut(step) {
                    running.advance(event, at);
                }
            }
            Event::Waiting { step, reason } => {
                let reason = style::one_line(reason);
                self.wait(step, at, Wait { reason, until: None });
            }
            Event::LockWait { step, attempt, retry_in_ms, blockers: _ } => {
                let reason = format!("waits for its lock, try {attempt}");
                self.wait(step, at, Wait::until(reason, at, *retry_in_ms));
            }
            Event::Retry { step, reason, retry_in_ms, attempt: _ } => {
                let reason = format!("tries again: {}", style::one_line(reason));
                self.wait(step, at, Wait::until(reason, at, *retry_in_ms));
            }
            Event::StepFinished { step, .. } | Event::StepSkipped { step, .. } | Event::StepUndone { step, .. } => {
                self.end(step);
                if let Some(phase) = &mut self.phase {
                    phase.done = (phase.done + 1).min(phase.steps);
                }
            }
            Event::PhaseFinished { .. } => self.phase = None,
            Event::RunStopped { .. } | Event::RunFinished { .. } => *self = Self::default(),
            Event::RunStarted { .. } | Event::Note { .. } | Event::Warning { .. } => {}
        }
    }

    pub(super) fn step(&self, step: &str) -> Option<&Running> {
        self.steps.iter().find(|running| running.step == step)
    }

    fn step_mut(&mut self, step: &str) -> Option<&mut Running> {
        self.steps.iter_mut().find(|running| running.step == step)
    }

    fn end(&mut self, step: &str) {
        self.steps.retain(|running| running.step != step);
    }

    fn wait(&mut self, step: &str, at: Duration, wait: Wait) {
        let Some(running) = self.step_mut(step) else {
            return;
        };
        if let Some(work) = &mut running.work {
            let why = if wait.reason.starts_with("paused") { Halt::Paused } else { Halt::Throttled };
            work.meter.halt(at, why);
        }
        running.waits = Some(wait);
    }
}

impl Wait {
    /// A pause of known length, and some time for the attempt after it: when that does not fail, it works.
    fn until(reason: String, at: Duration, retry_in_ms: u64) -> Self {
        let until = at + Duration::from_millis(retry_in_ms) + Duration::from_secs(5);
        Self { reason, until: Some(until) }
    }
}

impl Running {
    /// Returns why nothing happens, or `None` while it works.
    pub(super) fn waits(&self, at: Duration) -> Option<&str> {
        let wait = self.waits.as_ref()?;
        let over = wait.until.is_some_and(|until| at >= until);
        (!over).then_some(wait.reason.as_str())
    }

    fn advance(&mut self, event: &Event, at: Duration) {
        match (event, &mut self.work) {
            (Event::WorkSized { unit, done, total, precision, subject, step: _ }, work) => {
                self.subject.clone_from(subject);
                let meter = match work.take() {
                    // A better total of the same work: the rate stays.
                    Some(known) if known.unit == *unit => known.meter,
                    _ => Meter::start(at, *done),
                };
                *work = Some(Work { unit: *unit, done: *done, total: *total, precision: *precision, meter });
            }
            (Event::Advanced { unit_done, took_ms, .. }, Some(work)) => {
                work.done = work.done.max(*unit_done);
                work.meter.settle(at, *unit_done, Duration::from_millis(*took_ms));
                if !matches!(work.eta(at), Eta::Halted(_)) {
                    self.waits = None;
                }
            }
            (_, _) => self.waits = None,
        }
    }
}

impl Work {
    /// Returns the share that is done: never 100 while the step runs.
    pub(super) fn percent(&self) -> u8 {
        style::percent(self.done, self.total).min(99)
    }

    pub(super) fn eta(&self, at: Duration) -> Eta {
        self.meter.eta(at, self.total.saturating_sub(self.done))
    }

    /// Returns the mark of an estimate, or nothing.
    pub(super) fn about(&self) -> &'static str {
        match self.precision {
            Precision::Exact => "",
            Precision::Estimate => "~",
        }
    }

    /// Writes what is done of the total: `18.4M/~30.1M`.
    pub(super) fn counts(&self) -> String {
        match self.unit {
            Unit::Rows | Unit::Pages => format!("{}/{}{}", style::rows(self.done), self.about(), style::rows(self.total)),
            Unit::Bytes => style::bytes_of(self.done, self.total, self.about()),
        }
    }

    /// Writes an amount of this work for people.
    pub(super) fn amount(&self, n: u64) -> String {
        match self.unit {
            Unit::Rows | Unit::Pages => style::rows(n),
            Unit::Bytes => style::bytes(n),
        }
    }
}

/// Writes when a step ends, in one word.
pub(super) fn eta_word(eta: Eta) -> String {
    match eta {
        Eta::Measuring => "measuring".to_owned(),
        Eta::Ready(left) => style::duration(left),
        Eta::Finishing => "finishing".to_owned(),
        Eta::Halted(Halt::Throttled) => "throttled".to_owned(),
        Eta::Halted(Halt::Paused) => "paused".to_owned(),
    }
}

/// Lets a message about one thing through only now and then.
#[derive(Debug, Default)]
pub(super) struct Gate {
    last: BTreeMap<String, Duration>,
}

impl Gate {
    /// How often the same thing may be told.
    pub(super) const EVERY: Duration = Duration::from_secs(10);

    /// Answers whether `key` may be told again at `at`, and remembers it when it may.
    pub(super) fn opens(&mut self, key: &str, at: Duration) -> bool {
        let due = self.last.get(key).is_none_or(|last| at.saturating_sub(*last) >= Self::EVERY);
        if due {
            self.told(key, at);
        }
        due
    }

    /// Remembers that `key` was told at `at`.
    pub(super) fn told(&mut self, key: &str, at: Duration) {
        self.last.insert(key.to_owned(), at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_opens_once_in_ten_seconds_for_each_key() {
        let mut gate = Gate::default();
        let at = [0, 9, 10, 19, 20].map(|s| gate.opens("public.orders", Duration::from_secs(s)));
        assert_eq!(at, [true, false, true, false, true]);
        assert!(gate.opens("public.users", Duration::from_secs(19)));
    }

    #[test]
    fn running_work_never_shows_a_hundred_percent() {
        let work = Work { unit: Unit::Rows, done: 12, total: 10, precision: Precision::Estimate, meter: Meter::start(Duration::ZERO, 0) };
        assert_eq!(work.percent(), 99);
        assert_eq!(work.eta(Duration::ZERO), Eta::Finishing);
    }
}

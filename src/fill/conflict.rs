//! Waiting for the application when it holds rows that a batch wants.

use std::time::{Duration, Instant};

use crate::exec::ExecError;
use crate::plan::StepId;
use crate::progress::{Event, Reporter};

/// Conflicts with the application in a row before the worker gives up waiting.
pub(super) struct Conflicts {
    budget: Duration,
    since: Option<Instant>,
    attempt: u32,
}

impl Conflicts {
    pub(super) fn new(budget: Duration) -> Self {
        Self { budget, since: None, attempt: 0 }
    }

    /// Waits a moment, or returns the error when the budget is used up.
    pub(super) fn wait(&mut self, step: &StepId, error: ExecError, report: &dyn Reporter) -> Result<(), ExecError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() > self.budget {
            return Err(error);
        }
        self.attempt += 1;
        let pause = Duration::from_millis(20 * u64::from(self.attempt.min(25)) + fastrand::u64(0..50));
        report.event(&Event::Retry {
            step: step.to_string(),
            reason: crate::error::chain(&error),
            attempt: self.attempt,
            retry_in_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
        });
        std::thread::sleep(pause);
        Ok(())
    }
}

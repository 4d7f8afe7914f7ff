//! As many workers as the operator wants at each moment.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::worker::Hand;
use crate::exec::{ExecError, Executor, StepError};

/// How often the number of workers is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What a worker has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There may be more.
    Work,
    /// All is done, for all workers.
    End,
}

/// Where workers find what to do.
pub(super) trait Work: Sync {
    /// Does something, or waits a moment for something to do.
    fn work(&self, hand: &mut Hand<'_>) -> Result<Found, StepError>;

    /// Called some times a second, beside the workers.
    fn tick(&self) {}
}

/// Lets workers work until all is done, one fails, or somebody asks to stop; returns the reason that counts most.
pub(super) fn crew(exec: &Executor<'_>, work: &dyn Work) -> Result<(), StepError> {
    let (ended, halted) = (AtomicBool::new(false), AtomicBool::new(false));
    let shift = |number: usize| -> Result<(), StepError> {
        let mut hand = Hand::new(exec, number, &halted);
        while !ended.load(Ordering::Relaxed) && !hand.is_dismissed() {
            if work.work(&mut hand)? == Found::End {
                ended.store(true, Ordering::Relaxed);
            }
        }
        if exec.stop.requested() { Err(exec.journal_failed(ExecError::Stopped)) } else { Ok(()) }
    };
    let (tell, told) = channel();
    let mut working = BTreeSet::new();
    let mut errors = Vec::new();
    std::thread::scope(|scope| {
        loop {
            let over = ended.load(Ordering::Relaxed) || !errors.is_empty();
            for number in 1..=if over { 0 } else { exec.gate.jobs() } {
                if working.insert(number) {
                    let (tell, shift, halted) = (tell.clone(), &shift, &halted);
                    scope.spawn(move || {
                        let worked = std::panic::catch_unwind(AssertUnwindSafe(|| shift(number)));
                        let worked = worked.unwrap_or_else(|_| Err(exec.journal_failed(ExecError::Worker)));
                        if worked.is_err() {
                            halted.store(true, Ordering::Relaxed);
                        }
                        // The receiver outlives every worker.
                        let _ = tell.send((number, worked));
                    });
                }
            }
            if working.is_empty() {
                break;
            }
            if let Ok((number, worked)) = told.recv_timeout(LOOK) {
                working.remove(&number);
                errors.extend(worked.err());
            }
            work.tick();
        }
    });
    // A worker that stopped because somebody asked is less of a reason than one that failed.
    let (stopped, failed): (Vec<_>, Vec<_>) = errors.into_iter().partition(|error| matches!(error.source, ExecError::Stopped));
    failed.into_iter().chain(stopped).next().map_or(Ok(()), Err)
}

//! A change whose program was killed may still be made: by a session that has not noticed.

use std::time::{Duration, Instant};

use super::{ExecError, Executor, lock_wait};
use crate::db::retry::LockAttempt;
use crate::db::{Blocker, Fault, HasFault as _, end_session, sessions_at};
use crate::plan::StepId;
use crate::sql::Change;

/// How often is looked whether such a session lives.
const LOOK: Duration = Duration::from_millis(500);

impl Executor<'_> {
    /// Waits until no other session makes this change. Only one program leads a run, so such a session is one that its program has left
    /// behind; what it builds need not be built again, and what it leaves half done is seen by the probe that follows.
    ///
    /// It waits for a lock no longer than we would ourselves.
    pub(super) fn outlive(&self, step: &StepId, change: &Change) -> Result<(), ExecError> {
        let since = Instant::now();
        let mut attempt = 0;
        loop {
            let blockers = self.leftovers(change)?;
            if blockers.is_empty() {
                return Ok(());
            }
            if self.stop.requested() {
                return Err(ExecError::Stopped);
            }
            attempt += 1;
            let waits = LockAttempt {
                attempt,
                waited: since.elapsed(),
                lock_timeout: LOOK,
                retry_in: LOOK,
                fault: Fault::LockTimeout,
                blockers: &blockers,
            };
            self.tell(&lock_wait(step, &waits));
            std::thread::sleep(LOOK);
        }
    }

    /// Ends such sessions, for what they make is not wanted any more. Where that is not allowed, they are waited for.
    pub(super) fn end_leftovers(&self, step: &StepId, change: &Change) -> Result<(), ExecError> {
        for Blocker { pid, .. } in self.leftovers(change)? {
            match self.patiently(|conn| Ok(end_session(conn, pid)?)) {
                Ok(ended) => tracing::info!(pid, ended, "a session that a killed program left behind is told to end"),
                Err(error @ ExecError::Query(_)) if error.fault() == Fault::Other => tracing::info!(pid, %error, "it cannot be ended"),
                Err(error) => return Err(error),
            }
        }
        self.outlive(step, change)
    }

    fn leftovers(&self, change: &Change) -> Result<Vec<Blocker>, ExecError> {
        let statement = change.statement();
        self.patiently(|conn| Ok(sessions_at(conn, statement.text())?))
    }
}

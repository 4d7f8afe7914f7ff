//! Keeps a lock while a run goes on: one whose connection was lost is taken again.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::db::lock::LockKey;
use crate::db::{Database, LockError, RunLock};
use crate::exec::StopFlag;

/// How often the lock is looked at.
const PERIOD: Duration = Duration::from_secs(3);

/// Holds a lock until dropped.
pub(super) struct LockKeeper {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LockKeeper {
    /// Takes the run lock, or says who has it. When it is lost and another program has it, `stop` is raised; what is in
    /// flight then is refused by the epoch in the journal.
    pub(super) fn acquire(db: &Database, stop: &StopFlag) -> Result<Self, LockError> {
        Self::keep(db, LockKey::RUN, Some(stop.clone()))
    }

    /// Shows that the program of this number lives. Nobody else takes this lock: while it is lost others may take the
    /// program's chunks, and do no harm.
    pub(super) fn live(db: &Database, program: i32) -> Result<Self, LockError> {
        Self::keep(db, LockKey::program(program), None)
    }

    fn keep(db: &Database, key: LockKey, stop: Option<StopFlag>) -> Result<Self, LockError> {
        let mut lock = Some(RunLock::acquire(db, key)?);
        let (end, ended) = channel();
        let db = db.clone();
        let watch = move || {
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                if lock.as_mut().is_some_and(RunLock::still_held) {
                    continue;
                }
                match RunLock::acquire(&db, key) {
                    Ok(again) => lock = Some(again),
                    Err(LockError::Busy(holder)) => {
                        if let Some(stop) = &stop {
                            tracing::error!(pid = holder.pid, "another tenantize has taken the run lock");
                            stop.raise();
                        }
                        // A program's own lock is held by its own session of before, until the server notices its end.
                    }
                    // The server is away: the workers wait for it too.
                    Err(error) => tracing::debug!(%error, "the lock is lost and cannot be taken yet"),
                }
            }
        };
        Ok(Self { end: Some(end), thread: Some(std::thread::spawn(watch)) })
    }
}

impl Drop for LockKeeper {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // A panic in the watch has nothing to say about the run.
            let _ = thread.join();
        }
    }
}

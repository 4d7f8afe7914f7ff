//! Keeps the run lock while a run goes on: a lock whose connection was lost is taken again.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::db::lock::LockKey;
use crate::db::{Database, LockError, RunLock};
use crate::exec::StopFlag;

/// How often the lock is looked at.
const PERIOD: Duration = Duration::from_secs(3);

/// Holds the run lock until dropped.
pub(super) struct LockKeeper {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LockKeeper {
    /// Takes the lock, or says who has it. When it is lost and another program has it, `stop` is raised; what is in
    /// flight then is refused by the epoch in the journal.
    pub(super) fn acquire(db: &Database, stop: &StopFlag) -> Result<Self, LockError> {
        let mut lock = Some(RunLock::acquire(db, LockKey::RUN)?);
        let (end, ended) = channel();
        let (db, stop) = (db.clone(), stop.clone());
        let watch = move || {
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                if lock.as_mut().is_some_and(RunLock::still_held) {
                    continue;
                }
                match RunLock::acquire(&db, LockKey::RUN) {
                    Ok(again) => lock = Some(again),
                    Err(LockError::Busy(holder)) => {
                        tracing::error!(pid = holder.pid, "another tenantize has taken the run lock");
                        stop.raise();
                    }
                    // The server is away: the workers wait for it too.
                    Err(error) => tracing::debug!(%error, "the run lock is lost and cannot be taken yet"),
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

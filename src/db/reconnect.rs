//! Work that survives the loss of its connection: a restart, a failover, a killed backend.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use thiserror::Error;

use super::Database;
use super::error::ConnectError;
use super::fault::{Fault, HasFault};
use super::retry::{jitter, whole_seconds};

/// The first pause, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long one attempt waits for the pool: short, so that a request to stop is heard.
const ATTEMPT: Duration = Duration::from_secs(3);

/// Work that lasted this long before it lost its connection again starts with its full patience.
const STABLE: Duration = Duration::from_mins(1);

/// How long to try to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_mins(10))
    }
}

/// A connection that is not back yet, told before the pause that follows.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionWait<'a> {
    /// How many attempts have failed since the loss.
    pub attempt: u32,
    /// How long ago the connection was lost.
    pub lost_for: Duration,
    /// When the next attempt begins.
    pub retry_in: Duration,
    /// Why the last attempt failed; nothing yet right after the loss.
    pub error: Option<&'a ConnectError>,
}

/// Why work was not finished.
#[derive(Debug, Error)]
pub enum ReconnectError<E: std::error::Error + 'static> {
    /// The connection did not come back within the patience.
    #[error("no connection for {}", humantime::format_duration(whole_seconds(.waited)))]
    GaveUp {
        /// How long it was tried.
        waited: Duration,
        /// Why the last attempt failed; the connection itself may come back only to be lost again.
        #[source]
        source: Option<ConnectError>,
    },
    /// The connection cannot come back: a changed password, a dropped database.
    #[error(transparent)]
    Connect(ConnectError),
    /// Somebody asked to stop while there was no connection.
    #[error("stopped while waiting for a connection")]
    Stopped,
    /// The work itself failed.
    #[error(transparent)]
    Work(E),
}

/// Runs `work` with a connection of the pool, and again with a new one whenever the connection is lost.
///
/// A connection can be lost in COMMIT, when nobody knows whether it took effect. So `work` has to begin by asking its
/// checkpoint, which must have been written by the same transaction, what is left to do.
pub fn reconnecting<T, E>(
    db: &Database,
    patience: Patience,
    on_wait: &mut dyn FnMut(ConnectionWait<'_>) -> ControlFlow<()>,
    mut work: impl FnMut(&mut PgConnection) -> Result<T, E>,
) -> Result<T, ReconnectError<E>>
where
    E: HasFault + std::error::Error + 'static,
{
    let mut outage = Outage::default();
    loop {
        let error = match db.get_within(ATTEMPT) {
            Ok(mut conn) => {
                let clock = Instant::now();
                match work(&mut conn) {
                    Err(error) if error.fault() == Fault::ConnectionLost => {}
                    other => return other.map_err(ReconnectError::Work),
                }
                if clock.elapsed() >= STABLE {
                    outage = Outage::default();
                }
                None
            }
            Err(error) if error.is_transient() => Some(error),
            Err(error) => return Err(ReconnectError::Connect(error)),
        };
        let wait = outage.next();
        let told = ConnectionWait { error: error.as_ref(), ..wait };
        if wait.lost_for + wait.retry_in >= patience.0 {
            return Err(ReconnectError::GaveUp { waited: wait.lost_for, source: error });
        }
        if on_wait(told).is_break() {
            return Err(ReconnectError::Stopped);
        }
        std::thread::sleep(wait.retry_in);
    }
}

/// The time without a connection that lasts.
#[derive(Default)]
struct Outage {
    since: Option<Instant>,
    attempt: u32,
}

impl Outage {
    fn next(&mut self) -> ConnectionWait<'static> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.attempt)).min(LONGEST_PAUSE);
        self.attempt += 1;
        ConnectionWait { attempt: self.attempt, lost_for: since.elapsed(), retry_in: jitter(pause), error: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_limit() {
        let mut outage = Outage::default();
        let pauses: Vec<Duration> = (0..12).map(|_| outage.next().retry_in).collect();
        assert!(pauses[0] <= Duration::from_millis(250), "{pauses:?}");
        assert!(pauses[11] >= LONGEST_PAUSE.mul_f64(0.7), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE.mul_f64(1.25)), "{pauses:?}");
    }
}

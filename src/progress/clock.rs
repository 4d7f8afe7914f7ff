//! Time as the reporters see it: what the calendar says, and how long ago the run began.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// Tells a reporter the time.
pub trait Clock: Send + Sync {
    /// Returns the time since the reporter was made; it never goes backwards.
    fn elapsed(&self) -> Duration;
    /// Returns the time of the calendar.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts to count.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that stands still until a test moves it.
#[cfg(test)]
#[derive(Clone, Debug, Default)]
pub(crate) struct ManualClock {
    millis: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

#[cfg(test)]
impl ManualClock {
    pub(crate) fn set(&self, elapsed: Duration) {
        let millis = u64::try_from(elapsed.as_millis()).unwrap();
        self.millis.store(millis, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(test)]
impl Clock for ManualClock {
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.millis.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_787_392_800, 0).unwrap() + self.elapsed()
    }
}

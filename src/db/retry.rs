//! Schema changes that ask for a lock shortly and often, never long.
//!
//! A waiting `ALTER TABLE` blocks everybody who comes after it. So each attempt waits for a moment only, lets the others
//! pass, and tries again a little longer, until a budget is used up.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use thiserror::Error;

use super::fault::{Fault, HasFault};
use super::session::milliseconds;
use super::watch::{Blocker, BlockerWatch};

const CURRENT: &str = "SELECT current_setting('lock_timeout') AS text, pg_backend_pid() AS pid";
const SET: &str = "SELECT set_config('lock_timeout', $1, false) AS text, pg_backend_pid() AS pid";

/// Long enough for those who queued behind an attempt to pass.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long to wait for locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The lock timeout of the first attempt; it doubles from one attempt to the next.
    pub first: Duration,
    /// The longest lock timeout of an attempt: below the server's `deadlock_timeout`, a second unless somebody has set it, so that in a
    /// deadlock with the application the attempt gives way and not the application.
    pub max: Duration,
    /// How long to go on trying.
    pub budget: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), max: Duration::from_millis(900), budget: Duration::from_mins(2) }
    }
}

impl RetryPolicy {
    /// For statements that wait without anybody queueing behind them, such as `CREATE INDEX CONCURRENTLY`.
    ///
    /// Their lock timeout also ends the wait for old snapshots, and each repetition builds the index again.
    #[must_use]
    pub const fn concurrently(patience: Duration) -> Self {
        Self { first: patience, max: patience, budget: patience }
    }

    /// The lock timeout of an attempt, counted from one, before jitter.
    fn lock_timeout(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.first.saturating_mul(doubled).min(self.max)
    }
}

/// An attempt that did not get its lock, told before the pause that follows it.
#[derive(Clone, Copy, Debug)]
pub struct LockAttempt<'a> {
    /// Which attempt it was, counted from one.
    pub attempt: u32,
    /// How long the statement has been tried altogether.
    pub waited: Duration,
    /// How long this attempt waited for the lock at most.
    pub lock_timeout: Duration,
    /// When the next attempt begins.
    pub retry_in: Duration,
    /// What ended it.
    pub fault: Fault,
    /// Who was in the way, as far as that could be seen.
    pub blockers: &'a [Blocker],
}

/// Why a schema change was not made.
#[derive(Debug, Error)]
pub enum RetryError {
    /// The lock did not come within the budget.
    #[error("no lock in {attempts} attempts within {}{}", humantime::format_duration(whole_seconds(.waited)), blocked_by(.blockers))]
    GaveUp {
        /// How many attempts were made.
        attempts: u32,
        /// How long they took altogether.
        waited: Duration,
        /// Who was last seen in the way.
        blockers: Vec<Blocker>,
        /// What the server said to the last one.
        #[source]
        source: diesel::result::Error,
    },
    /// Somebody asked to stop between two attempts.
    #[error("stopped while waiting for a lock")]
    Stopped,
    /// The statement failed for another reason than a lock.
    #[error(transparent)]
    Failed(#[from] diesel::result::Error),
}

impl RetryError {
    /// Who was in the way.
    #[must_use]
    pub fn blockers(&self) -> &[Blocker] {
        match self {
            Self::GaveUp { blockers, .. } => blockers,
            Self::Stopped | Self::Failed(_) => &[],
        }
    }
}

impl HasFault for RetryError {
    fn fault(&self) -> Fault {
        match self {
            Self::GaveUp { source, .. } | Self::Failed(source) => Fault::of(source),
            Self::Stopped => Fault::Other,
        }
    }
}

/// Runs `work` until it gets its locks or the budget is used up.
///
/// `work` is one transaction of its own, or one statement outside of any; it must not be called inside another, which
/// the first failure would abort. `on_wait` hears of each attempt that failed and may end the waiting. The session's lock
/// timeout is as before afterwards.
pub fn ddl<T>(
    conn: &mut PgConnection,
    policy: &RetryPolicy,
    watch: &mut BlockerWatch,
    on_wait: &mut dyn FnMut(LockAttempt<'_>) -> ControlFlow<()>,
    work: impl FnMut(&mut PgConnection) -> QueryResult<T>,
) -> Result<T, RetryError> {
    let before: Session = diesel::sql_query(CURRENT).get_result(conn)?;
    let result = attempts(conn, policy, watch, on_wait, work);
    // It fails on a lost connection only, which must not turn a change that was made into one that was not.
    if let Err(error) = set_lock_timeout(conn, &before.text) {
        tracing::debug!(%error, "the lock timeout went with its connection");
    }
    result
}

fn attempts<T>(
    conn: &mut PgConnection,
    policy: &RetryPolicy,
    watch: &mut BlockerWatch,
    on_wait: &mut dyn FnMut(LockAttempt<'_>) -> ControlFlow<()>,
    mut work: impl FnMut(&mut PgConnection) -> QueryResult<T>,
) -> Result<T, RetryError> {
    let started = Instant::now();
    let mut seen = Vec::new();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let left = policy.budget.saturating_sub(started.elapsed());
        // The application queues behind the attempt: chance must not make it wait longer than the policy says.
        let lock_timeout = jitter(policy.lock_timeout(attempt)).min(policy.max).min(left);
        let pid = set_lock_timeout(conn, &milliseconds(lock_timeout))?.pid;
        let clock = Instant::now();
        let (result, blockers) = watch.during(pid, || work(conn));
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let fault = lock_fault(Fault::of(&error), clock.elapsed() >= lock_timeout && !blockers.is_empty());
        if !fault.is_transient() {
            return Err(error.into());
        }
        if !blockers.is_empty() {
            seen = blockers;
        }
        let (waited, retry_in) = (started.elapsed(), jitter(policy.lock_timeout(attempt).min(LONGEST_PAUSE)));
        if waited + retry_in >= policy.budget {
            return Err(RetryError::GaveUp { attempts: attempt, waited, blockers: seen, source: error });
        }
        if on_wait(LockAttempt { attempt, waited, lock_timeout, retry_in, fault, blockers: &seen }).is_break() {
            return Err(RetryError::Stopped);
        }
        std::thread::sleep(retry_in);
    }
}

/// What the server says in a language nobody taught us is a lock timeout when it had blocked us for as long.
fn lock_fault(fault: Fault, blocked_for_the_timeout: bool) -> Fault {
    if fault == Fault::Other && blocked_for_the_timeout { Fault::LockTimeout } else { fault }
}

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Integer)]
    pid: i32,
}

fn set_lock_timeout(conn: &mut PgConnection, value: &str) -> QueryResult<Session> {
    diesel::sql_query(SET).bind::<Text, _>(value).get_result(conn)
}

/// Up to a quarter more or less, so that two waiters do not keep meeting.
pub(super) fn jitter(duration: Duration) -> Duration {
    duration.mul_f64(0.75 + fastrand::f64() / 2.0)
}

pub(super) fn whole_seconds(duration: &Duration) -> Duration {
    Duration::from_secs(duration.as_secs().max(1))
}

fn blocked_by(blockers: &[Blocker]) -> String {
    if blockers.is_empty() {
        return String::new();
    }
    let list: Vec<String> = blockers.iter().map(Blocker::to_string).collect();
    format!("; blocked by {}", list.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_timeout_grows_up_to_its_limit() {
        let policy = RetryPolicy::default();
        let grown: Vec<u128> = [1, 2, 3, 5, 6, 100].map(|attempt| policy.lock_timeout(attempt).as_millis()).to_vec();
        assert_eq!(grown, [100, 200, 400, 900, 900, 900]);
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        for _ in 0..1000 {
            let jittered = jitter(Duration::from_millis(100)).as_millis();
            assert!((75..=125).contains(&jittered), "{jittered}");
        }
    }

    #[test]
    fn an_unknown_message_after_a_full_wait_is_a_lock_timeout() {
        assert_eq!(lock_fault(Fault::Other, true), Fault::LockTimeout);
        assert_eq!(lock_fault(Fault::Other, false), Fault::Other);
        assert_eq!(lock_fault(Fault::ConnectionLost, true), Fault::ConnectionLost);
    }
}

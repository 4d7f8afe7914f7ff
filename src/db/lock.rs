//! One runner per database: an advisory lock on a connection of its own.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Nullable, Text, Timestamptz};
use std::time::Duration;
use thiserror::Error;

use super::Database;
use super::error::ConnectError;

/// The first half of every advisory lock of ours: "tena" for what only one may do, "tenp" for programs that live.
const TASKS: i32 = 0x7465_6e61;
/// See [`LockKey::program`].
pub const PROGRAMS: i32 = 0x7465_6e70;

/// How often to look again when the lock is taken but its holder has just gone.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1, $2) AS yes";
const UNLOCK: &str = "SELECT pg_advisory_unlock($1, $2) AS yes";
const HELD: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks \
    WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2 AND granted AND pid = pg_backend_pid()) AS yes";
const HOLDER: &str = include_str!("holder.sql");

/// What a lock is for. Locks of different keys do not exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockKey {
    space: i32,
    key: i32,
}

impl LockKey {
    /// One run at a time.
    pub const RUN: Self = Self { space: TASKS, key: 1 };

    /// A key for another purpose.
    #[must_use]
    pub const fn new(key: u16) -> Self {
        Self { space: TASKS, key: key as i32 }
    }

    /// Held by a program as long as it lives: when it is free, the chunks that the program has claimed are nobody's.
    ///
    /// Others only look whether it is held; they never take it.
    #[must_use]
    pub const fn program(number: i32) -> Self {
        Self { space: PROGRAMS, key: number }
    }
}

/// Who holds the lock. What another role's session says about itself is visible to members of `pg_read_all_stats` only.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Holder {
    /// The server process.
    #[diesel(sql_type = Integer)]
    pub pid: i32,
    /// The name the program gave itself.
    #[diesel(sql_type = Nullable<Text>)]
    pub application: Option<String>,
    /// Since when the session exists.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub since: Option<DateTime<Utc>>,
    /// The address it came from, or `local`.
    #[diesel(sql_type = Nullable<Text>)]
    pub client: Option<String>,
}

/// Why the lock was not taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("another tenantize run holds the lock (pid {})", .0.pid)]
    Busy(Holder),
    /// It was taken each time, but never by anybody who stayed to be named.
    #[error("the run lock changes hands too quickly")]
    Contended,
    /// There is no connection for it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server failed.
    #[error("cannot take the run lock")]
    Database(#[from] diesel::result::Error),
}

impl LockError {
    /// Says what to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Busy(holder) => {
                let from = holder.client.as_deref().map(|client| format!(" from {client}")).unwrap_or_default();
                let since = holder.since.map(|at| format!(" since {}", at.format("%F %T UTC"))).unwrap_or_default();
                format!("it is connected{from}{since}; watch it with tenantize status, or end it with pg_terminate_backend({})", holder.pid)
            }
            Self::Contended => "try again".into(),
            Self::Connect(error) => error.hint(),
            Self::Database(_) => "check that the login may connect and read pg_locks".into(),
        }
    }
}

/// Holds the lock until dropped, on a connection that is never lent to anybody.
pub struct RunLock {
    conn: PgConnection,
    key: LockKey,
}

impl RunLock {
    /// Takes the lock, or says who has it. Does not wait.
    pub fn acquire(db: &Database, key: LockKey) -> Result<Self, LockError> {
        let mut conn = db.connect_dedicated()?;
        for _ in 0..LOOKS {
            if ask(&mut conn, TRY_LOCK, key)? {
                return Ok(Self { conn, key });
            }
            if let Some(holder) = holder(&mut conn, key)? {
                return Err(LockError::Busy(holder));
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Err(LockError::Contended)
    }

    /// Whether the connection lives and the server still counts the lock as ours.
    ///
    /// When it does not, another runner may have it: stop, and let the epoch of the journal refuse what is in flight.
    pub fn still_held(&mut self) -> bool {
        match ask(&mut self.conn, HELD, self.key) {
            Ok(held) => held,
            Err(error) => {
                tracing::debug!(%error, "the connection of the run lock is gone");
                false
            }
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Closing would do, but a little later: whoever resumes at once should find it free.
        if let Err(error) = ask(&mut self.conn, UNLOCK, self.key) {
            tracing::debug!(%error, "the run lock went with its connection");
        }
    }
}

impl std::fmt::Debug for RunLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunLock").field("key", &self.key).finish_non_exhaustive()
    }
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

fn ask(conn: &mut PgConnection, question: &str, key: LockKey) -> QueryResult<bool> {
    diesel::sql_query(question).bind::<Integer, _>(key.space).bind::<Integer, _>(key.key).get_result(conn).map(|answer: Answer| answer.yes)
}

/// Who has the lock at this moment; asking does not touch it.
pub fn holder(conn: &mut PgConnection, key: LockKey) -> QueryResult<Option<Holder>> {
    diesel::sql_query(HOLDER).bind::<Integer, _>(key.space).bind::<Integer, _>(key.key).get_result(conn).optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_lock_names_its_holder() {
        let holder = Holder { pid: 4711, application: None, since: DateTime::from_timestamp(0, 0), client: Some("10.0.0.1".into()) };
        let error = LockError::Busy(holder);
        assert_eq!(error.to_string(), "another tenantize run holds the lock (pid 4711)");
        assert!(error.hint().starts_with("it is connected from 10.0.0.1 since 1970-01-01 00:00:00 UTC;"), "{}", error.hint());
    }
}

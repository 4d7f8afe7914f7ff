//! Sees who blocks a statement while it waits, which the waiting connection itself cannot ask.

use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use serde::Serialize;

use super::Database;

/// Most statements are over before the first look, and cost nothing.
const FIRST_LOOK: Duration = Duration::from_millis(25);
const BETWEEN_LOOKS: Duration = Duration::from_millis(60);

/// How long to do without looking when the watch could not connect.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

const BLOCKERS: &str = include_str!("blockers.sql");

/// A session that holds, or waits before us for, a lock that we need.
///
/// Other roles' sessions say nothing about themselves unless the login is in `pg_read_all_stats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, QueryableByName)]
pub struct Blocker {
    /// The server process; 0 stands for a prepared transaction, which has none.
    #[diesel(sql_type = Integer)]
    pub pid: i32,
    /// Who is logged in.
    #[diesel(sql_type = Nullable<Text>)]
    pub user: Option<String>,
    /// The name the program gave itself.
    #[diesel(sql_type = Nullable<Text>)]
    pub application: Option<String>,
    /// What the session does: `active`, `idle in transaction` …
    #[diesel(sql_type = Nullable<Text>)]
    pub state: Option<String>,
    /// The age of its transaction.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub age_seconds: Option<i64>,
    /// Its statement, or its last one; the first 200 characters.
    #[diesel(sql_type = Nullable<Text>)]
    pub query: Option<String>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => f.write_str("a prepared transaction (see pg_prepared_xacts)")?,
            pid => write!(f, "pid {pid}")?,
        }
        match (&self.state, self.age_seconds) {
            (Some(state), Some(age)) => write!(f, ", {state} for {}", age_text(age))?,
            (Some(state), None) => write!(f, ", {state}")?,
            (None, _) => {}
        }
        if let Some(user) = &self.user {
            write!(f, ", user \"{user}\"")?;
        }
        if let Some(application) = &self.application {
            write!(f, ", application \"{application}\"")?;
        }
        Ok(())
    }
}

fn age_text(seconds: i64) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// Looks at what blocks a connection while it works. One for an executor; its own connection opens with the first look.
///
/// Clones look by the same connection, one after the other. When it cannot connect, work goes on and blockers stay unnamed.
#[derive(Clone)]
pub struct BlockerWatch {
    db: Database,
    eye: Arc<Mutex<Eye>>,
}

#[derive(Default)]
struct Eye {
    conn: Option<PgConnection>,
    failed_at: Option<Instant>,
}

impl BlockerWatch {
    /// Makes a watch that is not connected yet.
    #[must_use]
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone(), eye: Arc::default() }
    }

    /// Runs `work` and returns with its result whoever was last seen blocking the server process `pid`.
    pub(super) fn during<R>(&mut self, pid: i32, work: impl FnOnce() -> R) -> (R, Vec<Blocker>) {
        std::thread::scope(|scope| {
            let (done, wait) = mpsc::channel::<()>();
            let sampler = scope.spawn(move || self.sample(pid, &wait));
            let result = work();
            drop(done);
            (result, sampler.join().unwrap_or_default())
        })
    }

    fn sample(&self, pid: i32, done: &Receiver<()>) -> Vec<Blocker> {
        let mut seen = Vec::new();
        let mut pause = FIRST_LOOK;
        while done.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            pause = BETWEEN_LOOKS;
            let blockers = self.look(pid);
            if !blockers.is_empty() {
                seen = blockers;
            }
        }
        seen
    }

    fn look(&self, pid: i32) -> Vec<Blocker> {
        let mut eye = self.eye.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(conn) = eye.connection(&self.db) else {
            return Vec::new();
        };
        match diesel::sql_query(BLOCKERS).bind::<Integer, _>(pid).load(conn) {
            Ok(blockers) => blockers,
            Err(error) => {
                tracing::debug!(%error, "cannot see who blocks");
                *eye = Eye { conn: None, failed_at: Some(Instant::now()) };
                Vec::new()
            }
        }
    }
}

impl Eye {
    fn connection(&mut self, db: &Database) -> Option<&mut PgConnection> {
        let resting = self.failed_at.is_some_and(|at| at.elapsed() < AFTER_FAILURE);
        if self.conn.is_none() && !resting {
            match db.connect_dedicated() {
                Ok(conn) => self.conn = Some(conn),
                Err(error) => {
                    tracing::debug!(%error, "no connection to see who blocks");
                    self.failed_at = Some(Instant::now());
                }
            }
        }
        self.conn.as_mut()
    }
}

impl fmt::Debug for BlockerWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockerWatch").field("db", &self.db).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_is_one_line_about_a_session() {
        let mut blocker = Blocker {
            pid: 4711,
            user: Some("reporter".into()),
            application: Some("reports".into()),
            state: Some("idle in transaction".into()),
            age_seconds: Some(720),
            query: None,
        };
        assert_eq!(blocker.to_string(), "pid 4711, idle in transaction for 12m, user \"reporter\", application \"reports\"");
        blocker = Blocker { pid: 0, user: None, application: None, state: None, age_seconds: None, query: None };
        assert_eq!(blocker.to_string(), "a prepared transaction (see pg_prepared_xacts)");
    }
}

//! What every connection of ours is told before anybody uses it.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::CustomizeConnection;
use diesel::result::{ConnectionError, QueryResult};
use diesel::sql_types::{Bool, Text};

use super::trace::SqlTrace;

/// The settings that do not vary. `search_path` is ours alone; what the operator wrote runs under the database's own.
const FIXED: &str = include_str!("session.sql");

/// The settings that vary, as binds.
const VARYING: &str = "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false), \
                       set_config('application_name', $3, false), pg_is_in_recovery() AS standby";

/// What a pooled connection says about a server that became a standby.
pub(super) const STANDBY: &str = "the server is a standby";

/// Settings of a session, applied when a connection is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// How long a statement waits for a lock. Never zero, which would mean forever.
    pub lock_timeout: Duration,
    /// How long a statement may run; `None` means as long as it takes.
    pub statement_timeout: Option<Duration>,
    /// What others see in `pg_stat_activity`.
    pub application_name: String,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { lock_timeout: Duration::from_millis(900), statement_timeout: None, application_name: "tenantize".into() }
    }
}

impl SessionSettings {
    /// Applies the settings, and says what the server is.
    pub(super) fn apply(&self, conn: &mut PgConnection) -> QueryResult<Standing> {
        conn.set_instrumentation(SqlTrace::default());
        conn.batch_execute(FIXED)?;
        let standing: Standing = diesel::sql_query(VARYING)
            .bind::<Text, _>(milliseconds(self.lock_timeout))
            .bind::<Text, _>(self.statement_timeout.map_or_else(|| "0".into(), milliseconds))
            .bind::<Text, _>(&self.application_name)
            .get_result(conn)?;
        Ok(standing)
    }
}

/// Whether the server may be written to.
#[derive(QueryableByName)]
pub(super) struct Standing {
    #[diesel(sql_type = Bool)]
    pub(super) standby: bool,
}

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for SessionSettings {
    fn on_acquire(&self, conn: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        // After a failover the address may for a while lead to a server that refuses every write: try again instead.
        if self.apply(conn)?.standby {
            return Err(ConnectionError::BadConnection(STANDBY.into()).into());
        }
        Ok(())
    }
}

/// A duration the way `PostgreSQL` reads a timeout, never zero.
pub(super) fn milliseconds(duration: Duration) -> String {
    duration.as_millis().clamp(1, i32::MAX as u128).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_never_zero_and_never_too_long_for_the_server() {
        assert_eq!(milliseconds(Duration::ZERO), "1");
        assert_eq!(milliseconds(Duration::from_millis(1500)), "1500");
        assert_eq!(milliseconds(Duration::MAX), i32::MAX.to_string());
    }
}

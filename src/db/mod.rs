//! Connections that behave: classified failures, settings, one lock per run, bounded retries.

mod conninfo;
mod error;
mod fault;
mod leftover;
pub mod lock;
mod phrase;
mod pooler;
pub mod reconnect;
pub mod retry;
mod server;
mod session;
mod surroundings;
mod trace;
pub mod url;
mod watch;

use std::fmt;
use std::time::Duration;

use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, HandleError, Pool, PooledConnection};
use diesel::sql_types::Integer;

pub use conninfo::UrlError;
pub use error::{ConnectError, Said};
pub use fault::{Fault, HasFault};
pub use leftover::{end_session, sessions_at};
pub use lock::{LockError, RunLock};
pub use server::ServerVersion;
pub use session::SessionSettings;
pub use surroundings::{Libpq, Surroundings};
pub use trace::SqlTrace;
pub use url::{DatabaseUrl, RedactedUrl, UrlSource};
pub use watch::{Blocker, BlockerWatch};

/// A connection lent by the pool.
pub type Pooled = PooledConnection<ConnectionManager<PgConnection>>;

/// How long to wait for a connection of the pool: longer than the default `connect_timeout`.
const POOL_TIMEOUT: Duration = Duration::from_secs(15);

const VERSION: &str = "SELECT current_setting('server_version_num')::int4 AS num";

/// A database that can be worked with: reachable, new enough, a primary, and not behind a transaction pooler.
#[derive(Clone)]
pub struct Database {
    url: DatabaseUrl,
    connection_string: String,
    settings: SessionSettings,
    version: ServerVersion,
    pool: Pool<ConnectionManager<PgConnection>>,
}

impl Database {
    /// Connects once, to know the server and to fail at once and with the reason, and prepares the pool.
    ///
    /// The pool would repeat a failing attempt until its timeout and then hide the cause.
    pub fn connect(url: &DatabaseUrl, settings: &SessionSettings, pool_size: u32) -> Result<Self, ConnectError> {
        let connection_string = url.connection_string()?;
        let mut first = establish(url, &connection_string)?;
        let version = version(&mut first).map_err(|source| setup(url, source))?;
        if !version.is_supported() {
            return Err(ConnectError::TooOld { url: url.redacted(), version });
        }
        // Before any SET: behind a pooler it would stay on a connection of the application.
        pooler::refuse(url, &connection_string, &mut first)?;
        if settings.apply(&mut first).map_err(|source| setup(url, source))?.standby {
            return Err(ConnectError::Standby { url: url.redacted() });
        }
        let pool = Pool::builder()
            .max_size(pool_size.max(1))
            .min_idle(Some(0))
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(POOL_TIMEOUT)
            .connection_customizer(Box::new(settings.clone()))
            .error_handler(Box::new(TracingHandler { url: url.clone() }))
            .build_unchecked(ConnectionManager::new(connection_string.clone()));
        Ok(Self { url: url.clone(), connection_string, settings: settings.clone(), version, pool })
    }

    /// A connection of the pool, with our settings.
    pub fn get(&self) -> Result<Pooled, ConnectError> {
        self.get_within(POOL_TIMEOUT)
    }

    /// A connection of its own, with our settings: for locks, watchers and whatever must not be handed out.
    pub fn connect_dedicated(&self) -> Result<PgConnection, ConnectError> {
        let mut conn = establish(&self.url, &self.connection_string)?;
        if self.settings.apply(&mut conn).map_err(|source| setup(&self.url, source))?.standby {
            return Err(ConnectError::Standby { url: self.url.redacted() });
        }
        Ok(conn)
    }

    /// The address, for deriving others from it.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// The version of the server when the first connection was made.
    #[must_use]
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    fn get_within(&self, timeout: Duration) -> Result<Pooled, ConnectError> {
        self.pool.get_timeout(timeout).map_err(|error| {
            let state = self.pool.state();
            if state.connections >= self.pool.max_size() && state.idle_connections == 0 {
                return ConnectError::PoolBusy { size: self.pool.max_size() };
            }
            ConnectError::of_message(&self.url, &error.to_string())
        })
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("url", &self.url).field("version", &self.version).finish_non_exhaustive()
    }
}

/// Traces what goes wrong while the pool opens connections; the caller who waits for one gets the error.
#[derive(Debug)]
struct TracingHandler {
    url: DatabaseUrl,
}

impl HandleError<diesel::r2d2::Error> for TracingHandler {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        tracing::debug!(url = %self.url.redacted(), error = self.url.scrub(&error.to_string()), "no connection for the pool");
    }
}

fn establish(url: &DatabaseUrl, connection_string: &str) -> Result<PgConnection, ConnectError> {
    PgConnection::establish(connection_string).map_err(|error| ConnectError::of_connection(url, error))
}

fn setup(url: &DatabaseUrl, source: diesel::result::Error) -> ConnectError {
    ConnectError::Setup { url: url.redacted(), source }
}

fn version(conn: &mut PgConnection) -> QueryResult<ServerVersion> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        num: i32,
    }
    diesel::sql_query(VERSION).get_result(conn).map(|row: Row| ServerVersion::new(row.num))
}

//! Why there is no connection, and what to do about it.

use diesel::result::ConnectionError;
use thiserror::Error;

use super::conninfo::UrlError;
use super::fault::Fault;
use super::server::ServerVersion;
use super::session::STANDBY;
use super::url::{DatabaseUrl, RedactedUrl};

/// What libpq or the server said, without passwords.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Said(String);

/// Why a connection could not be made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The address cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Nobody answers there.
    #[error("no server answers at {url}")]
    NoServer {
        /// The address.
        url: RedactedUrl,
        /// What libpq said.
        #[source]
        said: Said,
    },
    /// The name of the host leads nowhere.
    #[error("the host of {url} is unknown")]
    UnknownHost {
        /// The address.
        url: RedactedUrl,
        /// What libpq said.
        #[source]
        said: Said,
    },
    /// User or password is wrong, or may not come from here.
    #[error("the login of {url} is refused")]
    Login {
        /// The address.
        url: RedactedUrl,
        /// What the server said.
        #[source]
        said: Said,
    },
    /// The connection cannot be encrypted as asked, or the certificate is not good.
    #[error("no secure connection to {url}")]
    Tls {
        /// The address.
        url: RedactedUrl,
        /// What libpq said.
        #[source]
        said: Said,
    },
    /// The server wants an authentication that the libpq built in does not have.
    #[error("{url} needs a libpq with GSSAPI or LDAP")]
    Unsupported {
        /// The address.
        url: RedactedUrl,
        /// What libpq said.
        #[source]
        said: Said,
    },
    /// libpq does not know a parameter of the address.
    #[error("libpq does not accept a parameter of {url}")]
    Parameter {
        /// The address.
        url: RedactedUrl,
        /// What libpq said.
        #[source]
        said: Said,
    },
    /// The server has no such database.
    #[error("the database of {url} does not exist")]
    UnknownDatabase {
        /// The address.
        url: RedactedUrl,
        /// What the server said.
        #[source]
        said: Said,
    },
    /// The server has no connection left.
    #[error("{url} has no connection left")]
    TooManyConnections {
        /// The address.
        url: RedactedUrl,
        /// What the server said.
        #[source]
        said: Said,
    },
    /// All connections of the own pool are in use.
    #[error("all {size} connections of the pool are in use")]
    PoolBusy {
        /// The size of the pool.
        size: u32,
    },
    /// The server is starting, stopping or recovering.
    #[error("{url} is not ready")]
    NotReady {
        /// The address.
        url: RedactedUrl,
        /// What the server said.
        #[source]
        said: Said,
    },
    /// The server is older than what tenantize works with.
    #[error("{url} runs PostgreSQL {version}, and tenantize needs {} or later", ServerVersion::OLDEST)]
    TooOld {
        /// The address.
        url: RedactedUrl,
        /// Its version.
        version: ServerVersion,
    },
    /// The server is a standby, which takes no writes.
    #[error("{url} is a standby")]
    Standby {
        /// The address.
        url: RedactedUrl,
    },
    /// A pooler gives each transaction another connection.
    #[error("{url} is a pooler in transaction mode")]
    TransactionPooler {
        /// The address.
        url: RedactedUrl,
    },
    /// The connection was made, but did not take our settings.
    #[error("the connection to {url} could not be set up")]
    Setup {
        /// The address.
        url: RedactedUrl,
        /// What the server said.
        #[source]
        source: diesel::result::Error,
    },
    /// Anything else.
    #[error("cannot connect to {url}")]
    Other {
        /// The address.
        url: RedactedUrl,
        /// What libpq or the server said.
        #[source]
        said: Said,
    },
}

impl ConnectError {
    /// Classifies what libpq says about a failed connection; it offers no SQLSTATE for that, only text.
    ///
    /// A server that speaks another language than English ends in [`ConnectError::Other`], with its words.
    pub(super) fn of_message(url: &DatabaseUrl, message: &str) -> Self {
        let said = Said(url.scrub(message.trim()));
        let url = url.redacted();
        let holds = |needles: &[&str]| needles.iter().any(|needle| message.contains(needle));
        if holds(&[STANDBY]) {
            Self::Standby { url }
        } else if holds(NOT_BUILT_IN) {
            Self::Unsupported { url, said }
        } else if holds(LOGIN) || (message.contains("role \"") && message.contains("does not exist")) {
            Self::Login { url, said }
        } else if message.contains("database \"") && message.contains("does not exist") {
            Self::UnknownDatabase { url, said }
        } else if holds(TOO_MANY) {
            Self::TooManyConnections { url, said }
        } else if holds(NOT_READY) {
            Self::NotReady { url, said }
        } else if holds(PARAMETER) {
            Self::Parameter { url, said }
        } else if holds(TLS) {
            Self::Tls { url, said }
        } else if holds(&["could not translate host name", "could not parse network address"]) {
            Self::UnknownHost { url, said }
        } else if holds(NO_SERVER) {
            Self::NoServer { url, said }
        } else {
            Self::Other { url, said }
        }
    }

    pub(super) fn of_connection(url: &DatabaseUrl, error: ConnectionError) -> Self {
        match error {
            ConnectionError::BadConnection(message) => Self::of_message(url, &message),
            ConnectionError::CouldntSetupConfiguration(source) => Self::Setup { url: url.redacted(), source },
            other => Self::of_message(url, &other.to_string()),
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let text = match self {
            Self::Url(error) => return error.hint(),
            Self::NoServer { .. } => "check host, port and firewall, and whether the server runs",
            Self::UnknownHost { .. } => "check the spelling of the host; a password with an @ must be written with %40",
            Self::Login { .. } => "check user, password and pg_hba.conf; the password can also come from PGPASSWORD or ~/.pgpass",
            Self::Tls { .. } => "check sslmode and sslrootcert; sslrootcert=system trusts what this machine trusts",
            Self::Unsupported { .. } => "build with --no-default-features to use the system's libpq",
            Self::Parameter { .. } => "remove parameters that belong to another library, such as schema or pgbouncer",
            Self::UnknownDatabase { .. } => "check the name after the last / of the URL",
            Self::TooManyConnections { .. } => "lower --jobs, or raise max_connections or the limit of the role",
            Self::PoolBusy { .. } => "this is a bug: every worker should have a connection",
            Self::NotReady { .. } => "wait until the server is up",
            Self::TooOld { .. } => "upgrade the server first",
            Self::Standby { .. } => "use the address of the primary",
            Self::TransactionPooler { .. } => {
                "use the direct port of the server (often 5432 in place of 6432 or 6543), or a pooler in session mode"
            }
            Self::Setup { .. } | Self::Other { .. } => "try the same address with psql; a pooler must be in session mode",
        };
        text.into()
    }

    /// Whether the same attempt may succeed later, as after a restart or a failover.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoServer { .. }
            | Self::UnknownHost { .. }
            | Self::TooManyConnections { .. }
            | Self::PoolBusy { .. }
            | Self::NotReady { .. }
            | Self::Standby { .. }
            | Self::Other { .. } => true,
            Self::Setup { source, .. } => Fault::of(source) == Fault::ConnectionLost,
            _ => false,
        }
    }
}

const NOT_BUILT_IN: &[&str] = &[
    "GSSAPI support is not compiled in",
    "authentication method 7 not supported",
    "GSSAPI authentication is not supported",
    "SSPI authentication is not supported",
    "in service file",
];
const LOGIN: &[&str] = &[
    "authentication failed for user",
    "no password supplied",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects connection",
    "is not permitted to log in",
    "permission denied for database",
    "authentication method requirement",
];
const TOO_MANY: &[&str] = &[
    "too many clients already",
    "remaining connection slots are reserved",
    "too many connections for",
    "no more connections allowed",
    "max clients reached",
];
const NOT_READY: &[&str] = &["the database system is", "server closed the connection unexpectedly", "terminating connection"];
const PARAMETER: &[&str] = &["invalid connection option", "invalid URI query parameter", "invalid integer value", "invalid sslmode value"];
const TLS: &[&str] = &[
    "SSL error",
    "certificate",
    "server does not support SSL",
    "weak sslmode",
    "could not load private key file",
    "private key file",
    "SSL SYSCALL",
    "SSL support is not compiled in",
];
const NO_SERVER: &[&str] = &[
    "Connection refused",
    "No such file or directory",
    "timeout expired",
    "timed out",
    "No route to host",
    "unreachable",
    "Permission denied",
    "Connection reset",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(message: &str) -> String {
        let url = DatabaseUrl::parse("postgres://app:hunter2@db/shop").unwrap();
        let error = ConnectError::of_message(&url, message);
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("hunter2"));
        format!("{error:?}").split(' ').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_libpq_says_is_classified() {
        for (message, expected) in [
            ("connection to server at \"db\" (::1), port 5432 failed: Connection refused\n\tIs the server running", "NoServer"),
            ("connection to server on socket \"/tmp/.s.PGSQL.1\" failed: No such file or directory", "NoServer"),
            ("connection to server at \"db\", port 1 failed: timeout expired", "NoServer"),
            ("could not translate host name \"db\" to address: Name or service not known", "UnknownHost"),
            ("failed: FATAL:  password authentication failed for user \"app\" hunter2", "Login"),
            ("failed: fe_sendauth: no password supplied", "Login"),
            ("failed: FATAL:  role \"app\" does not exist", "Login"),
            ("failed: FATAL:  no pg_hba.conf entry for host \"10.0.0.1\", user \"app\", no encryption", "Login"),
            ("failed: FATAL:  database \"shop\" does not exist", "UnknownDatabase"),
            ("failed: FATAL:  sorry, too many clients already", "TooManyConnections"),
            ("failed: FATAL:  the database system is starting up", "NotReady"),
            ("failed: SSL error: certificate verify failed", "Tls"),
            ("failed: server does not support SSL, but SSL was required", "Tls"),
            ("failed: server certificate for \"localhost\" does not match host name \"127.0.0.1\"", "Tls"),
            ("invalid connection option \"schema\"", "Parameter"),
            ("syntax error in service file \"/home/app/.pg_service.conf\", line 2", "Unsupported"),
            ("the server is a standby", "Standby"),
            ("失敗", "Other"),
        ] {
            assert_eq!(classify(message), expected, "{message}");
        }
    }

    #[test]
    fn a_wrong_password_is_not_tried_again() {
        let url = DatabaseUrl::parse("postgres://db/shop").unwrap();
        assert!(!ConnectError::of_message(&url, "password authentication failed for user").is_transient());
        assert!(ConnectError::of_message(&url, "Connection refused").is_transient());
    }

    #[test]
    fn an_old_server_is_refused_with_its_version() {
        let url = DatabaseUrl::parse("postgres://app:hunter2@db/shop").unwrap().redacted();
        let error = ConnectError::TooOld { url, version: ServerVersion::new(130_022) };
        assert_eq!(error.to_string(), "postgres://app:***@db/shop runs PostgreSQL 13.22, and tenantize needs 14 or later");
    }
}

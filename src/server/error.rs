//! Why there is no embedded server, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why an embedded server could not be started or joined.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nothing suitable is installed.
    #[error(
        "no PostgreSQL{} server on this machine: looked for initdb and postgres in {looked_in}{}; \
         install one (Debian, Ubuntu: apt install postgresql; macOS: brew install postgresql@17) \
         or name the directory of its programs in TENANTIZE_PG_BIN",
        of_major(*.wanted),
        found_only(.rejected)
    )]
    NotFound {
        /// The major version that was asked for.
        wanted: Option<u32>,
        /// The places, as a person would write them.
        looked_in: String,
        /// Installations of another version.
        rejected: Vec<String>,
    },
    /// `TENANTIZE_PG_BIN` names a directory that does not serve; no other place is tried behind its back.
    #[error(
        "TENANTIZE_PG_BIN is {}, which {what}; correct it, or unset it to search the usual places \
         (if none is installed: apt install postgresql, brew install postgresql@17)",
        .directory.display()
    )]
    NotInNamedDirectory {
        /// The value of the variable.
        directory: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// `PostgreSQL` refuses to run as root, and there is nobody else.
    #[error(
        "PostgreSQL does not run as root, and there is no user \"postgres\" or \"nobody\" to run it as; \
         create one (useradd --system postgres) or start this program as an ordinary user"
    )]
    NoOtherUser,
    /// The users of this machine cannot be read.
    #[error("cannot look up the user {name}")]
    Users {
        /// Whom we looked for.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system limits the path of a socket to about 100 bytes.
    #[error("{} is too long a path for a socket; choose a shorter parent directory, such as /tmp", .0.display())]
    PathTooLong(PathBuf),
    /// The server's directory could not be made.
    #[error("user {user} cannot make {}; choose a parent directory in which it may write, such as /tmp", .directory.display())]
    Directory {
        /// The directory that was to be made.
        directory: PathBuf,
        /// The user the server runs as.
        user: String,
    },
    /// The watchdog could not be started.
    #[error("cannot run /bin/sh as user {user}")]
    Watchdog {
        /// The user the server runs as.
        user: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server ended, or did not get ready in time.
    #[error("PostgreSQL {version} in {} did not start:\n{log}", .directory.display())]
    NotReady {
        /// The server's version.
        version: String,
        /// Its directory, already removed.
        directory: PathBuf,
        /// The end of its log.
        log: String,
    },
    /// The file that tells where the shared server is cannot be used.
    #[error("cannot use {}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn of_major(wanted: Option<u32>) -> String {
    wanted.map(|major| format!(" {major}")).unwrap_or_default()
}

fn found_only(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(" (found only {})", found.join(", ")) }
}

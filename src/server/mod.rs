//! A throw-away `PostgreSQL` for the demo, rehearsals and tests.
//!
//! The programs are those of the machine; nothing is downloaded. The server listens on a socket in a directory that
//! only its user can enter, so any password is right. It ends with its holder, by return, panic, Ctrl-C or `kill -9`:
//! a watchdog waits for the end of a pipe that the holder keeps open, and it is the watchdog that makes the directory,
//! so there is no moment at which something could stay behind.

mod account;
mod error;
mod find;
mod place;
mod running;
mod shared;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::ServerError;
pub use find::{Installation, client};
pub use shared::{SharedServer, shared};

use running::Running;

/// How to start a server.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The major version to use; any when unset.
    pub major: Option<u32>,
    /// The directory in which the server makes its own; unset means /tmp, or memory for a shared server.
    pub parent: Option<PathBuf>,
    /// Settings for `postgresql.conf`, stronger than our own.
    pub settings: Vec<(String, String)>,
    /// How long a server waits for a new holder after the last one has gone.
    pub linger: Duration,
}

/// A server that ends when this value does.
#[derive(Debug)]
pub struct Server {
    running: Option<Running>,
    directory: PathBuf,
    version: String,
}

impl Server {
    /// Starts a server and returns when it takes connections.
    pub fn start(options: &ServerOptions) -> Result<Self, ServerError> {
        let parent = options.parent.clone().unwrap_or_else(place::parent_of_private);
        let running = Running::start(options, &parent)?;
        let directory = running.directory.clone();
        let version = running.installation.version.clone();
        Ok(Self { running: Some(running), directory, version })
    }

    /// Returns the address of `database` for the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url_in(&self.directory, database)
    }

    /// Returns the directory of its data, socket and log.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns its version, such as `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Ends the server and waits until nothing of it is left, as dropping it does.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// The directory stands where a host does: every URL parser can then set another user or database.
fn url_in(directory: &Path, database: &str) -> String {
    let host = percent_encoded(&directory.display().to_string());
    format!("postgresql://postgres@{host}:5432/{}", percent_encoded(database))
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_one_that_a_url_parser_can_change() {
        let mut url = url::Url::parse(&url_in(Path::new("/tmp/tnz-aB3"), "my db")).unwrap();
        assert_eq!(url.as_str(), "postgresql://postgres@%2Ftmp%2Ftnz-aB3:5432/my%20db");
        url.set_username("app").unwrap();
        assert_eq!(url.as_str(), "postgresql://app@%2Ftmp%2Ftnz-aB3:5432/my%20db");
    }
}

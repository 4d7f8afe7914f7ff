//! What a connection takes from its surroundings: variables, `.env`, the machine's certificates and socket directory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where Debian and its relatives put the server's socket; a libpq built in looks in `/tmp`.
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";

/// Which libpq the program was built with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Libpq {
    /// Built in, with a vendored OpenSSL that knows nothing of this machine.
    #[default]
    Bundled,
    /// The system's own.
    System,
}

impl Libpq {
    const BUILT_WITH: Self = if cfg!(feature = "bundled") { Self::Bundled } else { Self::System };
}

/// The environment as a value, so that every decision that depends on it can be tested without changing it.
///
/// `Debug` writes names only: `PGPASSWORD` is a variable too.
#[derive(Clone, Default)]
pub struct Surroundings {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) dotenv: Option<(PathBuf, String)>,
    /// Which libpq will read the connection string.
    pub(super) libpq: Libpq,
    /// The directory in which this machine's packages put the server's socket, when it exists.
    pub(super) socket_directory: Option<PathBuf>,
    /// The file in which this machine keeps the certificates it trusts.
    pub(super) authorities: Option<PathBuf>,
}

impl Surroundings {
    /// Looks at the process and the machine, but not at `.env`.
    #[must_use]
    pub fn of_process() -> Self {
        let relevant = |name: &str| name == "DATABASE_URL" || name.starts_with("PG") || name.starts_with("SSL_CERT_");
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| relevant(name))
            .collect();
        Self {
            variables,
            dotenv: None,
            libpq: Libpq::BUILT_WITH,
            socket_directory: Some(PathBuf::from(SOCKET_DIRECTORY)).filter(|path| path.is_dir()),
            authorities: openssl_probe::probe().cert_file,
        }
    }

    /// Adds `DATABASE_URL` of the nearest `.env` in `directory` or above. A real variable wins over it.
    ///
    /// Lines that cannot be read are left out, and not reported with their text: any of them could hold a password.
    #[must_use]
    pub fn with_dotenv(mut self, directory: &Path) -> Self {
        let Some(path) = directory.ancestors().map(|dir| dir.join(".env")).find(|path| path.is_file()) else {
            return self;
        };
        match dotenvy::from_path_iter(&path) {
            Ok(lines) => {
                let url = lines.flatten().find(|(name, value)| name == "DATABASE_URL" && !value.is_empty());
                self.dotenv = url.map(|(_, value)| (path, value));
            }
            Err(error) => tracing::warn!(path = %path.display(), kind = error.not_found(), "cannot read .env"),
        }
        self
    }

    /// Sets a variable, in this value only.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Takes `file` for the one in which this machine keeps the certificates it trusts.
    #[must_use]
    pub fn trusting(mut self, file: &Path) -> Self {
        self.authorities = Some(file.to_owned());
        self
    }

    /// The value of a variable that is set and not empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `DATABASE_URL` of `.env`, and which file it is from.
    #[must_use]
    pub fn dotenv_url(&self) -> Option<(&Path, &str)> {
        self.dotenv.as_ref().map(|(path, value)| (path.as_path(), value.as_str()))
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("variables", &self.variables.keys()).field("libpq", &self.libpq).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotenv_is_found_above_and_broken_lines_are_skipped() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(root.path().join(".env"), "broken line\nDATABASE_URL='postgres://app:s$1@db/shop'\n").unwrap();
        let found = Surroundings::default().with_dotenv(&below);
        assert_eq!(found.dotenv_url().map(|(_, url)| url), Some("postgres://app:s$1@db/shop"));
    }

    #[test]
    fn debug_shows_no_values() {
        let text = format!("{:?}", Surroundings::default().with("PGPASSWORD", "hunter2"));
        assert!(text.contains("PGPASSWORD") && !text.contains("hunter2"), "{text}");
    }
}

//! Migrations of the application: Diesel's layout, or `NNN_name.sql` with `NNN_name.down.sql`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One migration of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppMigration {
    /// The folder's or file's name without `.sql`; also the order.
    pub name: String,
    /// The script forward.
    pub up: String,
    /// The script back, if there is one.
    pub down: Option<String>,
    /// Whether it refuses transactions (`run_in_transaction = false`).
    pub transaction: InTransaction,
}

/// Whether a script runs in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InTransaction {
    /// It does, together with its journal row.
    Yes,
    /// It asked not to.
    No,
}

/// The migrations of both folders, in order.
#[derive(Clone, Debug, Default)]
pub struct Migrations {
    /// Run in expand.
    pub expand: Vec<AppMigration>,
    /// Run at the end of rls.
    pub rls: Vec<AppMigration>,
}

/// Why migrations cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A folder or file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The folder holds no migration.
    #[error("{0} holds no migration")]
    Empty(PathBuf),
    /// A script takes part in a transaction by itself.
    #[error("{path}: `{word}` ends the transaction that records the migration; remove it")]
    Transaction {
        /// The file.
        path: PathBuf,
        /// The offending word.
        word: String,
    },
    /// `metadata.toml` is not as Diesel expects it.
    #[error("{path} is not valid: {message}")]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl MigrationError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } | Self::Empty(_) => "correct `migrations` in the configuration; relative names start at its folder",
            Self::Transaction { .. } => {
                "each script runs in one transaction with its journal row; where it must not, use Diesel's layout with `run_in_transaction = false`"
            }
            Self::Metadata { .. } => "it may hold `run_in_transaction = true` or `false`",
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default = "yes")]
    run_in_transaction: bool,
}

fn yes() -> bool {
    true
}

impl AppMigration {
    /// Reads all migrations of a folder, ordered by name.
    pub fn read(folder: &Path) -> Result<Vec<Self>, MigrationError> {
        let mut found = BTreeMap::new();
        let entries = fs::read_dir(folder).map_err(|source| MigrationError::Read { path: folder.to_owned(), source })?;
        for entry in entries {
            let path = entry.map_err(|source| MigrationError::Read { path: folder.to_owned(), source })?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
            if path.is_dir() && path.join("up.sql").is_file() {
                found.insert(name.clone(), Self::of_folder(name, &path)?);
            } else if let Some(stem) = name.strip_suffix(".sql")
                && !name.contains(".down.")
            {
                let stem = stem.strip_suffix(".up").unwrap_or(stem);
                let down = path.with_file_name(format!("{stem}.down.sql"));
                found.insert(stem.to_owned(), Self::of_files(stem.to_owned(), &path, &down)?);
            }
        }
        if found.is_empty() {
            return Err(MigrationError::Empty(folder.to_owned()));
        }
        Ok(found.into_values().collect())
    }

    fn of_folder(name: String, folder: &Path) -> Result<Self, MigrationError> {
        let mut migration = Self::of_files(name, &folder.join("up.sql"), &folder.join("down.sql"))?;
        let path = folder.join("metadata.toml");
        if path.is_file() {
            let metadata: Metadata =
                toml::from_str(&read(&path)?).map_err(|error| MigrationError::Metadata { path, message: error.message().to_owned() })?;
            migration.transaction = if metadata.run_in_transaction { InTransaction::Yes } else { InTransaction::No };
        }
        Ok(migration)
    }

    fn of_files(name: String, up: &Path, down: &Path) -> Result<Self, MigrationError> {
        let down = if down.is_file() { Some(script(down)?) } else { None };
        Ok(Self { name, up: script(up)?, down, transaction: InTransaction::Yes })
    }
}

fn read(path: &Path) -> Result<String, MigrationError> {
    fs::read_to_string(path).map_err(|source| MigrationError::Read { path: path.to_owned(), source })
}

/// Reads a script and refuses words that would end the transaction around it.
fn script(path: &Path) -> Result<String, MigrationError> {
    let text = read(path)?;
    for line in text.lines() {
        let word = line.trim().trim_end_matches(';').trim_end().to_ascii_uppercase();
        if ["BEGIN", "BEGIN TRANSACTION", "START TRANSACTION", "COMMIT", "ROLLBACK"].contains(&word.as_str()) && line.contains(';') {
            return Err(MigrationError::Transaction { path: path.to_owned(), word });
        }
    }
    Ok(text)
}

//! Where `PostgreSQL` is installed.

use std::cmp::Reverse;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ServerError;

/// The user's word: the directory of `initdb` and `postgres`, and no other.
const SERVER_VARIABLE: &str = "TENANTIZE_PG_BIN";
/// The user's word: where `psql` and `pg_dump` are, when not beside the server.
const CLIENT_VARIABLE: &str = "TENANTIZE_PG_CLIENT_BIN";

/// Folder, what a version's folder in it begins with, and the way on to the programs.
const USUAL_PLACES: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// A `PostgreSQL` server installed on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Directory of `initdb` and `postgres`.
    pub bin: PathBuf,
    /// Its version as it tells it, such as `15.18`.
    pub version: String,
}

impl Installation {
    /// Finds the best installation: `TENANTIZE_PG_BIN` and nothing else when it is set, then `PATH`, then the usual places, newest first.
    pub fn find(major: Option<u32>) -> Result<Self, ServerError> {
        if let Some(named) = directory_in(SERVER_VARIABLE) {
            return Self::named(&named, major);
        }
        let mut rejected = Vec::new();
        let found = candidates().into_iter().filter_map(Self::at).find(|found| {
            let suits = major.is_none_or(|major| found.major() == Some(major));
            if !suits {
                rejected.push(format!("{} in {}", found.version, found.bin.display()));
            }
            suits
        });
        rejected.dedup();
        found.ok_or_else(|| ServerError::NotFound { wanted: major, looked_in: looked_in(), rejected })
    }

    /// Returns the program `name` (`psql`, `pg_dump`) from `TENANTIZE_PG_CLIENT_BIN`, from beside the server, or from where `find` looks.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<PathBuf> {
        directory_in(CLIENT_VARIABLE)
            .into_iter()
            .chain([self.bin.clone()])
            .chain(candidates())
            .map(|directory| directory.join(name))
            .find(|program| program.is_file())
    }

    /// Returns the major version, such as 15.
    #[must_use]
    pub fn major(&self) -> Option<u32> {
        self.version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    fn named(bin: &Path, major: Option<u32>) -> Result<Self, ServerError> {
        let wrong = |what: &str| ServerError::NotInNamedDirectory { directory: bin.to_owned(), what: what.to_owned() };
        let found = Self::at(bin.to_owned()).ok_or_else(|| wrong("does not hold a working initdb and postgres"))?;
        match major {
            Some(major) if found.major() != Some(major) => Err(wrong(&format!("holds PostgreSQL {}, not {major}", found.version))),
            _ => Ok(found),
        }
    }

    fn at(bin: PathBuf) -> Option<Self> {
        if !bin.join("initdb").is_file() {
            return None;
        }
        let told = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
        let version = version_in(&String::from_utf8_lossy(&told.stdout))?;
        Some(Self { bin, version })
    }
}

/// Returns the client program `name`, such as `pg_dump`, where there may be no server.
#[must_use]
pub fn client(name: &str) -> Option<PathBuf> {
    let directories = directory_in(CLIENT_VARIABLE).into_iter().chain(directory_in(SERVER_VARIABLE)).chain(candidates());
    directories.map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Reads `15.18` out of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_in(told: &str) -> Option<String> {
    let version = told.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
    Some(version.to_owned())
}

/// Reads a variable; empty means unset, as it does to a shell.
fn directory_in(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = env::split_paths(&path).filter(|directory| directory.is_absolute()).collect();
    directories.extend(usual_places());
    if let Ok(told) = Command::new("pg_config").arg("--bindir").output() {
        directories.push(PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
    }
    directories
}

fn usual_places() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (folder, prefix, rest) in USUAL_PLACES {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if let Some(rank) = rank(&entry.file_name(), prefix) {
                found.push((Reverse(rank), entry.path().join(rest)));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, directory)| directory).collect()
}

/// Returns the version in a folder's name for sorting, 0 when there is none (`/usr/local/pgsql`).
fn rank(name: &OsStr, prefix: &str) -> Option<Vec<u32>> {
    let version = Path::new(name).to_str()?.strip_prefix(prefix)?;
    Some(version.split('.').map(|part| part.parse().unwrap_or(0)).collect())
}

fn looked_in() -> String {
    let usual = USUAL_PLACES.map(|(folder, prefix, rest)| format!("{folder}/{prefix}*/{rest}"));
    format!("PATH, {} and what pg_config names", usual.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_postgres_says() {
        let told = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(version_in(told).as_deref(), Some("15.18"));
        assert_eq!(version_in("postgres: not found"), None);
    }

    #[test]
    fn the_major_version_is_what_comes_before_the_first_point_or_word() {
        let major = |version: &str| Installation { bin: PathBuf::new(), version: version.to_owned() }.major();
        assert_eq!(major("15.18"), Some(15));
        assert_eq!(major("19beta1"), Some(19));
        assert_eq!(major("devel"), None);
    }

    #[test]
    fn newer_versions_rank_higher_and_other_folders_do_not_count() {
        let rank = |name: &str| rank(OsStr::new(name), "postgresql@");
        assert!(rank("postgresql@17") > rank("postgresql@9.6"));
        assert_eq!(rank("openssl@3"), None);
    }
}

//! What the tests share: a server, databases on it, the program.

mod cli;
mod cluster;
mod db;
mod dump;
mod pgtap;
mod scenario;

pub(crate) use cli::{Cli, Output, Spawned};
pub(crate) use cluster::cluster;
pub(crate) use db::{TestDb, psql_at};
pub(crate) use pgtap::install_pgtap;
pub(crate) use scenario::{PerTenant, Scenario, fixture_folder};

use std::env;
use std::ffi::OsStr;
use std::process::Command;

/// A command that knows nothing of the databases of whoever runs the tests.
pub(crate) fn sheltered(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("PG") || matches!(&*text, "DATABASE_URL" | "RUST_LOG" | "NO_COLOR" | "CLICOLOR_FORCE") {
            command.env_remove(&name);
        }
    }
    command
}

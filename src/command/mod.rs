//! Builds what every command needs, and dispatches.

mod audit;
mod check;
mod clean;
mod control;
mod demo;
mod init;
mod join;
mod keeper;
mod man;
mod plan;
mod rollback;
mod run;
mod selftest;
mod status;
mod survey;
mod verify;

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::cli::{Cli, Command, ConnectionArgs};
use crate::config::Config;
use crate::db::{Database, DatabaseUrl, SessionSettings, Surroundings};
use crate::error::Error;
use crate::sql::hex;
use crate::ui::Ui;

/// What every command needs.
pub struct Context<'a> {
    /// Where the database and the configuration are.
    pub connection: &'a ConnectionArgs,
    /// The terminal.
    pub ui: &'a Ui,
}

/// Runs a command.
pub fn run(cli: &Cli, ui: &Ui) -> Result<(), Error> {
    let cx = Context { connection: &cli.connection, ui };
    match &cli.command {
        Command::Init(args) => init::run(&cx, args),
        Command::Check(args) => check::run(&cx, args),
        Command::Plan(args) => plan::run(&cx, args),
        Command::Run(args) => run::run(&cx, args),
        Command::Resume(args) => run::resume(&cx, args),
        Command::Status(args) => status::run(&cx, args),
        Command::Pause => control::pause(&cx),
        Command::Unpause => control::unpause(&cx),
        Command::Set(args) => control::set(&cx, args),
        Command::Verify(args) => verify::run(&cx, args),
        Command::Rollback(args) => rollback::run(&cx, args),
        Command::Clean(args) => clean::run(&cx, args),
        Command::Demo(args) => demo::run(&cx, args),
        Command::Completions { shell } => man::completions(&cx, *shell),
        Command::Man => man::man(&cx),
    }
}

impl Context<'_> {
    /// Reads the configuration.
    pub fn config(&self) -> Result<Config, Error> {
        Ok(Config::load(&self.connection.config)?)
    }

    /// Reads the configuration, if it is there.
    fn config_if_any(&self) -> Result<Option<Config>, Error> {
        if self.connection.config.exists() { self.config().map(Some) } else { Ok(None) }
    }

    /// The address of the database.
    pub fn url(&self, config: Option<&Config>) -> Result<DatabaseUrl, Error> {
        let surroundings = Surroundings::of_process().with_dotenv(Path::new("."));
        let configured = config.and_then(|config| config.database_url.as_deref());
        Ok(DatabaseUrl::resolve(self.connection.database_url.as_deref(), &surroundings, configured)?.0)
    }

    /// Connects, with room for so many workers.
    pub fn connect(&self, config: Option<&Config>, workers: usize) -> Result<Database, Error> {
        let url = self.url(config)?;
        // One more for the journal, one for whoever asks meanwhile.
        let size = u32::try_from(workers + 2).unwrap_or(u32::MAX);
        Ok(Database::connect(&url, &SessionSettings::default(), size)?)
    }

    /// Connects for a command that needs no configuration but may find the address there.
    pub fn connect_any(&self) -> Result<Database, Error> {
        let config = self.config_if_any()?;
        self.connect(config.as_ref(), 1)
    }
}

/// SHA-256 of what a plan is made from.
pub(crate) fn config_hash(config: &Config) -> String {
    hex(&Sha256::digest(serde_json::to_vec(config).unwrap_or_default()))
}

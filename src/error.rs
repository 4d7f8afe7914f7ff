//! One error, one hint, one exit code.

use std::error::Error as StdError;
use std::process::ExitCode;

use crate::app_migration::MigrationError;
use crate::catalog::CatalogError;
use crate::check::{DiscoverError, VerifyError};
use crate::config::ConfigError;
use crate::db::{ConnectError, LockError, UrlError};
use crate::exec::{ExecError, StepError};
use crate::isolation::selftest::SelfTestError;
use crate::journal::JournalError;
use crate::rule::csv_map::MapError;
use crate::rule::{AuditError, TenantsError};
use crate::server::ServerError;
use crate::steer::SettingError;

/// Why a command did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address of the database cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The database cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The tenants cannot be determined.
    #[error(transparent)]
    Tenants(#[from] TenantsError),
    /// The application's migrations cannot be read.
    #[error(transparent)]
    Migrations(#[from] MigrationError),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The data cannot be audited.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another program works on the database.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The plan has blockers.
    #[error("the plan has {}", crate::progress::style::plural(*.0 as u64, "blocker"))]
    Blocked(usize),
    /// The checks or attacks found something.
    #[error("verification failed: {0}")]
    Verification(String),
    /// The self-test broke something that nobody noticed.
    #[error("the verification does not notice: {0}")]
    Missed(String),
    /// There was no self-test.
    #[error(transparent)]
    SelfTest(#[from] SelfTestError),
    /// Something could not be verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// It is not clear what is to be verified.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// An earlier run is not ended.
    #[error("run {run} is not finished: it is {state}")]
    Unfinished {
        /// The run.
        run: i64,
        /// Its state.
        state: &'static str,
        /// What to type.
        next: &'static str,
    },
    /// There is nothing to do the command with.
    #[error("{message}")]
    Nothing {
        /// What is missing.
        message: String,
        /// What to type.
        next: &'static str,
    },
    /// The command line asks for something that cannot be done.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A setting of the run makes no sense.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The schema or configuration is not what the plan was made from.
    #[error("{what} changed since the plan was made: {detail}")]
    Drift {
        /// Schema or configuration.
        what: &'static str,
        /// What changed.
        detail: String,
    },
    /// A step was not done.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A step was not taken back.
    #[error("{step} was not taken back")]
    Undo {
        /// The step.
        step: crate::plan::StepId,
        /// Why.
        #[source]
        source: ExecError,
    },
    /// Somebody asked to stop.
    #[error("stopped on request; everything committed is kept")]
    Stopped,
    /// Somebody asked a program that helped to stop.
    #[error("left run {run} on request; it goes on without this program")]
    Left {
        /// The run.
        run: i64,
    },
    /// Whoever led the run is gone.
    #[error("nobody has led run {run} for {}, and nothing can be done for it without", humantime::format_duration(*.waited))]
    Leaderless {
        /// The run.
        run: i64,
        /// For how long.
        waited: std::time::Duration,
    },
    /// The embedded server did not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The server refused a question.
    #[error("the server refused a question")]
    Query(#[from] diesel::result::Error),
    /// A file or process of this machine.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A part of the program failed.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// An error of the system, with what was tried.
    pub fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |source| Self::System { what, source }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Url(error) => Some(error.hint()),
            Self::Connect(error) => Some(error.hint()),
            Self::Lock(error) => Some(error.hint()),
            Self::Discover(error) => error.hint(),
            Self::Blocked(_) => Some("resolve each blocker, then look again with: tenantize check".into()),
            Self::Verification(_) => Some("each failure names its remedy; look again with: tenantize verify".into()),
            Self::Missed(_) => Some("report it: this is a fault of tenantize, not of the database".into()),
            Self::SelfTest(error) => error.hint(),
            Self::Unfinished { next, .. } | Self::Nothing { next, .. } => Some((*next).to_owned()),
            Self::Usage { hint, .. } => Some(hint.clone()),
            Self::Setting(_) => Some("see every setting with: tenantize set --help".into()),
            Self::Drift { .. } => Some("put it back and resume, or take the run back with: tenantize rollback".into()),
            Self::Step(error) => Some(step_hint(&error.source)),
            Self::Undo { source: ExecError::CannotUndo(_), .. } => {
                Some("take it back by hand, then say so with: tenantize rollback --by-hand STEP".into())
            }
            Self::Undo { .. } => Some("when the cause is gone, continue with: tenantize rollback".into()),
            Self::Left { .. } => Some("help again with: tenantize run --join".into()),
            Self::Leaderless { .. } => Some("lead it with: tenantize resume; then help with: tenantize run --join".into()),
            Self::Stopped => Some("continue with: tenantize resume".into()),
            Self::Tenants(error) => Some(error.hint().into()),
            Self::Migrations(error) => Some(error.hint().into()),
            Self::Audit(AuditError::Map(error)) => Some(error.hint().into()),
            Self::Audit(AuditError::Query { .. }) => {
                Some("the connected role must be able to read every configured table; look again with: tenantize check".into())
            }
            Self::Journal(JournalError::WrittenByNewerVersion { .. } | JournalError::Plan(_)) => {
                Some("use the version of tenantize that began the run".into())
            }
            _ => None,
        }
    }

    /// The exit code; `docs/exit-codes.md` lists them.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Url(_)
            | Self::Tenants(_)
            | Self::Migrations(_)
            | Self::Unfinished { .. }
            | Self::Nothing { .. }
            | Self::Usage { .. }
            | Self::SelfTest(SelfTestError::Tool { .. })
            | Self::Setting(_)
            | Self::Audit(AuditError::Map(MapError::Read { .. } | MapError::Write { .. } | MapError::Header { .. })) => 2,
            Self::Connect(error) if !error.is_transient() => 2,
            Self::Discover(DiscoverError::Catalog(_) | DiscoverError::Query(_)) => 1,
            Self::Discover(_) => 2,
            Self::Blocked(_) => 3,
            Self::Verification(_) | Self::Missed(_) | Self::SelfTest(SelfTestError::Baseline(_)) => 4,
            Self::Stopped | Self::Left { .. } | Self::SelfTest(SelfTestError::Stopped) => 5,
            Self::Lock(_) | Self::Journal(JournalError::Fenced) => 7,
            Self::Drift { .. } => 8,
            Self::Step(StepError { source, .. }) | Self::Undo { source, .. } => match source {
                ExecError::Orphans { .. } | ExecError::Misplaced { .. } | ExecError::Promise { .. } | ExecError::Backup { .. } => 4,
                ExecError::Stopped => 5,
                ExecError::Lock(_) => 6,
                ExecError::Journal(JournalError::Fenced) => 7,
                _ => 1,
            },
            _ => 1,
        }
    }

    /// The exit code for `main`.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

fn step_hint(error: &ExecError) -> String {
    match error {
        ExecError::Lock(_) => "end the session that blocks it, then continue with: tenantize resume".into(),
        ExecError::Misplaced { .. } => "the application was writing them; go on with: tenantize resume".into(),
        ExecError::Orphans { .. } => {
            "give the rows a parent or a tenant and continue with: tenantize resume; or take the run back with: tenantize rollback".into()
        }
        ExecError::Triggers { .. } => {
            "connect as the role that began the run; or on PostgreSQL 15 and newer: GRANT SET ON PARAMETER session_replication_role TO the role".into()
        }
        ExecError::Journal(JournalError::Fenced) => "look at the other one with: tenantize status".into(),
        _ => "when the cause is gone, continue with: tenantize resume; or take the run back with: tenantize rollback".into(),
    }
}

/// An error with its causes on one line: `a: b: c`.
#[must_use]
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        text.push_str(": ");
        text.push_str(&cause);
    }
    text
}

/// The causes of an error, without those that only repeat what was said.
#[must_use]
pub fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut causes = Vec::new();
    let mut last = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !last.contains(&text) {
            causes.push(text.clone());
            last = text;
        }
        next = cause.source();
    }
    causes
}

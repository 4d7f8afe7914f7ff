//! Why a step was not done.

use crate::db::reconnect::ReconnectError;
use crate::db::retry::RetryError;
use crate::db::{ConnectError, Fault, HasFault};
use crate::journal::JournalError;
use crate::sql::QualifiedName;

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// No lock within the budget.
    #[error(transparent)]
    Lock(RetryError),
    /// The server refused a statement.
    #[error("the server refused a statement")]
    Query(#[from] diesel::result::Error),
    /// The journal could not be asked or written.
    #[error(transparent)]
    Journal(JournalError),
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection was lost and did not come back within the patience.
    #[error("{0}")]
    Lost(String),
    /// Rows have no tenant.
    #[error("{rows} of {} have no tenant after the fill", table.plain())]
    Orphans {
        /// The table.
        table: QualifiedName,
        /// How many.
        rows: i64,
    },
    /// Rows read the tenant of most rows of the table, though their rule says another.
    #[error("{rows} of {} have another tenant after the fill than their rule says", table.plain())]
    Misplaced {
        /// The table.
        table: QualifiedName,
        /// How many.
        rows: i64,
    },
    /// The connected role cannot keep triggers from firing.
    #[error("triggers or rules of {} would fire, and the connected role may not set session_replication_role", table.plain())]
    Triggers {
        /// The table.
        table: QualifiedName,
    },
    /// A copy differs from its source.
    #[error("the copy of {} differs from it: {detail}", table.plain())]
    Backup {
        /// The table.
        table: QualifiedName,
        /// Counts and hashes.
        detail: String,
    },
    /// A promise of a phase does not hold.
    #[error("the phase {phase} did not keep its promise: {detail}")]
    Promise {
        /// The phase.
        phase: String,
        /// What does not hold.
        detail: String,
    },
    /// A step cannot be taken back.
    #[error("cannot be taken back: {0}")]
    CannotUndo(String),
    /// A worker ended without saying why.
    #[error("a worker ended unexpectedly")]
    Worker,
    /// Somebody asked to stop in the middle of the step.
    #[error("stopped")]
    Stopped,
}

impl From<JournalError> for ExecError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Query(error) => Self::Query(error),
            other => Self::Journal(other),
        }
    }
}

impl From<RetryError> for ExecError {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::Stopped => Self::Stopped,
            RetryError::Failed(error) => Self::Query(error),
            error @ RetryError::GaveUp { .. } => Self::Lock(error),
        }
    }
}

impl From<ReconnectError<Self>> for ExecError {
    fn from(error: ReconnectError<Self>) -> Self {
        match error {
            ReconnectError::Work(error) => error,
            ReconnectError::Connect(error) => Self::Connect(error),
            ReconnectError::Stopped => Self::Stopped,
            ReconnectError::GaveUp { .. } => Self::Lost(error.to_string()),
        }
    }
}

impl HasFault for ExecError {
    fn fault(&self) -> Fault {
        match self {
            Self::Query(error) => Fault::of(error),
            Self::Lock(error) => error.fault(),
            _ => Fault::Other,
        }
    }
}

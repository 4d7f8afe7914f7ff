//! Why no self-test was made.

use crate::catalog::CatalogError;
use crate::check::VerifyError;
use crate::db::ConnectError;

/// Why no self-test was made.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The copy cannot be verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The copy cannot be made.
    #[error("cannot {what}")]
    Clone {
        /// What was tried.
        what: &'static str,
        /// What the server said.
        #[source]
        source: diesel::result::Error,
    },
    /// A program or a name is not what is needed.
    #[error("{what}")]
    Tool {
        /// What is wrong.
        what: String,
    },
    /// The server failed in a way that is no answer.
    #[error("the self-test was interrupted")]
    Query(#[from] diesel::result::Error),
    /// The unbroken copy does not pass: what a mutant adds could not be told from what was there.
    #[error("the unbroken copy does not pass: {0}")]
    Baseline(String),
    /// Somebody asked to stop.
    #[error("stopped on request; the copy is dropped")]
    Stopped,
}

impl SelfTestError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => Some(error.hint()),
            Self::Clone { .. } => Some(
                "the self-test needs a role that may create databases and roles and may read every row, such as a superuser; \
                 or run it on a restored copy of the database"
                    .into(),
            ),
            Self::Baseline(_) => Some("see everything that fails with: tenantize verify".into()),
            _ => None,
        }
    }
}

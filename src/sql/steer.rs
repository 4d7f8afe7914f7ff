//! What the operator asks for himself while a run goes on.

use super::Statement;

/// Asks whether the operator's condition is true: `held`. Unknown is not true.
#[must_use]
pub fn hold(condition: &str) -> Statement {
    Statement::new(format!("SELECT coalesce(({condition}), false) AS held"))
}

//! Statements about what is no table: views, functions, sequences.

use super::Prey;
use crate::sql::{QualifiedName, Statement, Text};

/// A view is digested up to so many rows.
const ROWS: u32 = 100_000;
/// So many rows of a function's answer are read.
const ANSWERS: u32 = 100;

/// Asks what a session sees of a view, as one text: `rows digest`. The order of the rows does not count.
#[must_use]
pub fn digest(view: &QualifiedName) -> Statement {
    Statement::new(format!(
        "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(row_text, 0)), 0) \
         FROM (SELECT tenantize_view::text AS row_text FROM {view} AS tenantize_view LIMIT {ROWS}) AS seen"
    ))
}

/// The same as a column `digest`.
#[must_use]
pub fn digest_row(view: &QualifiedName) -> Statement {
    Statement::new(format!("SELECT ({}) AS digest", digest(view)))
}

/// Calls a function without arguments and asks for its answer as one text.
#[must_use]
pub fn text_of(function: &QualifiedName) -> Statement {
    Statement::new(format!(
        "SELECT string_agg(answer::text, ' ') FROM (SELECT tenantize_answer AS answer FROM {function}() AS tenantize_answer LIMIT {ANSWERS}) AS answers"
    ))
}

/// Asks whether the session has a right on a sequence. To try it would move the sequence, and no rollback takes that back.
#[must_use]
pub fn may_use_sequence(sequence: &QualifiedName, right: &str) -> Statement {
    let name = sequence.to_string();
    Statement::new(format!("SELECT has_sequence_privilege(to_regclass({})::oid, {})", Text(&name), Text(right)))
}

impl Prey {
    /// Counts what the session sees, up to a limit.
    #[must_use]
    pub fn count_some(&self) -> Statement {
        Statement::new(format!("SELECT count(*) FROM (SELECT FROM {} LIMIT 1000) AS seen", self.relation))
    }
}

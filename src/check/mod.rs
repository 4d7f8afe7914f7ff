//! Checks: questions that must return no rows.

mod catalog;
mod compare;
mod data;
mod discover;
mod kind;
mod later;
mod measure;
mod owners;
mod pgtap;
mod promise;
mod render;
mod subject;
mod verification;

pub use catalog::{catalog_checks, checks_beforehand, some};
pub use compare::{Comparison, compare};
pub use data::data_checks;
pub use discover::{ContextWish, DiscoverError, DiscoverOptions, Discovery, Fact, MEMBER, Mention, Source, TENANT, fill};
pub use kind::{Kind, Severity, When, catalogue, kind};
pub use measure::{Bypass, Cost, Measured, measure};
pub use owners::Readable;
pub use pgtap::pgtap;
pub use promise::promises;
pub use render::VerifyFormat;
pub use subject::{Found, MemberColumn, Owners, Registry, Subject};
pub use verification::{Totals, Verification, VerifyError, VerifyOptions, VerifyProgress, verify};

use std::fmt;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

use crate::sql::Statement;

/// So many rows of evidence are kept of a check.
pub(crate) const EVIDENCE: usize = 20;

/// How a check or an attack ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// An attack reached a row of another tenant.
    Leak,
    /// A check found something.
    Fail,
    /// There are rows, but the attack could not show that they are safe.
    Unproven,
    /// Something else happened than what would decide the question.
    Inconclusive,
    /// It holds.
    Pass,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Leak => "LEAK",
            Self::Fail => "FAIL",
            Self::Unproven => "UNPROVEN",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Pass => "PASS",
        })
    }
}

/// One question to the database: its query must return no rows.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its stable id, such as `T801`.
    pub id: String,
    /// What it is about.
    pub subject: String,
    /// What must hold.
    pub claim: String,
    /// The question; its columns are `object` and `detail`.
    pub query: Statement,
    /// How much it matters.
    pub severity: Severity,
    /// What rows mean: a failure, or something that only a person can judge.
    pub rows_mean: Verdict,
}

impl Check {
    fn new(kind: &Kind, subject: impl Into<String>, query: Statement) -> Self {
        let rows_mean = if kind.severity == Severity::Error || kind.query.is_some() { Verdict::Fail } else { Verdict::Inconclusive };
        Self { id: kind.id.into(), subject: subject.into(), claim: kind.claim.into(), query, severity: kind.severity, rows_mean }
    }
}

/// A row that a check returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
pub struct Evidence {
    /// What is wrong.
    #[diesel(sql_type = Text)]
    pub object: String,
    /// What is wrong with it.
    #[diesel(sql_type = Text)]
    pub detail: String,
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's id.
    pub id: String,
    /// What it is about.
    pub subject: String,
    /// What must hold.
    pub claim: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it holds.
    pub verdict: Verdict,
    /// How many rows it returned.
    pub found: usize,
    /// The first of these rows.
    pub evidence: Vec<Evidence>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl CheckResult {
    /// Whether the verification fails by it: also when a question that matters could not be asked.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.severity == Severity::Error && self.verdict != Verdict::Pass
    }
}

/// Asks every question in order. A question that the server refuses is inconclusive; a lost connection ends it.
pub fn run(conn: &mut PgConnection, checks: &[Check], report: &mut dyn FnMut(&CheckResult)) -> QueryResult<Vec<CheckResult>> {
    let mut results = Vec::with_capacity(checks.len());
    for check in checks {
        let started = Instant::now();
        let (verdict, mut evidence) = match check.query.rows::<Evidence>(conn) {
            Ok(rows) if rows.is_empty() => (Verdict::Pass, rows),
            Ok(rows) => (check.rows_mean, rows),
            Err(error) if is_lost(&error) => return Err(error),
            Err(error) => (Verdict::Inconclusive, vec![Evidence { object: check.subject.clone(), detail: error.to_string() }]),
        };
        let found = evidence.len();
        evidence.truncate(EVIDENCE);
        let result = CheckResult {
            id: check.id.clone(),
            subject: check.subject.clone(),
            claim: check.claim.clone(),
            severity: check.severity,
            verdict,
            found,
            evidence,
            took_ms: milliseconds(started.elapsed()),
        };
        report(&result);
        results.push(result);
    }
    Ok(results)
}

fn is_lost(error: &diesel::result::Error) -> bool {
    crate::db::Fault::of(error) == crate::db::Fault::ConnectionLost
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

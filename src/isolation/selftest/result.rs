//! What a self-test has shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::check::Severity;
use crate::sql::mutant::Mutant;

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyKind {
    /// A whole copy of the database.
    Whole,
    /// Its schema with a sample of the rows.
    Sample,
}

/// What became of one mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The mutant.
    pub mutant: String,
    /// The mistake that it stands for.
    pub simulates: String,
    /// Who noticed.
    pub outcome: Outcome,
    /// Codes of the checks that found something new, with their severity.
    pub checks: BTreeMap<String, Severity>,
    /// How many attacks failed, by class.
    pub attacks: BTreeMap<String, usize>,
    /// Why it was not tried.
    pub because: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Who noticed a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Checks and attacks.
    Both,
    /// Checks.
    Checks,
    /// Attacks.
    Attacks,
    /// Nobody: the verification has a hole.
    Missed,
    /// The database has nothing to break so, or the connected role may not.
    NotApplicable,
}

/// What a self-test has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest {
    /// The database.
    pub database: String,
    /// What was broken.
    pub copy: CopyKind,
    /// How many checks and attacks the unbroken copy passed.
    pub baseline: (usize, usize),
    /// The mutants, in the order of the catalogue.
    pub trials: Vec<Trial>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl SelfTest {
    /// How many mutants ended so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.trials.iter().filter(|trial| trial.outcome == outcome).count()
    }

    /// How many mutants could be tried.
    #[must_use]
    pub fn applicable(&self) -> usize {
        self.trials.len() - self.count(Outcome::NotApplicable)
    }

    /// The mutants that nobody noticed.
    pub fn missed(&self) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(|trial| trial.outcome == Outcome::Missed)
    }
}

impl Trial {
    pub(super) fn of(mutant: &Mutant) -> Self {
        Self {
            mutant: mutant.name.into(),
            simulates: mutant.simulates.into(),
            outcome: Outcome::NotApplicable,
            checks: BTreeMap::new(),
            attacks: BTreeMap::new(),
            because: None,
            took_ms: 0,
        }
    }
}

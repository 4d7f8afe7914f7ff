//! The five phases: their order, and the steps of each.

mod backfill;
mod backup;
mod constraints;
mod context;
mod expand;
mod keys;
mod rls;

pub(crate) use backup::SCHEMA as BACKUP_SCHEMA;
pub(crate) use context::spec as context_spec;
pub(crate) use rls::SCHEMA as TENANCY_SCHEMA;

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::plan::{PlanInput, Planned};

/// One of the five parts of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Copies of the tables, under one snapshot.
    Backup,
    /// Registry, tenants, new tables, the nullable tenant column with its guard.
    Expand,
    /// Every row gets its tenant.
    Backfill,
    /// NOT NULL, indexes, keys and foreign keys.
    Constraints,
    /// Row-level security.
    Rls,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 5] = [Self::Backup, Self::Expand, Self::Backfill, Self::Constraints, Self::Rls];

    /// The name for the command line and the journal.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Expand => "expand",
            Self::Backfill => "backfill",
            Self::Constraints => "constraints",
            Self::Rls => "rls",
        }
    }

    /// Adds the steps of this phase. Pure: same input, same steps.
    pub(crate) fn plan(self, input: &PlanInput<'_>, planned: &mut Planned) {
        match self {
            Self::Backup => backup::plan(input, planned),
            Self::Expand => expand::plan(input, planned),
            Self::Backfill => backfill::plan(input, planned),
            Self::Constraints => constraints::plan(input, planned),
            Self::Rls => rls::plan(input, planned),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! A step: one change with its reason, its cost and its way back.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::TriggerPolicy;
use crate::phase::Phase;
use crate::sql::change::{Duration, LockMode, SnapshotUse, TableLock};
use crate::sql::fill::{FillBatch, Stripe};
use crate::sql::{Atomicity, Change, Ident, QualifiedName, TenantKey, TenantSource};

/// The identity of a step, made from its content: `constraints/public.orders/not_null`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepId(String);

impl StepId {
    /// Names the step `what` of a phase, about `subject` if there is one.
    #[must_use]
    pub fn new(phase: Phase, subject: Option<&QualifiedName>, what: &str) -> Self {
        match subject {
            Some(subject) => Self(format!("{phase}/{}/{what}", subject.plain())),
            None => Self(format!("{phase}/{what}")),
        }
    }

    /// Takes the text of the journal.
    #[must_use]
    pub fn from_journal(text: String) -> Self {
        Self(text)
    }

    /// The text for the journal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One planned change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its identity.
    pub id: StepId,
    /// Its phase.
    pub phase: Phase,
    /// What it is about.
    pub subject: Option<QualifiedName>,
    /// Why it is there; one line for the operator.
    pub why: String,
    /// What it does.
    pub action: Action,
    /// How it is taken back.
    pub undo: Undo,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Changes in one short transaction, together with the journal row.
    Apply {
        /// In order.
        changes: Vec<Change>,
    },
    /// One change that refuses transactions.
    Concurrent {
        /// The change.
        change: Change,
    },
    /// Copies of tables under one snapshot.
    Backup(BackupSpec),
    /// The fill of one table.
    Fill(FillSpec),
    /// Passes over tables that depend on each other, until nothing changes.
    Settle {
        /// The fills of the tables.
        fills: Vec<FillSpec>,
    },
}

impl Action {
    /// Whether it consists of passes over tables that workers share.
    #[must_use]
    pub fn is_fill(&self) -> bool {
        matches!(self, Self::Fill(_) | Self::Settle { .. })
    }
}

/// How a step is taken back.
#[expect(clippy::large_enum_variant, reason = "a plan holds some thousands of them at most")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum Undo {
    /// Changes in one short transaction.
    Apply {
        /// In order.
        changes: Vec<Change>,
    },
    /// A change that refuses transactions, then changes in one short transaction.
    Concurrent {
        /// The change outside.
        change: Change,
        /// The changes after it.
        then: Vec<Change>,
    },
    /// Nothing is to be done.
    Nothing {
        /// Why not.
        because: String,
    },
    /// It cannot be taken back.
    Impossible {
        /// Why not.
        because: String,
    },
}

/// Copies of tables under one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSpec {
    /// The schema of the copies.
    pub schema: Ident,
    /// In order of size, the biggest first.
    pub copies: Vec<BackupCopy>,
}

/// The copy of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupCopy {
    /// The table; always one that holds rows.
    pub table: QualifiedName,
    /// Its copy.
    pub copy: QualifiedName,
    /// The columns that are copied and hashed: all but generated ones.
    pub columns: Vec<Ident>,
    /// Those among them that are hashed as text: values of their types may be equal and yet not the same, or have no hash.
    pub texts: Vec<Ident>,
    /// Bytes of the table with indexes and TOAST when the plan was made.
    pub bytes: i64,
}

/// The fill of one table that holds rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FillSpec {
    /// The table or partition.
    pub table: QualifiedName,
    /// The tenant column.
    pub column: Ident,
    /// The sources, first match wins.
    pub sources: Vec<TenantSource>,
    /// The tenant of rows that no source covers.
    pub orphans: Option<TenantKey>,
    /// What rows read before they are written, where most rows belong to one tenant; nothing elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<TenantKey>,
    /// Rows to write when the plan was made.
    pub rows: i64,
    /// Heap pages when the plan was made.
    pub pages: i64,
    /// What happens to the table's triggers.
    pub triggers: TriggerPolicy,
}

impl FillSpec {
    /// The statement for some rows of some pages.
    #[must_use]
    pub fn batch(&self, pages: std::ops::Range<i64>, stripe: Stripe) -> FillBatch<'_> {
        FillBatch { table: &self.table, column: &self.column, sources: &self.sources, default: self.default.as_ref(), pages, stripe }
    }
}

impl Step {
    /// The strongest lock of the step on tables of the application.
    #[must_use]
    pub fn lock(&self) -> LockMode {
        match &self.action {
            Action::Apply { changes } => changes.iter().map(Change::lock).max().unwrap_or(LockMode::None),
            Action::Concurrent { change } => change.lock(),
            Action::Backup(_) => LockMode::AccessShare,
            Action::Fill(_) | Action::Settle { .. } => LockMode::RowExclusive,
        }
    }

    /// The tables that the step locks; nothing where that depends on what the database holds.
    #[must_use]
    pub fn locks(&self) -> Option<Vec<TableLock>> {
        match &self.action {
            Action::Apply { changes } => changes.iter().map(Change::locks).collect::<Option<Vec<_>>>().map(|locks| locks.concat()),
            Action::Concurrent { change } => change.locks(),
            Action::Backup(_) | Action::Fill(_) | Action::Settle { .. } => None,
        }
    }

    /// How the step and the snapshots of others depend on each other.
    #[must_use]
    pub fn snapshot_use(&self) -> SnapshotUse {
        match &self.action {
            Action::Apply { changes } if changes.iter().any(|change| change.snapshot_use() == SnapshotUse::Holds) => SnapshotUse::Holds,
            Action::Concurrent { change } => change.snapshot_use(),
            _ => SnapshotUse::Brief,
        }
    }

    /// How long that lock is held.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match &self.action {
            Action::Apply { changes } => changes.iter().map(Change::duration).max().unwrap_or(Duration::Brief),
            Action::Concurrent { change } => change.duration(),
            Action::Backup(_) => Duration::Scan,
            // A batch holds row locks for its own time only.
            Action::Fill(_) | Action::Settle { .. } => Duration::Brief,
        }
    }

    /// A step of changes in one transaction, or of one change that refuses transactions.
    #[must_use]
    pub fn of_changes(changes: Vec<Change>) -> Action {
        match changes.as_slice() {
            [change] if change.atomicity() == Atomicity::Standalone => Action::Concurrent { change: change.clone() },
            _ => Action::Apply { changes },
        }
    }
}

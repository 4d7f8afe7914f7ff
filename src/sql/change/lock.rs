//! Which tables a change locks and how, and which locks wait for each other.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Change, ExistingRows};
use crate::sql::QualifiedName;

/// A lock on a table, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockMode {
    /// No lock on any table of the application.
    None,
    /// Conflicts with `ACCESS EXCLUSIVE` only.
    AccessShare,
    /// What `SELECT … FOR KEY SHARE` takes, and the validation of a foreign key on the referenced table.
    RowShare,
    /// What `UPDATE` takes.
    RowExclusive,
    /// Blocks other schema changes, neither readers nor writers.
    ShareUpdateExclusive,
    /// Blocks writers.
    Share,
    /// Blocks writers and itself.
    ShareRowExclusive,
    /// Blocks everybody but plain readers.
    Exclusive,
    /// Blocks everybody.
    AccessExclusive,
}

impl LockMode {
    /// Whether readers or writers wait while it is held.
    #[must_use]
    pub fn blocks_application(self) -> bool {
        self >= Self::Share
    }

    /// Whether one session waits with this lock while another holds `other` on the same table.
    #[must_use]
    pub fn conflicts(self, other: Self) -> bool {
        let (weaker, stronger) = (self.min(other), self.max(other));
        match weaker {
            Self::None => false,
            Self::AccessShare => stronger == Self::AccessExclusive,
            Self::RowShare => stronger >= Self::Exclusive,
            Self::RowExclusive => stronger >= Self::Share,
            // Several may share a table in this mode, with nobody else who changes anything.
            Self::Share => stronger > Self::Share,
            Self::ShareUpdateExclusive | Self::ShareRowExclusive | Self::Exclusive | Self::AccessExclusive => true,
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no lock",
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        })
    }
}

/// The strongest lock that a change takes on one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLock {
    /// The table as the statement names it.
    pub table: QualifiedName,
    /// The strongest mode, on it or on what is below it.
    pub mode: LockMode,
    /// Whether those may be locked too.
    pub reach: Reach,
}

/// How far down a lock goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only the table that is named.
    Itself,
    /// Its partitions and its children by inheritance as well.
    Family,
}

/// How a change and the snapshots of others depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotUse {
    /// It takes a moment.
    Brief,
    /// It reads a table under one snapshot, for as long as that takes.
    Holds,
    /// It ends when every snapshot that is older is gone, whichever table it reads.
    Awaits,
}

impl Change {
    /// The tables that the change locks; nothing where that depends on what the database holds, as with a script.
    ///
    /// The changes of the constraints phase are known: only there does it matter what runs beside what.
    #[must_use]
    pub fn locks(&self) -> Option<Vec<TableLock>> {
        let lock = |table: &QualifiedName, mode, reach| TableLock { table: table.clone(), mode, reach };
        let family = |table: &QualifiedName, mode| lock(table, mode, Reach::Family);
        match self {
            Self::CreateIndex(spec) => Some(vec![lock(&spec.table, LockMode::ShareUpdateExclusive, Reach::Itself)]),
            Self::JoinIndexes(spec) => Some(vec![family(&spec.table, LockMode::Share)]),
            // Children by inheritance are locked by a key from PostgreSQL 18 on.
            Self::AddKey { table, .. }
            | Self::AddNotNullCheck { table, .. }
            | Self::SetNotNull { table, .. }
            | Self::DropNotNull { table, .. } => Some(vec![family(table, LockMode::AccessExclusive)]),
            Self::ValidateConstraint { table, parent, .. } => {
                let parent = parent.iter().map(|parent| family(parent, LockMode::RowShare));
                Some(std::iter::once(family(table, LockMode::ShareUpdateExclusive)).chain(parent).collect())
            }
            // The triggers of a foreign key are dropped on both sides.
            Self::DropConstraint { table, parent, .. } => {
                Some(std::iter::once(table).chain(parent).map(|table| family(table, LockMode::AccessExclusive)).collect())
            }
            Self::AddForeignKey(spec) => {
                let mode = match spec.existing {
                    ExistingRows::NotValid => LockMode::ShareRowExclusive,
                    // The key joins those of the partitions, whose triggers go: they are locked more than the table that is named.
                    ExistingRows::Checked => LockMode::AccessExclusive,
                };
                Some(vec![family(&spec.table, mode), family(&spec.parent, mode)])
            }
            _ => None,
        }
    }

    /// How the change and the snapshots of others depend on each other.
    #[must_use]
    pub fn snapshot_use(&self) -> SnapshotUse {
        match self {
            Self::ValidateConstraint { .. } => SnapshotUse::Holds,
            Self::CreateIndex(_) | Self::RestoreIndex { .. } | Self::DropIndex { .. } => SnapshotUse::Awaits,
            _ => SnapshotUse::Brief,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [LockMode; 8] = [
        LockMode::AccessShare,
        LockMode::RowShare,
        LockMode::RowExclusive,
        LockMode::ShareUpdateExclusive,
        LockMode::Share,
        LockMode::ShareRowExclusive,
        LockMode::Exclusive,
        LockMode::AccessExclusive,
    ];

    /// "Conflicting Lock Modes" of the documentation, rows and columns in the order of `MODES`.
    const DOCUMENTED: [&str; 8] = [
        ".......X", // ACCESS SHARE
        "......XX", // ROW SHARE
        "....XXXX", // ROW EXCLUSIVE
        "...XXXXX", // SHARE UPDATE EXCLUSIVE
        "..XX.XXX", // SHARE
        "..XXXXXX", // SHARE ROW EXCLUSIVE
        ".XXXXXXX", // EXCLUSIVE
        "XXXXXXXX", // ACCESS EXCLUSIVE
    ];

    #[test]
    fn modes_conflict_as_documented() {
        let row = |mode: LockMode| MODES.map(|other| if mode.conflicts(other) { 'X' } else { '.' }).iter().collect::<String>();
        assert_eq!(MODES.map(row), DOCUMENTED);
        assert!(MODES.iter().all(|mode| !mode.conflicts(LockMode::None) && !LockMode::None.conflicts(*mode)));
    }
}

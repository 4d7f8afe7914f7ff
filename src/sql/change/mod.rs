//! Every change the tool can make to a database, as one closed enum.

mod lock;
mod render;
mod rights;
mod spec;

pub use lock::{LockMode, Reach, SnapshotUse, TableLock};
pub(crate) use render::GUARD_TRIGGER;
pub use spec::{
    ColumnDefault, Deferral, Duration, ExistingRows, ForeignKeySpec, GuardSpec, IndexSpec, MembershipSpec, PolicyKind, PolicySpec,
    RegistrySpec, RightsOn, RightsSpec, RoleExpression, TenantRow, Uniqueness,
};

use serde::{Deserialize, Serialize};

use super::policy::ContextSpec;
use super::{Ident, KeyType, QualifiedName, Statement, TenantKey};

/// A change. The enum is the whole list: what is not here, the tool cannot do.
///
/// `Display` writes the SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the names that the statement holds")]
pub enum Change {
    /// Creates a schema that nobody else may use.
    CreateSchema { schema: Ident },
    /// Drops an empty schema.
    DropSchema { schema: Ident },
    /// Lets a role look names up in a schema.
    GrantSchemaUsage { schema: Ident, role: Ident },
    /// Takes that back.
    RevokeSchemaUsage { schema: Ident, role: Ident },
    /// Creates the registry.
    CreateRegistry(RegistrySpec),
    /// Creates the membership table.
    CreateMembership(MembershipSpec),
    /// Drops a table.
    DropTable { table: QualifiedName },
    /// Adds rows to the registry; rows that are there already stay as they are.
    InsertTenants { registry: QualifiedName, key: Ident, rows: Vec<TenantRow> },
    /// Takes rows out of the registry again.
    DeleteTenants { registry: QualifiedName, key: Ident, keys: Vec<TenantKey> },
    /// Makes every user a member of the tenant of its row.
    FillMemberships(MembershipSpec),
    /// Empties the membership table of what the fill put there.
    ClearMemberships(MembershipSpec),
    /// Adds a nullable column; with a default, PostgreSQL answers it for existing rows without writing them.
    AddColumn { table: QualifiedName, column: Ident, ty: KeyType, default: Option<TenantKey> },
    /// Drops a column.
    DropColumn { table: QualifiedName, column: Ident },
    /// Sets what new rows get.
    SetDefault { table: QualifiedName, column: Ident, default: ColumnDefault },
    /// Creates the trigger that gives new and re-parented rows their tenant.
    CreateGuard(GuardSpec),
    /// Drops it.
    DropGuard { table: QualifiedName, function: QualifiedName },
    /// Builds an index without blocking writers; cannot run in a transaction.
    CreateIndex(IndexSpec),
    /// Joins the indexes of the partitions under one of the partitioned table.
    JoinIndexes(IndexSpec),
    /// Drops an index of a partitioned table with those of its partitions.
    DropJoinedIndex { index: QualifiedName },
    /// Drops an index without blocking anybody; cannot run in a transaction.
    DropIndex { index: QualifiedName },
    /// Builds an index again from its definition; cannot run in a transaction.
    RestoreIndex { index: QualifiedName, table: QualifiedName, definition: String },
    /// Makes a unique index a unique constraint.
    AddKey { table: QualifiedName, name: Ident, index: Ident },
    /// Adds a constraint from its definition.
    RestoreConstraint { table: QualifiedName, name: Ident, definition: String },
    /// Adds `CHECK (column IS NOT NULL) NOT VALID`.
    AddNotNullCheck { table: QualifiedName, name: Ident, column: Ident },
    /// Reads the table and marks a constraint as valid; `parent` is the table that a foreign key references.
    ValidateConstraint {
        table: QualifiedName,
        name: Ident,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<QualifiedName>,
    },
    /// Makes a column refuse null; does not read the table when a valid check says the same.
    SetNotNull { table: QualifiedName, column: Ident },
    /// Lets a column be null again.
    DropNotNull { table: QualifiedName, column: Ident },
    /// Drops a constraint; `parent` is the table that a foreign key references.
    DropConstraint {
        table: QualifiedName,
        name: Ident,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<QualifiedName>,
    },
    /// Drops a constraint of a partition, unless it has gone with that of the partitioned table.
    DropLeafConstraint { table: QualifiedName, name: Ident },
    /// Adds a foreign key that binds new rows only, until it is validated.
    AddForeignKey(ForeignKeySpec),
    /// Creates a role that cannot log in and may do nothing yet.
    CreateRole { role: Ident },
    /// Drops a role, unless somebody has given it rights elsewhere.
    DropRole { role: Ident },
    /// Gives a role rights on a table or view.
    Grant { table: QualifiedName, role: Ident, privileges: Vec<String> },
    /// Takes them back.
    Revoke { table: QualifiedName, role: Ident, privileges: Vec<String> },
    /// Takes rights away.
    TakeRights(RightsSpec),
    /// Gives them back.
    GiveRights(RightsSpec),
    /// Lets a view read with the rights of whoever asks.
    SetInvoker { view: QualifiedName },
    /// Gives a view back the options that it had.
    RestoreOptions { view: QualifiedName, options: Vec<String> },
    /// Lets a role draw numbers from a sequence.
    GrantSequence { sequence: QualifiedName, role: Ident },
    /// Takes that back.
    RevokeSequence { sequence: QualifiedName, role: Ident },
    /// Creates `tenancy.current_tenant_id()` and what else the context needs.
    CreateContext { ty: KeyType, context: ContextSpec },
    /// Drops it.
    DropContext { ty: KeyType, context: ContextSpec },
    /// Creates the trigger that keeps rows with their tenant.
    KeepTenant { table: QualifiedName, column: Ident },
    /// Drops it.
    ReleaseTenant { table: QualifiedName },
    /// Makes row-level security count for everyone but the owner.
    EnableRls { table: QualifiedName },
    /// Switches it off.
    DisableRls { table: QualifiedName },
    /// Makes it count for the owner too.
    ForceRls { table: QualifiedName },
    /// Exempts the owner again.
    NoForceRls { table: QualifiedName },
    /// Creates a policy.
    CreatePolicy(PolicySpec),
    /// Drops a policy.
    DropPolicy { table: QualifiedName, name: Ident },
    /// Removes dead rows and renews statistics; cannot run in a transaction.
    Vacuum { table: QualifiedName },
    /// A script of the application.
    Script { name: String, sql: String },
    /// A script of the application that refuses transactions; it must bear being run twice.
    LooseScript { name: String, sql: String },
}

/// Whether a statement may share a transaction with its journal row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// It runs in the transaction that records it.
    WithJournal,
    /// It refuses transactions; a probe decides after a crash whether it took effect.
    Standalone,
}

impl Change {
    /// The statement that makes the change.
    #[must_use]
    pub fn statement(&self) -> Statement {
        Statement::new(self.to_string())
    }

    /// Whether the statement may share a transaction with its journal row.
    #[must_use]
    pub fn atomicity(&self) -> Atomicity {
        match self {
            Self::CreateIndex(_) | Self::DropIndex { .. } | Self::RestoreIndex { .. } | Self::Vacuum { .. } | Self::LooseScript { .. } => {
                Atomicity::Standalone
            }
            _ => Atomicity::WithJournal,
        }
    }

    /// The strongest lock that the change takes on a table that exists before it.
    #[must_use]
    pub fn lock(&self) -> LockMode {
        match self {
            Self::CreateSchema { .. }
            | Self::DropSchema { .. }
            | Self::GrantSchemaUsage { .. }
            | Self::RevokeSchemaUsage { .. }
            | Self::CreateRegistry(_)
            | Self::CreateRole { .. }
            | Self::DropRole { .. }
            | Self::GrantSequence { .. }
            | Self::RevokeSequence { .. }
            | Self::CreateContext { .. }
            | Self::DropContext { .. } => LockMode::None,
            Self::InsertTenants { .. } | Self::DeleteTenants { .. } | Self::FillMemberships(_) | Self::ClearMemberships(_) => {
                LockMode::RowExclusive
            }
            Self::CreateIndex(_)
            | Self::DropIndex { .. }
            | Self::RestoreIndex { .. }
            | Self::ValidateConstraint { .. }
            | Self::Vacuum { .. } => LockMode::ShareUpdateExclusive,
            Self::JoinIndexes(_) => LockMode::Share,
            Self::AddForeignKey(spec) if spec.existing == ExistingRows::Checked => LockMode::AccessExclusive,
            Self::AddForeignKey(_) | Self::CreateMembership(_) | Self::KeepTenant { .. } => LockMode::ShareRowExclusive,
            Self::RestoreConstraint { definition, .. } if definition.starts_with("FOREIGN KEY") => LockMode::ShareRowExclusive,
            // A grant changes the catalog's row of the table and waits for nobody.
            Self::Grant { .. } | Self::Revoke { .. } | Self::TakeRights(_) | Self::GiveRights(_) => LockMode::None,
            Self::DropTable { .. }
            | Self::AddColumn { .. }
            | Self::DropColumn { .. }
            | Self::SetDefault { .. }
            | Self::CreateGuard(_)
            | Self::DropGuard { .. }
            | Self::DropJoinedIndex { .. }
            | Self::AddKey { .. }
            | Self::RestoreConstraint { .. }
            | Self::AddNotNullCheck { .. }
            | Self::SetNotNull { .. }
            | Self::DropNotNull { .. }
            | Self::DropConstraint { .. }
            | Self::DropLeafConstraint { .. }
            | Self::SetInvoker { .. }
            | Self::RestoreOptions { .. }
            | Self::EnableRls { .. }
            | Self::DisableRls { .. }
            | Self::ForceRls { .. }
            | Self::NoForceRls { .. }
            | Self::CreatePolicy(_)
            | Self::DropPolicy { .. }
            | Self::ReleaseTenant { .. }
            | Self::Script { .. }
            | Self::LooseScript { .. } => LockMode::AccessExclusive,
        }
    }

    /// How long the lock is held once it is granted.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self {
            Self::CreateIndex(_)
            | Self::RestoreIndex { .. }
            | Self::ValidateConstraint { .. }
            | Self::FillMemberships(_)
            | Self::ClearMemberships(_)
            | Self::Vacuum { .. } => Duration::Scan,
            Self::Script { .. } | Self::LooseScript { .. } => Duration::Unknown,
            _ => Duration::Brief,
        }
    }
}

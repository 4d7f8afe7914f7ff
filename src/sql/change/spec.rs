//! The parts of a change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::Referential;
use crate::sql::policy::{ContextSpec, PolicyForm};
use crate::sql::{Ident, KeyType, QualifiedName, TenantKey, TenantSource};

/// How long a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duration {
    /// A change of the catalog: milliseconds.
    Brief,
    /// As long as reading the table takes.
    Scan,
    /// The operator's own statement.
    Unknown,
}

/// The registry to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrySpec {
    /// The table.
    pub table: QualifiedName,
    /// Its primary key.
    pub key: Ident,
    /// The key's type.
    pub ty: KeyType,
    /// The unique column that names a tenant in files.
    pub slug: Ident,
}

/// The membership table to create and fill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipSpec {
    /// The table.
    pub table: QualifiedName,
    /// Its column for the user.
    pub user_column: Ident,
    /// Its column for the tenant.
    pub tenant_column: Ident,
    /// The table of users.
    pub users: QualifiedName,
    /// The primary key of users.
    pub users_key: Ident,
    /// That key's type.
    pub users_key_ty: String,
    /// The registry.
    pub registry: QualifiedName,
    /// The registry's key.
    pub registry_key: Ident,
    /// That key's type.
    pub ty: KeyType,
    /// Whether deleting a tenant deletes memberships.
    pub on_delete: Referential,
    /// The role a user gets.
    pub role: RoleExpression,
    /// The column of users that says since when.
    pub joined_at: Option<Ident>,
}

impl MembershipSpec {
    /// Its index on the tenant column.
    #[must_use]
    pub fn index(&self) -> QualifiedName {
        QualifiedName::new(self.table.schema.clone(), Ident::derived(&[&self.table.name, &self.tenant_column], "idx"))
    }
}

/// The role a user gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleExpression {
    /// The same for all.
    Literal(String),
    /// A column of the user's row.
    Column(Ident),
    /// An expression over the user's row `t`.
    Sql(String),
}

/// A row of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRow {
    /// The primary key.
    pub key: TenantKey,
    /// Further columns as text; PostgreSQL converts.
    pub columns: BTreeMap<Ident, String>,
}

/// What new rows get in the tenant column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnDefault {
    /// Nothing.
    None,
    /// One tenant.
    Tenant(TenantKey),
    /// The tenant of the session.
    Context,
    /// What was there before, as an expression.
    Expression(String),
}

/// The trigger that gives new and re-parented rows their tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardSpec {
    /// The table.
    pub table: QualifiedName,
    /// The trigger function to create.
    pub function: QualifiedName,
    /// The tenant column.
    pub column: Ident,
    /// Its type.
    pub ty: KeyType,
    /// The sources, first match wins.
    pub sources: Vec<TenantSource>,
}

/// An index to build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSpec {
    /// Its name, in the table's schema.
    pub name: Ident,
    /// The table.
    pub table: QualifiedName,
    /// Its columns in order.
    pub columns: Vec<Ident>,
    /// Whether it is unique.
    pub uniqueness: Uniqueness,
}

/// Whether an index is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uniqueness {
    /// It is.
    Unique,
    /// It is not.
    Plain,
}

impl IndexSpec {
    /// The index with its schema.
    #[must_use]
    pub fn qualified(&self) -> QualifiedName {
        QualifiedName::new(self.table.schema.clone(), self.name.clone())
    }
}

/// A foreign key to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKeySpec {
    /// The referencing table.
    pub table: QualifiedName,
    /// The constraint.
    pub name: Ident,
    /// The referencing columns.
    pub columns: Vec<Ident>,
    /// The referenced table.
    pub parent: QualifiedName,
    /// The referenced columns.
    pub references: Vec<Ident>,
    /// What deleting the parent does.
    pub on_delete: Referential,
    /// The columns that `SET NULL` and `SET DEFAULT` touch; empty = all.
    pub set_columns: Vec<Ident>,
    /// What changing the parent's key does.
    pub on_update: Referential,
    /// Whether the check can wait until commit, and whether it does by itself.
    pub deferral: Deferral,
    /// Whether existing rows are checked at once.
    pub existing: ExistingRows,
}

/// Whether adding a constraint checks the rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExistingRows {
    /// Later, by a validation that blocks nobody.
    NotValid,
    /// At once; only where every partition has a valid key already, which PostgreSQL then joins.
    Checked,
}

/// When a constraint is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deferral {
    /// At the end of each statement.
    Immediate,
    /// The same, unless a transaction asks otherwise.
    Deferrable,
    /// At commit, unless a transaction asks otherwise.
    Deferred,
}

/// A policy to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySpec {
    /// The table.
    pub table: QualifiedName,
    /// The policy.
    pub name: Ident,
    /// What it is for.
    pub kind: PolicyKind,
    /// The column that must be the session's tenant.
    pub column: Ident,
    /// That column's type.
    pub ty: KeyType,
    /// Where the session's tenant comes from.
    #[serde(default)]
    pub context: ContextSpec,
    /// How it asks.
    #[serde(default)]
    pub form: PolicyForm,
}

/// What a policy is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// Nobody passes without the right tenant, whatever other policies allow.
    Fence,
    /// These roles may do everything with rows of their tenant.
    Allow(Vec<Ident>),
    /// These roles may read rows of their tenant.
    Read(Vec<Ident>),
}

/// Rights that are taken from somebody, or given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsSpec {
    /// On what.
    pub object: RightsOn,
    /// From or to whom; `None` = everyone.
    pub grantee: Option<Ident>,
    /// `SELECT`, `SELECT ("column")` …
    pub privileges: Vec<String>,
    /// Those among them that the grantee may pass on.
    pub grantable: Vec<String>,
}

impl RightsSpec {
    /// Each right with whether it may be passed on.
    #[must_use]
    pub fn new(object: RightsOn, grantee: Option<&Ident>, rights: Vec<(String, bool)>) -> Self {
        let grantable = rights.iter().filter(|(_, grantable)| *grantable).map(|(privilege, _)| privilege.clone()).collect();
        let privileges = rights.into_iter().map(|(privilege, _)| privilege).collect();
        Self { object, grantee: grantee.cloned(), privileges, grantable }
    }
}

/// What rights are about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RightsOn {
    /// A table or view.
    Relation(QualifiedName),
    /// A sequence.
    Sequence(QualifiedName),
    /// A schema.
    Schema(Ident),
    /// Tables that a role will create, in one schema or in every one.
    FutureTables {
        /// The role.
        owner: Ident,
        /// The schema.
        schema: Option<Ident>,
    },
}

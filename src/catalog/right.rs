//! Roles, and who may do what with which object.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Catalog, Table};
use crate::sql::{Ident, QualifiedName};

/// Roles with the right `USAGE`; `None` = everyone.
pub(super) type Usage = Vec<Option<Ident>>;

/// A schema and what the connected role may do there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the catalog, not choices")]
pub struct Schema {
    /// Who may look names up there.
    pub usage: Usage,
    /// Its owner.
    #[serde(default)]
    pub owner: Option<Ident>,
    /// Whether the connected role may grant rights on it.
    pub owned: bool,
    /// Whether the connected role may create tables and indexes there.
    pub create: bool,
    /// Who else may create in it.
    #[serde(default)]
    pub creators: Vec<Creator>,
    /// Whether names are looked up there unless a session says otherwise.
    #[serde(default)]
    pub in_path: bool,
    /// The names of its tables, views, indexes, sequences and composite types; of a schema of PostgreSQL's own, none.
    pub relations: BTreeSet<Ident>,
    /// The names of its functions that can be called without arguments; of a schema of PostgreSQL's own, none.
    #[serde(default)]
    pub functions: BTreeSet<Ident>,
}

/// Who may create in a schema of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Creator {
    /// Who; `None` = everyone.
    pub grantee: Option<Ident>,
    /// Whether the right may be passed on.
    pub grantable: bool,
    /// Who gave it, apart from the owner of the schema.
    pub others: Vec<Ident>,
}

impl Creator {
    /// How people are told of it.
    #[must_use]
    pub fn plain(&self) -> &str {
        self.grantee.as_ref().map_or("everyone", Ident::plain)
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: Ident,
    /// Whether it is a superuser.
    pub superuser: bool,
    /// Whether row-level security does not bind it.
    pub bypass_rls: bool,
    /// Roles it can act as, directly or not, itself excluded.
    pub member_of: Vec<Ident>,
}

/// A right on a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// Who has it; `None` = everyone.
    pub grantee: Option<Ident>,
    /// `SELECT`, `INSERT` …
    pub privilege: String,
    /// Whether the grantee may pass it on.
    pub grantable: bool,
}

/// A right on a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnGrant {
    /// The column.
    pub column: Ident,
    /// The right.
    #[serde(flatten)]
    pub grant: Grant,
}

/// A sequence that a column owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its name.
    pub name: QualifiedName,
    /// Whether it belongs to an identity column, which draws numbers without anybody's right.
    pub identity: bool,
    /// Who may do what, by grantee: `USAGE` draws numbers, `SELECT` reads the last, `UPDATE` sets it.
    pub grants: Vec<Grant>,
}

/// A right on tables that do not exist yet: `ALTER DEFAULT PRIVILEGES … ON TABLES`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DefaultRight {
    /// Whose new tables.
    pub owner: Ident,
    /// In which schema; `None` = in every one.
    pub schema: Option<Ident>,
    /// The right.
    #[serde(flatten)]
    pub grant: Grant,
}

impl Catalog {
    /// Whether a role has a right on a whole relation: itself, through another role, as its owner, or because everyone has.
    #[must_use]
    pub fn may(&self, role: &Ident, table: &Table, privilege: &str) -> bool {
        let facts = self.roles.get(role);
        if facts.is_some_and(|role| role.superuser) {
            return true;
        }
        let acts_as = |other: &Ident| role == other || facts.is_some_and(|role| role.member_of.contains(other));
        let everything = if privilege == "SELECT" { "pg_read_all_data" } else { "pg_write_all_data" };
        acts_as(&table.owner)
            || facts.is_some_and(|role| role.member_of.iter().any(|other| other.plain() == everything))
            || table.grants.iter().any(|grant| grant.privilege == privilege && grant.grantee.as_ref().is_none_or(acts_as))
    }

    /// Whether the connected role has the rights of another.
    #[must_use]
    pub fn acts_as(&self, other: &Ident) -> bool {
        let server = &self.server;
        server.superuser || server.role == *other || self.roles.get(&server.role).is_some_and(|role| role.member_of.contains(other))
    }
}

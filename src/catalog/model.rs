//! What the database looks like, as plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::activity::Activity;
use super::function::Function;
use super::right::{ColumnGrant, DefaultRight, Grant, Role, Schema, Sequence};
use crate::sql::{Ident, QualifiedName};

/// A consistent picture of the schemas we work on. Pure data: build it by hand in tests.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    /// The server and what the connected role may do there.
    pub server: Server,
    /// Tables and views, by name.
    pub tables: BTreeMap<QualifiedName, Table>,
    /// Every role that is not PostgreSQL's own, by name.
    pub roles: BTreeMap<Ident, Role>,
    /// Schemas that exist, by name.
    pub schemas: BTreeMap<Ident, Schema>,
    /// Functions of the application, by name and arguments.
    pub functions: Vec<Function>,
    /// Rights on tables that do not exist yet.
    pub default_rights: Vec<DefaultRight>,
    /// Who works with the database now.
    pub activity: Activity,
}

/// The server and the connected role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the catalog, not choices")]
pub struct Server {
    /// `server_version_num`, for example 150018.
    pub version: i32,
    /// The database's name.
    pub database: Ident,
    /// The connected role.
    pub role: Ident,
    /// Whether it is a superuser.
    pub superuser: bool,
    /// Whether row-level security does not bind it.
    pub bypass_rls: bool,
    /// Whether it may create roles.
    pub create_role: bool,
    /// Whether it may create schemas.
    pub create_schema: bool,
    /// Whether it may set `session_replication_role`.
    pub suppress_triggers: bool,
}

/// A table, partition or view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the catalog, not choices")]
pub struct Table {
    /// Its name.
    pub name: QualifiedName,
    /// What it is.
    pub kind: TableKind,
    /// The partitioned or inherited tables it belongs to.
    pub parents: Vec<QualifiedName>,
    /// Whether the parent partitions.
    pub is_partition: bool,
    /// Its owner.
    pub owner: Ident,
    /// Whether the connected role may alter it.
    pub owned: bool,
    /// Whether its contents survive a crash.
    pub unlogged: bool,
    /// Whether row-level security is enabled.
    pub rls_enabled: bool,
    /// Whether it binds the owner too.
    pub rls_forced: bool,
    /// Rows as of the last `ANALYZE`; negative = never analysed.
    pub rows: f64,
    /// Heap pages of 8 KiB now.
    pub pages: i64,
    /// Bytes with indexes and TOAST now.
    pub bytes: i64,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Primary, unique and exclusion constraints, by name.
    pub keys: Vec<Key>,
    /// Names of its other constraints, such as checks.
    pub checks: Vec<Ident>,
    /// Foreign keys of this table, by name.
    pub foreign_keys: Vec<ForeignKey>,
    /// Indexes, by name.
    pub indexes: Vec<Index>,
    /// Policies, by name.
    pub policies: Vec<Policy>,
    /// User triggers, by name.
    pub triggers: Vec<Trigger>,
    /// Rewrite rules, by name; of a table, not of a view.
    pub rules: Vec<Ident>,
    /// Who may do what, by grantee.
    pub grants: Vec<Grant>,
    /// Who may do what with single columns, by column.
    pub column_grants: Vec<ColumnGrant>,
    /// Sequences that columns own.
    pub sequences: Vec<Sequence>,
    /// Storage options, such as `fillfactor=90`; of a view, `security_invoker=true`.
    pub options: Vec<String>,
    /// How changed rows are named to subscribers: `d` primary key, `n` nothing, `f` all columns, `i` an index.
    pub replica_identity: String,
    /// Whether a publication sends it.
    pub published: bool,
    /// The relations that a view reads.
    pub reads: Vec<QualifiedName>,
}

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// A table with rows of its own.
    Ordinary,
    /// A partitioned table: its rows are in its partitions.
    Partitioned,
    /// A foreign table.
    Foreign,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
}

impl TableKind {
    /// Whether it shows rows of others.
    #[must_use]
    pub fn is_view(self) -> bool {
        matches!(self, Self::View | Self::MaterializedView)
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the catalog, not choices")]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type as `format_type` writes it.
    pub ty: String,
    /// Whether it refuses null.
    pub not_null: bool,
    /// Its default expression.
    pub default: Option<String>,
    /// Whether it is generated from other columns.
    pub generated: bool,
    /// Whether it is an identity column.
    pub identity: bool,
}

/// A primary key, unique or exclusion constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The constraint.
    pub name: Ident,
    /// What it is.
    pub kind: KeyKind,
    /// Its columns in order.
    pub columns: Vec<Ident>,
    /// Whether its check can wait until commit.
    pub deferrable: bool,
    /// The constraint as `pg_get_constraintdef` writes it.
    pub definition: String,
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// The primary key.
    Primary,
    /// A unique constraint.
    Unique,
    /// An exclusion constraint.
    Exclusion,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the catalog, not choices")]
pub struct ForeignKey {
    /// The constraint.
    pub name: Ident,
    /// The referencing columns.
    pub columns: Vec<Ident>,
    /// The referenced table.
    pub table: QualifiedName,
    /// The referenced columns, in the order of `columns`.
    pub references: Vec<Ident>,
    /// What deleting the parent does.
    pub on_delete: Referential,
    /// What changing the parent's key does.
    pub on_update: Referential,
    /// `MATCH FULL`.
    pub match_full: bool,
    /// Whether its check can wait until commit.
    pub deferrable: bool,
    /// Whether its check waits until commit by itself.
    pub deferred: bool,
    /// Whether existing rows were checked, if PostgreSQL is to be believed.
    pub validated: bool,
    /// Whether it comes from a partitioned table above.
    pub inherited: bool,
    /// The constraint as `pg_get_constraintdef` writes it.
    pub definition: String,
}

/// A referential action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Referential {
    /// Refuse at the end of the statement or transaction.
    NoAction,
    /// Refuse at once.
    Restrict,
    /// Follow the parent.
    Cascade,
    /// Set the columns to null.
    SetNull,
    /// Set the columns to their defaults.
    SetDefault,
}

impl Referential {
    /// The action's name in SQL.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        }
    }
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the catalog, not choices")]
pub struct Index {
    /// Its name, in the schema of its table.
    pub name: Ident,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether the planner may use it; false after a failed `CONCURRENTLY`.
    pub valid: bool,
    /// Whether a constraint owns it.
    pub constraint: bool,
    /// Whether it has a `WHERE`.
    pub partial: bool,
    /// Its key columns in order; `None` stands for an expression.
    pub columns: Vec<Option<Ident>>,
    /// Operators and functions of its keys that may not see a row before its policy has: none, or it is of no use under one.
    pub leaky: Vec<String>,
    /// Functions that are not PostgreSQL's own and that its expressions call.
    pub calls: Vec<String>,
    /// The index as `pg_get_indexdef` writes it.
    pub definition: String,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: Ident,
    /// Permissive or restrictive.
    pub permissive: bool,
    /// `*`, `r`, `a`, `w` or `d`, as in `pg_policy`.
    pub command: String,
    /// The roles it binds; empty = `PUBLIC`.
    pub roles: Vec<Ident>,
    /// The `USING` expression.
    pub using: Option<String>,
    /// The `WITH CHECK` expression.
    pub check: Option<String>,
}

/// A user trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: Ident,
    /// `O` origin, `A` always, `R` replica, `D` disabled.
    pub enabled: String,
    /// Whether an `UPDATE` of any column fires it.
    pub on_update: bool,
    /// The trigger as `pg_get_triggerdef` writes it.
    pub definition: String,
}

impl Table {
    /// Finds a column by its name.
    #[must_use]
    pub fn column(&self, name: &Ident) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == *name)
    }

    /// The columns of the primary key, or of a unique key that never holds null; empty without one.
    #[must_use]
    pub fn identifying_columns(&self) -> &[Ident] {
        let strict = |key: &&Key| key.columns.iter().all(|name| self.column(name).is_some_and(|column| column.not_null));
        let rank = |key: &&Key| u8::from(key.kind != KeyKind::Primary);
        self.keys
            .iter()
            .filter(|key| key.kind != KeyKind::Exclusion)
            .filter(strict)
            .min_by_key(rank)
            .map_or(&[], |key| key.columns.as_slice())
    }

    /// Whether a view reads with the rights of whoever asks.
    #[must_use]
    pub fn security_invoker(&self) -> bool {
        let value = self.options.iter().find_map(|option| option.strip_prefix("security_invoker="));
        // As PostgreSQL reads a boolean: any beginning of the word.
        value.map(str::to_ascii_lowercase).is_some_and(|value| {
            value == "1" || value == "on" || (!value.is_empty() && ("true".starts_with(&value) || "yes".starts_with(&value)))
        })
    }

    /// Whether rows are stored in the table itself.
    #[must_use]
    pub fn holds_rows(&self) -> bool {
        self.kind == TableKind::Ordinary
    }

    /// Whether the relation is a table that the configuration must classify.
    #[must_use]
    pub fn must_be_classified(&self) -> bool {
        matches!(self.kind, TableKind::Ordinary | TableKind::Partitioned | TableKind::Foreign) && self.parents.is_empty()
    }
}

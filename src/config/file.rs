//! The sections of the configuration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Context, MembershipRls, Rule};
use crate::sql::{Ident, QualifiedName};

/// The whole configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of this format: 1.
    pub version: u32,
    /// The database, when neither flag nor environment names it.
    #[serde(skip_serializing)]
    pub database_url: Option<String>,
    /// The schemas whose tables must all be classified.
    #[serde(default = "public")]
    pub schemas: Vec<Ident>,
    /// The registry of tenants.
    pub tenants: TenantsConfig,
    /// The table that joins users and tenants.
    pub memberships: Option<MembershipConfig>,
    /// How the tables are backed up.
    #[serde(default)]
    pub backup: BackupConfig,
    /// The application's own new tables.
    #[serde(default)]
    pub expand: ExpandConfig,
    /// Row-level security.
    #[serde(default)]
    pub rls: RlsConfig,
    /// What each table is.
    #[serde(default)]
    pub tables: BTreeMap<QualifiedName, TableConfig>,
    /// The folder of the file; relative names start here.
    #[serde(skip)]
    pub dir: PathBuf,
}

/// The registry: one row per tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantsConfig {
    /// The table; created when it is missing.
    pub table: QualifiedName,
    /// Its primary key.
    #[serde(default = "id")]
    pub key: Ident,
    /// The column that CSV files and rules name a tenant by.
    #[serde(default = "slug")]
    pub slug: Ident,
    /// The column to add to every tenant table.
    #[serde(default = "tenant_id")]
    pub column: Ident,
    /// The tenant that `"default"` stands for.
    pub default: DefaultTenant,
    /// A CSV file of further tenants; its header names columns of the registry.
    pub csv: Option<String>,
    /// What deleting a tenant does to its rows.
    #[serde(default)]
    pub on_delete: OnDelete,
}

/// The default tenant: values for columns of the registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DefaultTenant {
    /// The text that names the tenant in files and rules.
    pub slug: String,
    /// Further columns of the registry, among them the key if it must be a certain one.
    #[serde(flatten)]
    pub columns: BTreeMap<String, String>,
}

/// What deleting a tenant does to its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDelete {
    /// A tenant with rows cannot be deleted.
    #[default]
    Restrict,
    /// Its rows are deleted with it.
    Cascade,
}

/// The table that joins users and tenants.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipConfig {
    /// The table; created when it is missing.
    pub table: QualifiedName,
    /// The table of users; each user becomes a member of the tenant of its row.
    pub users: QualifiedName,
    /// The role a user gets.
    #[serde(default = "member")]
    pub role: RoleSource,
    /// The column of users that says since when.
    pub joined_at: Option<Ident>,
}

/// Where a membership's role comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RoleSource {
    /// The same role for every user.
    Literal(String),
    /// A column of the table of users.
    Column {
        /// The column.
        column: Ident,
    },
    /// An expression over the user's row `t`.
    Sql {
        /// The expression.
        sql: String,
    },
}

/// How the tables are backed up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupConfig {
    /// Copies in the database, or none.
    #[serde(default)]
    pub method: BackupMethod,
}

/// How the tables are backed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupMethod {
    /// A copy of each table in the schema `tenantize_backup`.
    #[default]
    Tables,
    /// None: the operator has one.
    Off,
}

/// The application's own new tables.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpandConfig {
    /// A folder of migrations: Diesel's layout, or `NNN_name.sql` with `NNN_name.down.sql`.
    pub migrations: Option<String>,
}

/// Row-level security.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RlsConfig {
    /// Where policies learn the tenant from.
    #[serde(default)]
    pub context: Context,
    /// The setting that holds the tenant; `app.tenant_id` unless it is named.
    pub setting: Option<String>,
    /// The claim in `app_metadata` that holds the tenant; `tenant_id` unless it is named.
    pub claim: Option<String>,
    /// How the tenant follows from memberships.
    pub membership: Option<MembershipRls>,
    /// Roles of the application; created when missing.
    #[serde(default)]
    pub app_roles: Vec<Ident>,
    /// Roles that only read; created when missing.
    #[serde(default)]
    pub read_roles: Vec<Ident>,
    /// What happens to views over tables with tenants.
    #[serde(default)]
    pub views: Views,
    /// Roles that see every row by intention, such as Supabase's `service_role`.
    #[serde(default)]
    pub trusted_roles: Vec<Ident>,
    /// Roles whose tables are read and written: code of theirs may run as the connected role.
    #[serde(default)]
    pub trusted_owners: Vec<Ident>,
    /// A folder of the application's own migrations, run at the end of the phase.
    pub migrations: Option<String>,
}

/// What happens to views over tables with tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Views {
    /// They read with the rights of whoever asks; materialized views are taken from the application.
    #[default]
    Invoker,
    /// They stay as they are.
    Keep,
}

/// What one table is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// Whether the table is left without a tenant.
    pub scope: Option<Scope>,
    /// How its rows get their tenant.
    #[serde(default, rename = "tenant", deserialize_with = "super::rule::deserialize")]
    pub rules: Vec<Rule>,
    /// What happens to rows for which no rule yields a tenant.
    #[serde(default)]
    pub orphans: Orphans,
    /// Which unique keys become unique per tenant; by constraint or index name.
    #[serde(default)]
    pub unique: BTreeMap<Ident, KeyPolicy>,
    /// Tenant-led indexes to build instead of the plain one on the tenant column: comma-separated columns.
    #[serde(default)]
    pub indexes: Vec<String>,
    /// What happens to the table's triggers while it is filled.
    #[serde(default)]
    pub triggers: TriggerPolicy,
    /// How its policies ask for the tenant.
    #[serde(default)]
    pub policy_form: FormWish,
}

/// How the policies of a table ask for the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FormWish {
    /// In a sub-select; the plan says where one tenant has most of many rows.
    #[default]
    Auto,
    /// In a sub-select, once per query.
    Wrapped,
    /// Directly.
    Bare,
}

/// What a table without a tenant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Reference data that every tenant reads.
    Shared,
    /// Not the application's business: no column, no policy, no grant.
    Ignored,
}

/// What happens to rows for which no rule yields a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orphans {
    /// The run stops before its first write.
    #[default]
    Fail,
    /// They go to a tenant of their own, `quarantine`, that nobody enters.
    Quarantine,
    /// They go to the default tenant.
    Default,
}

/// Whether a unique key holds per tenant or over all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyPolicy {
    /// Two tenants may have the same value.
    PerTenant,
    /// The value is unique over all tenants.
    Global,
}

/// What happens to a table's triggers while it is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriggerPolicy {
    /// They do not fire; needs the right to set `session_replication_role`.
    #[default]
    Suppress,
    /// They fire: the operator knows what they do.
    Fire,
}

impl Config {
    /// The only version this program reads.
    pub const VERSION: u32 = 1;

    /// The path of a file that the configuration names.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(Path::new(name))
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if self.version != Self::VERSION {
            return Err(format!("version {} is not known; this program reads version {}", self.version, Self::VERSION));
        }
        if self.schemas.is_empty() {
            return Err("schemas must name at least one schema".into());
        }
        for (name, table) in &self.tables {
            table.validate().map_err(|message| format!("[tables.\"{}\"]: {message}", name.plain()))?;
        }
        if let Some(role) = self.rls.app_roles.iter().find(|role| self.rls.read_roles.contains(role)) {
            return Err(format!("[rls]: {} is in app_roles and in read_roles", role.plain()));
        }
        super::context::validate(self)
    }
}

impl TableConfig {
    fn validate(&self) -> Result<(), String> {
        match (self.scope, self.rules.as_slice()) {
            (Some(_), [_, ..]) => Err("has both `scope` and `tenant`".into()),
            (None, []) => Err("has neither `scope` nor `tenant`".into()),
            (None, [_, .., Rule::Column] | [Rule::Column, _, ..]) => Err("\"column\" cannot be part of a list".into()),
            (None, [before @ .., _]) if before.iter().any(|rule| matches!(rule, Rule::Tenant(_))) => {
                Err("rules after a tenant's name are never reached".into())
            }
            _ => Ok(()),
        }
    }
}

fn public() -> Vec<Ident> {
    Ident::new("public").into_iter().collect()
}

fn id() -> Ident {
    known("id")
}

fn slug() -> Ident {
    known("slug")
}

fn tenant_id() -> Ident {
    known("tenant_id")
}

fn member() -> RoleSource {
    RoleSource::Literal("member".into())
}

#[expect(clippy::expect_used, reason = "the text is a constant of this file")]
fn known(name: &'static str) -> Ident {
    Ident::new(name).expect("a constant name is valid")
}

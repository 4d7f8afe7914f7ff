//! The first version of `tenantize.toml`: what the catalog alone says about each table, with reasons.

mod names;
mod parents;
mod registry;
mod shared;
#[cfg(test)]
mod tests;
mod text;
mod unique;

pub use registry::{ProposedRegistry, RegistryOrigin};
pub use unique::ProposedKey;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Table, TableKind};
use crate::config::Scope;
use crate::progress::style::plural;
use crate::sql::{Ident, QualifiedName};

/// What the operator said before there is a configuration.
#[derive(Clone, Debug)]
pub struct ProposeOptions {
    /// The registry, if it is known.
    pub registry: Option<QualifiedName>,
    /// The tenant column.
    pub column: Ident,
}

/// A configuration to start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The registry.
    pub registry: ProposedRegistry,
    /// The tenant column.
    pub column: Ident,
    /// The schemas that were looked at.
    pub schemas: Vec<Ident>,
    /// Every table: those with tenants first, parents before children, then shared and ignored ones.
    pub tables: Vec<ProposedTable>,
    /// Roles that write and are bound by policies.
    pub app_roles: Vec<Ident>,
    /// The table of users, if there is one that could have memberships.
    pub users: Option<QualifiedName>,
}

/// What one table is proposed to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedTable {
    /// The table.
    pub table: QualifiedName,
    /// What it is.
    pub role: ProposedRole,
    /// Why; one line.
    pub reason: String,
    /// What a person should look at, one line each.
    pub hints: Vec<String>,
    /// Its unique keys.
    pub unique: Vec<ProposedKey>,
}

/// How a table relates to tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposedRole {
    /// All rows go to the default tenant.
    Default,
    /// The tenant column is there.
    Column,
    /// Another column of the row references the registry.
    Reference(Ident),
    /// Rows belong where their parents belong; the first parent that is there decides.
    Derived(Vec<ProposedParent>),
    /// It gets no tenant.
    Without(Scope),
}

/// A way from a row to its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedParent {
    /// The parent.
    pub table: QualifiedName,
    /// The referencing columns, where several foreign keys lead there.
    pub via: Vec<Ident>,
}

/// Proposes a configuration. Pure: it sees no row.
#[must_use]
pub fn propose(catalog: &Catalog, options: &ProposeOptions) -> Proposal {
    let registry = registry::choose(catalog, options);
    let ours = |table: &&Table| table.must_be_classified() && table.name != registry.table;
    let mut rest: BTreeMap<&QualifiedName, &Table> = catalog.tables.values().filter(ours).map(|table| (&table.name, table)).collect();
    let ignored = take(&mut rest, ignored_reason);
    let reasons = shared::find(catalog, &registry.table, &rest);
    let shared = take(&mut rest, |table| reasons.get(&table.name).cloned());
    let users = users(&rest);
    let app_roles = app_roles(catalog, &rest);

    let mut tables = parents::derive(&rest, &registry, &options.column);
    for table in &mut tables {
        table.unique = unique::keys(catalog, &table.table, &options.column, &rest);
    }
    tables.extend(without(shared, Scope::Shared));
    tables.extend(without(ignored, Scope::Ignored));
    Proposal { registry, column: options.column.clone(), schemas: schemas(catalog), tables, app_roles, users }
}

impl Proposal {
    /// One line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |wanted: fn(&ProposedRole) -> bool| self.tables.iter().filter(|table| wanted(&table.role)).count();
        let state = if self.registry.exists() { "is there" } else { "will be created" };
        let tenants = count(|role| !matches!(role, ProposedRole::Without(_)));
        let parts = [
            plural(tenants, "tenant table"),
            format!("{} derived", count(|role| matches!(role, ProposedRole::Derived(_)))),
            format!("{} shared", count(|role| *role == ProposedRole::Without(Scope::Shared))),
            format!("{} ignored", count(|role| *role == ProposedRole::Without(Scope::Ignored))),
        ];
        format!("{}; the registry {} {state}", parts.join(", "), self.registry.table.plain())
    }
}

/// Takes the tables out of `rest` for which there is a reason.
fn take(rest: &mut BTreeMap<&QualifiedName, &Table>, reason: impl Fn(&Table) -> Option<String>) -> Vec<(QualifiedName, String)> {
    let taken: Vec<_> = rest.values().filter_map(|table| Some((table.name.clone(), reason(table)?))).collect();
    for (name, _) in &taken {
        rest.remove(name);
    }
    taken
}

fn ignored_reason(table: &Table) -> Option<String> {
    if table.kind == TableKind::Foreign {
        return Some("a foreign table: its rows are elsewhere".into());
    }
    names::tool(&table.name.name).map(|tool| format!("bookkeeping of {tool}"))
}

fn without(tables: Vec<(QualifiedName, String)>, scope: Scope) -> impl Iterator<Item = ProposedTable> {
    tables.into_iter().map(move |(table, reason)| ProposedTable {
        table,
        role: ProposedRole::Without(scope),
        reason,
        hints: Vec::new(),
        unique: Vec::new(),
    })
}

fn schemas(catalog: &Catalog) -> Vec<Ident> {
    let schemas: BTreeSet<&Ident> = catalog.tables.values().filter(|table| !table.kind.is_view()).map(|table| &table.name.schema).collect();
    schemas.into_iter().cloned().collect()
}

fn users(rest: &BTreeMap<&QualifiedName, &Table>) -> Option<QualifiedName> {
    let fits = |table: &&&Table| names::is_people(table) && table.identifying_columns().len() == 1;
    let people = rest.values().filter(fits);
    people.max_by_key(|table| (table.name.name.plain() == "users", std::cmp::Reverse(&table.name))).map(|table| table.name.clone())
}

/// Roles that may insert somewhere and that policies would bind.
fn app_roles(catalog: &Catalog, rest: &BTreeMap<&QualifiedName, &Table>) -> Vec<Ident> {
    let owners: BTreeSet<&Ident> = catalog.tables.values().filter(|table| !table.kind.is_view()).map(|table| &table.owner).collect();
    let grants = rest.values().flat_map(|table| &table.grants).filter(|grant| grant.privilege == "INSERT");
    let grantees: BTreeSet<&Ident> = grants.filter_map(|grant| grant.grantee.as_ref()).collect();
    let acts_as_owner =
        |role: &crate::catalog::Role| owners.contains(&role.name) || role.member_of.iter().any(|other| owners.contains(other));
    let bound = |name: &&&Ident| catalog.roles.get(**name).is_some_and(|role| !role.superuser && !role.bypass_rls && !acts_as_owner(role));
    grantees.iter().filter(bound).map(|name| (*name).clone()).collect()
}

//! Which unique keys should hold per tenant.

use std::collections::BTreeMap;

use super::names;
use crate::catalog::{Catalog, KeyKind, Table, TableKind};
use crate::config::KeyPolicy;
use crate::sql::{Ident, QualifiedName};

/// Columns whose values are asked for before the tenant is known, or that nobody chooses.
const GLOBAL: &[&str] = &["email", "external_id", "hash", "login", "phone", "session", "sub", "token", "username", "uuid"];

/// A unique key and how far it should reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedKey {
    /// The constraint or index.
    pub name: Ident,
    /// Its columns; empty where it is over an expression.
    pub columns: Vec<Ident>,
    /// How far.
    pub policy: KeyPolicy,
    /// Why.
    pub reason: &'static str,
}

/// The unique keys of a table, without the primary key.
pub(super) fn keys(catalog: &Catalog, name: &QualifiedName, column: &Ident, rest: &BTreeMap<&QualifiedName, &Table>) -> Vec<ProposedKey> {
    let Some(table) = catalog.table(name) else { return Vec::new() };
    let constraints = table.keys.iter().filter(|key| key.kind == KeyKind::Unique && !key.columns.contains(column)).map(|key| {
        let plain = !key.deferrable
            && table.kind == TableKind::Ordinary
            && !key.definition.contains(" INCLUDE ")
            && !key.definition.contains("NULLS NOT");
        let (policy, reason) = policy(catalog, table, &key.columns, rest);
        let (policy, reason) = if plain { (policy, reason) } else { (KeyPolicy::Global, "it cannot be changed into a per-tenant key") };
        ProposedKey { name: key.name.clone(), columns: key.columns.clone(), policy, reason }
    });
    let indexes = table.indexes.iter().filter(|index| index.unique && !index.constraint && !index.columns.contains(&Some(column.clone())));
    let indexes = indexes.map(|index| ProposedKey {
        name: index.name.clone(),
        columns: index.columns.iter().flatten().cloned().collect(),
        policy: KeyPolicy::Global,
        reason: "an index, and only constraints can become per-tenant keys",
    });
    constraints.chain(indexes).collect()
}

fn policy(catalog: &Catalog, table: &Table, columns: &[Ident], rest: &BTreeMap<&QualifiedName, &Table>) -> (KeyPolicy, &'static str) {
    let referenced = |key: &crate::catalog::ForeignKey| key.table == table.name && key.references.iter().all(|name| columns.contains(name));
    let leads = |key: &&crate::catalog::ForeignKey| rest.contains_key(&key.table) && key.columns.iter().any(|name| columns.contains(name));
    let says = |name: &Ident| GLOBAL.iter().any(|word| name.plain() == *word || name.plain().ends_with(&format!("_{word}")));
    if catalog.tables.values().flat_map(|other| &other.foreign_keys).any(referenced) {
        (KeyPolicy::Global, "a foreign key needs it")
    } else if table.foreign_keys.iter().any(|key| leads(&key)) {
        (KeyPolicy::Global, "a parent's key is part of it, so it holds per tenant already")
    } else if columns.iter().any(says) || names::is_people(table) {
        (KeyPolicy::Global, "looked up before the tenant is known, or drawn at random")
    } else {
        (KeyPolicy::PerTenant, "two tenants may want the same value")
    }
}

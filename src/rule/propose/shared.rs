//! Reference data: tables that every tenant reads.
//!
//! A table that is shared by mistake shows one tenant's rows to all, so only what is plain is proposed.

use std::collections::BTreeMap;

use super::names;
use crate::catalog::{Catalog, Table};
use crate::sql::QualifiedName;

/// More rows than a list that people keep by hand.
const SMALL: f64 = 500.0;
/// The same in heap pages.
const SMALL_PAGES: i64 = 8;
/// More rows than any reference data.
const HUGE: f64 = 100_000.0;
/// More columns than a list of values.
const NARROW: usize = 6;

/// The shared tables among `rest`, with reasons.
pub(super) fn find(
    catalog: &Catalog,
    registry: &QualifiedName,
    rest: &BTreeMap<&QualifiedName, &Table>,
) -> BTreeMap<QualifiedName, String> {
    let mut shared = BTreeMap::new();
    loop {
        let open = rest.values().filter(|table| !shared.contains_key(&table.name));
        let found: Vec<_> = open.filter_map(|table| Some((table.name.clone(), reason(catalog, table, registry, &shared)?))).collect();
        if found.is_empty() {
            return shared;
        }
        shared.extend(found);
    }
}

fn reason(catalog: &Catalog, table: &Table, registry: &QualifiedName, shared: &BTreeMap<QualifiedName, String>) -> Option<String> {
    let outward = || table.foreign_keys.iter().filter(|key| key.table != table.name);
    if outward().any(|key| key.table == *registry || !shared.contains_key(&key.table)) || names::is_people(table) || names::has_owner(table)
    {
        return None;
    }
    if names::says_reference(&table.name.name) && table.rows <= HUGE {
        return Some("reference data by its name, and it references no table of a tenant".into());
    }
    let referencing = catalog.tables.values().filter(|other| other.name != table.name && references(other, table)).count();
    if outward().next().is_none() {
        // Before the first ANALYZE only the size on disk is known.
        let few = if table.rows < 0.0 { (1..=SMALL_PAGES).contains(&table.pages) } else { table.rows > 0.0 && table.rows <= SMALL };
        let small = few && table.columns.len() <= NARROW;
        let listed = small && referencing >= 2 && names::looks_like_list(table);
        return listed.then(|| format!("a small list that {referencing} tables reference and that references none"));
    }
    let joined = |name: &crate::sql::Ident| outward().any(|key| key.columns.contains(name));
    let joins = table.columns.iter().all(|column| joined(&column.name) || names::is_incidental(column.name.plain()));
    joins.then(|| "it only joins shared tables".into())
}

fn references(other: &Table, table: &Table) -> bool {
    other.foreign_keys.iter().any(|key| key.table == table.name)
}

//! Who works with a database that no plan has made.

use std::collections::{BTreeMap, BTreeSet};

use super::{DiscoverError, DiscoverOptions, Fact, Source};
use crate::catalog::{Catalog, Table};
use crate::sql::Ident;

/// The roles that were given, or those that rights on the tables were granted to and that policies bind.
pub(super) fn roles(
    catalog: &Catalog,
    tables: &[&Table],
    options: &DiscoverOptions,
    facts: &mut Vec<Fact>,
) -> Result<(Vec<Ident>, Vec<Ident>), DiscoverError> {
    let named = options.app_roles.iter().chain(&options.read_roles).chain(&options.trusted_roles).chain(&options.trusted_owners);
    if let Some(missing) = named.into_iter().find(|role| !catalog.roles.contains_key(role)) {
        return Err(DiscoverError::Missing { what: "the role", name: missing.plain().to_owned() });
    }
    let list = |roles: &[Ident]| roles.iter().map(Ident::plain).collect::<Vec<_>>().join(", ");
    if !options.app_roles.is_empty() {
        facts.push(Fact::new("application roles", list(&options.app_roles), "given", Source::Given, "--app-role"));
        return Ok((options.app_roles.clone(), options.read_roles.clone()));
    }
    let mut rights: BTreeMap<&Ident, bool> = BTreeMap::new();
    for grant in tables.iter().flat_map(|table| &table.grants) {
        let Some(role) = &grant.grantee else { continue };
        let bound = catalog.roles.get(role).is_some_and(|role| !role.bypass_rls);
        let declared = options.read_roles.contains(role) || options.trusted_roles.contains(role);
        if bound && !declared && ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&grant.privilege.as_str()) {
            *rights.entry(role).or_default() |= grant.privilege != "SELECT";
        }
    }
    let of = |writes: bool| rights.iter().filter(|(_, may)| **may == writes).map(|(role, _)| (*role).clone()).collect::<Vec<Ident>>();
    let (mut writers, mut readers) = (of(true), of(false));
    if writers.is_empty() {
        writers = std::mem::take(&mut readers);
    }
    readers.extend(options.read_roles.iter().cloned());
    let (is, because) = if writers.is_empty() {
        let owners: BTreeSet<&str> = tables.iter().map(|table| table.owner.plain()).collect();
        let owners: Vec<&str> = owners.into_iter().collect();
        ("none".into(), format!("nobody but the owner {} has rights on the tables; without one nothing is attacked", owners.join(", ")))
    } else {
        (list(&writers), "they have rights on the tables, and policies bind them".to_owned())
    };
    facts.push(Fact::new("application roles", is, because, Source::Guessed, "--app-role"));
    if !readers.is_empty() {
        facts.push(Fact::new("reading roles", list(&readers), "they may only read", Source::Guessed, "--read-role"));
    }
    Ok((writers, readers))
}

/// The roles that were named, and the owners of tables that were.
pub(super) fn trusted_owners(catalog: &Catalog, options: &DiscoverOptions) -> Vec<Ident> {
    let tables = options.registry.iter().chain(&options.membership).chain(&options.shared);
    let owners = tables.filter_map(|name| catalog.table(name)).map(|table| &table.owner);
    owners.chain(&options.trusted_owners).collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

//! Which foreign key tells whose a row is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::registry::ProposedRegistry;
use super::{ProposedParent, ProposedRole, ProposedTable, names};
use crate::catalog::graph::in_dependency_order;
use crate::catalog::{ForeignKey, Referential, Table};
use crate::progress::style::plural;
use crate::sql::{Ident, KeyType, QualifiedName};

/// Proposes a rule for every table, parents before children.
pub(super) fn derive(rest: &BTreeMap<&QualifiedName, &Table>, registry: &ProposedRegistry, column: &Ident) -> Vec<ProposedTable> {
    let needs = rest.iter().map(|(name, table)| ((*name).clone(), links(table, rest).map(|key| key.table.clone()).collect())).collect();
    let mut deriver = Deriver { rest, registry, column, distance: BTreeMap::new(), out: Vec::new() };
    for group in in_dependency_order(&needs) {
        deriver.group(&group);
    }
    deriver.out
}

/// Foreign keys to other tables with tenants.
fn links<'a>(table: &'a Table, rest: &'a BTreeMap<&QualifiedName, &Table>) -> impl Iterator<Item = &'a ForeignKey> {
    table.foreign_keys.iter().filter(|key| !key.inherited && key.table != table.name && rest.contains_key(&key.table))
}

struct Deriver<'a> {
    rest: &'a BTreeMap<&'a QualifiedName, &'a Table>,
    registry: &'a ProposedRegistry,
    column: &'a Ident,
    /// Foreign keys between a decided table and the nearest table that needs none.
    distance: BTreeMap<QualifiedName, usize>,
    out: Vec<ProposedTable>,
}

impl Deriver<'_> {
    /// Decides the tables of a cycle from outside in, so that no two of them wait for each other.
    fn group(&mut self, group: &[QualifiedName]) {
        let mut open: BTreeSet<&QualifiedName> = group.iter().collect();
        while !open.is_empty() {
            let ready: Vec<&Table> =
                open.iter().filter_map(|name| self.rest.get(*name).copied()).filter(|table| self.is_ready(table)).collect();
            let ready = if ready.is_empty() { self.entrance(&open).into_iter().collect() } else { ready };
            let decided: Vec<(ProposedTable, usize)> = ready.iter().map(|table| self.decide(table)).collect();
            for (table, distance) in decided {
                open.remove(&table.table);
                self.distance.insert(table.table.clone(), distance);
                self.out.push(table);
            }
        }
    }

    fn is_ready(&self, table: &Table) -> bool {
        let mut links = links(table, self.rest).peekable();
        links.peek().is_none() || self.own(table).is_some() || links.any(|key| self.distance.contains_key(&key.table))
    }

    /// Where a cycle begins that nothing outside decides: people, else the table that most others reference.
    fn entrance(&self, open: &BTreeSet<&QualifiedName>) -> Option<&Table> {
        open.iter().filter_map(|name| self.rest.get(*name).copied()).max_by_key(|table| self.weight(table))
    }

    fn weight<'t>(&self, table: &'t Table) -> (bool, usize, Reverse<&'t QualifiedName>) {
        let all = self.rest.values().flat_map(|other| links(other, self.rest));
        (names::is_people(table), all.filter(|key| key.table == table.name).count(), Reverse(&table.name))
    }

    /// What the row says itself.
    fn own(&self, table: &Table) -> Option<(ProposedRole, String, Vec<String>)> {
        if let Some(column) = table.column(self.column) {
            let mut hints = Vec::new();
            if self.registry.key_type().is_some_and(|ty| KeyType::from_sql(&column.ty) != Some(ty)) {
                hints.push(format!("its type is {}, which is not that of the registry's key", column.ty));
            }
            if !column.not_null {
                hints.push("it may be null; such rows must be given a tenant first".into());
            }
            return Some((ProposedRole::Column, format!("{} is there already", self.column.plain()), hints));
        }
        let key = table.foreign_keys.iter().find(|key| {
            !key.inherited && key.table == self.registry.table && key.references == [self.registry.key.clone()] && key.columns.len() == 1
        })?;
        let name = key.columns.first()?;
        let reason = format!("{} references the registry", name.plain());
        let nullable = !table.column(name)?.not_null;
        let hints = nullable.then(|| format!("{} may be null; rows without it are orphans", name.plain())).into_iter().collect();
        Some((ProposedRole::Reference(name.clone()), reason, hints))
    }

    fn decide(&self, table: &Table) -> (ProposedTable, usize) {
        let (role, reason, hints, distance) = if let Some((role, reason, hints)) = self.own(table) {
            (role, reason, hints, 0)
        } else {
            let mut links: Vec<Link<'_>> = links(table, self.rest).filter_map(|key| self.link(table, key)).collect();
            links.sort_by_key(|link| (link.rank, link.position));
            match links.first().map(|link| link.distance) {
                Some(distance) => derived(table, &links, distance + 1),
                None => self.root(table),
            }
        };
        (ProposedTable { table: table.name.clone(), role, reason, hints, unique: Vec::new() }, distance)
    }

    fn link<'a>(&self, table: &Table, key: &'a ForeignKey) -> Option<Link<'a>> {
        let distance = *self.distance.get(&key.table)?;
        let parent = self.rest.get(&key.table)?;
        let total = key.columns.iter().all(|name| table.column(name).is_some_and(|column| column.not_null));
        let cascades = key.on_delete == Referential::Cascade;
        // What a row goes with when it is deleted owns it; people act on rows of others, and a list only describes them.
        let class = match (names::is_people(parent), cascades, total) {
            _ if names::looks_like_list(parent) && !cascades => 7,
            (false, true, true) => 0,
            (false, true, false) => 1,
            (true, true, true) => 2,
            (false, false, true) => 3,
            (true, false, true) => 4,
            (false, false, false) => 5,
            (true, _, false) => 6,
        };
        let position = key.columns.iter().filter_map(|name| table.columns.iter().position(|column| column.name == *name)).min();
        Some(Link { key, total, distance, rank: (class, distance), position: position.unwrap_or(usize::MAX) })
    }

    fn root(&self, table: &Table) -> (ProposedRole, String, Vec<String>, usize) {
        let reason = if links(table, self.rest).next().is_some() {
            "its foreign keys go round in a circle; the circle begins here"
        } else if names::is_people(table) {
            "people who reference no table of a tenant: a CSV file can tell them apart"
        } else {
            "no foreign key leads to a table of a tenant"
        };
        (ProposedRole::Default, reason.into(), self.undeclared(table), 0)
    }

    /// Columns that are named like a reference, though the database does not know of one.
    fn undeclared(&self, table: &Table) -> Vec<String> {
        let mut hints = Vec::new();
        for column in &table.columns {
            let Some(word) = column.name.plain().strip_suffix("_id") else { continue };
            let known = table.foreign_keys.iter().any(|key| key.columns.contains(&column.name));
            let named = |other: &&&Table| other.name != table.name && names::forms(word).iter().any(|form| form == other.name.name.plain());
            let Some(parent) = self.rest.values().find(named).filter(|_| !known) else { continue };
            let same_type = |key: &Ident| parent.column(key).is_some_and(|key| key.ty == column.ty);
            if matches!(parent.identifying_columns(), [key] if same_type(key)) {
                let via = ProposedParent { table: parent.name.clone(), via: vec![column.name.clone()] };
                hints.push(format!("{} looks like a reference: tenant = {}", column.name.plain(), super::text::parent(&via)));
            }
        }
        hints
    }
}

struct Link<'a> {
    key: &'a ForeignKey,
    total: bool,
    distance: usize,
    rank: (u8, usize),
    position: usize,
}

/// The best parent, and further ones for rows that do not have it.
fn derived(table: &Table, links: &[Link<'_>], distance: usize) -> (ProposedRole, String, Vec<String>, usize) {
    let until = links.iter().position(|link| link.total).map_or(links.len(), |at| at + 1);
    let (used, others) = links.split_at(until);
    let several = |key: &ForeignKey| table.foreign_keys.iter().filter(|other| !other.inherited && other.table == key.table).count() > 1;
    let parent = |link: &Link<'_>| {
        let via = if several(link.key) { link.key.columns.clone() } else { Vec::new() };
        ProposedParent { table: link.key.table.clone(), via }
    };
    let by = used.iter().map(describe).collect::<Vec<_>>().join(", else by ");
    let far = if distance > 1 { format!(", {} from the first table", plural(distance, "step")) } else { String::new() };
    let reason = format!("by {by}{far}");
    let mut hints = Vec::new();
    if !used.iter().any(|link| link.total) {
        hints.push("rows without a parent are orphans: add a last rule, or say `orphans`".into());
    }
    for link in others {
        hints.push(format!("also possible: {} by {}", link.key.table.plain(), describe(link)));
    }
    (ProposedRole::Derived(used.iter().map(parent).collect()), reason, hints, distance)
}

fn describe(link: &Link<'_>) -> String {
    let columns: Vec<&str> = link.key.columns.iter().map(Ident::plain).collect();
    let null = if link.total { "never null" } else { "may be null" };
    let cascades = if link.key.on_delete == Referential::Cascade { ", deleted with it" } else { "" };
    format!("{} ({null}{cascades})", columns.join(", "))
}

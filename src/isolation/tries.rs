//! Keys of one tenant that another can try to use.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::scout::{Side, texts};
use super::synth::{Which, fresh, new_row};
use super::target::{Target, TargetKind};
use super::{ForeignTry, Tries, UniqueTry};
use crate::catalog::{ForeignKey, KeyKind, Table};
use crate::check::Subject;
use crate::sql::attack::{Lookup, Value, lookup};
use crate::sql::{Ident, QualifiedName};

/// The tool's own session at one relation.
pub(super) struct Search<'a, 'b> {
    pub(super) admin: &'a mut PgConnection,
    pub(super) subject: &'a Subject,
    pub(super) target: &'a Target<'b>,
    pub(super) parents: &'a BTreeMap<QualifiedName, Ident>,
}

/// What `me` can try with keys of `victim`.
pub(super) fn tries(search: &mut Search<'_, '_>, me: &Side, victim: &Side) -> QueryResult<Tries> {
    // Partitions have the keys of their table, which is attacked for itself.
    if search.target.kind == TargetKind::Registry || search.target.table.is_partition || me.settings.is_none() {
        return Ok(Tries::default());
    }
    let table = search.target.table;
    let mut found = Tries::default();
    // Memberships connect tenants by intention.
    let connects = search.target.kind == TargetKind::Membership;
    for key in table.foreign_keys.iter().filter(|key| !key.inherited && !connects) {
        found.foreign.extend(search.foreign(key, me, victim)?);
    }
    for (name, columns) in natural_keys(table, &search.target.prey.column) {
        let columns: Vec<Ident> = columns.into_iter().filter(|column| *column != search.target.prey.column).collect();
        let at = Lookup { table: &table.name, tenant: &search.target.prey.column, columns: &columns };
        if let Some(texts) = texts(search.admin, &lookup(&at, &victim.key, Some(&me.key)))? {
            let declared = search.subject.accepted.iter().any(|(owner, key)| *owner == table.name && key == name.plain());
            let known = declared.then(|| "the configuration says that the key is global".to_owned());
            found.unique.push(UniqueTry { name: name.plain().to_owned(), theirs: values(&columns, texts), known });
        }
    }
    if !found.foreign.is_empty() || !found.unique.is_empty() {
        found.fresh = new_row(search.admin, search.target, search.parents, (&me.key, Which::First))?;
    }
    Ok(found)
}

fn values(columns: &[Ident], texts: Vec<Option<String>>) -> Vec<Value> {
    columns.iter().cloned().zip(texts).map(|(column, text)| Value { column, text }).collect()
}

impl Search<'_, '_> {
    fn foreign(&mut self, key: &ForeignKey, me: &Side, victim: &Side) -> QueryResult<Option<ForeignTry>> {
        let (table, own) = (self.target.table, &self.target.prey.column);
        let Some(tenant) = self.parents.get(&key.table) else { return Ok(None) };
        let pairs = key.columns.iter().zip(&key.references).filter(|(column, _)| *column != own);
        let (columns, references): (Vec<Ident>, Vec<Ident>) = pairs.map(|(column, reference)| (column.clone(), reference.clone())).unzip();
        if columns.is_empty() {
            return Ok(None);
        }
        let at = Lookup { table: &key.table, tenant, columns: &references };
        let Some(texts) = texts(self.admin, &lookup(&at, &victim.key, Some(&me.key)))? else { return Ok(None) };
        let invented: Option<Vec<Option<String>>> =
            columns.iter().map(|name| table.column(name).and_then(|column| fresh(&column.ty, Which::Second)).map(Some)).collect();
        let accepted = self.subject.accepted.iter().any(|(owner, name)| *owner == table.name && name == key.name.plain());
        let known = accepted.then(|| "the plan says that the key stays without the tenant".to_owned());
        Ok(Some(ForeignTry {
            name: key.name.plain().to_owned(),
            theirs: values(&columns, texts),
            nowhere: invented.map(|invented| values(&columns, invented)),
            known,
        }))
    }
}

/// Unique keys whose values mean something to people: those that are drawn by the server tell nothing.
fn natural_keys(table: &Table, tenant: &Ident) -> Vec<(Ident, Vec<Ident>)> {
    let keys = table.keys.iter().filter(|key| key.kind != KeyKind::Exclusion).map(|key| (key.name.clone(), key.columns.clone()));
    let indexes = table.indexes.iter().filter(|index| index.unique && index.valid && !index.constraint).filter_map(|index| {
        let columns: Option<Vec<Ident>> = index.columns.iter().cloned().collect();
        Some((index.name.clone(), columns?))
    });
    let natural = |columns: &[Ident]| {
        let mut free = columns.iter().filter(|column| *column != tenant).peekable();
        free.peek().is_some() && free.all(|column| !is_drawn(table, column))
    };
    keys.chain(indexes).filter(|(_, columns)| natural(columns)).collect()
}

/// Whether nobody chooses the values of a column: the server draws them, or they are keys of another table.
fn is_drawn(table: &Table, name: &Ident) -> bool {
    let Some(column) = table.column(name) else { return true };
    let number = matches!(column.ty.as_str(), "bigint" | "integer" | "smallint");
    let primary = table.keys.iter().any(|key| key.kind == KeyKind::Primary && key.columns.contains(name));
    let counted = column.default.as_deref().is_some_and(|default| default.starts_with("nextval("));
    let foreign = table.foreign_keys.iter().any(|key| key.columns.contains(name));
    column.ty == "uuid" || column.identity || counted || foreign || number && primary
}

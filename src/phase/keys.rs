//! Keys that carry the tenant: which indexes and foreign keys a table gets.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{ForeignKey, Referential, Table, TableKind};
use crate::config::OnDelete;
use crate::plan::{Code, PlanInput, Planned};
use crate::rule::{ColumnOrigin, Target};
use crate::sql::change::{Deferral, ExistingRows, ForeignKeySpec, IndexSpec, Uniqueness};
use crate::sql::{Ident, QualifiedName};

/// What deleting a tenant does, as a referential action.
pub(super) fn referential(on_delete: OnDelete) -> Referential {
    match on_delete {
        OnDelete::Restrict => Referential::Restrict,
        OnDelete::Cascade => Referential::Cascade,
    }
}

/// A foreign key between two tables with tenants and the one that takes its place.
pub(super) struct Conversion<'a> {
    /// The key as it is.
    pub(super) old: &'a ForeignKey,
    /// The key that carries the tenant.
    pub(super) new: ForeignKeySpec,
    /// Whether the old one stays because the new one cannot do its work alone.
    pub(super) keeps_old: KeepsOld,
}

/// Whether the simple key stays beside the composite one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepsOld {
    /// The composite key does everything.
    No,
    /// PostgreSQL 14 cannot set only some columns to null.
    Yes,
}

/// The foreign keys of `target` that can carry the tenant; findings about the others.
pub(super) fn conversions<'a>(input: &PlanInput<'a>, target: &Target, planned: &mut Planned) -> Vec<Conversion<'a>> {
    let Some(table) = input.catalog.table(&target.table) else { return Vec::new() };
    let mut conversions = Vec::new();
    for old in table.foreign_keys.iter().filter(|key| !key.inherited) {
        let Some(parent) = input.resolved.target(&old.table) else { continue };
        match obstacle(input, table, old, parent) {
            Some(reason) => planned.keep(&table.name, &old.name, reason),
            None => conversions.push(convert(input, table, old)),
        }
    }
    for member in input.catalog.family(&target.table).iter().skip(1) {
        for key in member.foreign_keys.iter().filter(|key| !key.inherited && input.resolved.target(&key.table).is_some()) {
            planned.keep(&member.name, &key.name, "it belongs to one partition alone");
        }
    }
    conversions
}

fn obstacle(input: &PlanInput<'_>, table: &Table, key: &ForeignKey, parent: &Target) -> Option<&'static str> {
    if parent.origin == ColumnOrigin::Migration {
        return Some("the referenced table is new");
    }
    if key.columns.contains(input.column()) {
        return Some("it carries the tenant already");
    }
    if key.match_full {
        return Some("it is MATCH FULL, which would refuse a tenant without a parent");
    }
    if matches!(key.on_update, Referential::SetNull | Referential::SetDefault) {
        return Some("ON UPDATE SET NULL would also clear the tenant");
    }
    if table.kind == TableKind::Partitioned && matches!(key.on_delete, Referential::SetNull | Referential::SetDefault) {
        return Some("ON DELETE SET NULL of a partitioned table");
    }
    input.catalog.table(&key.table).filter(|parent| parent.is_partition).map(|_| "it references a partition")
}

fn convert<'a>(input: &PlanInput<'a>, table: &Table, old: &'a ForeignKey) -> Conversion<'a> {
    let with_tenant =
        |columns: &[Ident]| -> Vec<Ident> { std::iter::once(input.column().clone()).chain(columns.iter().cloned()).collect() };
    let sets = matches!(old.on_delete, Referential::SetNull | Referential::SetDefault);
    let keeps_old = if sets && input.catalog.server.version < 150_000 { KeepsOld::Yes } else { KeepsOld::No };
    let deferral = match (keeps_old, old.deferrable, old.deferred) {
        // Checked at commit, when the old key has set its columns to null.
        (KeepsOld::Yes, ..) | (_, true, true) => Deferral::Deferred,
        (_, true, false) => Deferral::Deferrable,
        (_, false, _) => Deferral::Immediate,
    };
    let mut parts = vec![&table.name.name, input.column()];
    parts.extend(&old.columns);
    let new = ForeignKeySpec {
        table: table.name.clone(),
        name: Ident::derived(&parts, "fkey"),
        columns: with_tenant(&old.columns),
        parent: old.table.clone(),
        references: with_tenant(&old.references),
        on_delete: if keeps_old == KeepsOld::Yes { Referential::NoAction } else { old.on_delete },
        set_columns: if sets && keeps_old == KeepsOld::No { old.columns.clone() } else { Vec::new() },
        on_update: old.on_update,
        deferral,
        existing: ExistingRows::NotValid,
    };
    Conversion { old, new, keeps_old }
}

/// The foreign key to the registry.
pub(super) fn to_registry(input: &PlanInput<'_>, table: &QualifiedName) -> ForeignKeySpec {
    let tenants = &input.config.tenants;
    ForeignKeySpec {
        table: table.clone(),
        name: Ident::derived(&[&table.name, input.column()], "fkey"),
        columns: vec![input.column().clone()],
        parent: tenants.table.clone(),
        references: vec![tenants.key.clone()],
        on_delete: referential(tenants.on_delete),
        set_columns: Vec::new(),
        on_update: Referential::NoAction,
        deferral: Deferral::Immediate,
        existing: ExistingRows::NotValid,
    }
}

/// The tenant-led indexes of a table: those that foreign keys need, those that are asked for, or the plain one.
pub(super) fn indexes(input: &PlanInput<'_>, target: &Target, referenced: &Referenced, planned: &mut Planned) -> Vec<IndexSpec> {
    let table = &target.table;
    let mut indexes = Vec::new();
    for columns in referenced.get(table).into_iter().flatten() {
        indexes.push(index(input, table, columns, Uniqueness::Unique));
    }
    let wished = input.config.tables.get(table).map(|config| config.indexes.as_slice()).unwrap_or_default();
    for wish in wished {
        match parse_columns(input, table, wish) {
            Ok(columns) => indexes.push(index(input, table, &columns, Uniqueness::Plain)),
            Err(reason) => planned.found(Code::T006, table, format!("indexes: {reason}")),
        }
    }
    if indexes.is_empty() {
        indexes.push(index(input, table, &[], Uniqueness::Plain));
    }
    indexes.retain(|spec| !has_index(input, spec));
    indexes
}

/// The column lists by which tables with tenants are referenced by others.
pub(super) type Referenced = BTreeMap<QualifiedName, BTreeSet<Vec<Ident>>>;

/// Collects them, once per plan.
pub(super) fn referenced_columns(input: &PlanInput<'_>) -> Referenced {
    let mut ignored = Planned::default();
    let mut referenced = Referenced::new();
    for child in input.present() {
        for conversion in conversions(input, child, &mut ignored) {
            referenced.entry(conversion.old.table.clone()).or_default().insert(conversion.old.references.clone());
        }
    }
    referenced
}

fn index(input: &PlanInput<'_>, table: &QualifiedName, rest: &[Ident], uniqueness: Uniqueness) -> IndexSpec {
    let mut columns = vec![input.column().clone()];
    columns.extend(rest.iter().filter(|column| *column != input.column()).cloned());
    let mut parts = vec![&table.name];
    parts.extend(&columns);
    let suffix = if uniqueness == Uniqueness::Unique { "key" } else { "idx" };
    IndexSpec { name: Ident::derived(&parts, suffix), table: table.clone(), columns: columns.clone(), uniqueness }
}

fn parse_columns(input: &PlanInput<'_>, table: &QualifiedName, text: &str) -> Result<Vec<Ident>, String> {
    let mut columns = Vec::new();
    for part in text.split(',') {
        let column = Ident::new(part.trim().trim_matches('"')).map_err(|error| error.to_string())?;
        let known = input.catalog.table(table).is_some_and(|table| table.column(&column).is_some());
        if !known && column != *input.column() {
            return Err(format!("there is no column `{}`", column.plain()));
        }
        columns.push(column);
    }
    if columns.first() != Some(input.column()) {
        return Err(format!("`{text}` must begin with {}", input.column().plain()));
    }
    Ok(columns)
}

fn has_index(input: &PlanInput<'_>, spec: &IndexSpec) -> bool {
    let wanted: Vec<Option<Ident>> = spec.columns.iter().cloned().map(Some).collect();
    let table = input.catalog.table(&spec.table);
    table.is_some_and(|table| {
        let fits = |unique: bool| spec.uniqueness == Uniqueness::Plain || unique;
        table.indexes.iter().any(|index| index.valid && !index.partial && fits(index.unique) && index.columns == wanted)
    })
}

//! The checks of the rows, by the tables and foreign keys that the database has now.

use std::collections::BTreeSet;

use super::{Check, Subject, kind};
use crate::catalog::{Catalog, ForeignKey, Index, Table};
use crate::plan::{Plan, PlannedTable};
use crate::sql::check::{Link, cross_tenant, dangling, doubles, filtered, unexpected_counts, unknown_tenants, without_tenant};
use crate::sql::{Ident, QualifiedName, Statement, TenantKey};

pub(super) fn check(id: &str, subject: impl Into<String>, query: Statement) -> Option<Check> {
    kind(id).map(|kind| Check::new(kind, subject, query))
}

/// The tables with tenants and their partitions, as the database has them now.
pub(super) fn families<'a>(subject: &Subject, catalog: &'a Catalog) -> Vec<&'a Table> {
    let mut seen = BTreeSet::new();
    let members = subject.tables.iter().flat_map(|table| catalog.family(table));
    members.filter(|member| seen.insert(&member.name)).collect()
}

/// The checks of the rows: T800 to T804, T806 and T807.
#[must_use]
pub fn data_checks(subject: &Subject, plan: Option<&Plan>, catalog: &Catalog) -> Vec<Check> {
    let mut checks = Vec::new();
    let members = families(subject, catalog);
    let mut relations: Vec<QualifiedName> = members.iter().map(|member| member.name.clone()).collect();
    relations.extend(subject.membership.clone());
    relations.extend(subject.registry.as_ref().map(|registry| registry.table.clone()));
    if !relations.is_empty() {
        checks.extend(check("T800", "connection", filtered(&relations)));
    }
    for table in &subject.tables {
        checks.extend(rows(subject, plan, table));
    }
    for member in &members {
        for index in member.indexes.iter().filter(|index| index.unique && !index.valid) {
            checks.extend(unique(member, index));
        }
        for key in member.foreign_keys.iter().filter(|key| !key.inherited) {
            checks.extend(reference(subject, &members, member, key));
        }
    }
    checks
}

/// The checks of one table's own rows.
pub(super) fn rows(subject: &Subject, plan: Option<&Plan>, table: &QualifiedName) -> Vec<Check> {
    let mut checks: Vec<Check> = check("T801", table.plain(), without_tenant(table, &subject.column)).into_iter().collect();
    if let Some(registry) = &subject.registry {
        let unknown = unknown_tenants(table, &subject.column, &registry.table, &registry.key);
        checks.extend(check("T803", table.plain(), unknown));
    }
    let planned = plan.and_then(|plan| Some((plan, plan.tables.iter().find(|planned| planned.table == *table)?)));
    let expected = planned.map(|(plan, planned)| expected(plan, planned)).unwrap_or_default();
    if !expected.is_empty() {
        checks.extend(check("T804", table.plain(), unexpected_counts(table, &subject.column, &expected)));
    }
    checks
}

/// The predicted rows by key; a slug that the plan does not know has none.
fn expected(plan: &Plan, planned: &PlannedTable) -> Vec<(TenantKey, i64)> {
    let key = |slug: &str| plan.tenants.tenants.by_slug(slug).map(|tenant| tenant.key.clone());
    planned.expected.iter().filter_map(|(slug, rows)| Some((key(slug)?, *rows))).collect()
}

/// An invalid unique index keeps nothing unique. What a valid one keeps unique over all tenants is unique within each.
fn unique(table: &Table, index: &Index) -> Option<Check> {
    let columns: Vec<Ident> = index.columns.iter().cloned().collect::<Option<_>>()?;
    let subject = format!("{} ({})", table.name.plain(), index.name.plain());
    let query = (!index.partial).then(|| doubles(&table.name, &subject, &columns))?;
    check("T806", subject, query)
}

fn reference(subject: &Subject, members: &[&Table], child: &Table, key: &ForeignKey) -> Vec<Check> {
    let link = Link { table: &child.name, name: &key.name, columns: &key.columns, parent: &key.table, references: &key.references };
    let mut checks: Vec<Check> = check("T807", link.subject(), dangling(&link)).into_iter().collect();
    let carries = key.columns.iter().zip(&key.references).any(|(mine, theirs)| *mine == subject.column && *theirs == subject.column);
    // A key that carries the tenant cannot cross tenants unless it dangles.
    if !carries && members.iter().any(|member| member.name == key.table) {
        checks.extend(check("T802", link.subject(), cross_tenant(&link, &subject.column)));
    }
    checks
}

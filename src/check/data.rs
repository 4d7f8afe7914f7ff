//! The checks of the rows, by the tables and foreign keys that the database has now.

use std::collections::BTreeSet;

use super::{Check, kind};
use crate::catalog::{Catalog, ForeignKey, Table};
use crate::plan::{Plan, PlannedTable};
use crate::sql::check::{Link, cross_tenant, dangling, filtered, unexpected_counts, unknown_tenants, without_tenant};
use crate::sql::{QualifiedName, Statement, TenantKey};

pub(super) fn check(id: &str, subject: impl Into<String>, query: Statement) -> Option<Check> {
    kind(id).map(|kind| Check::new(kind, subject, query))
}

/// The tables of the plan with their partitions, as the database has them now.
pub(super) fn families<'a>(plan: &Plan, catalog: &'a Catalog) -> Vec<&'a Table> {
    let mut seen = BTreeSet::new();
    let members = plan.tables.iter().flat_map(|table| catalog.family(&table.table));
    members.filter(|member| seen.insert(&member.name)).collect()
}

/// The checks of the rows: D00 to D04 and D07.
#[must_use]
pub fn data_checks(plan: &Plan, catalog: &Catalog) -> Vec<Check> {
    let mut checks = Vec::new();
    let members = families(plan, catalog);
    let mut relations: Vec<QualifiedName> = members.iter().map(|member| member.name.clone()).collect();
    relations.extend(plan.membership.clone());
    relations.push(plan.registry.clone());
    checks.extend(check("D00", "connection", filtered(&relations)));
    for table in &plan.tables {
        checks.extend(rows(plan, table));
    }
    for member in &members {
        for key in member.foreign_keys.iter().filter(|key| !key.inherited) {
            checks.extend(reference(plan, &members, member, key));
        }
    }
    checks
}

/// The checks of one table's own rows.
pub(super) fn rows(plan: &Plan, planned: &PlannedTable) -> Vec<Check> {
    let table = &planned.table;
    let mut checks: Vec<Check> = check("D01", table.plain(), without_tenant(table, &plan.column)).into_iter().collect();
    checks.extend(check("D03", table.plain(), unknown_tenants(table, &plan.column, &plan.registry, &plan.registry_key)));
    let expected = expected(plan, planned);
    if !expected.is_empty() {
        checks.extend(check("D04", table.plain(), unexpected_counts(table, &plan.column, &expected)));
    }
    checks
}

/// The predicted rows by key; a slug that the plan does not know has none.
fn expected(plan: &Plan, planned: &PlannedTable) -> Vec<(TenantKey, i64)> {
    let key = |slug: &str| plan.tenants.tenants.iter().find(|tenant| tenant.slug == slug).map(|tenant| tenant.key.clone());
    planned.expected.iter().filter_map(|(slug, rows)| Some((key(slug)?, *rows))).collect()
}

fn reference(plan: &Plan, members: &[&Table], child: &Table, key: &ForeignKey) -> Vec<Check> {
    let link = Link { table: &child.name, name: &key.name, columns: &key.columns, parent: &key.table, references: &key.references };
    let mut checks: Vec<Check> = check("D07", link.subject(), dangling(&link)).into_iter().collect();
    let carries = key.columns.iter().zip(&key.references).any(|(mine, theirs)| *mine == plan.column && *theirs == plan.column);
    // A key that carries the tenant cannot cross tenants unless it dangles.
    if !carries && members.iter().any(|member| member.name == key.table) {
        checks.extend(check("D02", link.subject(), cross_tenant(&link, &plan.column)));
    }
    checks
}

//! What is attacked: every relation with tenants.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Table};
use crate::check::Subject;
use crate::sql::attack::Prey;
use crate::sql::{Ident, QualifiedName};

/// A relation to attack.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The relation and its columns.
    pub prey: Prey,
    /// What it holds.
    pub kind: TargetKind,
    /// The relation as the catalog has it.
    pub table: &'a Table,
}

/// What a relation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Rows of tenants.
    Rows,
    /// Who belongs to which tenant.
    Membership,
    /// The tenants themselves, into which the application writes nothing.
    Registry,
}

/// Every relation with tenants: tables, partitions, memberships and the registry, as the database has them now.
#[must_use]
pub fn targets<'a>(subject: &Subject, catalog: &'a Catalog) -> Vec<Target<'a>> {
    let mut seen = BTreeSet::new();
    let families = subject.targets().flat_map(|name| catalog.family(name));
    let members = families.filter(|member| seen.insert(&member.name) && member.column(&subject.column).is_some());
    let kind = |table: &Table| if subject.membership.as_ref() == Some(&table.name) { TargetKind::Membership } else { TargetKind::Rows };
    let mut targets: Vec<Target<'a>> = members.map(|table| target(table, &subject.column, kind(table))).collect();
    if let Some(registry) = &subject.registry {
        targets.extend(catalog.table(&registry.table).map(|table| target(table, &registry.key, TargetKind::Registry)));
    }
    targets
}

fn target<'a>(table: &'a Table, column: &Ident, kind: TargetKind) -> Target<'a> {
    let prey = Prey {
        relation: table.name.clone(),
        column: column.clone(),
        columns: table.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect(),
        key: table.identifying_columns().to_vec(),
        route: Vec::new(),
    };
    Target { prey, kind, table }
}

/// The tenant columns of all targets but the registry, by relation.
pub(super) fn tenant_columns(targets: &[Target<'_>]) -> BTreeMap<QualifiedName, Ident> {
    let rows = targets.iter().filter(|target| target.kind != TargetKind::Registry);
    rows.map(|target| (target.prey.relation.clone(), target.prey.column.clone())).collect()
}

//! Which steps of the backfill wait for which.

use std::collections::BTreeSet;

use crate::plan::{Action, FillSpec, Plan, Step};
use crate::sql::{Change, QualifiedName, TenantSource};

/// For each step the places of the earlier ones that must be done before it begins.
///
/// A fill waits for the tables that its sources read. Whatever is no fill waits for everything before it, and everything after
/// it waits for it.
pub(super) fn needs(plan: &Plan, steps: &[&Step]) -> Vec<Vec<usize>> {
    let reads: Vec<Reads> = steps.iter().map(|step| Reads::of(plan, step)).collect();
    let place = |at: usize| (0..at).filter(|before| reads[at].waits_for(steps[*before])).collect();
    (0..steps.len()).map(place).collect()
}

/// The tables whose fills a step waits for.
enum Reads {
    Tables(BTreeSet<QualifiedName>),
    /// Nobody knows: any.
    Everything,
}

impl Reads {
    fn of(plan: &Plan, step: &Step) -> Self {
        match &step.action {
            Action::Fill(spec) => Self::of_sources(plan, std::slice::from_ref(spec)),
            Action::Settle { fills } => match Self::of_sources(plan, fills) {
                Self::Tables(mut tables) => {
                    tables.extend(fills.iter().map(|fill| fill.table.clone()));
                    Self::Tables(tables)
                }
                Self::Everything => Self::Everything,
            },
            Action::Concurrent { change: Change::Vacuum { table } } => Self::Tables(BTreeSet::from([table.clone()])),
            Action::Concurrent { .. } | Action::Apply { .. } | Action::Backup(_) => Self::Everything,
        }
    }

    fn of_sources(plan: &Plan, fills: &[FillSpec]) -> Self {
        let mut tables = BTreeSet::new();
        for source in fills.iter().flat_map(|fill| &fill.sources) {
            match source {
                TenantSource::Parent(parent) => tables.extend(parts(plan, &parent.table)),
                TenantSource::Expression { .. } => return Self::Everything,
                TenantSource::Literal(_) | TenantSource::Column(_) | TenantSource::Map(_) => {}
            }
        }
        Self::Tables(tables)
    }

    fn waits_for(&self, before: &Step) -> bool {
        let reads = |table: &QualifiedName| match self {
            Self::Tables(tables) => tables.contains(table),
            Self::Everything => true,
        };
        match &before.action {
            Action::Fill(spec) => reads(&spec.table),
            Action::Settle { fills } => fills.iter().any(|fill| reads(&fill.table)),
            // It changes no row.
            Action::Concurrent { change: Change::Vacuum { .. } } => matches!(self, Self::Everything),
            Action::Concurrent { .. } | Action::Apply { .. } | Action::Backup(_) => true,
        }
    }
}

/// The tables that hold the rows of a table.
fn parts(plan: &Plan, table: &QualifiedName) -> Vec<QualifiedName> {
    let planned = plan.tables.iter().filter(|planned| planned.table == *table);
    std::iter::once(table.clone()).chain(planned.flat_map(|planned| planned.leaves.iter().cloned())).collect()
}

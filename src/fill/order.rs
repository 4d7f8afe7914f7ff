//! Which steps of the backfill wait for which.

use std::collections::BTreeSet;

use crate::plan::{Action, FillSpec, PlannedTable, Step};
use crate::sql::{Change, QualifiedName, TenantSource};

/// For each step the places of the earlier ones that must be done before it begins.
///
/// A fill waits for the tables that its sources read. Whatever is no fill waits for everything before it, and everything after
/// it waits for it.
pub(super) fn needs(tables: &[PlannedTable], steps: &[&Step]) -> Vec<Vec<usize>> {
    let reads: Vec<Reads> = steps.iter().map(|step| Reads::of(tables, step)).collect();
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
    fn of(planned: &[PlannedTable], step: &Step) -> Self {
        match &step.action {
            Action::Fill(spec) => Self::of_sources(planned, std::slice::from_ref(spec)),
            Action::Settle { fills } => match Self::of_sources(planned, fills) {
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

    fn of_sources(planned: &[PlannedTable], fills: &[FillSpec]) -> Self {
        let mut tables = BTreeSet::new();
        for source in fills.iter().flat_map(|fill| &fill.sources) {
            match source {
                TenantSource::Parent(parent) => tables.extend(parts(planned, &parent.table)),
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
pub(super) fn parts(planned: &[PlannedTable], table: &QualifiedName) -> Vec<QualifiedName> {
    let planned = planned.iter().filter(|planned| planned.table == *table);
    std::iter::once(table.clone()).chain(planned.flat_map(|planned| planned.leaves.iter().cloned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TriggerPolicy;
    use crate::phase::Phase;
    use crate::plan::{Strategy, Undo};
    use crate::sql::{Ident, KeyType, ParentSource};

    fn name(table: &str) -> QualifiedName {
        format!("public.{table}").parse().unwrap()
    }

    fn ident(text: &str) -> Ident {
        Ident::new(text).unwrap()
    }

    fn parent(table: &str) -> TenantSource {
        let on = vec![(ident("parent"), ident("id"))];
        TenantSource::Parent(ParentSource {
            table: name(table),
            column: ident("tenant_id"),
            on,
            weight: crate::sql::source::Weight::Offers,
        })
    }

    fn spec(table: &str, sources: Vec<TenantSource>) -> FillSpec {
        let (table, column) = (name(table), ident("tenant_id"));
        FillSpec { table, column, sources, orphans: None, default: None, rows: 1, pages: 1, triggers: TriggerPolicy::default() }
    }

    fn step(what: &str, action: Action) -> Step {
        let id = crate::plan::StepId::new(Phase::Backfill, None, what);
        Step { id, phase: Phase::Backfill, subject: None, why: String::new(), action, undo: Undo::Nothing { because: String::new() } }
    }

    fn fill(table: &str, sources: Vec<TenantSource>) -> Step {
        step(table, Action::Fill(spec(table, sources)))
    }

    fn vacuum(table: &str) -> Step {
        step(table, Action::Concurrent { change: Change::Vacuum { table: name(table) } })
    }

    fn order(steps: &[Step]) -> Vec<Vec<usize>> {
        let leaves = ["parts_1", "parts_2"].map(name).to_vec();
        let parts = PlannedTable {
            table: name("parts"),
            leaves,
            strategy: Strategy::Striped,
            reason: String::new(),
            expected: std::collections::BTreeMap::new(),
        };
        needs(&[parts], &steps.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_child_waits_for_its_parents_and_for_all_their_partitions() {
        let steps = [
            fill("users", vec![]),
            fill("parts_1", vec![]),
            vacuum("users"),
            fill("parts_2", vec![]),
            fill("orders", vec![parent("users")]),
            fill("lines", vec![parent("parts"), parent("orders")]),
            fill("notes", vec![parent("elsewhere")]),
        ];
        assert_eq!(order(&steps), [vec![], vec![], vec![0], vec![], vec![0], vec![1, 3, 4], vec![]]);
    }

    #[test]
    fn a_cycle_is_settled_when_all_its_tables_are_filled_and_before_its_children() {
        let members = || [spec("a", vec![parent("b")]), spec("b", vec![parent("a")])];
        let settle = step("settle", Action::Settle { fills: members().to_vec() });
        let [a, b] = members().map(|spec| step("member", Action::Fill(spec)));
        let steps = [a, b, fill("other", vec![]), settle, vacuum("a"), fill("child", vec![parent("a")])];
        assert_eq!(order(&steps), [vec![], vec![0], vec![], vec![0, 1], vec![0, 3], vec![0, 3]]);
    }

    #[test]
    fn what_nobody_can_read_waits_for_everything_and_everything_after_a_change_waits_for_it() {
        let expression = TenantSource::Expression { sql: "f(t)".into(), ty: KeyType::Uuid };
        let change = step("memberships", Action::Apply { changes: Vec::new() });
        let steps = [fill("users", vec![]), vacuum("users"), fill("odd", vec![expression]), change, fill("late", vec![])];
        assert_eq!(order(&steps), [vec![], vec![0], vec![0, 1], vec![0, 1, 2], vec![3]]);
    }
}

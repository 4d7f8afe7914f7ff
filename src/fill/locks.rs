//! Which steps of changes wait for which: those whose locks would wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{PlannedTable, Step};
use crate::sql::QualifiedName;
use crate::sql::change::{LockMode, Reach, TableLock};

/// For each step the places of the earlier ones that must be done before it begins, without those that these wait for anyway.
///
/// A step waits for earlier ones that share a table with it in modes that conflict: so no session of ours waits for another one's lock,
/// with the application queueing behind it. What a step builds on is a change of a table that it locks as well: an index is there before
/// the foreign key that needs it, a constraint before its validation. Steps of one subject stay in order. Two keys to the same parent
/// come one after the other, which takes a moment; their validations do not conflict. What nobody knows waits for everything, and
/// everything for it.
pub(super) fn needs(planned: &[PlannedTable], steps: &[&Step]) -> Vec<Vec<usize>> {
    let leaves: BTreeMap<&QualifiedName, &[QualifiedName]> =
        planned.iter().map(|planned| (&planned.table, planned.leaves.as_slice())).collect();
    let mut held = Held::default();
    let mut needs = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        let locks = step.locks().map(|locks| locks.iter().flat_map(|lock| reached(&leaves, lock)).collect());
        needs.push(held.before(at, step, locks));
    }
    needs
}

/// The tables that a lock is on.
fn reached(leaves: &BTreeMap<&QualifiedName, &[QualifiedName]>, lock: &TableLock) -> Vec<(QualifiedName, LockMode)> {
    let below = match lock.reach {
        Reach::Itself => &[],
        Reach::Family => leaves.get(&lock.table).copied().unwrap_or_default(),
    };
    std::iter::once(&lock.table).chain(below).map(|table| (table.clone(), lock.mode)).collect()
}

/// What the steps so far lock.
#[derive(Default)]
struct Held<'a> {
    tables: BTreeMap<QualifiedName, Vec<(usize, LockMode)>>,
    /// The last step of each subject.
    subjects: BTreeMap<&'a QualifiedName, usize>,
    /// The last step of which nobody knows what it locks.
    unknown: Option<usize>,
}

impl<'a> Held<'a> {
    /// The steps that the step at `at` waits for; from here on it is one of those that others wait for.
    fn before(&mut self, at: usize, step: &'a Step, locks: Option<Vec<(QualifiedName, LockMode)>>) -> Vec<usize> {
        let (Some(locks), Some(subject)) = (locks, &step.subject) else {
            *self = Self { unknown: Some(at), ..Self::default() };
            return (0..at).collect();
        };
        let mut before: BTreeSet<usize> = self.unknown.into_iter().collect();
        before.extend(self.subjects.insert(subject, at));
        for (table, mode) in &locks {
            let earlier = self.tables.get(table).into_iter().flatten();
            before.extend(earlier.filter(|(_, other)| mode.conflicts(*other)).map(|(place, _)| *place));
        }
        for (table, mode) in locks {
            let held = self.tables.entry(table).or_default();
            // Whoever will wait for one that this one waits for, will wait for this one: a registry has a key of every table.
            held.retain(|(_, other)| !(mode.conflicts(mode) && mode.conflicts(*other) && mode >= *other));
            held.push((at, mode));
        }
        before.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Referential;
    use crate::phase::Phase;
    use crate::plan::{StepId, Strategy, Undo};
    use crate::sql::change::{Deferral, ExistingRows, ForeignKeySpec, IndexSpec, Uniqueness};
    use crate::sql::{Change, Ident};

    fn name(table: &str) -> QualifiedName {
        format!("public.{table}").parse().unwrap()
    }

    fn ident(text: &str) -> Ident {
        Ident::new(text).unwrap()
    }

    fn step(table: &str, what: &str, changes: Vec<Change>) -> Step {
        let action = Step::of_changes(changes);
        let undo = Undo::Nothing { because: String::new() };
        Step {
            id: StepId::from_journal(format!("{table}/{what}")),
            phase: Phase::Constraints,
            subject: Some(name(table)),
            why: String::new(),
            action,
            undo,
        }
    }

    fn index(table: &str) -> Step {
        let spec = IndexSpec { name: ident("i"), table: name(table), columns: vec![ident("tenant_id")], uniqueness: Uniqueness::Unique };
        step(table, "index", vec![Change::CreateIndex(spec)])
    }

    fn join_indexes(table: &str) -> Step {
        let spec = IndexSpec { name: ident("i"), table: name(table), columns: vec![ident("tenant_id")], uniqueness: Uniqueness::Unique };
        step(table, "join", vec![Change::JoinIndexes(spec)])
    }

    fn not_null(table: &str) -> [Step; 3] {
        let (column, check) = (|| ident("tenant_id"), || ident("c"));
        let drop = Change::DropConstraint { table: name(table), name: check(), parent: None };
        [
            step(table, "check", vec![Change::AddNotNullCheck { table: name(table), name: check(), column: column() }]),
            step(table, "validate", vec![Change::ValidateConstraint { table: name(table), name: check(), parent: None }]),
            step(table, "not_null", vec![Change::SetNotNull { table: name(table), column: column() }, drop]),
        ]
    }

    fn key(table: &str, parent: &str) -> [Step; 2] {
        let spec = ForeignKeySpec {
            table: name(table),
            name: ident(parent),
            columns: vec![ident("tenant_id")],
            parent: name(parent),
            references: vec![ident("id")],
            on_delete: Referential::NoAction,
            set_columns: Vec::new(),
            on_update: Referential::NoAction,
            deferral: Deferral::Immediate,
            existing: ExistingRows::NotValid,
        };
        let validate = Change::ValidateConstraint { table: name(table), name: ident(parent), parent: Some(name(parent)) };
        [
            step(table, &format!("to_{parent}"), vec![Change::AddForeignKey(spec)]),
            step(table, &format!("validate_{parent}"), vec![validate]),
        ]
    }

    fn drop_key(table: &str, parent: &str) -> Step {
        let drop = Change::DropConstraint { table: name(table), name: ident("old"), parent: Some(name(parent)) };
        step(table, &format!("drop_{parent}"), vec![drop])
    }

    fn planned(table: &str, leaves: &[&str]) -> PlannedTable {
        let leaves = leaves.iter().map(|leaf| name(leaf)).collect();
        PlannedTable { table: name(table), leaves, strategy: Strategy::Striped, reason: String::new(), expected: BTreeMap::new() }
    }

    /// Each step with those that it waits for, without those that these wait for themselves.
    fn order(planned: &[PlannedTable], steps: &[Step]) -> Vec<String> {
        let needs = needs(planned, &steps.iter().collect::<Vec<_>>());
        let mut all: Vec<BTreeSet<usize>> = Vec::new();
        for direct in &needs {
            let above = direct.iter().flat_map(|need| all[*need].iter().copied());
            let above: BTreeSet<usize> = above.chain(direct.iter().copied()).collect();
            all.push(above);
        }
        // However few are named, of two steps whose locks conflict one waits for the other.
        let leaves: BTreeMap<_, _> = planned.iter().map(|planned| (&planned.table, planned.leaves.as_slice())).collect();
        let locks = |at: usize| steps[at].locks().into_iter().flatten().flat_map(|lock| reached(&leaves, &lock)).collect::<Vec<_>>();
        for (at, above) in all.iter().enumerate() {
            for before in (0..at).filter(|before| !above.contains(before)) {
                let conflict = locks(at).iter().any(|(a, mode)| locks(before).iter().any(|(b, other)| a == b && mode.conflicts(*other)));
                assert!(!conflict, "{} does not wait for {}", steps[at].id, steps[before].id);
            }
        }
        let nearest = |at: usize| {
            let is_implied = |need: usize| needs[at].iter().any(|other| all[*other].contains(&need));
            needs[at].iter().copied().filter(move |need| !is_implied(*need)).map(|need| steps[need].id.as_str()).collect::<Vec<_>>()
        };
        steps.iter().enumerate().map(|(at, step)| format!("{} < {}", step.id, nearest(at).join(", "))).collect()
    }

    #[test]
    fn tables_are_constrained_beside_each_other_and_keys_when_both_sides_are() {
        let mut steps = vec![index("users")];
        steps.extend(not_null("users"));
        steps.push(index("orders"));
        steps.extend(not_null("orders"));
        steps.extend(key("users", "tenants"));
        steps.extend(key("orders", "tenants"));
        steps.extend(key("orders", "users"));
        steps.push(drop_key("orders", "users"));
        assert_eq!(
            order(&[], &steps),
            [
                "users/index < ",
                "users/check < users/index",
                "users/validate < users/check",
                "users/not_null < users/validate",
                // nothing of users
                "orders/index < ",
                "orders/check < orders/index",
                "orders/validate < orders/check",
                "orders/not_null < orders/validate",
                "users/to_tenants < users/not_null",
                "users/validate_tenants < users/to_tenants",
                // two keys to one parent one after the other, their validations not
                "orders/to_tenants < orders/not_null, users/to_tenants",
                "orders/validate_tenants < orders/to_tenants",
                "orders/to_users < users/validate_tenants, orders/validate_tenants",
                "orders/validate_users < orders/to_users",
                "orders/drop_users < orders/validate_users",
            ]
        );
    }

    #[test]
    fn a_thousand_keys_to_one_registry_do_not_wait_for_each_other_all() {
        let names: Vec<String> = (0..1000).map(|number| format!("t{number}")).collect();
        let steps: Vec<Step> = names.iter().flat_map(|name| key(name, "tenants")).collect();
        let needs = needs(&[], &steps.iter().collect::<Vec<_>>());
        assert!(needs.iter().all(|needs| needs.len() <= 1), "{needs:?}");
        assert_eq!((needs[1998].as_slice(), needs[1999].as_slice()), ([1996].as_slice(), [1998].as_slice()));
    }

    #[test]
    fn what_is_done_to_a_partitioned_table_is_done_to_its_partitions() {
        let mut steps = vec![index("parts_1"), index("parts_2"), join_indexes("parts"), index("other")];
        steps.extend(not_null("parts"));
        steps.extend(key("parts_2", "tenants"));
        steps.extend(key("child", "parts"));
        steps.extend(key("parts_1", "tenants"));
        assert_eq!(
            order(&[planned("parts", &["parts_1", "parts_2"]), planned("other", &["other"])], &steps),
            [
                "parts_1/index < ",
                "parts_2/index < ",
                "parts/join < parts_1/index, parts_2/index",
                "other/index < ",
                "parts/check < parts/join",
                "parts/validate < parts/check",
                "parts/not_null < parts/validate",
                "parts_2/to_tenants < parts/not_null",
                "parts_2/validate_tenants < parts_2/to_tenants",
                // the parent's partitions are locked with it
                "child/to_parts < parts_2/validate_tenants",
                "child/validate_parts < child/to_parts",
                "parts_1/to_tenants < child/to_parts",
                "parts_1/validate_tenants < parts_1/to_tenants",
            ]
        );
    }

    #[test]
    fn what_nobody_knows_waits_for_everything_and_everything_for_it() {
        let script = step("a", "script", vec![Change::Script { name: "s".into(), sql: "SELECT 1".into() }]);
        let steps = [index("a"), index("b"), script, index("c"), index("c")];
        let order = order(&[], &steps);
        assert_eq!(order, ["a/index < ", "b/index < ", "a/script < a/index, b/index", "c/index < a/script", "c/index < c/index"]);
    }
}

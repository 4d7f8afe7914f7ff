//! What each phase promises, asked of the database when the phase has ended.

use super::catalog::some;
use super::data::{check, rows};
use super::{Check, Subject, Verdict};
use crate::phase::Phase;
use crate::plan::{Action, Plan, Strategy};
use crate::sql::change::ForeignKeySpec;
use crate::sql::check::{Link, cross_tenant, dangling, missing, unguarded, without_column};
use crate::sql::{Change, QualifiedName};

/// The checks that must hold when `phase` has ended, as far as the plan alone can tell.
#[must_use]
pub fn promises(plan: &Plan, phase: Phase) -> Vec<Check> {
    let subject = Subject::of_plan(plan, &[]);
    match phase {
        Phase::Backup => copies(plan, &subject),
        Phase::Expand => expand(plan),
        Phase::Backfill => subject.tables.iter().flat_map(|table| rows(&subject, Some(plan), table)).collect(),
        Phase::Constraints => {
            let mut checks = references(plan);
            checks.extend(some(&subject, &["T501", "T502", "T506", "T509", "T511"]));
            checks
        }
        // Without a role of the application there is nobody to let pass: T032 has said so.
        Phase::Rls if plan.app_roles.is_empty() => some(&subject, &["T101", "T102", "T105", "T106", "T202", "T216", "T510"]),
        Phase::Rls => some(&subject, &["T101", "T102", "T103", "T105", "T106", "T202", "T216", "T510"]),
    }
}

fn copies(plan: &Plan, subject: &Subject) -> Vec<Check> {
    let copies: Vec<QualifiedName> = backup_copies(plan).map(|copy| copy.copy.clone()).collect();
    if copies.is_empty() {
        return Vec::new();
    }
    let mut checks: Vec<Check> = check("T891", "backup", missing(&copies)).into_iter().collect();
    checks.extend(some(subject, &["T110"]));
    checks
}

/// The copies that the plan makes.
pub(super) fn backup_copies(plan: &Plan) -> impl Iterator<Item = &crate::plan::BackupCopy> {
    let specs = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Backup(spec) => Some(spec),
        _ => None,
    });
    specs.flat_map(|spec| &spec.copies)
}

fn expand(plan: &Plan) -> Vec<Check> {
    let tables: Vec<QualifiedName> =
        plan.tables.iter().flat_map(|table| [&table.table].into_iter().chain(&table.leaves)).cloned().collect();
    let guarded = plan.tables.iter().filter(|table| table.strategy != Strategy::Present);
    let guarded: Vec<QualifiedName> = guarded.map(|table| table.table.clone()).collect();
    let mut checks = Vec::new();
    if !tables.is_empty() {
        checks.extend(check("T892", "tables", without_column(&tables, &plan.column, plan.tenants.ty)));
    }
    if !guarded.is_empty() {
        checks.extend(check("T893", "tables", unguarded(&guarded, &plan.column)));
    }
    checks
}

/// Each foreign key of the plan, asked of its rows: `convalidated` says what PostgreSQL believes.
fn references(plan: &Plan) -> Vec<Check> {
    let mut checks = Vec::new();
    for spec in foreign_keys(plan) {
        let link =
            Link { table: &spec.table, name: &spec.name, columns: &spec.columns, parent: &spec.parent, references: &spec.references };
        checks.extend(check("T807", link.subject(), dangling(&link)));
        let simple = simple(spec, plan);
        if let Some((columns, references)) = simple {
            let link = Link { columns: &columns, references: &references, ..link };
            checks.extend(check("T802", link.subject(), cross_tenant(&link, &plan.column)));
        }
    }
    for check in &mut checks {
        check.rows_mean = Verdict::Fail;
    }
    checks
}

fn foreign_keys(plan: &Plan) -> impl Iterator<Item = &ForeignKeySpec> {
    let changes = plan.phase(Phase::Constraints).filter_map(|step| match &step.action {
        Action::Apply { changes } => Some(changes),
        _ => None,
    });
    changes.flatten().filter_map(|change| match change {
        Change::AddForeignKey(spec) => Some(spec),
        _ => None,
    })
}

/// The pairs of a key without the tenant, if the key carries it.
fn simple(spec: &ForeignKeySpec, plan: &Plan) -> Option<(Vec<crate::sql::Ident>, Vec<crate::sql::Ident>)> {
    let pairs = || spec.columns.iter().zip(&spec.references);
    let carries = pairs().any(|(mine, theirs)| *mine == plan.column && *theirs == plan.column);
    let rest: Vec<_> = pairs().filter(|(mine, _)| **mine != plan.column).map(|(mine, theirs)| (mine.clone(), theirs.clone())).collect();
    (carries && !rest.is_empty()).then(|| rest.into_iter().unzip())
}

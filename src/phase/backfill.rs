//! Backfill: every row gets its tenant, parents first.

use super::Phase;
use super::expand::membership;
use crate::plan::{Action, Code, FillSpec, Place, PlanInput, Planned, Strategy, Undo};
use crate::rule::{Resolved, Target};
use crate::sql::{Change, TenantKey, TenantSource};

const COLUMN_GOES: &str = "the tenant column is dropped with its values";

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    for group in &input.resolved.groups {
        let cycle = Resolved::is_cycle(group);
        let mut fills = Vec::new();
        for target in group.iter().filter(|target| input.strategies.of(&target.table).strategy.writes()) {
            fills.extend(fill_table(input, target, cycle, planned));
        }
        if cycle && !fills.is_empty() {
            settle(group, fills.clone(), planned);
        }
        for fill in fills {
            let table = &fill.table;
            planned.step(
                &Place { phase: Phase::Backfill, subject: Some(table), what: "vacuum" },
                "removes what the fill left behind and renews statistics",
                vec![Change::Vacuum { table: table.clone() }],
                Undo::nothing("a vacuum changes no row"),
            );
        }
    }
    memberships(input, planned);
}

fn fill_table(input: &PlanInput<'_>, target: &Target, cycle: bool, planned: &mut Planned) -> Vec<FillSpec> {
    let mut fills = Vec::new();
    let default = match input.strategies.of(&target.table).strategy {
        Strategy::Majority(key) => Some(key),
        _ => None,
    };
    let config = input.config.tables.get(&target.table);
    let mut sources = target.sources.clone();
    if !cycle {
        // In a cycle a row without a tenant may still get one: there orphans are placed at the end.
        sources.extend(target.orphans.clone().map(TenantSource::Literal));
    }
    let leaves = input.catalog.leaves(&target.table);
    for leaf in &leaves {
        let fill = FillSpec {
            table: leaf.name.clone(),
            column: input.column().clone(),
            sources: sources.clone(),
            orphans: target.orphans.clone(),
            default: default.clone(),
            rows: rows(input, target, default.as_ref(), (leaf, leaves.len())),
            pages: leaf.pages,
            triggers: config.map(|config| config.triggers).unwrap_or_default(),
        };
        check_triggers(input, &fill, planned);
        planned.push(
            &Place { phase: Phase::Backfill, subject: Some(&leaf.name), what: "fill" },
            describe(&target.sources, default.as_ref()),
            Action::Fill(fill.clone()),
            Undo::nothing(COLUMN_GOES),
        );
        fills.push(fill);
    }
    fills
}

/// Rows to write, as the audit counted them, or as the statistics say where a table has several parts.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "an estimate of rows fits")]
fn rows(input: &PlanInput<'_>, target: &Target, default: Option<&TenantKey>, (leaf, leaves): (&crate::catalog::Table, usize)) -> i64 {
    let Some(audit) = input.audit.tables.get(&target.table) else { return leaf.rows.max(0.0) as i64 };
    let all = audit.rows();
    let written = all - default.map_or(0, |key| audit.per_tenant.get(key.plain()).copied().unwrap_or(0));
    if leaves == 1 {
        return written;
    }
    (leaf.rows.max(0.0) * written as f64 / all.max(1) as f64) as i64
}

fn check_triggers(input: &PlanInput<'_>, fill: &FillSpec, planned: &mut Planned) {
    use crate::config::TriggerPolicy;
    let Some(table) = input.catalog.table(&fill.table) else { return };
    let firing: Vec<&str> = table
        .triggers
        .iter()
        .filter(|trigger| trigger.on_update && matches!(trigger.enabled.as_str(), "O" | "A"))
        .map(|trigger| trigger.name.plain())
        .chain(table.rules.iter().map(crate::sql::Ident::plain))
        .collect();
    let always = table.triggers.iter().any(|trigger| trigger.on_update && matches!(trigger.enabled.as_str(), "A" | "R"));
    let suppressed = input.catalog.server.suppress_triggers && !always;
    if fill.triggers == TriggerPolicy::Suppress && !suppressed && (!firing.is_empty() || always) {
        let detail = if always { "a trigger is enabled ALWAYS or for replicas".to_owned() } else { firing.join(", ") };
        planned.found(Code::T009, &fill.table, detail);
    }
    if table.published && (table.replica_identity == "n" || (table.replica_identity == "d" && table.identifying_columns().is_empty())) {
        planned.found(Code::T015, &fill.table, "it is published and has no replica identity");
    }
}

fn describe(sources: &[TenantSource], default: Option<&TenantKey>) -> String {
    let parts: Vec<String> = sources
        .iter()
        .map(|source| match source {
            TenantSource::Literal(key) => format!("tenant {}", key.plain()),
            TenantSource::Column(column) => format!("its own {}", column.plain()),
            TenantSource::Parent(parent) => format!("the tenant of its row in {}", parent.table.plain()),
            TenantSource::Map(_) => "the staged CSV map".into(),
            TenantSource::Expression { .. } => "an expression".into(),
        })
        .collect();
    let rows = default.map_or_else(|| "every row".to_owned(), |key| format!("every row that is not of tenant {}", key.plain()));
    format!("{rows} gets {}", parts.join(", else "))
}

fn settle(group: &[Target], fills: Vec<FillSpec>, planned: &mut Planned) {
    planned.push(
        &Place { phase: Phase::Backfill, subject: group.first().map(|target| &target.table), what: "settle" },
        "rows that depend on rows of the same cycle, pass by pass until nothing changes",
        Action::Settle { fills },
        Undo::nothing(COLUMN_GOES),
    );
}

fn memberships(input: &PlanInput<'_>, planned: &mut Planned) {
    let Some(config) = &input.config.memberships else { return };
    let Ok(spec) = membership(input, config) else { return };
    let undo = if input.catalog.table(&config.table).is_none() {
        Undo::nothing("the membership table goes with its rows")
    } else {
        Undo::apply(vec![Change::ClearMemberships(spec.clone())])
    };
    planned.step(
        &Place { phase: Phase::Backfill, subject: Some(&config.table), what: "memberships" },
        "every user becomes a member of the tenant of its row",
        vec![Change::FillMemberships(spec)],
        undo,
    );
}

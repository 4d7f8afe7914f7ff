//! The plan as a script for psql.

use std::collections::BTreeMap;

use super::{ended, statement};
use crate::config::TriggerPolicy;
use crate::phase::Phase;
use crate::plan::{Action, BackupSpec, FillSpec, Plan, PlannedMap, Step};
use crate::progress::style::{one_line, plural};
use crate::sql::backup as sql_backup;
use crate::sql::fill::{Stripe, assert_settled};
use crate::sql::script::{
    BEGIN_PATIENT, BEGIN_SNAPSHOT, BOUNDED, PATIENT, SESSION, SUPPRESS_TRIGGERS, create_own_schema, settle, stage_map,
};
use crate::sql::{QualifiedName, Statement, TenantKey, TenantSource};

/// Every page of any table, in one visit.
const ALL_PAGES: std::ops::Range<i64> = 0..1 << 31;
const ALL_ROWS: Stripe = Stripe { index: 0, of: 1 };

pub(super) fn render(plan: &Plan) -> String {
    let mut blocks = vec![header(plan), SESSION.to_owned(), ended(&create_own_schema(&crate::journal::schema_name()))];
    blocks.extend(plan.maps.iter().map(|map| stage(plan, map)));
    for phase in Phase::ALL {
        for (at, step) in plan.phase(phase).enumerate() {
            let title = if at == 0 { format!("-- {phase}\n\n") } else { String::new() };
            blocks.push(format!("{title}{}", block(step)));
        }
    }
    let mut script = blocks.join("\n\n");
    script.push('\n');
    script
}

fn header(plan: &Plan) -> String {
    let blockers = match plan.blockers() {
        0 => String::new(),
        n => format!("\n--\n-- {}: DO NOT RUN. Look at: tenantize check", plural(n, "blocker")),
    };
    format!(
        "-- plan {} · {} · tenantize {}\n\
         --\n\
         -- For reading, and for whoever must run it by hand: psql -f this-file\n\
         -- `tenantize run` does the same, but fills in small batches, each with its checkpoint, waits for locks in bounds\n\
         -- and tries again, checks what it did, and can be stopped, resumed and taken back at any point. This script fills a\n\
         -- table in one statement, keeps no journal and stops at the first error; the last step that it names is the one to\n\
         -- look at.{blockers}",
        plan.short_id(),
        one_line(&plan.database),
        one_line(&plan.tool)
    )
}

fn block(step: &Step) -> String {
    let mut lines = vec![format!("-- {}", one_line(step.id.as_str())), format!("-- {}; {}", one_line(&step.why), step.lock())];
    lines.push(format!("\\echo {}", echoed(step.id.as_str())));
    match &step.action {
        Action::Apply { changes } => {
            lines.push("BEGIN;".into());
            lines.extend(changes.iter().map(statement));
            lines.push("COMMIT;".into());
        }
        Action::Concurrent { change } => lines.extend([PATIENT.into(), statement(change), BOUNDED.into()]),
        Action::Backup(spec) => backup(spec, &mut lines),
        Action::Fill(spec) => {
            open_fill(std::slice::from_ref(spec), &mut lines);
            lines.push(ended(&whole(spec)));
            if let Some(default) = &spec.default {
                lines.push(ended(&assert_settled(&spec.table, &spec.column, &spec.sources, default)));
            }
            lines.push("COMMIT;".into());
        }
        Action::Settle { fills } => {
            open_fill(fills, &mut lines);
            lines.push(ended(&settle(&fills.iter().map(whole).collect::<Vec<_>>())));
            lines.extend(fills.iter().filter_map(orphans));
            lines.push("COMMIT;".into());
        }
    }
    lines.join("\n")
}

/// One argument of a psql command.
fn echoed(text: &str) -> String {
    format!("'{}'", one_line(text).replace('\\', "\\\\").replace('\'', "''"))
}

fn backup(spec: &BackupSpec, lines: &mut Vec<String>) {
    lines.push(BEGIN_SNAPSHOT.into());
    lines.push(ended(&sql_backup::create_schema(&spec.schema)));
    lines.extend(
        spec.copies.iter().flat_map(|copy| sql_backup::whole(&copy.table, &copy.copy, &copy.columns)).map(|statement| ended(&statement)),
    );
    lines.push("COMMIT;".into());
}

fn open_fill(fills: &[FillSpec], lines: &mut Vec<String>) {
    let rows: i64 = fills.iter().map(|fill| fill.rows).sum();
    let pages: i64 = fills.iter().map(|fill| fill.pages).sum();
    lines.push(format!("-- ~{rows} rows in {pages} pages at once; `tenantize run` goes batch by batch"));
    lines.push(BEGIN_PATIENT.into());
    if fills.iter().all(|fill| fill.triggers == TriggerPolicy::Suppress) {
        lines.push(SUPPRESS_TRIGGERS.into());
    }
}

fn whole(fill: &FillSpec) -> Statement {
    fill.batch(ALL_PAGES, ALL_ROWS).statement()
}

/// What is left of a cycle goes where orphans go.
fn orphans(fill: &FillSpec) -> Option<String> {
    let literal = TenantSource::Literal(fill.orphans.clone()?);
    Some(ended(&whole(&FillSpec { sources: vec![literal], ..fill.clone() })))
}

fn stage(plan: &Plan, map: &PlannedMap) -> String {
    let key_ty = key_type(plan, &map.staged).unwrap_or("text");
    format!("-- the map of {}\n{}", one_line(&map.file), stage_map(&map.staged, key_ty, plan.tenants.ty, &map.file, &names(plan)).text())
}

/// The type of the column that a staged map is joined with.
fn key_type<'a>(plan: &'a Plan, staged: &QualifiedName) -> Option<&'a str> {
    let mut fills = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Fill(fill) => Some(fill),
        _ => None,
    });
    let keyed = |fill: &'a FillSpec| {
        let map = fill.sources.iter().find_map(|source| match source {
            TenantSource::Map(map) if map.table == *staged => Some(map),
            _ => None,
        })?;
        let table = plan.tables.iter().find(|table| table.table == fill.table || table.leaves.contains(&fill.table))?;
        plan.shapes.get(&table.table)?.0.get(&map.key).map(String::as_str)
    };
    fills.find_map(keyed)
}

/// The names by which a file may call a tenant: its slug, `default`, its key.
fn names(plan: &Plan) -> BTreeMap<String, TenantKey> {
    let tenants = &plan.tenants;
    let mut names: BTreeMap<String, TenantKey> = tenants.tenants.iter().map(|tenant| (tenant.slug.clone(), tenant.key.clone())).collect();
    if let Some(default) = names.get(&tenants.default).cloned() {
        names.entry("default".into()).or_insert(default);
    }
    for tenant in tenants.tenants.iter() {
        names.entry(tenant.key.text.clone()).or_insert_with(|| tenant.key.clone());
    }
    names
}

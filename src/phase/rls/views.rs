//! Views over tables with tenants.

use crate::catalog::TableKind;
use crate::plan::{Code, PlanInput, Planned};

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    for view in input.catalog.tables.values().filter(|table| matches!(table.kind, TableKind::View | TableKind::MaterializedView)) {
        let invoker = view.options.iter().any(|option| matches!(option.as_str(), "security_invoker=true" | "security_invoker=on"));
        if let Some(table) = view.reads.iter().find(|table| input.resolved.target(table).is_some()).filter(|_| !invoker) {
            let kind = if view.kind == TableKind::View { "view" } else { "materialized view" };
            planned.found(Code::T026, &view.name, format!("a {kind} over {}", table.plain()));
        }
    }
}

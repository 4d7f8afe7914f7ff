//! Rights that the steps need and the connected role lacks: asked of the catalog before the first step.

use std::collections::BTreeSet;

use super::{Code, Finding, PlanInput, Step, changes};
use crate::catalog::Creator;
use crate::sql::change::{RightsOn, RightsSpec};
use crate::sql::{Change, Ident, QualifiedName};

/// Finds the steps that the server would refuse to the connected role.
///
/// Tables with rules are judged when the rules are resolved; here it is everything else that the plan touches.
pub(super) fn check(input: &PlanInput<'_>, steps: &[Step]) -> Vec<Finding> {
    let judged: BTreeSet<&str> =
        input.resolved.findings.iter().filter(|finding| finding.code == Code::T004).map(|finding| finding.subject.as_str()).collect();
    let mut found = BTreeSet::new();
    for change in changes(steps) {
        if let Some(table) = altered(change).and_then(|name| input.catalog.table(name)).filter(|table| !table.owned) {
            found.insert((Code::T004, table.name.plain(), format!("it belongs to {}", table.owner.plain())));
        }
        match change {
            Change::Grant { table, role, .. } => {
                if let Some(table) = input.catalog.table(table).filter(|table| !table.owned) {
                    let detail = format!("it may not grant {} rights on {}", role.plain(), table.name.plain());
                    found.insert((Code::T012, input.catalog.server.role.plain().to_owned(), detail));
                }
            }
            Change::GrantSchemaUsage { schema, role } if input.catalog.schemas.get(schema).is_some_and(|schema| !schema.owned) => {
                let detail = format!("it may not grant {} the use of the schema {}", role.plain(), schema.plain());
                found.insert((Code::T012, input.catalog.server.role.plain().to_owned(), detail));
            }
            Change::CreateRegistry(spec) => found.extend(room(input, &spec.table.schema, Some(&spec.table))),
            Change::CreateMembership(spec) => found.extend(room(input, &spec.table.schema, Some(&spec.table))),
            Change::CreateIndex(spec) => found.extend(room(input, &spec.table.schema, None)),
            _ => {}
        }
    }
    for (name, schema) in input.catalog.schemas.iter().filter(|(_, schema)| schema.in_path && !schema.creators.is_empty()) {
        let who: Vec<&str> = schema.creators.iter().map(Creator::plain).collect();
        found.insert((Code::T057, name.plain().to_owned(), format!("{} may create there", who.join(", "))));
    }
    found.retain(|(code, subject, _)| *code != Code::T004 || !judged.contains(subject.as_str()));
    found.into_iter().map(|(code, subject, detail)| Finding::about(code, subject, detail)).collect()
}

/// Whether something can be created in a schema; `table` is what is to be created, if it is a table.
fn room(input: &PlanInput<'_>, schema: &Ident, table: Option<&QualifiedName>) -> Option<(Code, String, String)> {
    match (input.catalog.schemas.get(schema), table) {
        (Some(facts), _) if facts.create => None,
        (Some(_), _) => {
            let detail = format!("it may not create tables and indexes in the schema {}", schema.plain());
            Some((Code::T012, input.catalog.server.role.plain().to_owned(), detail))
        }
        (None, Some(table)) => Some((Code::T002, table.plain(), format!("it is to be created, but there is no schema {}", schema.plain()))),
        (None, None) => None,
    }
}

/// The table whose owner alone may make the change.
fn altered(change: &Change) -> Option<&QualifiedName> {
    match change {
        Change::AddColumn { table, .. }
        | Change::SetDefault { table, .. }
        | Change::AddKey { table, .. }
        | Change::RestoreConstraint { table, .. }
        | Change::AddNotNullCheck { table, .. }
        | Change::ValidateConstraint { table, .. }
        | Change::SetNotNull { table, .. }
        | Change::DropConstraint { table, .. }
        | Change::EnableRls { table }
        | Change::ForceRls { table } => Some(table),
        Change::TakeRights(RightsSpec { object: RightsOn::Relation(table), .. }) => Some(table),
        Change::CreateGuard(spec) => Some(&spec.table),
        Change::CreateIndex(spec) | Change::JoinIndexes(spec) => Some(&spec.table),
        Change::AddForeignKey(spec) => Some(&spec.table),
        Change::CreatePolicy(spec) => Some(&spec.table),
        _ => None,
    }
}

//! Who works with the database in a way that the run ends: owners, and jobs that belong to nobody's tenant.

use super::{Code, Finding, PlanInput};
use crate::sql::{Ident, QualifiedName, Words};

/// Findings about open connections and scheduled jobs. They come and go, so they are no part of a plan's identity.
pub(super) fn check(input: &PlanInput<'_>) -> Vec<Finding> {
    let catalog = input.catalog;
    let mut found = Vec::new();
    for session in &catalog.activity.sessions {
        let application = if session.application.is_empty() { "without a name" } else { session.application.as_str() };
        let sessions = format!("{} ({} now)", application, session.count);
        let role = catalog.roles.get(&session.role);
        if role.is_some_and(|role| role.bypass_rls) {
            let detail = format!("{sessions}: no policy binds it, it goes on to see every tenant");
            found.push(Finding::about(Code::T054, session.role.plain(), detail));
        } else if let Some(table) = owned(input, &session.role) {
            let after = if catalog.server.bypass_rls { "under FORCE it sees no rows" } else { "no policy binds it" };
            found.push(Finding::about(Code::T054, session.role.plain(), format!("{sessions}: it owns {}, and {after}", table.plain())));
        }
    }
    for job in &catalog.activity.jobs {
        let words = Words::of(&job.command);
        let bound = !catalog.roles.get(&job.role).is_some_and(|role| role.bypass_rls);
        let names = || input.resolved.targets().any(|target| words.mention(&target.table));
        let calls = || catalog.functions.iter().any(|function| words.mention(&function.name));
        if bound && (names() || calls()) {
            found.push(Finding::about(
                Code::T055,
                format!("job {}", job.name),
                format!("it runs as {}: {}", job.role.plain(), job.command),
            ));
        }
    }
    found
}

/// A table with tenants that a role owns, itself or through another.
fn owned<'a>(input: &PlanInput<'a>, role: &Ident) -> Option<&'a QualifiedName> {
    let facts = input.catalog.roles.get(role);
    let acts_as = |owner: &Ident| role == owner || facts.is_some_and(|facts| facts.member_of.contains(owner));
    let tables = input.present().filter_map(|target| input.catalog.table(&target.table));
    tables.into_iter().find(|table| acts_as(&table.owner)).map(|table| &table.name)
}

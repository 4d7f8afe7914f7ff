//! Row-level security: a table is fenced, opened to the application and handed over in one transaction.

mod policies;
mod rights;
mod roles;
mod tables;
mod views;

use std::collections::VecDeque;

use super::expand::{membership, script};
use super::{Phase, context};
use crate::config::Scope;
use crate::plan::{Code, Finding, Place, PlanInput, Planned, Undo};
use crate::sql::change::PolicyKind;
use crate::sql::{Change, Ident, QualifiedName};

/// The schema of the functions that stay.
pub(crate) const SCHEMA: &str = "tenancy";
/// The policy that nobody passes without the right tenant.
pub(crate) const FENCE: &str = "tenancy_fence";
const ALLOW: &str = "tenancy_allow";
const READ: &str = "tenancy_read";

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    let config = &input.config.rls;
    if config.app_roles.is_empty() {
        planned.findings.push(Finding::about(Code::T032, "[rls]", "app_roles is empty"));
    }
    if !input.catalog.server.bypass_rls {
        planned.findings.push(Finding::about(Code::T021, input.catalog.server.role.plain(), "FORCE is left off"));
    }
    roles::check(input, planned);
    roles::plan(input, planned);
    context::plan(input, planned);
    rights::creating(input, planned);
    rights::future(input, planned);
    for (name, table) in &input.config.tables {
        match table.scope {
            Some(Scope::Shared) => tables::shared(input, name, planned),
            Some(Scope::Ignored) => tables::ignored(input, name, planned),
            None => {}
        }
    }
    if let Some(memberships) = &input.config.memberships {
        if let Ok(spec) = membership(input, memberships) {
            planned.step(
                &place(Some(&memberships.table), "late_memberships"),
                "users that are new since the backfill become members too",
                vec![Change::FillMemberships(spec)],
                Undo::nothing("the memberships go with the others"),
            );
        }
        tables::protect(input, &memberships.table, None, planned);
    }
    for target in input.resolved.targets() {
        tables::protect(input, &target.table, Some(target), planned);
    }
    tables::registry(input, planned);
    views::plan(input, planned);
    for migration in &input.migrations.rls {
        script(Phase::Rls, migration, planned);
    }
}

fn place<'a>(subject: Option<&'a QualifiedName>, what: &'a str) -> Place<'a> {
    Place { phase: Phase::Rls, subject, what }
}

/// Changes with their way back, which is built in reverse.
#[derive(Default)]
pub(super) struct Both {
    pub(super) forward: Vec<Change>,
    pub(super) back: VecDeque<Change>,
}

impl Both {
    pub(super) fn push(&mut self, forward: Change, back: Change) {
        self.forward.push(forward);
        self.back.push_front(back);
    }
}

fn policy(both: &mut Both, input: &PlanInput<'_>, table: &QualifiedName, column: &Ident, named: (&str, PolicyKind)) {
    let Ok(name) = Ident::new(named.0) else { return };
    let spec = context::policy(input, table, column, (name.clone(), named.1));
    both.push(Change::CreatePolicy(spec), Change::DropPolicy { table: table.clone(), name });
}

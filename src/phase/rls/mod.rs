//! Row-level security: a table is fenced, opened to the application and handed over in one transaction.

mod policies;
mod rights;
mod roles;
mod tables;
mod views;

use super::Phase;
use super::expand::{membership, script};
use crate::config::Scope;
use crate::plan::{Code, Finding, Place, PlanInput, Planned, Undo};
use crate::sql::change::{PolicyKind, PolicySpec};
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
    context(input, planned);
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

fn context(input: &PlanInput<'_>, planned: &mut Planned) {
    let Ok(schema) = Ident::new(SCHEMA) else { return };
    if input.catalog.schemas.contains_key(&schema) {
        planned.findings.push(Finding::about(Code::T014, SCHEMA, "the schema exists"));
    }
    let mut forward = vec![Change::CreateSchema { schema: schema.clone() }, Change::CreateContext { ty: input.ty() }];
    let mut back = vec![Change::DropContext { ty: input.ty() }, Change::DropSchema { schema: schema.clone() }];
    for role in input.config.rls.app_roles.iter().chain(&input.config.rls.read_roles) {
        forward.push(Change::GrantSchemaUsage { schema: schema.clone(), role: role.clone() });
        back.insert(0, Change::RevokeSchemaUsage { schema: schema.clone(), role: role.clone() });
    }
    planned.step(&place(None, "context"), "tenancy.set_tenant() and tenancy.current_tenant_id()", forward, Undo::apply(back));
}

/// Changes with their way back, which is built in reverse.
#[derive(Default)]
struct Both {
    forward: Vec<Change>,
    back: Vec<Change>,
}

impl Both {
    fn push(&mut self, forward: Change, back: Change) {
        self.forward.push(forward);
        self.back.insert(0, back);
    }
}

fn policy(both: &mut Both, input: &PlanInput<'_>, table: &QualifiedName, column: &Ident, named: (&str, PolicyKind)) {
    let Ok(name) = Ident::new(named.0) else { return };
    let spec = PolicySpec { table: table.clone(), name: name.clone(), kind: named.1, column: column.clone(), ty: input.ty() };
    both.push(Change::CreatePolicy(spec), Change::DropPolicy { table: table.clone(), name });
}

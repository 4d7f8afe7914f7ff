//! Row-level security: a table is fenced, opened to the application and handed over in one transaction.

use std::collections::BTreeSet;

use super::Phase;
use super::expand::{drop_guard, guards, membership, script};
use crate::catalog::{Catalog, Table, TableKind};
use crate::config::Scope;
use crate::plan::{Code, Finding, Place, PlanInput, Planned, Strategy, Undo};
use crate::rule::{ColumnOrigin, Target};
use crate::sql::change::{ColumnDefault, PolicyKind, PolicySpec};
use crate::sql::{Change, Ident, QualifiedName};

/// The schema of the functions that stay.
pub(crate) const SCHEMA: &str = "tenancy";
/// The policy that nobody passes without the right tenant.
pub(crate) const FENCE: &str = "tenancy_fence";
const ALLOW: &str = "tenancy_allow";
const READ: &str = "tenancy_read";
const WRITE: [&str; 4] = ["DELETE", "INSERT", "SELECT", "UPDATE"];
/// Rights that get around policies.
const DANGEROUS: [&str; 3] = ["REFERENCES", "TRIGGER", "TRUNCATE"];

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    let config = &input.config.rls;
    if config.app_roles.is_empty() {
        planned.findings.push(Finding::about(Code::T032, "[rls]", "app_roles is empty"));
    }
    if !input.catalog.server.bypass_rls {
        planned.findings.push(Finding::about(Code::T021, input.catalog.server.role.plain(), "FORCE is left off"));
    }
    check_roles(input, planned);
    roles(input, planned);
    context(input, planned);
    for (name, table) in &input.config.tables {
        if table.scope == Some(Scope::Shared) {
            shared(input, name, planned);
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
        protect(input, &memberships.table, None, planned);
    }
    for target in input.resolved.targets() {
        protect(input, &target.table, Some(target), planned);
    }
    registry(input, planned);
    views(input, planned);
    for migration in &input.migrations.rls {
        script(Phase::Rls, migration, planned);
    }
}

fn place<'a>(subject: Option<&'a QualifiedName>, what: &'a str) -> Place<'a> {
    Place { phase: Phase::Rls, subject, what }
}

fn check_roles(input: &PlanInput<'_>, planned: &mut Planned) {
    let owners: BTreeSet<&Ident> =
        input.present().filter_map(|target| input.catalog.table(&target.table)).map(|table| &table.owner).collect();
    for name in input.config.rls.app_roles.iter().chain(&input.config.rls.read_roles) {
        let Some(role) = input.catalog.roles.get(name) else {
            if !input.catalog.server.create_role {
                planned.findings.push(Finding::about(
                    Code::T012,
                    name.plain(),
                    "the role is missing, and the connected role may not create it",
                ));
            }
            continue;
        };
        let acts_as = |other: &Ident| name == other || role.member_of.contains(other);
        let bypassing = input.catalog.roles.values().find(|other| other.bypass_rls && acts_as(&other.name));
        if let Some(other) = bypassing {
            planned.findings.push(Finding::about(Code::T011, name.plain(), format!("it can act as {}", other.name.plain())));
        } else if let Some(owner) = owners.iter().find(|owner| acts_as(owner)) {
            planned.findings.push(Finding::about(Code::T011, name.plain(), format!("it can act as {}, who owns tables", owner.plain())));
        }
    }
    if !input.catalog.server.create_schema {
        planned.findings.push(Finding::about(Code::T012, input.catalog.server.role.plain(), "it may not create schemas in this database"));
    }
}

fn roles(input: &PlanInput<'_>, planned: &mut Planned) {
    let config = &input.config.rls;
    for role in config.app_roles.iter().chain(&config.read_roles) {
        if !input.catalog.roles.contains_key(role) {
            let what = format!("role/{}", role.plain());
            let create = vec![Change::CreateRole { role: role.clone() }];
            let undo = Undo::apply(vec![Change::DropRole { role: role.clone() }]);
            planned.step(&place(None, &what), "a role for the application, without login and without rights", create, undo);
        }
    }
    let mut schemas: BTreeSet<&Ident> = input.resolved.targets().map(|target| &target.table.schema).collect();
    schemas.insert(&input.config.tenants.table.schema);
    let mut forward = Vec::new();
    let mut back = Vec::new();
    for schema in schemas {
        for role in config.app_roles.iter().chain(&config.read_roles) {
            let has = input
                .catalog
                .schemas
                .get(schema)
                .is_some_and(|schema| schema.usage.contains(&None) || schema.usage.contains(&Some(role.clone())));
            if !has {
                forward.push(Change::GrantSchemaUsage { schema: schema.clone(), role: role.clone() });
                back.push(Change::RevokeSchemaUsage { schema: schema.clone(), role: role.clone() });
            }
        }
    }
    if !forward.is_empty() {
        planned.step(&place(None, "schemas"), "the application may look names up", forward, Undo::apply(back));
    }
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

fn granted(table: Option<&Table>, role: Option<&Ident>) -> BTreeSet<String> {
    let grants = table.map(|table| table.grants.as_slice()).unwrap_or_default();
    grants.iter().filter(|grant| grant.grantee.as_ref() == role).map(|grant| grant.privilege.clone()).collect()
}

/// Gives a role the rights it lacks and takes those that get around policies.
fn grants(both: &mut Both, name: &QualifiedName, table: Option<&Table>, role: &Ident, wanted: &[&str]) {
    let has = granted(table, Some(role));
    let missing: Vec<String> = wanted.iter().filter(|right| !has.contains(**right)).map(|right| (*right).to_owned()).collect();
    if !missing.is_empty() {
        let (table, role) = (name.clone(), role.clone());
        both.push(
            Change::Grant { table: table.clone(), role: role.clone(), privileges: missing.clone() },
            Change::Revoke { table, role, privileges: missing },
        );
    }
    let dangerous: Vec<String> = DANGEROUS.iter().filter(|right| has.contains(**right)).map(|right| (*right).to_owned()).collect();
    if !dangerous.is_empty() {
        let (table, role) = (name.clone(), role.clone());
        both.push(
            Change::Revoke { table: table.clone(), role: role.clone(), privileges: dangerous.clone() },
            Change::Grant { table, role, privileges: dangerous },
        );
    }
    for sequence in table.map(|table| table.sequences.as_slice()).unwrap_or_default() {
        if wanted.contains(&"INSERT") && !sequence.usage.contains(&Some(role.clone())) {
            let (sequence, role) = (sequence.name.clone(), role.clone());
            both.push(Change::GrantSequence { sequence: sequence.clone(), role: role.clone() }, Change::RevokeSequence { sequence, role });
        }
    }
}

fn revoke_public(both: &mut Both, name: &QualifiedName, table: Option<&Table>) {
    let privileges: Vec<String> = granted(table, None).into_iter().collect();
    if !privileges.is_empty() {
        both.push(
            Change::RevokePublic { table: name.clone(), privileges: privileges.clone() },
            Change::GrantPublic { table: name.clone(), privileges },
        );
    }
}

/// Nobody may get around policies: TRUNCATE asks none, a trigger runs with the rights of whoever fires it.
fn disarm_others(both: &mut Both, input: &PlanInput<'_>, name: &QualifiedName, table: Option<&Table>) {
    let config = &input.config.rls;
    let grants = table.map(|table| table.grants.as_slice()).unwrap_or_default();
    let others: BTreeSet<&Ident> = grants.iter().filter_map(|grant| grant.grantee.as_ref()).collect();
    for role in others.into_iter().filter(|role| !config.app_roles.contains(role) && !config.read_roles.contains(role)) {
        let has = granted(table, Some(role));
        let dangerous: Vec<String> = DANGEROUS.iter().filter(|right| has.contains(**right)).map(|right| (*right).to_owned()).collect();
        if !dangerous.is_empty() {
            both.push(
                Change::Revoke { table: name.clone(), role: role.clone(), privileges: dangerous.clone() },
                Change::Grant { table: name.clone(), role: role.clone(), privileges: dangerous },
            );
        }
    }
}

fn policy(both: &mut Both, input: &PlanInput<'_>, table: &QualifiedName, column: &Ident, named: (&str, PolicyKind)) {
    let Ok(name) = Ident::new(named.0) else { return };
    let spec = PolicySpec { table: table.clone(), name: name.clone(), kind: named.1, column: column.clone(), ty: input.ty() };
    both.push(Change::CreatePolicy(spec), Change::DropPolicy { table: table.clone(), name });
}

fn enable(both: &mut Both, input: &PlanInput<'_>, name: &QualifiedName, table: Option<&Table>) {
    if !table.is_some_and(|table| table.rls_enabled) {
        both.push(Change::EnableRls { table: name.clone() }, Change::DisableRls { table: name.clone() });
    }
    if input.catalog.server.bypass_rls && !table.is_some_and(|table| table.rls_forced) {
        both.push(Change::ForceRls { table: name.clone() }, Change::NoForceRls { table: name.clone() });
    }
}

/// Fence, allow and grants of one relation whose `column` holds the tenant.
fn fence(both: &mut Both, input: &PlanInput<'_>, name: &QualifiedName, column: &Ident) {
    let table = input.catalog.table(name);
    let config = &input.config.rls;
    revoke_public(both, name, table);
    disarm_others(both, input, name, table);
    for role in &config.app_roles {
        grants(both, name, table, role, &WRITE);
    }
    for role in &config.read_roles {
        grants(both, name, table, role, &["SELECT"]);
    }
    policy(both, input, name, column, (FENCE, PolicyKind::Fence));
    if !config.app_roles.is_empty() {
        policy(both, input, name, column, (ALLOW, PolicyKind::Allow(config.app_roles.clone())));
    }
    if !config.read_roles.is_empty() {
        policy(both, input, name, column, (READ, PolicyKind::Read(config.read_roles.clone())));
    }
    enable(both, input, name, table);
}

fn protect(input: &PlanInput<'_>, name: &QualifiedName, target: Option<&Target>, planned: &mut Planned) {
    let mut both = Both::default();
    let column = input.column();
    let before = match target {
        Some(target) if target.origin == ColumnOrigin::Added => {
            let strategy = input.strategies.of(name).strategy;
            for guard in guards(input, target).into_iter().filter(|_| strategy == Strategy::Striped) {
                both.push(drop_guard(&guard), Change::CreateGuard(guard));
            }
            match strategy {
                Strategy::Constant(key) => ColumnDefault::Tenant(key),
                Strategy::Striped | Strategy::Present => ColumnDefault::None,
            }
        }
        _ => {
            let old = input.catalog.table(name).and_then(|table| table.column(column)).and_then(|column| column.default.clone());
            old.map_or(ColumnDefault::None, ColumnDefault::Expression)
        }
    };
    both.push(
        Change::SetDefault { table: name.clone(), column: column.clone(), default: ColumnDefault::Context },
        Change::SetDefault { table: name.clone(), column: column.clone(), default: before },
    );
    let family: Vec<QualifiedName> = input.catalog.family(name).iter().map(|member| member.name.clone()).collect();
    fence(&mut both, input, name, column);
    // A policy of a partitioned table does not hold for a partition that is named directly.
    for member in family.iter().filter(|member| *member != name) {
        fence(&mut both, input, member, column);
    }
    note_policies(input.catalog, &family, planned);
    let why = "fence, policies, rights and default in one transaction: no moment without protection";
    planned.step(&place(Some(name), "policies"), why, both.forward, Undo::apply(both.back));
}

fn note_policies(catalog: &Catalog, family: &[QualifiedName], planned: &mut Planned) {
    for table in family.iter().filter_map(|name| catalog.table(name)) {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            table.policies.iter().partition(|policy| [FENCE, ALLOW, READ].contains(&policy.name.plain()));
        if !ours.is_empty() {
            planned.found(Code::T014, &table.name, format!("the policy {} exists", ours[0].name.plain()));
        }
        if !theirs.is_empty() {
            let names: Vec<&str> = theirs.iter().map(|policy| policy.name.plain()).collect();
            planned.found(Code::T027, &table.name, names.join(", "));
        }
    }
}

fn registry(input: &PlanInput<'_>, planned: &mut Planned) {
    let name = &input.config.tenants.table;
    let table = input.catalog.table(name);
    let config = &input.config.rls;
    for role in &config.app_roles {
        let has = granted(table, Some(role));
        let writes: Vec<&str> = ["INSERT", "UPDATE", "DELETE"].into_iter().filter(|right| has.contains(*right)).collect();
        if !writes.is_empty() {
            planned.found(Code::T037, name, format!("{} has {}", role.plain(), writes.join(", ")));
        }
    }
    let roles: Vec<Ident> = config.app_roles.iter().chain(&config.read_roles).cloned().collect();
    let mut both = Both::default();
    revoke_public(&mut both, name, table);
    for role in &roles {
        grants(&mut both, name, table, role, &["SELECT"]);
    }
    let key = &input.config.tenants.key;
    policy(&mut both, input, name, key, (FENCE, PolicyKind::Fence));
    if !roles.is_empty() {
        policy(&mut both, input, name, key, (READ, PolicyKind::Read(roles)));
    }
    enable(&mut both, input, name, table);
    note_policies(input.catalog, std::slice::from_ref(name), planned);
    planned.step(&place(Some(name), "policies"), "a tenant sees its own row of the registry", both.forward, Undo::apply(both.back));
}

fn shared(input: &PlanInput<'_>, name: &QualifiedName, planned: &mut Planned) {
    let mut both = Both::default();
    for role in input.config.rls.app_roles.iter().chain(&input.config.rls.read_roles) {
        let table = input.catalog.table(name);
        if !granted(table, Some(role)).contains("SELECT") && !granted(table, None).contains("SELECT") {
            both.push(
                Change::Grant { table: name.clone(), role: role.clone(), privileges: vec!["SELECT".into()] },
                Change::Revoke { table: name.clone(), role: role.clone(), privileges: vec!["SELECT".into()] },
            );
        }
    }
    if !both.forward.is_empty() {
        planned.step(&place(Some(name), "grants"), "reference data is read by every tenant", both.forward, Undo::apply(both.back));
    }
}

fn views(input: &PlanInput<'_>, planned: &mut Planned) {
    for view in input.catalog.tables.values().filter(|table| matches!(table.kind, TableKind::View | TableKind::MaterializedView)) {
        let invoker = view.options.iter().any(|option| matches!(option.as_str(), "security_invoker=true" | "security_invoker=on"));
        if let Some(table) = view.reads.iter().find(|table| input.resolved.target(table).is_some()).filter(|_| !invoker) {
            let kind = if view.kind == TableKind::View { "view" } else { "materialized view" };
            planned.found(Code::T026, &view.name, format!("a {kind} over {}", table.plain()));
        }
    }
}

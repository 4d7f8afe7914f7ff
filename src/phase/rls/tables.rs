//! Tables: fence, policies, rights and default of each in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use super::super::context;
use super::super::expand::{drop_guard, guards};
use super::{ALLOW, Both, FENCE, READ, place, policies, policy, rights};
use crate::catalog::{DefaultRight, Table};
use crate::plan::{Code, PlanInput, Planned, Strategy, Undo};
use crate::rule::{ColumnOrigin, Target};
use crate::sql::change::{ColumnDefault, PolicyKind, RightsOn};
use crate::sql::{Change, Ident, QualifiedName};

const WRITE: [&str; 4] = ["DELETE", "INSERT", "SELECT", "UPDATE"];
/// Rights that get around policies.
const DANGEROUS: [&str; 3] = ["REFERENCES", "TRIGGER", "TRUNCATE"];

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
    if let Some(facts) = table {
        rights::take(both, &RightsOn::Relation(name.clone()), Some(role), rights::on_table(facts, Some(role), &DANGEROUS));
    }
    for sequence in table.map(|table| table.sequences.as_slice()).unwrap_or_default() {
        let draws = sequence.grants.iter().any(|grant| grant.grantee.as_ref() == Some(role) && grant.privilege == "USAGE");
        if wanted.contains(&"INSERT") && !sequence.identity && !draws {
            let (sequence, role) = (sequence.name.clone(), role.clone());
            both.push(Change::GrantSequence { sequence: sequence.clone(), role: role.clone() }, Change::RevokeSequence { sequence, role });
        }
    }
}

fn revoke_public(both: &mut Both, name: &QualifiedName, table: Option<&Table>) {
    let Some(table) = table else { return };
    let privileges: BTreeSet<&str> =
        table.grants.iter().chain(table.column_grants.iter().map(|of| &of.grant)).map(|grant| grant.privilege.as_str()).collect();
    let privileges: Vec<&str> = privileges.into_iter().collect();
    rights::take(both, &RightsOn::Relation(name.clone()), None, rights::on_table(table, None, &privileges));
}

/// Nobody may get around policies: TRUNCATE asks none, a trigger runs with the rights of whoever fires it.
fn disarm_others(both: &mut Both, input: &PlanInput<'_>, name: &QualifiedName, table: Option<&Table>) {
    let config = &input.config.rls;
    let grants = table.map(|table| table.grants.as_slice()).unwrap_or_default();
    let others: BTreeSet<&Ident> = grants.iter().filter_map(|grant| grant.grantee.as_ref()).collect();
    for role in others
        .into_iter()
        .filter(|role| ![&config.app_roles, &config.read_roles, &config.trusted_roles].iter().any(|roles| roles.contains(role)))
    {
        if let Some(facts) = table {
            rights::take(both, &RightsOn::Relation(name.clone()), Some(role), rights::on_table(facts, Some(role), &DANGEROUS));
        }
    }
}

fn enable(both: &mut Both, input: &PlanInput<'_>, name: &QualifiedName, table: Option<&Table>) {
    // Expand creates registry and memberships with it: they stay closed on the way back too.
    let memberships = input.config.memberships.as_ref().map(|memberships| &memberships.table);
    let created = table.is_none() && (*name == input.config.tenants.table || Some(name) == memberships);
    if !created && !table.is_some_and(|table| table.rls_enabled) {
        both.push(Change::EnableRls { table: name.clone() }, Change::DisableRls { table: name.clone() });
    }
    if input.catalog.server.bypass_rls && !table.is_some_and(|table| table.rls_forced) {
        both.push(Change::ForceRls { table: name.clone() }, Change::NoForceRls { table: name.clone() });
    }
}

/// Gives roles their rights, and returns those that need a policy of ours.
///
/// Where the table's own policies choose a role's rows they go on to do so, and the role has no right that none of them lets it use.
fn let_in(both: &mut Both, input: &PlanInput<'_>, name: &QualifiedName, roles: &[Ident], wanted: &[&str]) -> Vec<Ident> {
    let table = input.catalog.table(name);
    let mut without = Vec::new();
    for role in roles {
        let (Some(commands), Some(facts)) = (policies::lets(input.catalog, table, role), table) else {
            grants(both, name, table, role, wanted);
            without.push(role.clone());
            continue;
        };
        // What it may through PUBLIC it keeps by name.
        let kept: Vec<&str> = commands.iter().copied().filter(|command| input.catalog.may(role, facts, command)).collect();
        grants(both, name, table, role, &kept);
        let refused: Vec<&str> = WRITE.into_iter().filter(|command| !commands.contains(command)).collect();
        rights::take(both, &RightsOn::Relation(name.clone()), Some(role), rights::on_table(facts, Some(role), &refused));
    }
    without
}

/// Whether a relation is the membership table or a partition of it.
fn is_membership(input: &PlanInput<'_>, name: &QualifiedName) -> bool {
    let Some(memberships) = &input.config.memberships else { return false };
    memberships.table == *name || input.catalog.family(&memberships.table).iter().any(|member| member.name == *name)
}

/// The rights that the application needs. Whoever writes memberships decides who belongs to a tenant: there it gets none that it did not have.
fn needs(input: &PlanInput<'_>, name: &QualifiedName, role: &Ident) -> Vec<&'static str> {
    if !is_membership(input, name) {
        return WRITE.to_vec();
    }
    let facts = input.catalog.table(name);
    let (own, everyones) = (granted(facts, Some(role)), granted(facts, None));
    WRITE.into_iter().filter(|right| *right == "SELECT" || own.contains(*right) || everyones.contains(*right)).collect()
}

/// Tells who may change memberships that were there before, and takes what a table that is new gets by default.
fn memberships(both: &mut Both, input: &PlanInput<'_>, name: &QualifiedName, planned: &mut Planned) {
    let config = &input.config.rls;
    let Some(table) = input.catalog.table(name) else {
        let new = |right: &&DefaultRight| {
            right.owner == input.catalog.server.role && right.schema.as_ref().is_none_or(|schema| *schema == name.schema)
        };
        for role in config.app_roles.iter().chain(&config.read_roles).map(Some).chain([None]) {
            let theirs = input.catalog.default_rights.iter().filter(new).filter(|right| right.grant.grantee.as_ref() == role);
            let privileges: BTreeMap<String, bool> = theirs
                .filter(|right| right.grant.privilege != "SELECT")
                .map(|right| (right.grant.privilege.clone(), right.grant.grantable))
                .collect();
            rights::take(both, &RightsOn::Relation(name.clone()), role, privileges.into_iter().collect());
        }
        return;
    };
    for role in &config.app_roles {
        let column =
            |right: &str| table.column_grants.iter().any(|of| of.grant.grantee.as_ref() == Some(role) && of.grant.privilege == right);
        let writes: Vec<&str> =
            WRITE.into_iter().filter(|right| *right != "SELECT" && (input.catalog.may(role, table, right) || column(right))).collect();
        if !writes.is_empty() {
            let writes = writes.join(", ");
            planned.found(Code::T062, name, format!("{0} may {writes}; type: REVOKE {writes} ON {1} FROM {0}", role.plain(), name.plain()));
        }
    }
}

/// Fence, allow and grants of one relation whose `column` holds the tenant.
fn fence(both: &mut Both, input: &PlanInput<'_>, name: &QualifiedName, column: &Ident) {
    let table = input.catalog.table(name);
    let config = &input.config.rls;
    revoke_public(both, name, table);
    disarm_others(both, input, name, table);
    policy(both, input, name, column, (FENCE, PolicyKind::Fence));
    let mut allow = Vec::new();
    for role in &config.app_roles {
        allow.extend(let_in(both, input, name, std::slice::from_ref(role), &needs(input, name, role)));
    }
    if !allow.is_empty() {
        policy(both, input, name, column, (ALLOW, PolicyKind::Allow(allow)));
    }
    let read = let_in(both, input, name, &config.read_roles, &["SELECT"]);
    if !read.is_empty() {
        policy(both, input, name, column, (READ, PolicyKind::Read(read)));
    }
    enable(both, input, name, table);
}

pub(super) fn protect(input: &PlanInput<'_>, name: &QualifiedName, target: Option<&Target>, planned: &mut Planned) {
    let mut both = Both::default();
    let column = input.column();
    let before = match target {
        Some(target) if target.origin == ColumnOrigin::Added => {
            let strategy = input.strategies.of(name).strategy;
            for guard in guards(input, target).into_iter().filter(|_| strategy.writes()) {
                both.push(drop_guard(&guard), Change::CreateGuard(guard));
            }
            match strategy {
                Strategy::Constant(key) => ColumnDefault::Tenant(key),
                Strategy::Majority(_) | Strategy::Striped | Strategy::Present => ColumnDefault::None,
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
    if is_membership(input, name) {
        memberships(&mut both, input, name, planned);
    }
    context::keep(&mut both, input, name, column);
    // A policy of a partitioned table does not hold for a partition that is named directly.
    for member in family.iter().filter(|member| *member != name) {
        fence(&mut both, input, member, column);
        context::keep(&mut both, input, member, column);
    }
    for member in family.iter().filter_map(|member| input.catalog.table(member)) {
        rights::sequences(&mut both, member, input, planned);
    }
    policies::note(input, &family, planned);
    let mut why = "fence, policies, rights and default in one transaction: no moment without protection".to_owned();
    if let (_, Some(reason)) = context::form(input, name) {
        why = format!("{why}; {reason}");
    }
    planned.step(&place(Some(name), "policies"), why, both.forward, Undo::apply(both.back.into()));
}

pub(super) fn registry(input: &PlanInput<'_>, planned: &mut Planned) {
    let name = &input.config.tenants.table;
    let table = input.catalog.table(name);
    let config = &input.config.rls;
    for role in &config.app_roles {
        let has = granted(table, Some(role));
        let writes: Vec<&str> = ["INSERT", "UPDATE", "DELETE"].into_iter().filter(|right| has.contains(*right)).collect();
        if !writes.is_empty() {
            let answers = writes.iter().map(|right| match *right {
                "INSERT" => "INSERT is refused (42501)",
                "UPDATE" => "UPDATE changes 0 rows",
                _ => "DELETE deletes 0 rows",
            });
            let answers: Vec<&str> = answers.collect();
            planned.found(Code::T037, name, format!("{} has {}: {}", role.plain(), writes.join(", "), answers.join(", ")));
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
    if let Some(table) = table {
        rights::sequences(&mut both, table, input, planned);
    }
    policies::note(input, std::slice::from_ref(name), planned);
    planned.step(&place(Some(name), "policies"), "a tenant sees its own row of the registry", both.forward, Undo::apply(both.back.into()));
}

pub(super) fn shared(input: &PlanInput<'_>, name: &QualifiedName, planned: &mut Planned) {
    let mut both = Both::default();
    for role in input.config.rls.app_roles.iter().chain(&input.config.rls.read_roles) {
        let table = input.catalog.table(name);
        let writes: Vec<&str> = ["DELETE", "INSERT", "TRUNCATE", "UPDATE"]
            .into_iter()
            .filter(|right| table.is_some_and(|table| input.catalog.may(role, table, right)))
            .collect();
        if !writes.is_empty() {
            let writes = writes.join(", ");
            planned.found(Code::T049, name, format!("{0} may {writes}; type: REVOKE {writes} ON {1} FROM {0}", role.plain(), name.plain()));
        }
        if !granted(table, Some(role)).contains("SELECT") && !granted(table, None).contains("SELECT") {
            both.push(
                Change::Grant { table: name.clone(), role: role.clone(), privileges: vec!["SELECT".into()] },
                Change::Revoke { table: name.clone(), role: role.clone(), privileges: vec!["SELECT".into()] },
            );
        }
    }
    if !both.forward.is_empty() {
        planned.step(&place(Some(name), "grants"), "reference data is read by every tenant", both.forward, Undo::apply(both.back.into()));
    }
}

/// Tables that nobody protects: the application must have no right on them.
pub(super) fn ignored(input: &PlanInput<'_>, name: &QualifiedName, planned: &mut Planned) {
    let Some(table) = input.catalog.table(name).filter(|table| !table.rls_enabled) else { return };
    let roles = input.config.rls.app_roles.iter().chain(&input.config.rls.read_roles);
    let readers: Vec<&str> = roles.filter(|role| input.catalog.may(role, table, "SELECT")).map(Ident::plain).collect();
    if !readers.is_empty() {
        planned.found(Code::T050, name, format!("{} may read it", readers.join(", ")));
    }
}

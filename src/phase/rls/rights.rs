//! Rights that are taken, with what gives exactly these back.

use std::collections::BTreeSet;

use super::{Both, place};
use crate::catalog::{Creator, Grant, Schema, Sequence, Table};
use crate::plan::{Code, Finding, PlanInput, Planned, Undo};
use crate::sql::change::{RightsOn, RightsSpec};
use crate::sql::{Change, Ident};

/// Whether somebody was given a right on a whole relation by name; `None` = everyone.
pub(super) fn directly(table: &Table, grantee: Option<&Ident>, privilege: &str) -> bool {
    table.grants.iter().any(|grant| grant.grantee.as_ref() == grantee && grant.privilege == privilege)
}

/// The named rights that somebody has on a relation and its columns: to take the first takes the others too.
pub(super) fn on_table(table: &Table, grantee: Option<&Ident>, privileges: &[&str]) -> Vec<(String, bool)> {
    let theirs = |grant: &&Grant| grant.grantee.as_ref() == grantee && privileges.contains(&grant.privilege.as_str());
    let whole = table.grants.iter().filter(theirs).map(|grant| (grant.privilege.clone(), grant.grantable));
    let columns = table.column_grants.iter().filter(|of| theirs(&&of.grant));
    whole.chain(columns.map(|of| (format!("{} ({})", of.grant.privilege, of.column), of.grant.grantable))).collect()
}

fn of(grants: &[Grant], grantee: Option<&Ident>, privileges: &[&str]) -> Vec<(String, bool)> {
    let theirs = grants.iter().filter(|grant| grant.grantee.as_ref() == grantee && privileges.contains(&grant.privilege.as_str()));
    theirs.map(|grant| (grant.privilege.clone(), grant.grantable)).collect()
}

/// Takes rights, and gives back the same: each with whether it may be passed on.
pub(super) fn take(both: &mut Both, object: &RightsOn, grantee: Option<&Ident>, rights: Vec<(String, bool)>) {
    if rights.is_empty() {
        return;
    }
    let spec = RightsSpec::new(object.clone(), grantee, rights);
    both.push(Change::TakeRights(spec.clone()), Change::GiveRights(spec));
}

/// Sequences of a table's columns: the application draws numbers, and neither reads nor sets the last one.
pub(super) fn sequences(both: &mut Both, table: &Table, input: &PlanInput<'_>, planned: &mut Planned) {
    let config = &input.config.rls;
    for Sequence { name, grants, .. } in &table.sequences {
        let mut told = Vec::new();
        let roles = config.app_roles.iter().chain(&config.read_roles).map(Some);
        for grantee in roles.chain([None]) {
            let rights = of(grants, grantee, &["SELECT", "UPDATE"]);
            if !rights.is_empty() {
                let who = grantee.map_or("everyone", Ident::plain);
                let what: Vec<&str> = rights.iter().map(|(privilege, _)| privilege.as_str()).collect();
                told.push(format!("{} from {who}", what.join(", ")));
            }
            take(both, &RightsOn::Sequence(name.clone()), grantee, rights);
        }
        if !told.is_empty() {
            planned.found(Code::T044, name, format!("taken: {}", told.join("; ")));
        }
    }
}

/// The right to create in the application's schemas: what the application puts there can stand in front of what was meant. Whoever
/// owns tables with a tenant there and had the right like everyone keeps it, for migrations to come.
pub(super) fn creating(input: &PlanInput<'_>, planned: &mut Planned) {
    let mut both = Both::default();
    for (name, schema) in input.catalog.schemas.iter().filter(|(name, _)| input.config.schemas.contains(name)) {
        let mut tell = |who: &[&str], next: &str| {
            planned.findings.push(Finding::about(Code::T058, name.plain(), format!("{} may create there; {next}", who.join(", "))));
        };
        let is_ours = |creator: &&Creator| creator.grantee.as_ref().is_none_or(|role| applications(input, role));
        let (ours, others): (Vec<&Creator>, Vec<&Creator>) = schema.creators.iter().partition(is_ours);
        if !schema.owned {
            let who: Vec<&str> = ours.iter().map(|creator| creator.plain()).collect();
            if !who.is_empty() {
                tell(&who, "it stays: only the owner of the schema may change it");
            }
            continue;
        }
        let (taken, left): (Vec<&Creator>, Vec<&Creator>) = ours.iter().partition(|creator| left_because(creator).is_none());
        let mut keep: BTreeSet<&str> = others.iter().map(|creator| creator.plain()).collect();
        let keepers = if taken.iter().any(|creator| creator.grantee.is_none()) { keepers(input, name, schema) } else { BTreeSet::new() };
        for role in keepers {
            let keeps = RightsSpec::new(RightsOn::Schema(name.clone()), Some(role), create());
            both.push(Change::GiveRights(keeps.clone()), Change::TakeRights(keeps));
            keep.insert(role.plain());
        }
        for creator in &taken {
            take(&mut both, &RightsOn::Schema(name.clone()), creator.grantee.as_ref(), create());
        }
        let who: Vec<&str> = taken.iter().map(|creator| creator.plain()).collect();
        let keep: Vec<&str> = keep.into_iter().collect();
        match (who.as_slice(), keep.as_slice()) {
            ([], _) => {}
            (who, []) => tell(who, "the run takes it away"),
            (who, [one]) => tell(who, &format!("the run takes it away; {one} keeps it")),
            (who, many) => tell(who, &format!("the run takes it away; {} keep it", many.join(", "))),
        }
        for creator in left {
            tell(&[creator.plain()], &left_because(creator).unwrap_or_default());
        }
    }
    if !both.forward.is_empty() {
        let why = "the application creates nothing where names are looked up";
        planned.step(&place(None, "creating"), why, both.forward, Undo::apply(both.back.into()));
    }
}

fn create() -> Vec<(String, bool)> {
    vec![("CREATE".to_owned(), false)]
}

/// Why a right to create is not taken: others would lose theirs with it, or only who gave it can take it and give it back.
fn left_because(creator: &Creator) -> Option<String> {
    let others: Vec<&str> = creator.others.iter().map(Ident::plain).collect();
    match (creator.grantable, others.as_slice()) {
        (true, _) => Some("it stays: it may be passed on".into()),
        (false, []) => None,
        (false, others) => Some(format!("it stays: {} granted it", others.join(", "))),
    }
}

/// Whether a role is one of the application's, to write or to read.
fn applications(input: &PlanInput<'_>, role: &Ident) -> bool {
    input.config.rls.app_roles.contains(role) || input.config.rls.read_roles.contains(role)
}

/// Owners of tables with a tenant in a schema, other than those who may create there anyway and whoever speaks for the application.
fn keepers<'a>(input: &PlanInput<'a>, name: &Ident, schema: &Schema) -> BTreeSet<&'a Ident> {
    let of_application = |role: &Ident| {
        let facts = input.catalog.roles.get(role);
        applications(input, role) || facts.is_some_and(|facts| facts.member_of.iter().any(|of| applications(input, of)))
    };
    let superuser = |role: &Ident| input.catalog.roles.get(role).is_some_and(|role| role.superuser);
    let named =
        |role: &Ident| schema.owner.as_ref() == Some(role) || schema.creators.iter().any(|other| other.grantee.as_ref() == Some(role));
    let tables = input.resolved.targets().filter(|target| target.table.schema == *name);
    let owners = tables.filter_map(|target| input.catalog.table(&target.table)).map(|table| &table.owner);
    owners.filter(|role| !named(role) && !superuser(role) && **role != input.catalog.server.role && !of_application(role)).collect()
}

/// Rights on tables that do not exist yet: such a table is open before anybody has thought of its policies.
pub(super) fn future(input: &PlanInput<'_>, planned: &mut Planned) {
    let config = &input.config.rls;
    let ours = |grantee: Option<&Ident>| grantee.is_none_or(|role| config.app_roles.contains(role) || config.read_roles.contains(role));
    let near = |schema: Option<&Ident>| schema.is_none_or(|schema| input.config.schemas.contains(schema));
    let rights: Vec<_> = input.catalog.default_rights.iter().filter(|right| near(right.schema.as_ref())).collect();
    let mut both = Both::default();
    for same in rights.chunk_by(|a, b| (&a.owner, &a.schema, &a.grant.grantee) == (&b.owner, &b.schema, &b.grant.grantee)) {
        let Some(first) = same.first() else { continue };
        let grantee = first.grant.grantee.as_ref();
        let privileges: Vec<(String, bool)> = same.iter().map(|right| (right.grant.privilege.clone(), right.grant.grantable)).collect();
        let what: Vec<&str> = privileges.iter().map(|(privilege, _)| privilege.as_str()).collect();
        let place = first.schema.as_ref().map_or("every schema", Ident::plain);
        let who = grantee.map_or("everyone", Ident::plain);
        let fact = format!("{who} gets {} on tables that {} creates in {place}", what.join(", "), first.owner.plain());
        let next = if !ours(grantee) {
            "it stays: the role is none of [rls]"
        } else if input.catalog.acts_as(&first.owner) {
            take(&mut both, &RightsOn::FutureTables { owner: first.owner.clone(), schema: first.schema.clone() }, grantee, privileges);
            "the run takes it away"
        } else {
            "it stays: only that role may change it"
        };
        planned.findings.push(Finding::about(Code::T045, place, format!("{fact}; {next}")));
    }
    if !both.forward.is_empty() {
        let why = "a new table is closed until it has its policies";
        planned.step(&place(None, "future_tables"), why, both.forward, Undo::apply(both.back.into()));
    }
}

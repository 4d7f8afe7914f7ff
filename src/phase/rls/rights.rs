//! Rights that are taken, with what gives exactly these back.

use super::{Both, place};
use crate::catalog::{Grant, Sequence, Table};
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
    let grantable = rights.iter().filter(|(_, grantable)| *grantable).map(|(privilege, _)| privilege.clone()).collect();
    let privileges = rights.into_iter().map(|(privilege, _)| privilege).collect();
    let spec = RightsSpec { object: object.clone(), grantee: grantee.cloned(), privileges, grantable };
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
        planned.step(&place(None, "future_tables"), why, both.forward, Undo::apply(both.back));
    }
}

//! The roles of the application: whether policies bind them, and whether they can look names up.

use std::collections::BTreeSet;

use super::place;
use crate::plan::{Code, Finding, PlanInput, Planned, Undo};
use crate::sql::{Change, Ident};

pub(super) fn check(input: &PlanInput<'_>, planned: &mut Planned) {
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

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
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

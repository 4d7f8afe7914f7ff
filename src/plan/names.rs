//! Names that the plan needs and that somebody else has: asked of the catalog before the first step.

use std::collections::{BTreeMap, BTreeSet};

use super::{Code, Finding, PlanInput, Step, changes};
use crate::sql::change::GUARD_TRIGGER;
use crate::sql::{Change, Ident, QualifiedName};

/// The first table of every journal.
const JOURNAL: &str = "__diesel_schema_migrations";

/// The names as they are after each step.
struct Names<'a> {
    input: &'a PlanInput<'a>,
    relations: BTreeSet<QualifiedName>,
    constraints: BTreeMap<QualifiedName, BTreeSet<Ident>>,
    found: Vec<Finding>,
}

/// Follows the steps and finds those that would create what is there already.
pub(super) fn check(input: &PlanInput<'_>, steps: &[Step]) -> Vec<Finding> {
    let mut relations = BTreeSet::new();
    for (schema, facts) in &input.catalog.schemas {
        relations.extend(facts.relations.iter().map(|name| QualifiedName::new(schema.clone(), name.clone())));
    }
    let mut names = Names { input, relations, constraints: BTreeMap::new(), found: Vec::new() };
    for table in input.catalog.tables.values() {
        let keys = table.keys.iter().map(|key| &key.name);
        let foreign = table.foreign_keys.iter().map(|key| &key.name);
        names.constraints.insert(table.name.clone(), keys.chain(foreign).chain(&table.checks).cloned().collect());
    }
    names.journal();
    for change in changes(steps) {
        names.follow(change);
    }
    names.found
}

impl Names<'_> {
    /// A schema of the journal's name that somebody else filled would be dropped by `clean` with all that is in it.
    fn journal(&mut self) {
        let schema = crate::journal::schema_name();
        let Some(facts) = self.input.catalog.schemas.get(&schema) else { return };
        // Who owns the schema can put another journal in its place, and a journal says what the tool does.
        let server = &self.input.catalog.server;
        let other = facts.owner.as_ref().filter(|owner| **owner != server.role);
        if let Some(owner) = other.filter(|owner| !self.input.catalog.roles.get(owner).is_some_and(|role| role.superuser)) {
            self.found.push(Finding::about(Code::T014, schema.plain(), format!("the schema exists and belongs to {}", owner.plain())));
        }
        if !facts.relations.is_empty() && !facts.relations.iter().any(|name| name.plain() == JOURNAL) {
            self.found.push(Finding::about(Code::T014, schema.plain(), "the schema exists and holds something other than a journal"));
        }
    }

    fn follow(&mut self, change: &Change) {
        match change {
            Change::CreateRegistry(spec) => self.relation(&spec.table, &spec.table, "relation"),
            Change::CreateMembership(spec) => {
                self.relation(&spec.table, &spec.table, "relation");
                self.relation(&spec.table, &spec.index(), "index");
            }
            Change::CreateIndex(spec) | Change::JoinIndexes(spec) => self.relation(&spec.table, &spec.qualified(), "index"),
            Change::CreateGuard(spec) => self.trigger(&spec.table),
            Change::AddNotNullCheck { table, name, .. } | Change::RestoreConstraint { table, name, .. } => self.constraint(table, name),
            Change::AddForeignKey(spec) => self.constraint(&spec.table, &spec.name),
            Change::AddKey { table, name, index } => {
                self.constraint(table, name);
                // The index takes the constraint's name.
                self.relations.remove(&QualifiedName::new(table.schema.clone(), index.clone()));
                self.relation(table, &QualifiedName::new(table.schema.clone(), name.clone()), "index");
            }
            Change::DropConstraint { table, name, .. } => self.forget(table, name),
            _ => {}
        }
    }

    fn relation(&mut self, table: &QualifiedName, name: &QualifiedName, kind: &str) {
        if !self.relations.insert(name.clone()) {
            self.found.push(Finding::table(
                Code::T014,
                table,
                format!("the plan creates the {kind} {}, a relation of that name exists", name.plain()),
            ));
        }
    }

    fn constraint(&mut self, table: &QualifiedName, name: &Ident) {
        if !self.constraints.entry(table.clone()).or_default().insert(name.clone()) {
            self.found.push(Finding::table(Code::T014, table, format!("the constraint {} exists", name.plain())));
        }
    }

    fn trigger(&mut self, table: &QualifiedName) {
        let exists =
            self.input.catalog.table(table).is_some_and(|table| table.triggers.iter().any(|trigger| trigger.name.plain() == GUARD_TRIGGER));
        if exists {
            self.found.push(Finding::table(Code::T014, table, format!("the trigger {GUARD_TRIGGER} exists")));
        }
    }

    fn forget(&mut self, table: &QualifiedName, name: &Ident) {
        if let Some(constraints) = self.constraints.get_mut(table) {
            constraints.remove(name);
        }
        // A key goes with its index; a check or foreign key of that name has none.
        let is_key = self.input.catalog.table(table).is_some_and(|table| table.keys.iter().any(|key| key.name == *name));
        if is_key {
            self.relations.remove(&QualifiedName::new(table.schema.clone(), name.clone()));
        }
    }
}

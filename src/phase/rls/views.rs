//! Views over tables with tenants: they read with the rights of whoever asks, or are taken from the application.

use std::collections::{BTreeMap, BTreeSet};

use super::rights::{self, take};
use super::{Both, place};
use crate::catalog::graph::in_dependency_order;
use crate::catalog::{Table, TableKind};
use crate::config::Views;
use crate::plan::{Code, PlanInput, Planned, Undo};
use crate::sql::change::RightsOn;
use crate::sql::{Change, Ident, QualifiedName};

/// The first version whose views can read with the rights of whoever asks.
const INVOKER_SINCE: i32 = 150_000;

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    let protected = protected(input);
    let over = over(input, &protected);
    let scope = Scope { input, protected: &protected, over: &over };
    for view in ordered(input, &over) {
        match (view.kind, input.config.rls.views) {
            (TableKind::View, _) if view.security_invoker() => {}
            (TableKind::View, Views::Invoker) => scope.view(view, planned),
            (TableKind::View, Views::Keep) => planned.found(Code::T026, &view.name, format!("a view over {}", scope.reads(view))),
            (_, Views::Invoker) => scope.materialized(view, planned),
            (_, Views::Keep) => planned.found(Code::T026, &view.name, format!("a materialized view over {}", scope.reads(view))),
        }
    }
    for table in input.catalog.tables.values().filter(|table| protected.contains(&table.name) || over.contains(&table.name)) {
        for rule in &table.rules {
            planned.found(Code::T043, &table.name, format!("{}: it reads and writes as {}", rule.plain(), table.owner.plain()));
        }
    }
}

/// The relations that get a fence: tables with tenants with all their partitions, the registry and the memberships.
pub(super) fn protected(input: &PlanInput<'_>) -> BTreeSet<QualifiedName> {
    let families = input.resolved.targets().flat_map(|target| {
        let family = input.catalog.family(&target.table);
        std::iter::once(target.table.clone()).chain(family.into_iter().map(|table| table.name.clone()))
    });
    let memberships = input.config.memberships.iter().map(|memberships| memberships.table.clone());
    families.chain(memberships).chain([input.config.tenants.table.clone()]).collect()
}

/// The views that read them, directly or through other views.
fn over(input: &PlanInput<'_>, protected: &BTreeSet<QualifiedName>) -> BTreeSet<QualifiedName> {
    let mut over = BTreeSet::new();
    loop {
        let reads = |view: &Table| view.reads.iter().any(|name| protected.contains(name) || over.contains(name));
        let views = input.catalog.tables.values().filter(|table| table.kind.is_view() && !over.contains(&table.name));
        let more: Vec<QualifiedName> = views.filter(|view| reads(view)).map(|view| view.name.clone()).collect();
        if more.is_empty() {
            return over;
        }
        over.extend(more);
    }
}

/// What is read comes before what reads it.
fn ordered<'a>(input: &PlanInput<'a>, over: &BTreeSet<QualifiedName>) -> Vec<&'a Table> {
    let views = over.iter().filter_map(|name| input.catalog.table(name));
    let needs: BTreeMap<QualifiedName, BTreeSet<QualifiedName>> =
        views.map(|view| (view.name.clone(), view.reads.iter().filter(|name| over.contains(name)).cloned().collect())).collect();
    in_dependency_order(&needs).iter().flatten().filter_map(|name| input.catalog.table(name)).collect()
}

struct Scope<'a, 'b> {
    input: &'b PlanInput<'a>,
    protected: &'b BTreeSet<QualifiedName>,
    over: &'b BTreeSet<QualifiedName>,
}

impl Scope<'_, '_> {
    /// The tables with tenants, or views over them, that a view reads.
    fn reads(&self, view: &Table) -> String {
        let names = view.reads.iter().filter(|name| self.protected.contains(name) || self.over.contains(name));
        names.map(QualifiedName::plain).collect::<Vec<_>>().join(", ")
    }

    fn roles(&self) -> impl Iterator<Item = &Ident> {
        self.input.config.rls.app_roles.iter().chain(&self.input.config.rls.read_roles)
    }

    fn view(&self, view: &Table, planned: &mut Planned) {
        if self.input.catalog.server.version < INVOKER_SINCE {
            return self.before_invoker(view, planned);
        }
        if !view.owned {
            let detail = format!("a view over {}; it belongs to {}, who alone may change it", self.reads(view), view.owner.plain());
            return planned.found(Code::T026, &view.name, detail);
        }
        let ours: Vec<String> = self.roles().flat_map(|role| self.refused(role, view)).collect();
        if !ours.is_empty() {
            return planned.found(Code::T041, &view.name, format!("it stays as it is: {}", ours.join("; ")));
        }
        for refused in self.others(view).iter().flat_map(|role| self.refused(role, view)) {
            planned.found(Code::T041, &view.name, refused);
        }
        planned.found(
            Code::T040,
            &view.name,
            format!("a view over {}, until now with the rights of {}", self.reads(view), view.owner.plain()),
        );
        planned.step(
            &place(Some(&view.name), "invoker"),
            "policies ask who reads the view, not who owns it",
            vec![Change::SetInvoker { view: view.name.clone() }],
            Undo::apply(vec![Change::RestoreOptions { view: view.name.clone(), options: view.options.clone() }]),
        );
    }

    /// A view reads as its owner: it is safe with an owner whom policies bind, and shows rows only to a role that they let in.
    fn before_invoker(&self, view: &Table, planned: &mut Planned) {
        if self.roles().any(|role| *role == view.owner) {
            return;
        }
        let heir = self.roles().next().map_or_else(|| "a role of [rls]".to_owned(), |role| role.plain().to_owned());
        let detail = format!("a view over {}; on PostgreSQL 14 it must belong to {heir}", self.reads(view));
        planned.found(Code::T026, &view.name, detail);
    }

    /// Roles that were given the view by name and are none of ours; those that no policy binds are asked too.
    fn others<'v>(&self, view: &'v Table) -> Vec<&'v Ident> {
        let named: BTreeSet<&Ident> = view.grants.iter().filter_map(|grant| grant.grantee.as_ref()).collect();
        named.into_iter().filter(|role| !self.roles().any(|ours| ours == *role)).collect()
    }

    /// What a role that reads the view may not read when it is asked itself.
    fn refused(&self, role: &Ident, view: &Table) -> Vec<String> {
        let catalog = self.input.catalog;
        if !catalog.may(role, view, "SELECT") {
            return Vec::new();
        }
        let ours = self.roles().any(|ours| ours == role);
        let system = |name: &QualifiedName| name.schema.plain().starts_with("pg_") || name.schema.plain() == "information_schema";
        let mut refused = Vec::new();
        for name in view.reads.iter().filter(|name| !system(name)).filter(|name| !ours || !self.given(name)) {
            match catalog.table(name) {
                Some(table) if catalog.may(role, table, "SELECT") => {}
                Some(_) => refused.push(format!("{} may not read {}", role.plain(), name.plain())),
                None => refused.push(format!("{} may or may not read {}, whose schema is not in `schemas`", role.plain(), name.plain())),
            }
        }
        refused
    }

    /// Whether the plan lets the application read it.
    fn given(&self, name: &QualifiedName) -> bool {
        self.protected.contains(name) || self.input.config.shared().any(|shared| shared == name)
    }

    /// Its rows lie there without policies: only a right keeps anybody from them.
    fn materialized(&self, view: &Table, planned: &mut Planned) {
        let readers: Vec<&str> = self.roles().filter(|role| self.input.catalog.may(role, view, "SELECT")).map(Ident::plain).collect();
        if !view.owned && !readers.is_empty() {
            let detail = format!(
                "over {}: it belongs to {}; only that role can take it from {}",
                self.reads(view),
                view.owner.plain(),
                readers.join(", ")
            );
            return planned.found(Code::T042, &view.name, detail);
        }
        let mut both = Both::default();
        let everyone = std::iter::once(None);
        for grantee in self.roles().map(Some).chain(everyone) {
            take(&mut both, &RightsOn::Relation(view.name.clone()), grantee, rights::on_table(view, grantee, &["SELECT"]));
        }
        if !both.forward.is_empty() {
            planned.found(Code::T042, &view.name, format!("over {}: the run takes SELECT from [rls] roles and PUBLIC", self.reads(view)));
        }
        let without = |role: &&Ident| !rights::directly(view, Some(role), "SELECT") && !rights::directly(view, None, "SELECT");
        for role in self.roles().filter(|role| self.input.catalog.may(role, view, "SELECT")).filter(without) {
            planned.found(Code::T042, &view.name, format!("{} goes on to read it: it has the right from another role", role.plain()));
        }
        if !both.forward.is_empty() {
            let why = "its rows of all tenants lie there without policies";
            planned.step(&place(Some(&view.name), "rights"), why, both.forward, Undo::apply(both.back.into()));
        }
    }
}

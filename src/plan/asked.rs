//! Statements of the application that the run gives another answer: in its functions, and among those that were counted.

use std::collections::BTreeSet;

use super::{Code, Finding, PlanInput};
use crate::catalog::{Function, Key};
use crate::config::KeyPolicy;
use crate::sql::{Ident, QualifiedName, Words};

/// So many characters of a statement are shown.
const SHOWN: usize = 120;

/// Findings about functions.
pub(super) fn functions(input: &PlanInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for function in &input.catalog.functions {
        let words = Words::of(&function.source);
        // Whoever is bound by no policy goes on to copy and to empty.
        let free = function.definer && input.catalog.roles.get(&function.owner).is_some_and(|role| role.bypass_rls);
        let who = format!("function {}", function.plain());
        found.extend(answers(input, &words).into_iter().filter(|answer| !free || answer.code == Code::T029).map(|answer| answer.of(&who)));
        found.extend(definer(input, function, &words));
    }
    found
}

/// Findings about statements that were counted; roles that no policy binds are left out.
pub(super) fn statements(input: &PlanInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for counted in &input.catalog.activity.statements {
        if input.catalog.roles.get(&counted.role).is_some_and(|role| role.bypass_rls) {
            continue;
        }
        let text: String = counted.query.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect();
        let who = format!("{}, {} times: {text}", counted.role.plain(), counted.calls);
        found.extend(answers(input, &Words::of(&counted.query)).into_iter().map(|answer| answer.of(&who)));
    }
    found
}

/// What changes for one text.
struct Answer {
    code: Code,
    table: QualifiedName,
    what: String,
}

impl Answer {
    fn of(self, who: &str) -> Finding {
        Finding::table(self.code, &self.table, format!("{}: {who}", self.what))
    }
}

fn answers(input: &PlanInput<'_>, words: &Words) -> Vec<Answer> {
    let mut answers = Vec::new();
    let conflicts: Vec<BTreeSet<String>> = words.conflict_targets().into_iter().map(|columns| columns.into_iter().collect()).collect();
    for target in input.resolved.targets() {
        let table = &target.table;
        let answer = |code, what: String| Answer { code, table: table.clone(), what };
        for key in per_tenant(input, table).filter(|_| words.mention(table)) {
            let columns: BTreeSet<String> = key.columns.iter().map(|column| column.plain().to_owned()).collect();
            if conflicts.contains(&columns) {
                let columns: Vec<&str> = key.columns.iter().map(Ident::plain).collect();
                answers.push(answer(Code::T029, format!("ON CONFLICT ({})", columns.join(", "))));
            }
        }
        if words.copy_into(table) {
            answers.push(answer(Code::T051, "COPY FROM is not supported with row-level security (0A000)".into()));
        }
        if words.truncate(table) {
            answers.push(answer(Code::T051, "TRUNCATE asks no policy and is taken from the application (42501)".into()));
        }
    }
    answers
}

/// The unique keys of a table that become unique per tenant.
fn per_tenant<'a>(input: &PlanInput<'a>, table: &QualifiedName) -> impl Iterator<Item = &'a Key> {
    let policies = input.config.tables.get(table).map(|config| &config.unique);
    let keys = input.catalog.table(table).map(|table| table.keys.as_slice()).unwrap_or_default();
    keys.iter().filter(move |key| policies.and_then(|policies| policies.get(&key.name)) == Some(&KeyPolicy::PerTenant))
}

/// A function that reads tables with tenants as somebody else than its caller.
fn definer(input: &PlanInput<'_>, function: &Function, words: &Words) -> Option<Finding> {
    let config = &input.config.rls;
    let called = config.app_roles.iter().chain(&config.read_roles).any(|role| {
        let acts_as = |other: &Ident| role == other || input.catalog.roles.get(role).is_some_and(|role| role.member_of.contains(other));
        function.execute.iter().any(|grantee| grantee.as_ref().is_none_or(acts_as))
    });
    if !function.definer || function.trigger || !called || config.app_roles.contains(&function.owner) {
        return None;
    }
    let registry = [&input.config.tenants.table].into_iter();
    let tables = input.resolved.targets().map(|target| &target.table).chain(registry);
    let named: Vec<String> = tables.filter(|table| words.mention(table)).map(QualifiedName::plain).collect();
    if named.is_empty() && !words.say("execute") {
        return None;
    }
    let what = if named.is_empty() { "runs a statement that it composes".to_owned() } else { format!("names {}", named.join(", ")) };
    let bypasses = input.catalog.roles.get(&function.owner).is_some_and(|role| role.bypass_rls);
    let forced = input.catalog.server.bypass_rls;
    let owns = || {
        let role = input.catalog.roles.get(&function.owner);
        let acts_as = |owner: &Ident| function.owner == *owner || role.is_some_and(|role| role.member_of.contains(owner));
        input.present().filter_map(|target| input.catalog.table(&target.table)).any(|table| acts_as(&table.owner))
    };
    let result = if bypasses || (!forced && owns()) { "whom no policy binds" } else { "whom policies bind and none lets in" };
    let detail = format!("it {what} and runs as {}, {result}", function.owner.plain());
    Some(Finding::about(Code::T056, function.plain(), detail))
}

//! Policies that a table has already: they stay inside the fence, and nothing of ours widens them.

use std::collections::BTreeSet;

use super::{ALLOW, FENCE, READ};
use crate::catalog::{Catalog, Policy, Table};
use crate::plan::{Code, PlanInput, Planned};
use crate::sql::{Ident, QualifiedName};

const COMMANDS: [(&str, &str); 4] = [("DELETE", "d"), ("INSERT", "a"), ("SELECT", "r"), ("UPDATE", "w")];

/// The commands that policies in force let a role run; nothing when no policy lets it run any.
///
/// Permissive policies are combined by OR: one of ours beside them would show a user the rows of the whole tenant.
pub(super) fn lets(catalog: &Catalog, table: Option<&Table>, role: &Ident) -> Option<BTreeSet<&'static str>> {
    let table = table.filter(|table| table.rls_enabled)?;
    let member_of = catalog.roles.get(role).map(|role| role.member_of.as_slice()).unwrap_or_default();
    let theirs = |policy: &&Policy| {
        policy.permissive && (policy.roles.is_empty() || policy.roles.iter().any(|of| of == role || member_of.contains(of)))
    };
    let policies: Vec<&Policy> = table.policies.iter().filter(theirs).collect();
    let open = COMMANDS.iter().filter(|(_, letter)| policies.iter().any(|policy| policy.command == "*" || policy.command == *letter));
    let commands: BTreeSet<&'static str> = open.map(|(command, _)| *command).collect();
    (!commands.is_empty()).then_some(commands)
}

/// Tells what is there: policies of other people, those that let everything pass, and those that fail without a setting.
pub(super) fn note(input: &PlanInput<'_>, family: &[QualifiedName], planned: &mut Planned) {
    for table in family.iter().filter_map(|name| input.catalog.table(name)) {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            table.policies.iter().partition(|policy| [FENCE, ALLOW, READ].contains(&policy.name.plain()));
        if let Some(policy) = ours.first() {
            planned.found(Code::T014, &table.name, format!("the policy {} exists", policy.name.plain()));
        }
        if theirs.is_empty() {
            continue;
        }
        let names: Vec<&str> = theirs.iter().map(|policy| policy.name.plain()).collect();
        planned.found(Code::T027, &table.name, names.join(", "));
        for policy in theirs {
            if policy.permissive
                && let Some(side) = open(policy)
            {
                planned.found(Code::T046, &table.name, format!("{}: {side}", policy.name.plain()));
            }
            for reason in [&policy.using, &policy.check].into_iter().flatten().filter_map(|sql| fails(sql)).collect::<BTreeSet<_>>() {
                planned.found(Code::T047, &table.name, format!("{}: {reason}", policy.name.plain()));
            }
        }
        decided(input, table, planned);
    }
}

/// Roles whose rows the table's own policies choose.
fn decided(input: &PlanInput<'_>, table: &Table, planned: &mut Planned) {
    let config = &input.config.rls;
    for role in config.app_roles.iter().chain(&config.read_roles) {
        let Some(commands) = lets(input.catalog, Some(table), role) else { continue };
        let taken: Vec<&str> =
            COMMANDS.iter().map(|(command, _)| *command).filter(|command| super::rights::directly(table, Some(role), command)).collect();
        let taken: Vec<&str> = taken.into_iter().filter(|command| !commands.contains(command)).collect();
        let mut detail = format!("{} may {}", role.plain(), commands.into_iter().collect::<Vec<_>>().join(", "));
        if !taken.is_empty() {
            detail = format!("{detail}; {} is taken, no policy lets it", taken.join(", "));
        }
        planned.found(Code::T048, &table.name, detail);
    }
}

/// The side of a policy that asks nothing.
fn open(policy: &Policy) -> Option<&'static str> {
    let is_true = |sql: &Option<String>| sql.as_deref() == Some("true");
    match (is_true(&policy.using), is_true(&policy.check)) {
        (true, _) => Some("USING (true)"),
        (false, true) => Some("WITH CHECK (true)"),
        (false, false) => None,
    }
}

/// Why a policy raises an error where a setting is missing or empty.
fn fails(sql: &str) -> Option<&'static str> {
    const CALL: &str = "current_setting(";
    let mut rest = sql;
    while let Some(at) = rest.find(CALL) {
        let (before, after) = (&rest[..at], &rest[at + CALL.len()..]);
        let end = after.find(')').unwrap_or(after.len());
        if !after[..end].trim_end().ends_with(", true") {
            return Some("it fails where the setting is missing (42704): current_setting(…, true)");
        }
        // A setting that was set once in a session is empty afterwards, not missing.
        let cast = after[end..].strip_prefix("))::").is_some_and(|ty| !ty.starts_with("text") && !ty.starts_with("character varying"));
        if cast && !before.ends_with("NULLIF(") {
            return Some("it fails where the setting is empty (22P02): NULLIF(current_setting(…, true), '')");
        }
        rest = &after[end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_fails_without_its_setting_is_told_from_one_that_does_not() {
        let reason = |sql| fails(sql).map(|reason| &reason[..reason.find('(').unwrap() + 6]);
        assert_eq!(reason("(t = (current_setting('app.t'::text))::uuid)"), Some("it fails where the setting is missing (42704"));
        assert_eq!(reason("(t = (current_setting('app.t'::text, true))::uuid)"), Some("it fails where the setting is empty (22P02"));
        assert_eq!(reason("(t = (NULLIF(current_setting('app.t'::text, true), ''::text))::uuid)"), None);
        assert_eq!(reason("(name = current_setting('app.t'::text, true))"), None);
        assert_eq!(reason("(owner = CURRENT_USER)"), None);
    }
}

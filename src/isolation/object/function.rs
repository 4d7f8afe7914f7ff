//! Functions that the application may call.

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text};

use super::{Field, question};
use crate::check::Verdict;
use crate::isolation::judge::{Outcome, judge};
use crate::isolation::options::Reach;
use crate::isolation::probe::Session;
use crate::isolation::result::{AttackResult, Place};
use crate::isolation::run::outcomes;
use crate::isolation::{Class, Expect};
use crate::sql::attack::text_of;
use crate::sql::{Ident, KeyType, QualifiedName, Statement, TenantKey};

const FUNCTIONS: &str = include_str!("../queries/functions.sql");

#[derive(QueryableByName)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the catalog, not choices")]
struct Found {
    #[diesel(sql_type = Text)]
    schema: String,
    #[diesel(sql_type = Text)]
    name: String,
    /// It runs with the rights of its owner.
    #[diesel(sql_type = Bool)]
    definer: bool,
    /// It can be called without arguments.
    #[diesel(sql_type = Bool)]
    bare: bool,
    /// It may do what no rollback takes back.
    #[diesel(sql_type = Bool)]
    lasting: bool,
    #[diesel(sql_type = Bool)]
    volatile: bool,
    /// It names a relation with tenants.
    #[diesel(sql_type = Bool)]
    reads: bool,
}

pub(super) fn results(field: &Field<'_>, session: &mut Session, admin: &mut PgConnection) -> QueryResult<Vec<AttackResult>> {
    let schemas: Vec<&str> = field.subject.schemas.iter().map(Ident::plain).collect();
    let found: Vec<Found> = diesel::sql_query(FUNCTIONS)
        .bind::<Text, _>(&session.attacker.role)
        .bind::<Array<Text>, _>(schemas)
        .bind::<Array<Text>, _>(field.relations())
        .load(admin)?;
    let mut results = Vec::new();
    for function in found {
        let (Ok(schema), Ok(name)) = (Ident::new(function.schema.clone()), Ident::new(function.name.clone())) else { continue };
        let name = QualifiedName::new(schema, name);
        let callable = function.bare && !function.lasting && (field.reach == Reach::Everything || !function.volatile);
        if callable {
            results.extend(called(field, session, &function, &name)?);
        } else if function.definer && function.reads {
            let reason = if function.bare { "it may do what no rollback takes back" } else { "it takes arguments" };
            let mut skipped = place(&name, "everybody").unproven(
                &session.attacker.role,
                Class::Function,
                "calls a function",
                &format!("not called: {reason}; it reads with its owner's rights, so review what it asks for"),
            );
            skipped.verdict = Verdict::Inconclusive;
            results.push(skipped);
        }
    }
    Ok(results)
}

fn place(function: &QualifiedName, victim: &str) -> Place {
    Place { relation: format!("{}()", function.plain()), victim: victim.to_owned(), rows: 1, remark: None }
}

fn called(field: &Field<'_>, session: &mut Session, function: &Found, name: &QualifiedName) -> QueryResult<Vec<AttackResult>> {
    let statement: Statement = text_of(name);
    let ask = |text: &str, side| question(Class::Function, text, side, field.strangers, Expect::NoGlimpse, statement.clone());
    let mut attacks = vec![ask("calls with an empty tenant", None)];
    let mut victims: Vec<Option<&TenantKey>> = vec![None];
    if let Some((me, victim)) = field.faces() {
        attacks.extend([ask("calls as a tenant", Some(me)), ask("calls as a tenant", Some(victim))]);
        victims.extend([Some(&victim.key), Some(&me.key)]);
    }
    let outcomes = outcomes(&mut session.conn, &attacks.iter().collect::<Vec<_>>(), field.until)?;
    let mut results = Vec::new();
    for ((attack, outcome), victim) in attacks.iter().zip(&outcomes).zip(victims) {
        let judged = match (outcome.succeeded(), victim) {
            (false, _) if outcome.state.as_deref().is_some_and(|state| !state.is_empty()) => {
                (Verdict::Pass, format!("{} ({})", outcome.message, outcome.state.clone().unwrap_or_default()))
            }
            (false, _) => judge(attack, outcome, None),
            (true, None) => of_nobody(outcome, function),
            (true, Some(victim)) => of_tenant(outcome, victim),
        };
        results.push(place(name, victim.map_or("everybody", |key| key.text.as_str())).result(session, attack, judged));
    }
    Ok(results)
}

/// Whether an answer says nothing: null, nothing, zero, false, or records of these.
fn is_blank(answer: &str) -> bool {
    answer.split(['(', ')', ',', '{', '}', '[', ']', ' ', '"']).all(|part| matches!(part, "" | "0" | "f" | "false"))
}

fn of_nobody(outcome: &Outcome, function: &Found) -> (Verdict, String) {
    let answer = outcome.answer.as_deref().unwrap_or_default();
    if is_blank(answer) {
        return (Verdict::Pass, "nothing, or zero".into());
    }
    let length = answer.chars().count();
    match (function.reads, function.definer) {
        (true, true) => (
            Verdict::Leak,
            format!("without a tenant it answers {length} characters, read with its owner's rights from tables with tenants"),
        ),
        (true, false) | (false, true) => (Verdict::Inconclusive, format!("without a tenant it answers {length} characters; review them")),
        (false, false) => {
            (Verdict::Pass, format!("{length} characters; it names no table with tenants and has no rights but the caller's"))
        }
    }
}

fn of_tenant(outcome: &Outcome, victim: &TenantKey) -> (Verdict, String) {
    let answer = outcome.answer.as_deref().unwrap_or_default();
    // A small number can stand for anything.
    let telling = victim.ty == KeyType::Uuid || victim.ty == KeyType::Text && victim.text.len() >= 8;
    if telling && answer.contains(&victim.text) {
        return (Verdict::Leak, "its answer holds the key of another tenant".into());
    }
    (
        Verdict::Pass,
        if telling { "its answer holds no key of the victim" } else { "it answers; its key cannot be recognised in a text" }.into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_answers_say_nothing() {
        for text in ["", "0", "f", "(,)", "(0,f)", "[]", "{}", "(0,\"\")"] {
            assert!(is_blank(text), "{text}");
        }
        for text in ["1", "t", "(1,)", "a", "(0,b)", "10"] {
            assert!(!is_blank(text), "{text}");
        }
    }
}

//! The session's role and the sequences: ways to become more, and counters that all tenants share.

use diesel::prelude::*;
use diesel::sql_types::{Array, Text};

use super::{Field, One, question};
use crate::check::Verdict;
use crate::isolation::probe::{Means, Session};
use crate::isolation::result::{AttackResult, Bout, Place};
use crate::isolation::run;
use crate::isolation::{Class, Effect, Expect};
use crate::sql::attack::{become_role, create_in, escapes, may_use_sequence};
use crate::sql::{Ident, Statement};

const ROLES: &str = include_str!("../queries/roles.sql");

pub(super) fn results(field: &Field<'_>, session: &mut Session, admin: &mut PgConnection) -> QueryResult<Vec<AttackResult>> {
    let place = |relation: String| Place { relation, victim: "everybody".into(), rows: 1, remark: None };
    if session.attacker.means == Means::SetRole {
        let reason = "the session's own rights are the tool's: only a login can be asked what it may become";
        let skipped = place("the session".into()).unproven(&session.attacker.role, Class::Role, "becomes a stronger role", reason);
        return Ok(vec![AttackResult { verdict: Verdict::Inconclusive, ..skipped }]);
    }
    let strong: Vec<One> = diesel::sql_query(ROLES).bind::<Array<Text>, _>(field.relations()).load(admin)?;
    let mut all: Vec<(String, &'static str, Statement)> = Vec::new();
    // Whoever logs in as a role needs no right to do so again.
    let own = |role: &Ident| session.attacker.means == Means::Given && role.plain() == session.attacker.role;
    for role in strong.into_iter().filter_map(|row| Ident::new(row.text).ok()) {
        let ways = become_role(&role).into_iter().take(if own(&role) { 1 } else { 2 });
        all.extend(ways.map(|(name, statement)| (format!("the role {}", role.plain()), name, statement)));
    }
    for schema in &field.subject.schemas {
        all.extend(create_in(schema).map(|(name, statement)| (format!("the schema {}", schema.plain()), name, statement)));
    }
    if let Ok(role) = Ident::new(session.attacker.role.clone()) {
        all.extend(escapes(&role, field.backend).into_iter().map(|(name, statement)| ("the server".to_owned(), name, statement)));
    }
    let bouts = all.into_iter().map(|(relation, name, statement)| {
        let mut attack = question(Class::Role, name, None, field.strangers, Expect::NoRight, statement);
        let reads = ["SELECT", "SET LOCAL ROLE", "SET LOCAL SESSION"].iter().any(|verb| attack.statement.text().starts_with(verb));
        // What returns no row cannot be asked for an answer.
        if !attack.statement.text().starts_with("SELECT") {
            attack.measure = crate::isolation::Measure::Rows;
        }
        attack.effect = if reads { Effect::Reads } else { Effect::Writes };
        attack.settings.push(("lock_timeout".into(), "50ms".into()));
        Bout { place: place(relation), attack }
    });
    let bouts: Vec<Bout> = bouts.filter(|bout| field.allows(&bout.attack)).collect();
    run::results(session, vec![bouts], field.until)
}

pub(super) fn sequences(field: &Field<'_>, session: &mut Session) -> QueryResult<Vec<AttackResult>> {
    let me = field.faces().map(|(me, _)| me);
    let mut bouts = Vec::new();
    for sequence in field.arenas.iter().flat_map(|arena| &arena.target.table.sequences) {
        let place = Place { relation: sequence.name.plain(), victim: "everybody".into(), rows: 1, remark: None };
        for (name, right, expect) in [("reads a counter", "SELECT", Expect::NoLook), ("moves a counter", "UPDATE", Expect::NoHold)] {
            let statement = may_use_sequence(&sequence.name, right);
            let attack = question(Class::Sequence, name, me, field.strangers, expect, statement);
            bouts.push(Bout { place: place.clone(), attack });
        }
    }
    run::results(session, vec![bouts], field.until)
}

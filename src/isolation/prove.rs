//! Runs the matrix: every relation with tenants, every role of the application, both directions between two tenants.
//!
//! The tool's own session tells the truth, the attacker's tries; both look at one snapshot, so that what the application
//! writes meanwhile confuses neither.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};
use serde::{Deserialize, Serialize};

use super::persona::{Persona, Settings, settings, unknown_tenant};
use super::probe::{Session, sweep};
use super::run::outcomes;
use super::{Attack, Attacker, Class, Duel, Rights, Strangers, context_attacks, ddl_attacks, duel_attacks, judge, unset_attacks};
use crate::catalog::{Catalog, Table};
use crate::check::{Subject, Verdict, VerifyError};
use crate::db::{Database, DatabaseUrl};
use crate::sql::attack::{Prey, Row, rights};
use crate::sql::check::census;
use crate::sql::{Ident, KeyType, TenantKey};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const ROUTE: &str = include_str!("route.sql");
const EXPORT: &str = "SELECT pg_export_snapshot() AS text";

/// The answer to an attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttackResult {
    /// The attacked relation.
    pub relation: String,
    /// The application's role.
    pub role: String,
    /// What was tried.
    pub class: Class,
    /// What was done, in a few words.
    pub name: String,
    /// Who attacked; none without a tenant.
    pub me: Option<String>,
    /// Whose rows.
    pub victim: String,
    /// The statement.
    pub statement: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What happened.
    pub detail: String,
    /// Rows of the relation.
    pub rows: i64,
}

impl AttackResult {
    /// Whether the verification fails by it. An empty relation cannot be proven and does not fail.
    #[must_use]
    pub fn fails(&self) -> bool {
        match self.verdict {
            Verdict::Leak | Verdict::Fail => true,
            Verdict::Unproven => self.rows > 0,
            Verdict::Inconclusive | Verdict::Pass => false,
        }
    }
}

/// What the attacks have shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Who attacked.
    pub attackers: Vec<Attacker>,
    /// What happened.
    pub attacks: Vec<AttackResult>,
}

/// A relation to attack.
#[derive(Clone, Debug)]
pub struct Target {
    /// The relation and its columns.
    pub prey: Prey,
    /// Whether it is the registry, into which the application writes nothing.
    pub kind: TargetKind,
}

/// What a relation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Rows of tenants.
    Rows,
    /// The tenants themselves.
    Registry,
}

/// Every relation with tenants: tables, partitions, memberships and the registry, as the database has them now.
#[must_use]
pub fn targets(subject: &Subject, catalog: &Catalog) -> Vec<Target> {
    let mut seen = BTreeSet::new();
    let families = subject.targets().flat_map(|name| catalog.family(name));
    let members = families.filter(|member| seen.insert(&member.name) && member.column(&subject.column).is_some());
    let mut targets: Vec<Target> = members.map(|table| target(table, &subject.column, TargetKind::Rows)).collect();
    if let Some(registry) = &subject.registry {
        targets.extend(catalog.table(&registry.table).map(|table| target(table, &registry.key, TargetKind::Registry)));
    }
    targets
}

fn target(table: &Table, column: &Ident, kind: TargetKind) -> Target {
    let prey = Prey {
        relation: table.name.clone(),
        column: column.clone(),
        columns: table.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect(),
        key: table.identifying_columns().to_vec(),
        route: Vec::new(),
    };
    Target { prey, kind }
}

/// A relation with what the tool's own session knows of it.
struct Arena<'a> {
    target: &'a Target,
    rows: i64,
    duels: [Duel; 2],
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(QueryableByName)]
struct Share {
    #[diesel(sql_type = Nullable<Text>)]
    tenant: Option<String>,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[derive(QueryableByName)]
struct Located {
    #[diesel(sql_type = Array<Text>)]
    key: Vec<String>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    route: Vec<Option<String>>,
}

#[derive(QueryableByName)]
#[expect(clippy::struct_field_names, reason = "the fields are named like the columns")]
struct Can {
    #[diesel(sql_type = Nullable<Bool>)]
    can_select: Option<bool>,
    #[diesel(sql_type = Nullable<Bool>)]
    can_insert: Option<bool>,
    #[diesel(sql_type = Nullable<Bool>)]
    can_update: Option<bool>,
}

/// Attacks every relation as every role of the application, or as its own login when that is given.
pub fn prove(
    db: &Database,
    subject: &Subject,
    catalog: &Catalog,
    app_url: Option<&DatabaseUrl>,
    report: &mut dyn FnMut(&[AttackResult]),
) -> Result<Proof, VerifyError> {
    let mut targets = targets(subject, catalog);
    let mut admin = db.connect_dedicated()?;
    sweep(&mut admin);
    admin.batch_execute(BEGIN)?;
    let snapshot: One = diesel::sql_query(EXPORT).get_result(&mut admin)?;
    for target in &mut targets {
        let columns: Vec<One> = diesel::sql_query(ROUTE).bind::<Text, _>(target.prey.relation.to_string()).load(&mut admin)?;
        target.prey.route = columns.into_iter().filter_map(|column| Ident::new(column.text).ok()).collect();
    }
    let arenas = arenas(&mut admin, &targets, subject)?;
    let strangers = strangers(&mut admin, subject)?;
    let mut proof = Proof::default();
    let mut sessions: Vec<(String, Result<Session, String>)> = Vec::new();
    if let Some(url) = app_url {
        sessions.push(("the application".into(), Session::of_application(url)));
    } else if subject.app_roles.is_empty() {
        sessions.push(("-".into(), Err("no role of the application is named in [rls] app_roles".into())));
    }
    for role in subject.app_roles.iter().filter(|_| app_url.is_none()) {
        sessions.push((role.plain().to_owned(), Session::of_role(db, role)));
    }
    for (role, session) in sessions {
        let begun = session.and_then(|mut session| session.begin(&snapshot.text).map(|()| session).map_err(|error| error.to_string()));
        match begun {
            Err(reason) => proof.attacks.push(no_attack(&role, reason)),
            Ok(mut session) => {
                attack_all(&mut session, &mut admin, (&arenas, &strangers), &mut proof.attacks, report)?;
                session.end()?;
                proof.attackers.push(session.attacker.clone());
            }
        }
    }
    admin.batch_execute("ROLLBACK")?;
    Ok(proof)
}

fn no_attack(role: &str, reason: String) -> AttackResult {
    AttackResult {
        relation: "every table".into(),
        role: role.into(),
        class: Class::Control,
        name: "connects".into(),
        me: None,
        victim: "everybody".into(),
        statement: String::new(),
        verdict: Verdict::Unproven,
        detail: reason,
        rows: 1,
    }
}

fn arenas<'a>(admin: &mut PgConnection, targets: &'a [Target], subject: &Subject) -> QueryResult<Vec<Arena<'a>>> {
    let registered: Vec<String> = match &subject.registry {
        Some(registry) => shares(admin, &registry.table, &registry.key)?.into_iter().filter_map(|share| share.tenant).collect(),
        None => Vec::new(),
    };
    let mut arenas = Vec::with_capacity(targets.len());
    for target in targets {
        let shares = shares(admin, &target.prey.relation, &target.prey.column)?;
        let rows = shares.iter().map(|share| share.rows).sum();
        let [first, second] = pair(&shares, &registered, subject.ty);
        let first = side(admin, subject, &target.prey, first)?;
        let second = side(admin, subject, &target.prey, second)?;
        arenas.push(Arena { target, rows, duels: [duel(&first, &second), duel(&second, &first)] });
    }
    Ok(arenas)
}

fn strangers(admin: &mut PgConnection, subject: &Subject) -> QueryResult<Strangers> {
    let mut of = |persona| settings(admin, subject, persona).map(Option::unwrap_or_default);
    Ok(Strangers { empty: of(Persona::Empty)?, garbage: of(Persona::Garbage)?, unknown: of(Persona::Unknown)? })
}

fn shares(admin: &mut PgConnection, relation: &crate::sql::QualifiedName, column: &Ident) -> QueryResult<Vec<Share>> {
    census(relation, column).rows(admin)
}

/// The two tenants with most rows; others of the registry where there are fewer, then one that does not exist.
fn pair(shares: &[Share], registered: &[String], ty: KeyType) -> [(TenantKey, i64); 2] {
    let mut pair: Vec<(String, i64)> = shares.iter().filter_map(|share| Some((share.tenant.clone()?, share.rows))).take(2).collect();
    for name in registered {
        if pair.len() < 2 && !pair.iter().any(|(taken, _)| taken == name) {
            pair.push((name.clone(), 0));
        }
    }
    let unknown = || (unknown_tenant(ty), 0);
    let mut pair = pair.into_iter().map(|(text, rows)| (TenantKey { ty, text }, rows));
    let first = pair.next().unwrap_or_else(unknown);
    [first, pair.next().unwrap_or_else(unknown)]
}

/// A tenant with one of its rows in a relation.
struct Side {
    key: TenantKey,
    settings: Settings,
    rows: i64,
    row: Option<Row>,
    route: Option<Row>,
}

fn side(admin: &mut PgConnection, subject: &Subject, prey: &Prey, (key, rows): (TenantKey, i64)) -> QueryResult<Side> {
    let located: Vec<Located> = if rows > 0 { prey.locate(&key).rows(admin)? } else { Vec::new() };
    let located = located.into_iter().next().map(|located| (prey.row(located.key), prey.routed(located.route)));
    let (row, route) = located.unzip();
    let settings = settings(admin, subject, Persona::Tenant(&key))?.unwrap_or_default();
    Ok(Side { key, settings, rows, row, route })
}

fn duel(me: &Side, victim: &Side) -> Duel {
    Duel {
        me: me.key.clone(),
        settings: me.settings.clone(),
        victim: victim.key.clone(),
        my_rows: me.rows,
        my_row: me.row.clone(),
        victim_rows: victim.rows,
        victim_row: victim.row.clone(),
        route: me.route.clone().or_else(|| victim.route.clone()),
    }
}

fn attack_all(
    session: &mut Session,
    admin: &mut PgConnection,
    (arenas, strangers): (&[Arena<'_>], &Strangers),
    results: &mut Vec<AttackResult>,
    report: &mut dyn FnMut(&[AttackResult]),
) -> QueryResult<()> {
    // Once a session has named a tenant it never again is one that has not.
    for arena in arenas {
        let duel = &arena.duels[1];
        results.extend(batch(session, arena, None, &duel.victim, &unset_attacks(&arena.target.prey, duel))?);
    }
    for arena in arenas {
        let from = results.len();
        let prey = &arena.target.prey;
        let rights = known_rights(admin, &session.attacker.role, arena)?;
        for duel in &arena.duels {
            results.extend(batch(session, arena, Some(&duel.me), &duel.victim, &duel_attacks(prey, duel, rights))?);
        }
        // The tenant with most rows is the richest prey.
        let duel = &arena.duels[1];
        results.extend(batch(session, arena, None, &duel.victim, &context_attacks(prey, duel, strangers))?);
        results.extend(batch(session, arena, Some(&duel.me), &duel.victim, &ddl_attacks(prey, duel))?);
        if arena.rows == 0 {
            results.push(unread(session, arena));
        }
        report(&results[from..]);
    }
    Ok(())
}

fn known_rights(admin: &mut PgConnection, role: &str, arena: &Arena<'_>) -> QueryResult<Rights> {
    let can: Can = rights(role, &arena.target.prey.relation).row(admin)?;
    let writes = arena.target.kind == TargetKind::Rows;
    Ok(Rights {
        select: can.can_select.unwrap_or_default(),
        insert: writes && can.can_insert.unwrap_or_default(),
        update: writes && can.can_update.unwrap_or_default(),
    })
}

fn batch(
    session: &mut Session,
    arena: &Arena<'_>,
    me: Option<&TenantKey>,
    victim: &TenantKey,
    attacks: &[Attack],
) -> QueryResult<Vec<AttackResult>> {
    let outcomes = outcomes(&mut session.conn, attacks)?;
    let results = attacks.iter().zip(outcomes).map(|(attack, outcome)| {
        let (verdict, detail) = judge(attack.expect, attack.measure, &outcome);
        AttackResult {
            relation: arena.target.prey.relation.plain(),
            role: session.attacker.role.clone(),
            class: attack.class,
            name: attack.name.to_owned(),
            me: me.map(|key| key.text.clone()),
            victim: victim.text.clone(),
            statement: attack.statement.text().to_owned(),
            verdict,
            detail,
            rows: arena.rows,
        }
    });
    Ok(results.collect())
}

fn unread(session: &Session, arena: &Arena<'_>) -> AttackResult {
    AttackResult {
        relation: arena.target.prey.relation.plain(),
        role: session.attacker.role.clone(),
        class: Class::Select,
        name: "reads rows of others".into(),
        me: None,
        victim: arena.duels[1].victim.text.clone(),
        statement: String::new(),
        verdict: Verdict::Unproven,
        detail: "the table is empty: only writes were attacked".into(),
        rows: 0,
    }
}

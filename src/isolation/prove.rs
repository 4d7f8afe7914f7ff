//! Runs the matrix: every relation with tenants, every role of the application, both directions between two tenants.
//!
//! The tool's own session tells the truth, the attacker's tries; both look at one snapshot, so that what the application
//! writes meanwhile confuses neither. What is more important comes first, so that a short time is well used.

use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Text};

use super::copy::{copy_in, copy_out};
use super::duel::{Ring, rings};
use super::object::Field;
use super::options::{AttackOptions, Reach};
use super::persona::unknown_tenant;
use super::probe::{Session, sweep};
use super::result::{AttackResult, Bout, Place, Proof};
use super::run::results;
use super::scout::{Arena, arenas, strangers};
use super::target::{TargetKind, targets};
use super::{
    Attack, Class, Duel, Effect, Expect, Measure, Origin, Rights, Strangers, context_attacks, ddl_attacks, duel_attacks, impostor_attacks,
    key_attacks, membership_attacks, reader_attacks, registry_attacks, spy_attacks, unset_attacks, upsert_attacks,
};
use crate::catalog::Catalog;
use crate::check::{Subject, VerifyError};
use crate::db::{Database, DatabaseUrl};
use crate::sql::{Ident, KeyType};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const ROUTE: &str = include_str!("queries/route.sql");
const RIGHTS: &str = include_str!("queries/rights.sql");
const TRIGGERS: &str = include_str!("queries/triggers.sql");
const START: &str = "SELECT pg_export_snapshot() AS text, pg_backend_pid() AS backend, \
                     (extract(epoch FROM clock_timestamp()) + $1)::text AS until";

#[derive(QueryableByName)]
struct Start {
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Integer)]
    backend: i32,
    #[diesel(sql_type = Text)]
    until: String,
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(QueryableByName)]
#[expect(clippy::struct_excessive_bools, clippy::struct_field_names, reason = "the fields are the columns")]
struct Can {
    #[diesel(sql_type = Bool)]
    can_select: bool,
    #[diesel(sql_type = Bool)]
    can_insert: bool,
    #[diesel(sql_type = Bool)]
    can_update: bool,
    #[diesel(sql_type = Bool)]
    can_temporary: bool,
}

/// What a role is to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    Works,
    OnlyReads,
}

/// What every session needs to know.
struct Campaign<'a> {
    subject: &'a Subject,
    options: &'a AttackOptions,
    arenas: &'a [Arena<'a>],
    strangers: Strangers,
    backend: i32,
    version: i32,
    /// As the server's block reads it.
    until: String,
    /// The same by our own clock.
    deadline: Option<Instant>,
}

/// Attacks every relation as every role of the application, or as its own login when that is given.
pub fn prove(
    db: &Database,
    subject: &Subject,
    catalog: &Catalog,
    (app_url, options): (Option<&DatabaseUrl>, &AttackOptions),
    report: &mut dyn FnMut(&[AttackResult]),
) -> Result<Proof, VerifyError> {
    let mut targets = targets(subject, catalog);
    let mut admin = db.connect_dedicated()?;
    sweep(&mut admin);
    admin.batch_execute(BEGIN)?;
    let budget = options.time_budget.map(|budget| budget.as_secs_f64());
    let start: Start = diesel::sql_query(START).bind::<diesel::sql_types::Double, _>(budget.unwrap_or_default()).get_result(&mut admin)?;
    let deadline = options.time_budget.map(|budget| Instant::now() + budget);
    for target in &mut targets {
        let columns: Vec<One> = diesel::sql_query(ROUTE).bind::<Text, _>(target.prey.relation.to_string()).load(&mut admin)?;
        target.prey.route = columns.into_iter().filter_map(|column| Ident::new(column.text).ok()).collect();
    }
    let arenas = arenas(&mut admin, &targets, subject, options)?;
    let campaign = Campaign {
        subject,
        options,
        arenas: &arenas,
        strangers: strangers(&mut admin, subject, options)?,
        backend: start.backend,
        version: catalog.server.version,
        until: if budget.is_some() { start.until } else { String::new() },
        deadline,
    };
    let mut proof = Proof { notes: notes(&mut admin, &campaign)?, ..Proof::default() };
    for (role, duty, session) in sessions(db, subject, app_url) {
        let begun =
            session.and_then(|mut session| session.begin(&start.text, options.reach).map(|()| session).map_err(|error| error.to_string()));
        match begun {
            Err(reason) => {
                let place = Place { relation: "every table".into(), victim: "everybody".into(), rows: 1, remark: None };
                proof.attacks.push(place.unproven(&role, Class::Control, "connects", &reason));
            }
            Ok(mut session) => {
                proof.attacks.extend(campaign.run(&mut session, &mut admin, duty, report)?);
                session.end()?;
                proof.attackers.push(session.attacker.clone());
            }
        }
    }
    admin.batch_execute("ROLLBACK")?;
    Ok(proof)
}

type Candidate = (String, Duty, Result<Session, String>);

/// The sessions that attack, one per role.
fn sessions(db: &Database, subject: &Subject, app_url: Option<&DatabaseUrl>) -> Vec<Candidate> {
    if let Some(url) = app_url {
        return vec![("the application".into(), Duty::Works, Session::of_application(url))];
    }
    let of = |role: &Ident, duty| (role.plain().to_owned(), duty, Session::of_role(db, role));
    let mut sessions: Vec<Candidate> = subject.app_roles.iter().map(|role| of(role, Duty::Works)).collect();
    if sessions.is_empty() {
        sessions.push(("-".into(), Duty::Works, Err("no role of the application is named in [rls] app_roles".into())));
    }
    sessions.extend(subject.read_roles.iter().map(|role| of(role, Duty::OnlyReads)));
    sessions
}

fn notes(admin: &mut PgConnection, campaign: &Campaign<'_>) -> QueryResult<Vec<String>> {
    if campaign.options.reach == Reach::ReadOnly {
        return Ok(vec!["only what reads was tried: nothing is known of writes".into()]);
    }
    let relations: Vec<String> = campaign.arenas.iter().map(|arena| arena.target.prey.relation.to_string()).collect();
    let triggers: Vec<One> = diesel::sql_query(TRIGGERS).bind::<Array<Text>, _>(relations).load(admin)?;
    Ok(triggers.into_iter().map(|row| row.text).collect())
}

impl Campaign<'_> {
    /// `report` is told of each relation when it is done.
    fn run(
        &self,
        session: &mut Session,
        admin: &mut PgConnection,
        duty: Duty,
        report: &mut dyn FnMut(&[AttackResult]),
    ) -> QueryResult<Vec<AttackResult>> {
        // Once a session has named a tenant it never again is one that has not.
        let mut all = self.unset(session)?;
        let rights = self.rights(admin, &session.attacker.role)?;
        let rings = rings(session, self.arenas, &rights, self.options.reach)?;
        for round in [rows, context, keys] {
            let bouts = rings.iter().map(|ring| self.bouts(ring, round(self, ring, duty))).collect();
            all.extend(results(session, bouts, &self.until)?);
        }
        for ring in &rings {
            let mut last = results(session, vec![self.bouts(ring, schema(self, ring, duty))], &self.until)?;
            last.extend(self.copies(session, ring, duty)?);
            last.extend(unproven(session, ring));
            report(&last);
            all.extend(last);
        }
        let field = Field {
            subject: self.subject,
            arenas: self.arenas,
            strangers: &self.strangers,
            reach: self.options.reach,
            until: &self.until,
            backend: self.backend,
        };
        all.extend(field.attack(session, admin)?);
        Ok(all)
    }

    fn unset(&self, session: &mut Session) -> QueryResult<Vec<AttackResult>> {
        let bouts = self.arenas.iter().filter_map(|arena| {
            // Whoever attacks here is nobody, so it does not matter whether anybody can be this tenant.
            let [victim, _] = arena.pairs.first()?;
            let duel = Duel {
                me: victim.key.clone(),
                settings: Vec::new(),
                victim: victim.key.clone(),
                victim_settings: None,
                before: Vec::new(),
                origin: Origin::Found,
                my_rows: 0,
                my_row: None,
                victim_rows: victim.rows,
                victim_row: victim.row.clone(),
                route: victim.route.clone(),
            };
            let attacks = unset_attacks(&arena.target.prey, &duel, &self.strangers.unset);
            Some(self.placed(arena, attacks.into_iter().map(|attack| (&duel, attack))))
        });
        results(session, bouts.collect(), &self.until)
    }

    fn rights(&self, admin: &mut PgConnection, role: &str) -> QueryResult<Vec<Rights>> {
        let relations: Vec<String> = self.arenas.iter().map(|arena| arena.target.prey.relation.to_string()).collect();
        let can: Vec<Can> = diesel::sql_query(RIGHTS).bind::<Text, _>(role).bind::<Array<Text>, _>(relations).load(admin)?;
        let rights = can.into_iter().zip(self.arenas).map(|(can, arena)| {
            let writes = arena.target.kind != TargetKind::Registry;
            let target = &arena.target;
            let fills =
                self.subject.found.is_none() || target.table.column(&target.prey.column).is_some_and(|column| column.default.is_some());
            Rights {
                select: can.can_select,
                insert: writes && can.can_insert,
                fills,
                update: writes && can.can_update,
                temporary: can.can_temporary,
            }
        });
        Ok(rights.collect())
    }

    /// Gives attacks their place; what writes is left out where nothing may be written.
    fn bouts(&self, ring: &Ring<'_>, attacks: Vec<(&Duel, Attack)>) -> Vec<Bout> {
        self.placed(ring.arena, attacks.into_iter())
    }

    fn placed<'d>(&self, arena: &Arena<'_>, attacks: impl Iterator<Item = (&'d Duel, Attack)>) -> Vec<Bout> {
        let allowed = |attack: &Attack| self.options.reach == Reach::Everything || attack.effect == Effect::Reads;
        let bouts = attacks.filter(|(_, attack)| allowed(attack)).map(|(duel, attack)| Bout { place: place(arena, duel), attack });
        bouts.collect()
    }

    fn copies(&self, session: &mut Session, ring: &Ring<'_>, duty: Duty) -> QueryResult<Vec<AttackResult>> {
        let Some(duel) = ring.duels.first() else { return Ok(Vec::new()) };
        let prey = &ring.arena.target.prey;
        // A copy carries every row of the attacker to us; a tenant that does not exist has none.
        let (me, settings) = match duel.my_rows {
            0..=COPIED => (Some(duel.me.clone()), &duel.settings),
            _ => (None, &self.strangers.unknown),
        };
        let attack = |name: &str, statement, effect| Attack {
            class: Class::Copy,
            name: name.to_owned(),
            me: me.clone(),
            before: Vec::new(),
            statement,
            measure: Measure::Rows,
            effect,
            settings: Vec::new(),
            expect: Expect::Nothing,
            known: None,
        };
        let place = place(ring.arena, duel);
        let mut attacks = Vec::new();
        // The rows that were thought up are gone again, and of an empty table nothing can be copied.
        if ring.arena.rows > 0 {
            attacks.push(attack("copies rows of others out", prey.copied(), Effect::Reads));
        }
        if self.options.reach == Reach::Everything && duty == Duty::Works {
            attacks.push(attack("copies rows in", prey.copy_from(), Effect::Writes));
        }
        let mut results = Vec::new();
        for attack in attacks {
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                let late = Place { rows: place.rows.max(1), ..place.clone() };
                results.push(late.unproven(&session.attacker.role, Class::Copy, &attack.name, "out of time"));
                continue;
            }
            let judged = match attack.effect {
                Effect::Reads => copy_out(&mut session.conn, settings, &attack.statement, me.as_ref().map(|key| key.text.as_str()))?,
                Effect::Writes => copy_in(&mut session.conn, settings, &attack.statement)?,
            };
            results.push(Place { remark: None, ..place.clone() }.result(session, &attack, judged));
        }
        Ok(results)
    }
}

/// What there was nothing to prove with.
fn unproven(session: &Session, ring: &Ring<'_>) -> Vec<AttackResult> {
    let role = &session.attacker.role;
    let at = |rows| Place { relation: ring.arena.target.prey.relation.plain(), victim: "everybody".into(), rows, remark: None };
    let mut results = Vec::new();
    for side in &ring.nobodies {
        let reason = format!("no session can be the tenant {}", side.key.text);
        results.push(at(ring.arena.rows.max(1)).unproven(role, Class::Control, "becomes a tenant", &reason));
    }
    if ring.arena.rows == 0 && ring.duels.iter().all(|duel| duel.origin == Origin::Found) {
        let reason = "the table is empty, and no row could be written for the attack: only writes were attacked";
        results.push(at(0).unproven(role, Class::Select, "reads rows of others", reason));
    }
    results
}

/// So many rows of its own a tenant may copy out.
const COPIED: i64 = 10_000;

fn place(arena: &Arena<'_>, duel: &Duel) -> Place {
    let remark = (duel.origin == Origin::Synthesised).then_some("a row was written for the attack");
    let rows = if remark.is_some() { arena.rows.max(1) } else { arena.rows };
    Place { relation: arena.target.prey.relation.plain(), victim: duel.victim.text.clone(), rows, remark }
}

fn with(duel: &Duel, attacks: Vec<Attack>) -> impl Iterator<Item = (&Duel, Attack)> {
    attacks.into_iter().map(move |attack| (duel, attack))
}

fn rows<'d>(_: &Campaign<'_>, ring: &'d Ring<'_>, duty: Duty) -> Vec<(&'d Duel, Attack)> {
    let prey = &ring.arena.target.prey;
    let mut all: Vec<(&Duel, Attack)> = ring.duels.iter().flat_map(|duel| with(duel, duel_attacks(prey, duel, ring.rights))).collect();
    let Some(duel) = ring.duels.first() else { return all };
    if duty == Duty::OnlyReads {
        all.extend(with(duel, reader_attacks(prey, duel)));
    }
    all
}

fn context<'d>(campaign: &Campaign<'_>, ring: &'d Ring<'_>, _: Duty) -> Vec<(&'d Duel, Attack)> {
    // The tenant with most rows is the richest prey.
    let Some(duel) = ring.duels.first() else { return Vec::new() };
    let prey = &ring.arena.target.prey;
    let mut all: Vec<(&Duel, Attack)> = with(duel, context_attacks(prey, duel, &campaign.strangers, ring.rights)).collect();
    for (how, settings) in &ring.arena.impostors {
        all.extend(with(duel, impostor_attacks(prey, duel, how, settings)));
    }
    let ty: KeyType = campaign.subject.ty;
    for duel in ring.duels.iter().take(2) {
        all.extend(match ring.arena.target.kind {
            TargetKind::Registry => with(duel, registry_attacks(prey, duel, &unknown_tenant(ty))).collect::<Vec<_>>(),
            TargetKind::Membership => with(duel, membership_attacks(prey, duel)).collect(),
            TargetKind::Rows => Vec::new(),
        });
    }
    all
}

fn keys<'d>(campaign: &Campaign<'_>, ring: &'d Ring<'_>, duty: Duty) -> Vec<(&'d Duel, Attack)> {
    let arena = ring.arena;
    let prey = &arena.target.prey;
    let mut all = Vec::new();
    if arena.target.kind == TargetKind::Registry || duty == Duty::OnlyReads {
        return all;
    }
    for duel in ring.duels.iter().take(2) {
        let direction = arena.pairs.first().and_then(|[first, second]| match (&duel.me, &duel.victim) {
            (me, victim) if (me, victim) == (&second.key, &first.key) => Some(0),
            (me, victim) if (me, victim) == (&first.key, &second.key) => Some(1),
            _ => None,
        });
        if let Some(direction) = direction {
            all.extend(with(duel, key_attacks(prey, duel, &arena.tries[direction], ring.rights)));
        }
        all.extend(with(duel, upsert_attacks(prey, duel, campaign.version)));
    }
    all
}

fn schema<'d>(_: &Campaign<'_>, ring: &'d Ring<'_>, _: Duty) -> Vec<(&'d Duel, Attack)> {
    let Some(duel) = ring.duels.first() else { return Vec::new() };
    let prey = &ring.arena.target.prey;
    let policy = ring.arena.target.table.policies.first().map(|policy| &policy.name);
    let mut all: Vec<(&Duel, Attack)> = with(duel, ddl_attacks(prey, duel, policy)).collect();
    all.extend(with(duel, spy_attacks(prey, duel, ring.rights)));
    all
}

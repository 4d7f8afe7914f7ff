//! Attacks of sessions that name no tenant, one that is none, or two.

use super::{Attack, Builder, Class, Duel, Expect, Rights, Settings, Step};
use crate::sql::attack::{Given, Prey, Template, come_and_go};
use crate::sql::{Statement, TenantKey};

/// A plan is made anew for each of the first five executions, and may be kept from the sixth on.
const EXECUTIONS: usize = 6;

/// The attacks of a session that never named a tenant: they must come first on a new connection.
#[must_use]
pub fn unset_attacks(prey: &Prey, duel: &Duel, settings: &[(String, String)]) -> Vec<Attack> {
    contextless(prey, duel, (settings, &[]), "with no tenant ever set")
}

/// Sessions that name no tenant, or one that is none, and what they try.
#[derive(Clone, Debug)]
pub struct Strangers {
    /// Settings that have nothing to do with a tenant.
    pub unset: Settings,
    /// The tenant is there and empty.
    pub empty: Settings,
    /// It is no key.
    pub garbage: Settings,
    /// It does not exist.
    pub unknown: Settings,
}

/// The attacks of a session with an empty tenant, with garbage, or with a tenant that does not exist, and of one that
/// was another tenant before.
#[must_use]
pub fn context_attacks(prey: &Prey, duel: &Duel, strangers: &Strangers, rights: Rights) -> Vec<Attack> {
    let before = &duel.before;
    let mut attacks = contextless(prey, duel, (&strangers.empty, before), "with an empty tenant");
    attacks.extend(contextless(prey, duel, (&strangers.garbage, before), "with garbage as tenant"));
    attacks.extend(contextless(prey, duel, (&strangers.unknown, before), "as an unknown tenant"));
    if let Some(victim) = duel.victim_settings.as_ref().filter(|_| rights.select && duel.victim_rows > 0) {
        attacks.extend(changes_of_tenant(prey, duel, victim));
    }
    attacks
}

/// The attacks of somebody who would be the victim and is not, as by a forged token. `how` says who.
#[must_use]
pub fn impostor_attacks(prey: &Prey, duel: &Duel, how: &str, settings: &[(String, String)]) -> Vec<Attack> {
    let mut list = Builder::stranger(settings, &[]);
    let insert = prey.insert(Given::Tenant(&duel.victim), Template::Nulls(duel.route.as_ref()));
    // Somebody may well have rows of a tenant of its own.
    list.asks(Class::Context, format!("reads by {how}"), Expect::Nothing, prey.count_tenant(&duel.victim));
    list.writes(Class::Context, format!("inserts by {how}"), Expect::Refused, insert);
    list.writes(Class::Context, format!("deletes by {how}"), Expect::Nothing, prey.delete_tenant(&duel.victim));
    list.attacks
}

fn contextless(prey: &Prey, duel: &Duel, (settings, before): (&[(String, String)], &[Step]), how: &str) -> Vec<Attack> {
    let mut list = Builder::stranger(settings, before);
    let insert = prey.insert(Given::Tenant(&duel.victim), Template::Nulls(duel.route.as_ref()));
    list.asks(Class::Context, format!("reads {how}"), Expect::Nothing, prey.count_some());
    list.writes(Class::Context, format!("inserts {how}"), Expect::Refused, insert);
    list.writes(Class::Context, format!("updates {how}"), Expect::Nothing, prey.update_any());
    list.writes(Class::Context, format!("deletes {how}"), Expect::Nothing, prey.delete_any());
    list.attacks
}

/// The session is the victim first, and the attacker when it counts.
fn changes_of_tenant(prey: &Prey, duel: &Duel, victim: &Settings) -> Vec<Attack> {
    let reads = |me: &TenantKey| prey.count_others(me);
    let as_victim = |statement: Statement| Step { settings: victim.clone(), statement };
    let mut attacks = Vec::new();
    let mut one = |name: &str, steps: Vec<Step>, statement: Statement| {
        let before: Vec<Step> = duel.before.iter().cloned().chain(steps).collect();
        let mut list = Builder { before: &before, ..Builder::of(duel) };
        list.asks(Class::Context, name, Expect::Nothing, statement);
        attacks.append(&mut list.attacks);
    };
    one("names a second tenant in one transaction", vec![as_victim(prey.count_some())], reads(&duel.me));
    let mine = |statement: Statement| Step { settings: duel.settings.clone(), statement };
    one("takes the victim's name back with a savepoint", vec![mine(come_and_go(victim))], reads(&duel.me));
    one("comes after a session that kept the victim's name", vec![mine(crate::sql::attack::keep(victim))], reads(&duel.me));
    for (name, mode) in [("runs the victim's prepared statement", "auto"), ("runs the victim's generic plan", "force_generic_plan")] {
        let mut settings = victim.clone();
        settings.push(("plan_cache_mode".into(), mode.into()));
        let mut steps = vec![Step { settings, statement: prey.prepare(&duel.me) }];
        steps.extend((0..EXECUTIONS).map(|_| as_victim(prey.execute())));
        one(name, steps, prey.execute());
    }
    attacks
}

//! Attacks on the rows of a relation: one tenant reads, writes and deletes those of another.

use super::{Attack, Builder, Class, Duel, Expect, Rights, Step};
use crate::sql::attack::{Given, Prey, Template};

/// The attacks of one tenant on another.
///
/// Reads are left out where the victim has no rows: to find nothing would prove nothing.
#[must_use]
pub fn duel_attacks(prey: &Prey, duel: &Duel, rights: Rights) -> Vec<Attack> {
    let mut list = Builder::of(duel);
    controls(&mut list, prey, duel, rights);
    if duel.victim_rows > 0 {
        reads(&mut list, prey, duel);
    }
    writes(&mut list, prey, duel);
    list.attacks
}

fn template(duel: &Duel) -> Template<'_> {
    duel.my_row.as_ref().map_or(Template::Nulls(duel.route.as_ref()), Template::Row)
}

fn controls(list: &mut Builder<'_>, prey: &Prey, duel: &Duel, rights: Rights) {
    if rights.select {
        list.asks(Class::Control, "counts its own rows", Expect::Sees(duel.my_rows), prey.count());
    }
    if let (true, true, Some(row)) = (rights.select, rights.update, &duel.my_row) {
        list.writes(Class::Control, "updates a row of its own", Expect::WritesOne, prey.update_row(row, Some(&duel.me)));
    }
    if rights.insert {
        let (name, given) = if rights.fills {
            ("inserts without naming a tenant", Given::Nothing)
        } else {
            ("inserts a row of its own", Given::Tenant(&duel.me))
        };
        list.writes(Class::Control, name, Expect::PassesPolicies, prey.insert(given, template(duel)));
    }
}

fn reads(list: &mut Builder<'_>, prey: &Prey, duel: &Duel) {
    use Class::Select;
    list.asks(Select, "reads rows of others", Expect::Nothing, prey.count_others(&duel.me));
    list.asks(Select, "reads rows of others without partitions", Expect::Nothing, prey.count_others_only(&duel.me));
    list.asks(Select, "reads a sample of rows of others", Expect::Nothing, prey.sample_others(&duel.me));
    if let Some(row) = &duel.victim_row {
        list.asks(Select, "reads a row by its key", Expect::Nothing, prey.count_row(row));
        list.locks(Select, "locks a row by its key", Expect::Nothing, prey.lock_row(row));
    }
    list.asks(Select, "divides by zero at a row of another", Expect::NoGlimpse, prey.divide(&duel.victim));
    list.asks(Select, "reads the planner's statistics", Expect::Nothing, prey.statistics());
}

fn writes(list: &mut Builder<'_>, prey: &Prey, duel: &Duel) {
    let (me, victim) = (&duel.me, &duel.victim);
    let mine = template(duel);
    list.writes(Class::Insert, "inserts a row for another", Expect::Refused, prey.insert(Given::Tenant(victim), mine));
    list.writes(Class::Insert, "inserts a row without a tenant", Expect::RefusedOrNull, prey.insert(Given::Null, mine));
    if let Some(row) = &duel.my_row {
        list.writes(Class::Update, "gives a row to another", Expect::Refused, prey.update_row(row, Some(victim)));
        list.writes(Class::Update, "gives rows to another without reading them", Expect::Refused, prey.update_blindly(victim));
        list.writes(Class::Update, "takes the tenant off a row", Expect::RefusedOrNull, prey.update_row(row, None));
    }
    if duel.victim_rows > 0 {
        list.writes(Class::Update, "updates rows of others", Expect::Nothing, prey.update_others(me));
        list.writes(Class::Delete, "deletes rows of another", Expect::Nothing, prey.delete_tenant(victim));
    }
    if let Some(row) = &duel.victim_row {
        list.writes(Class::Update, "takes a row by its key", Expect::Nothing, prey.update_row(row, Some(me)));
        list.writes(Class::Delete, "deletes a row by its key", Expect::Nothing, prey.delete_row(row));
    }
}

/// Shows hidden rows to a function that costs so little that a careless planner would ask it first.
#[must_use]
pub fn spy_attacks(prey: &Prey, duel: &Duel, rights: Rights) -> Vec<Attack> {
    if !rights.temporary || !rights.select || duel.victim_rows == 0 {
        return Vec::new();
    }
    let mut before = duel.before.clone();
    before.push(Step { settings: Vec::new(), statement: prey.create_spy(&duel.victim) });
    let mut list = Builder { before: &before, ..Builder::of(duel) };
    list.locks(Class::Select, "shows rows of another to a function of its own", Expect::NoGlimpse, prey.spy());
    list.attacks
}

/// What a role that only reads must not do even to rows of its own tenant.
#[must_use]
pub fn reader_attacks(prey: &Prey, duel: &Duel) -> Vec<Attack> {
    let mut list = Builder::of(duel);
    let insert = prey.insert(Given::Tenant(&duel.me), Template::Nulls(duel.route.as_ref()));
    list.writes(Class::Insert, "inserts although it only reads", Expect::NotItsOwn, insert);
    list.writes(Class::Update, "updates although it only reads", Expect::NotItsOwn, prey.update_any());
    list.writes(Class::Delete, "deletes although it only reads", Expect::NotItsOwn, prey.delete_any());
    list.attacks
}

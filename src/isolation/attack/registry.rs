//! Attacks on the registry of tenants and on the table of members.

use super::{Attack, Builder, Class, Duel, Expect};
use crate::sql::TenantKey;
use crate::sql::attack::{Given, Prey, Template, Value};

/// What the application must not do to the registry, not even to its own tenant.
#[must_use]
pub fn registry_attacks(prey: &Prey, duel: &Duel, unknown: &TenantKey) -> Vec<Attack> {
    use Class::Registry;
    let mut list = Builder::of(duel);
    list.asks(Registry, "lists other tenants", Expect::Nothing, prey.count_others(&duel.me));
    if let Some(row) = &duel.my_row {
        list.writes(Registry, "changes its own tenant", Expect::NotItsOwn, prey.update_row(row, Some(&duel.me)));
        list.writes(Registry, "deletes its own tenant", Expect::NotItsOwn, prey.delete_row(row));
    }
    let insert = prey.insert(Given::Tenant(unknown), Template::Nulls(duel.route.as_ref()));
    list.writes(Registry, "makes a new tenant", Expect::NotItsOwn, insert);
    list.writes(Registry, "changes other tenants", Expect::Nothing, prey.update_others(&duel.me));
    list.writes(Registry, "deletes another tenant", Expect::Nothing, prey.delete_tenant(&duel.victim));
    list.attacks
}

/// A member of one tenant makes itself a member of another, by a new row and by an old one.
#[must_use]
pub fn membership_attacks(prey: &Prey, duel: &Duel) -> Vec<Attack> {
    let Some(row) = &duel.my_row else { return Vec::new() };
    let mut list = Builder::of(duel);
    let insert = prey.insert(Given::Tenant(&duel.victim), Template::Row(row));
    list.writes(Class::Registry, "makes itself a member of the victim", Expect::Refused, insert);
    let moved = Value { column: prey.column.clone(), text: Some(duel.victim.text.clone()) };
    list.writes(Class::Registry, "moves its membership to the victim", Expect::Refused, prey.set(row, &[moved]));
    list.attacks
}

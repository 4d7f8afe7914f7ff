//! The attempts to get around the policies of a relation.

use super::{Attack, Builder, Class, Duel, Expect};
use crate::sql::Ident;
use crate::sql::attack::Prey;

/// The attacks on the relation itself. `policy` is one that stands on it.
#[must_use]
pub fn ddl_attacks(prey: &Prey, duel: &Duel, policy: Option<&Ident>) -> Vec<Attack> {
    let mut settings = duel.settings.clone();
    // The tool's own session holds a lock on the relation: a statement that is not refused never gets further.
    settings.push(("lock_timeout".into(), "50ms".into()));
    let mut list = Builder { before: &[], settings: &settings, ..Builder::of(duel) };
    list.writes(Class::Ddl, "truncates the table", Expect::NoRight, prey.truncate());
    list.writes(Class::Ddl, "switches row-level security off", Expect::NoRight, prey.disable());
    list.writes(Class::Ddl, "adds a policy that is open", Expect::NoRight, prey.open());
    if let Some(policy) = policy {
        list.writes(Class::Ddl, "opens a policy", Expect::NoRight, prey.open_policy(policy));
        list.writes(Class::Ddl, "drops a policy", Expect::NoRight, prey.drop_policy(policy));
    }
    list.asks(Class::Ddl, "adds a trigger", Expect::NoHook, prey.may_hook());
    list.asks(Class::Ddl, "passes its rights on", Expect::NoGift, prey.may_grant());
    let mut attacks = list.attacks;
    settings.push(("row_security".into(), "off".into()));
    let mut list = Builder { settings: &settings, ..Builder::of(duel) };
    list.asks(Class::Ddl, "reads with row_security = off", Expect::Nothing, prey.count_others(&duel.me));
    attacks.append(&mut list.attacks);
    attacks
}

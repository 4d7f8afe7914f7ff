//! Isolation is proven by attacks: the application's role tries what must not succeed, and everything is rolled back.

mod attack;
mod judge;
mod per_row;
mod persona;
mod probe;
mod prove;
mod queries;
mod run;
pub mod selftest;

pub use attack::{Attack, Class, Duel, Expect, Measure, Rights, Strangers, context_attacks, ddl_attacks, duel_attacks, unset_attacks};
pub use judge::{Outcome, judge};
pub use persona::{Persona, Settings, impostors, settings};
pub use probe::{Attacker, Means};
pub use prove::{AttackResult, Proof, Target, prove, targets};
pub use queries::queries;

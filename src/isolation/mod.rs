//! Isolation is proven by attacks: the application's role tries what must not succeed, and everything is rolled back.

mod attack;
mod class;
mod copy;
mod duel;
mod judge;
mod object;
mod options;
mod per_row;
mod persona;
mod probe;
mod prove;
mod queries;
mod result;
mod run;
mod scout;
pub mod selftest;
mod synth;
mod target;
mod tries;

pub use attack::{
    Attack, Duel, Effect, Expect, ForeignTry, Measure, Origin, Rights, Step, Strangers, Tries, UniqueTry, context_attacks, ddl_attacks,
    duel_attacks, impostor_attacks, key_attacks, membership_attacks, reader_attacks, registry_attacks, spy_attacks, unset_attacks,
    upsert_attacks,
};
pub use class::Class;
pub use judge::{Outcome, Stage, judge};
pub use options::{AttackOptions, Pairs, Reach};
pub use persona::{Persona, Settings, impostors, settings};
pub use probe::{Attacker, Means};
pub use prove::prove;
pub use queries::queries;
pub use result::{AttackResult, Proof};
pub use target::{Target, TargetKind, targets};

//! The attack matrix as data: class, statement, what must happen.

mod context;
mod ddl;
mod keys;
mod registry;
mod rows;

pub use context::{Strangers, context_attacks, impostor_attacks, unset_attacks};
pub use ddl::ddl_attacks;
pub use keys::{ForeignTry, Tries, UniqueTry, key_attacks, upsert_attacks};
pub use registry::{membership_attacks, registry_attacks};
pub use rows::{duel_attacks, reader_attacks, spy_attacks};

use super::Class;
use super::persona::Settings;
use crate::sql::attack::Row;
use crate::sql::{Statement, TenantKey};

/// What is measured of a statement that succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The number it returns.
    Answer,
    /// The rows it writes.
    Rows,
}

/// Whether an attack would leave something if it were not undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It reads.
    Reads,
    /// It writes, locks or creates something.
    Writes,
}

/// What must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The session sees exactly so many rows, all of them its own.
    Sees(i64),
    /// Exactly one row is written.
    WritesOne,
    /// No policy refuses the row; a constraint may.
    PassesPolicies,
    /// No row is seen or written, or the statement is refused.
    Nothing,
    /// Nothing of other rows is found out.
    NoGlimpse,
    /// The statement is refused before it could fail for another reason.
    Refused,
    /// The statement is refused, by a policy or because null is.
    RefusedOrNull,
    /// The statement is refused before it waits for a lock.
    NoRight,
    /// The application's role may not do this even to rows of its own tenant.
    NotItsOwn,
    /// The key of another tenant's row is refused like one that does not exist.
    NoSuchKey,
    /// It ends exactly like the attack before it, so that nothing is told by the difference.
    LikeBefore,
    /// The value is not refused because somebody else has it.
    NotTaken,
    /// The right is not there; it lets the role look at what all tenants share.
    NoLook,
    /// The right is not there; it lets the role change what all tenants share.
    NoHold,
    /// The right is not there; it lets the role give rights to others.
    NoGift,
    /// The right is not there; it lets the role run a function of its own as whoever writes.
    NoHook,
}

/// A statement before an attack, under settings that stay.
#[derive(Clone, Debug)]
pub struct Step {
    /// The settings.
    pub settings: Settings,
    /// The statement.
    pub statement: Statement,
}

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What it tries.
    pub class: Class,
    /// What it does, in a few words.
    pub name: String,
    /// Who attacks; none without a tenant.
    pub me: Option<TenantKey>,
    /// What comes before it, and is undone with it.
    pub before: Vec<Step>,
    /// The statement.
    pub statement: Statement,
    /// What is measured of it.
    pub measure: Measure,
    /// Whether it writes.
    pub effect: Effect,
    /// Settings of the session before it.
    pub settings: Settings,
    /// What must happen.
    pub expect: Expect,
    /// Why a leak by it is known and accepted.
    pub known: Option<String>,
}

/// Where the attacked rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// They were there.
    Found,
    /// One of the two tenants had none: the session writes one under that tenant before each attack, and it is undone.
    Synthesised,
}

/// Two tenants and what they have in one relation.
#[derive(Clone, Debug)]
pub struct Duel {
    /// Who attacks.
    pub me: TenantKey,
    /// The settings that make a session the attacker.
    pub settings: Settings,
    /// Whose rows are attacked.
    pub victim: TenantKey,
    /// The settings that make a session the victim; none where nobody can be.
    pub victim_settings: Option<Settings>,
    /// What writes the rows that a tenant lacks.
    pub before: Vec<Step>,
    /// Whether there was something to write.
    pub origin: Origin,
    /// The attacker's rows.
    pub my_rows: i64,
    /// One of them.
    pub my_row: Option<Row>,
    /// The victim's rows.
    pub victim_rows: i64,
    /// One of them.
    pub victim_row: Option<Row>,
    /// The partition of a row of either.
    pub route: Option<Row>,
}

/// What the attacked role may do with the relation: without the right there is nothing to control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the database, not choices")]
pub struct Rights {
    /// It may read.
    pub select: bool,
    /// It may write new rows.
    pub insert: bool,
    /// A new row must get its tenant by itself. In a database that others made it need not: they may name it in every statement.
    pub fills: bool,
    /// It may change rows.
    pub update: bool,
    /// It may create temporary objects.
    pub temporary: bool,
}

/// Collects attacks of one session.
struct Builder<'a> {
    me: Option<&'a TenantKey>,
    settings: &'a [(String, String)],
    before: &'a [Step],
    attacks: Vec<Attack>,
}

impl<'a> Builder<'a> {
    /// As the attacker of a duel.
    fn of(duel: &'a Duel) -> Self {
        Self { me: Some(&duel.me), settings: &duel.settings, before: &duel.before, attacks: Vec::new() }
    }

    /// As a session of no tenant.
    fn stranger(settings: &'a [(String, String)], before: &'a [Step]) -> Self {
        Self { me: None, settings, before, attacks: Vec::new() }
    }

    fn asks(&mut self, class: Class, name: impl Into<String>, expect: Expect, statement: Statement) -> &mut Attack {
        let effect = if self.before.is_empty() { Effect::Reads } else { Effect::Writes };
        self.push(class, name.into(), expect, statement, (Measure::Answer, effect))
    }

    fn locks(&mut self, class: Class, name: impl Into<String>, expect: Expect, statement: Statement) -> &mut Attack {
        self.push(class, name.into(), expect, statement, (Measure::Answer, Effect::Writes))
    }

    fn writes(&mut self, class: Class, name: impl Into<String>, expect: Expect, statement: Statement) -> &mut Attack {
        self.push(class, name.into(), expect, statement, (Measure::Rows, Effect::Writes))
    }

    fn push(&mut self, class: Class, name: String, expect: Expect, statement: Statement, kind: (Measure, Effect)) -> &mut Attack {
        let at = self.attacks.len();
        self.attacks.push(Attack {
            class,
            name,
            me: self.me.cloned(),
            before: self.before.to_vec(),
            statement,
            measure: kind.0,
            effect: kind.1,
            settings: self.settings.to_vec(),
            expect,
            known: None,
        });
        &mut self.attacks[at]
    }
}

//! The attack matrix as data: class, statement, what must happen.

use serde::{Deserialize, Serialize};

use super::persona::Settings;
use crate::sql::attack::{Given, Prey, Row, Template};
use crate::sql::{Statement, TenantKey};

/// What an attack tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// What the application must be able to do; without it the attacks would prove nothing.
    Control,
    /// To read rows of another tenant.
    Select,
    /// To write new rows for another tenant.
    Insert,
    /// To change rows of another tenant, or to give rows away.
    Update,
    /// To delete rows of another tenant.
    Delete,
    /// To come without a tenant, or with one that is none.
    Context,
    /// To get around the policies.
    Ddl,
}

impl Class {
    /// The name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Context => "context",
            Self::Ddl => "ddl",
        }
    }
}

/// What is measured of a statement that succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The number it returns.
    Answer,
    /// The rows it writes.
    Rows,
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
}

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What it tries.
    pub class: Class,
    /// What it does, in a few words.
    pub name: &'static str,
    /// The statement.
    pub statement: Statement,
    /// What is measured of it.
    pub measure: Measure,
    /// Settings of the session before it.
    pub settings: Settings,
    /// What must happen.
    pub expect: Expect,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are facts of the database, not choices")]
pub struct Rights {
    /// It may read.
    pub select: bool,
    /// It may write new rows.
    pub insert: bool,
    /// It may change rows.
    pub update: bool,
}

struct Builder<'a> {
    settings: &'a [(String, String)],
    attacks: Vec<Attack>,
}

impl Builder<'_> {
    fn asks(&mut self, class: Class, name: &'static str, expect: Expect, statement: Statement) {
        self.push(class, name, Measure::Answer, expect, statement);
    }

    fn writes(&mut self, class: Class, name: &'static str, expect: Expect, statement: Statement) {
        self.push(class, name, Measure::Rows, expect, statement);
    }

    fn push(&mut self, class: Class, name: &'static str, measure: Measure, expect: Expect, statement: Statement) {
        self.attacks.push(Attack { class, name, statement, measure, settings: self.settings.to_vec(), expect });
    }
}

/// The attacks of one tenant on another.
///
/// Reads are left out where the victim has no rows: to find nothing would prove nothing.
#[must_use]
pub fn duel_attacks(prey: &Prey, duel: &Duel, rights: Rights) -> Vec<Attack> {
    let mut list = Builder { settings: &duel.settings, attacks: Vec::new() };
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
        let insert = prey.insert(Given::Nothing, template(duel));
        list.writes(Class::Control, "inserts without naming a tenant", Expect::PassesPolicies, insert);
    }
}

fn reads(list: &mut Builder<'_>, prey: &Prey, duel: &Duel) {
    use Class::Select;
    list.asks(Select, "reads rows of others", Expect::Nothing, prey.count_others(&duel.me));
    list.asks(Select, "reads rows of others without partitions", Expect::Nothing, prey.count_others_only(&duel.me));
    if let Some(row) = &duel.victim_row {
        list.asks(Select, "reads a row by its key", Expect::Nothing, prey.count_row(row));
        list.asks(Select, "locks a row by its key", Expect::Nothing, prey.lock_row(row));
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

/// The attacks of a session that never named a tenant: they must come first on a new connection.
#[must_use]
pub fn unset_attacks(prey: &Prey, duel: &Duel) -> Vec<Attack> {
    contextless(prey, duel, &[], ["reads with no tenant ever set", "inserts with no tenant ever set", "deletes with no tenant ever set"])
}

/// Sessions that name no tenant, or one that is none, and what they try.
#[derive(Clone, Debug)]
pub struct Strangers {
    /// The tenant is there and empty.
    pub empty: Settings,
    /// It is no key.
    pub garbage: Settings,
    /// It does not exist.
    pub unknown: Settings,
}

/// The attacks of a session with an empty tenant, with garbage, or with a tenant that does not exist.
#[must_use]
pub fn context_attacks(prey: &Prey, duel: &Duel, strangers: &Strangers) -> Vec<Attack> {
    let mut attacks = contextless(
        prey,
        duel,
        &strangers.empty,
        ["reads with an empty tenant", "inserts with an empty tenant", "deletes with an empty tenant"],
    );
    let names = ["reads with garbage as tenant", "inserts with garbage as tenant", "deletes with garbage as tenant"];
    attacks.extend(contextless(prey, duel, &strangers.garbage, names));
    let names = ["reads as an unknown tenant", "inserts as an unknown tenant", "deletes as an unknown tenant"];
    attacks.extend(contextless(prey, duel, &strangers.unknown, names));
    attacks
}

fn contextless(prey: &Prey, duel: &Duel, settings: &[(String, String)], names: [&'static str; 3]) -> Vec<Attack> {
    let mut list = Builder { settings, attacks: Vec::new() };
    list.asks(Class::Context, names[0], Expect::Nothing, prey.count());
    list.writes(Class::Context, names[1], Expect::Refused, prey.insert(Given::Tenant(&duel.victim), Template::Nulls(duel.route.as_ref())));
    list.writes(Class::Context, names[2], Expect::Nothing, prey.delete_any());
    list.attacks
}

/// The attempts to get around the policies of a relation.
#[must_use]
pub fn ddl_attacks(prey: &Prey, duel: &Duel) -> Vec<Attack> {
    let me = &duel.me;
    let mut settings = duel.settings.clone();
    // The tool's own session holds a lock on the relation: a statement that is not refused never gets further.
    settings.push(("lock_timeout".into(), "50ms".into()));
    let mut list = Builder { settings: &settings, attacks: Vec::new() };
    list.writes(Class::Ddl, "truncates the table", Expect::NoRight, prey.truncate());
    list.writes(Class::Ddl, "switches row-level security off", Expect::NoRight, prey.disable());
    list.writes(Class::Ddl, "adds a policy that is open", Expect::NoRight, prey.open());
    let mut attacks = list.attacks;
    settings.push(("row_security".into(), "off".into()));
    let mut list = Builder { settings: &settings, attacks: Vec::new() };
    list.asks(Class::Ddl, "reads with row_security = off", Expect::Nothing, prey.count_others(me));
    attacks.append(&mut list.attacks);
    attacks
}

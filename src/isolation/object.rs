//! What is no table: views, functions, sequences, and the session's role itself.

mod function;
mod role;
mod view;

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::options::Reach;
use super::probe::Session;
use super::result::AttackResult;
use super::scout::{Arena, Side};
use super::{Attack, Class, Effect, Expect, Measure, Strangers};
use crate::check::Subject;
use crate::sql::Statement;

/// What attacks on objects need to know.
pub(super) struct Field<'a> {
    pub(super) subject: &'a Subject,
    pub(super) arenas: &'a [Arena<'a>],
    pub(super) strangers: &'a Strangers,
    pub(super) reach: Reach,
    /// See [`super::run::outcomes`].
    pub(super) until: &'a str,
    /// The process of the tool's own session.
    pub(super) backend: i32,
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Text)]
    text: String,
}

impl Field<'_> {
    /// Two tenants with rows: those of the fullest relation.
    fn faces(&self) -> Option<(&Side, &Side)> {
        let ready =
            self.arenas.iter().filter(|arena| arena.pairs.first().is_some_and(|pair| pair.iter().all(|side| side.settings.is_some())));
        let fullest = ready.max_by_key(|arena| arena.pairs[0].iter().map(|side| side.rows).min())?;
        let [victim, me] = &fullest.pairs[0];
        Some((me, victim))
    }

    fn relations(&self) -> Vec<String> {
        self.arenas.iter().map(|arena| arena.target.prey.relation.to_string()).collect()
    }

    /// Attacks everything that is no table.
    pub(super) fn attack(&self, session: &mut Session, admin: &mut PgConnection) -> QueryResult<Vec<AttackResult>> {
        let mut results = view::results(self, session, admin)?;
        results.extend(function::results(self, session, admin)?);
        results.extend(role::sequences(self, session)?);
        results.extend(role::results(self, session, admin)?);
        Ok(results)
    }

    fn allows(&self, attack: &Attack) -> bool {
        self.reach == Reach::Everything || attack.effect == Effect::Reads
    }
}

/// A question of a tenant, or of nobody.
fn question(class: Class, name: &str, side: Option<&Side>, strangers: &Strangers, expect: Expect, statement: Statement) -> Attack {
    let settings = side.and_then(|side| side.settings.clone()).unwrap_or_else(|| strangers.empty.clone());
    Attack {
        class,
        name: name.to_owned(),
        me: side.map(|side| side.key.clone()),
        before: Vec::new(),
        statement,
        measure: Measure::Answer,
        effect: Effect::Reads,
        settings,
        expect,
        known: None,
    }
}

//! Attacks on keys: foreign keys, unique keys, `ON CONFLICT` and `MERGE`.

use super::{Attack, Builder, Class, Duel, Expect, Rights, Step};
use crate::sql::Statement;
use crate::sql::attack::{Prey, Value};

/// A foreign key to another table with tenants, and what to put into it.
#[derive(Clone, Debug)]
pub struct ForeignTry {
    /// The constraint.
    pub name: String,
    /// The key of a row that only the victim has.
    pub theirs: Vec<Value>,
    /// A key that nobody has; none where none could be thought up.
    pub nowhere: Option<Vec<Value>>,
    /// Why it crosses tenants by intention.
    pub known: Option<String>,
}

/// A unique key, and a value of it that only the victim has.
#[derive(Clone, Debug)]
pub struct UniqueTry {
    /// The constraint or index.
    pub name: String,
    /// The value.
    pub theirs: Vec<Value>,
    /// Why it holds over all tenants by intention.
    pub known: Option<String>,
}

/// What the tool's own session found to try in one direction.
#[derive(Clone, Debug, Default)]
pub struct Tries {
    /// Foreign keys.
    pub foreign: Vec<ForeignTry>,
    /// Unique keys.
    pub unique: Vec<UniqueTry>,
    /// A new row of the attacker, for a role that may write none of the old ones.
    pub fresh: Option<Vec<Value>>,
}

/// References to rows of the victim, and values that only the victim has.
#[must_use]
pub fn key_attacks(prey: &Prey, duel: &Duel, tries: &Tries, rights: Rights) -> Vec<Attack> {
    // A check that would wait for the commit must be made now: there will be none.
    let mut before = duel.before.clone();
    before.push(Step { settings: Vec::new(), statement: crate::sql::attack::check_at_once() });
    let mut list = Builder { before: &before, ..Builder::of(duel) };
    let change = |values: &[Value]| -> Option<Statement> {
        match (&duel.my_row, &tries.fresh) {
            (Some(row), _) if rights.update => Some(prey.set(row, values)),
            (_, Some(fresh)) if rights.insert => Some(prey.insert_values(&replaced(fresh, values))),
            _ => None,
        }
    };
    for key in &tries.foreign {
        let Some(statement) = change(&key.theirs) else { continue };
        let name = format!("references a row of another by {}", key.name);
        list.writes(Class::Fk, name, Expect::NoSuchKey, statement).known.clone_from(&key.known);
        if let Some(statement) = key.nowhere.as_deref().and_then(change) {
            let name = format!("learns by {} which rows exist", key.name);
            list.writes(Class::Fk, name, Expect::LikeBefore, statement).known.clone_from(&key.known);
        }
    }
    for key in &tries.unique {
        let Some(statement) = change(&key.theirs) else { continue };
        let name = format!("takes a value of {} that another has", key.name);
        list.writes(Class::Unique, name, Expect::NotTaken, statement).known.clone_from(&key.known);
    }
    list.attacks
}

fn replaced(row: &[Value], values: &[Value]) -> Vec<Value> {
    let kept = row.iter().filter(|value| values.iter().all(|other| other.column != value.column));
    kept.chain(values).cloned().collect()
}

/// Takes the victim's row over where it is in the way of a new one.
#[must_use]
pub fn upsert_attacks(prey: &Prey, duel: &Duel, version: i32) -> Vec<Attack> {
    let mut list = Builder::of(duel);
    if let (Some(mine), Some(theirs)) = (&duel.my_row, &duel.victim_row) {
        // A key that carries the tenant is never in the way of another tenant's.
        if !prey.key.is_empty() && !prey.key.contains(&prey.column) {
            let upsert = prey.upsert(mine, theirs, &duel.me);
            list.writes(Class::Upsert, "takes a row over by ON CONFLICT", Expect::Refused, upsert);
        }
    }
    if version >= 150_000 {
        if let Some(theirs) = &duel.victim_row {
            list.writes(Class::Upsert, "takes a row by MERGE", Expect::Nothing, prey.merge_update(theirs, &duel.me));
            list.writes(Class::Upsert, "deletes a row by MERGE", Expect::Nothing, prey.merge_delete(theirs));
        }
        let insert = prey.merge_insert(&duel.victim, duel.route.as_ref());
        list.writes(Class::Upsert, "inserts a row for another by MERGE", Expect::Refused, insert);
    }
    list.attacks
}

//! Who attacks whom in a relation, as one role: rows that a tenant lacks are written first where the role may.

use diesel::prelude::*;

use super::options::Reach;
use super::probe::Session;
use super::run::outcomes;
use super::scout::{Arena, Side, Ways};
use super::{Attack, Class, Duel, Effect, Expect, Measure, Origin, Rights, Step};

/// A relation as one session attacks it.
pub(super) struct Ring<'a> {
    pub(super) arena: &'a Arena<'a>,
    pub(super) rights: Rights,
    /// The attackers of the richest first.
    pub(super) duels: Vec<Duel>,
    /// Attackers that no session can be.
    pub(super) nobodies: Vec<&'a Side>,
}

/// A row that a session can write under a tenant.
struct Made {
    arena: usize,
    pair: usize,
    side: usize,
    attack: Attack,
}

/// Finds out which rows can be written, in as few round trips as that takes.
pub(super) fn rings<'a>(session: &mut Session, arenas: &'a [Arena<'a>], rights: &[Rights], reach: Reach) -> QueryResult<Vec<Ring<'a>>> {
    let mut wanted: Vec<Made> = Vec::new();
    for (at, arena) in arenas.iter().enumerate().filter(|_| reach == Reach::Everything) {
        if !rights.get(at).is_some_and(|rights| rights.insert) {
            continue;
        }
        for (pair, sides) in arena.pairs.iter().enumerate() {
            let made = sides.iter().enumerate().filter_map(|(side, has)| Some(Made { arena: at, pair, side, attack: writes(arena, has)? }));
            wanted.extend(made);
        }
    }
    let mut works: Vec<(usize, usize, usize)> = Vec::new();
    for batch in wanted.chunks(100) {
        let attacks: Vec<&Attack> = batch.iter().map(|made| &made.attack).collect();
        let outcomes = outcomes(&mut session.conn, &attacks, "")?;
        let written = batch.iter().zip(outcomes).filter(|(_, outcome)| outcome.succeeded() && outcome.written == Some(1));
        works.extend(written.map(|(made, _)| (made.arena, made.pair, made.side)));
    }
    let ring = |(at, arena): (usize, &'a Arena<'a>)| {
        let rights = rights.get(at).copied().unwrap_or_default();
        let can_make = |pair: usize, side: usize| works.contains(&(at, pair, side));
        let mut ring = Ring { arena, rights, duels: Vec::new(), nobodies: Vec::new() };
        for (pair, [first, second]) in arena.pairs.iter().enumerate() {
            let sides = [(first, can_make(pair, 0)), (second, can_make(pair, 1))];
            let mut ways = vec![(sides[1], sides[0])];
            if arena.ways == Ways::Both {
                ways.push((sides[0], sides[1]));
            }
            for (me, victim) in ways {
                match duel(arena, me, victim) {
                    Some(duel) => ring.duels.push(duel),
                    None => ring.nobodies.push(me.0),
                }
            }
        }
        ring
    };
    Ok(arenas.iter().enumerate().map(ring).collect())
}

fn writes(arena: &Arena<'_>, side: &Side) -> Option<Attack> {
    let values = side.thought_up.as_ref()?;
    Some(Attack {
        class: Class::Control,
        name: String::new(),
        me: Some(side.key.clone()),
        before: Vec::new(),
        statement: arena.target.prey.insert_values(values),
        measure: Measure::Rows,
        effect: Effect::Writes,
        settings: side.settings.clone()?,
        expect: Expect::WritesOne,
        known: None,
    })
}

fn duel(arena: &Arena<'_>, (me, mine): (&Side, bool), (victim, theirs): (&Side, bool)) -> Option<Duel> {
    let prey = &arena.target.prey;
    let settings = me.settings.clone()?;
    let mut before = Vec::new();
    let mut made = |side: &Side, works: bool| {
        let values = side.thought_up.as_ref().filter(|_| works)?;
        before.push(Step { settings: side.settings.clone()?, statement: prey.insert_values(values) });
        Some(prey.row_of(values))
    };
    let (my_made, victim_made) = (made(me, mine), made(victim, theirs));
    let origin = if before.is_empty() { Origin::Found } else { Origin::Synthesised };
    Some(Duel {
        me: me.key.clone(),
        settings,
        victim: victim.key.clone(),
        victim_settings: victim.settings.clone(),
        before,
        origin,
        my_rows: if my_made.is_some() { 1 } else { me.rows },
        my_row: me.row.clone().or(my_made.flatten()),
        victim_rows: if victim_made.is_some() { 1 } else { victim.rows },
        victim_row: victim.row.clone().or(victim_made.flatten()),
        route: me.route.clone().or_else(|| victim.route.clone()),
    })
}

//! What the tool's own session knows: tenants, their rows, and keys of others to try.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use super::options::{AttackOptions, Pair, Pairs};
use super::persona::{Persona, Settings, impostors, unknown_tenant};
use super::synth::{Which, new_row};
use super::target::{Target, TargetKind, tenant_columns};
use super::tries::{Search, tries};
use super::{Strangers, Tries};
use crate::check::{Subject, VerifyError};
use crate::sql::attack::{Row, Value, find_tenant};
use crate::sql::check::census;
use crate::sql::{Ident, KeyType, QualifiedName, Statement, TenantKey};

/// A relation with what the tool's own session knows of it.
pub(super) struct Arena<'a> {
    pub(super) target: &'a Target<'a>,
    pub(super) rows: i64,
    /// In each, the second attacks the first; where both ways are wanted, the first the second as well.
    pub(super) pairs: Vec<[Side; 2]>,
    pub(super) ways: Ways,
    /// What the second of the first pair can try, and what the first can.
    pub(super) tries: [Tries; 2],
    /// Those who would be the first of the first pair and are not.
    pub(super) impostors: Vec<Impostor>,
}

/// Somebody who would be a tenant: how, and by which settings.
pub(super) type Impostor = (&'static str, Settings);

/// In which directions a pair attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ways {
    Both,
    OneOnly,
}

/// A tenant with one of its rows in a relation.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) key: TenantKey,
    pub(super) settings: Option<Settings>,
    pub(super) rows: i64,
    pub(super) row: Option<Row>,
    pub(super) route: Option<Row>,
    /// A row that could be written where there is none.
    pub(super) thought_up: Option<Vec<Value>>,
}

#[derive(QueryableByName)]
struct Share {
    #[diesel(sql_type = Nullable<Text>)]
    tenant: Option<String>,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[derive(QueryableByName)]
struct Located {
    #[diesel(sql_type = Array<Text>)]
    key: Vec<String>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    route: Vec<Option<String>>,
}

#[derive(QueryableByName)]
struct Texts {
    #[diesel(sql_type = Array<Nullable<Text>>)]
    texts: Vec<Option<String>>,
}

/// The texts of a row, if there is one.
pub(super) fn texts(admin: &mut PgConnection, statement: &Statement) -> QueryResult<Option<Vec<Option<String>>>> {
    let rows: Vec<Texts> = statement.rows(admin)?;
    Ok(rows.into_iter().next().map(|row| row.texts))
}

pub(super) fn strangers(admin: &mut PgConnection, subject: &Subject, options: &AttackOptions) -> QueryResult<Strangers> {
    let mut of = |persona| options.persona(admin, subject, persona).map(Option::unwrap_or_default);
    let (empty, garbage, unknown) = (of(Persona::Empty)?, of(Persona::Garbage)?, of(Persona::Unknown)?);
    Ok(Strangers { unset: options.nobody(), empty, garbage, unknown })
}

/// Looks at every relation.
pub(super) fn arenas<'a>(
    admin: &mut PgConnection,
    targets: &'a [Target<'a>],
    subject: &Subject,
    options: &AttackOptions,
) -> Result<Vec<Arena<'a>>, VerifyError> {
    let registered: Vec<String> = match &subject.registry {
        Some(registry) => shares(admin, &registry.table, &registry.key)?.into_iter().filter_map(|share| share.tenant).collect(),
        None => Vec::new(),
    };
    let chosen = chosen(admin, subject, targets, options)?;
    let parents = tenant_columns(targets);
    let mut settings: BTreeMap<TenantKey, Option<Settings>> = BTreeMap::new();
    let mut known_impostors: BTreeMap<TenantKey, Vec<Impostor>> = BTreeMap::new();
    let mut arenas = Vec::with_capacity(targets.len());
    for target in targets {
        let shares = shares(admin, &target.prey.relation, &target.prey.column)?;
        let rows = shares.iter().map(|share| share.rows).sum();
        let pairs = match (&chosen, &options.pairs) {
            (Some(two), _) => vec![two.clone().map(|key| with_rows(key, &shares))],
            (None, Pairs::Most(count)) => pairs(&shares, &registered, subject.ty, count.get()),
            (None, Pairs::Chosen { .. }) => Vec::new(),
        };
        let mut sides = Vec::with_capacity(pairs.len());
        for [first, second] in pairs {
            for (key, _) in [&first, &second] {
                if !settings.contains_key(key) {
                    settings.insert(key.clone(), options.persona(admin, subject, Persona::Tenant(key))?);
                }
            }
            let mut scout = Scout { admin, target, parents: &parents, registered: &registered, settings: &settings };
            sides.push([scout.side(first, Which::First)?, scout.side(second, Which::Second)?]);
        }
        let tries = match sides.first() {
            Some([first, second]) => {
                let mut search = Search { admin, subject, target, parents: &parents };
                [tries(&mut search, second, first)?, tries(&mut search, first, second)?]
            }
            None => Default::default(),
        };
        let mut fakes = Vec::new();
        if let Some([victim, _]) = sides.first().filter(|_| rows > 0) {
            if !known_impostors.contains_key(&victim.key) {
                known_impostors.insert(victim.key.clone(), impostors(admin, subject, &victim.key)?);
            }
            fakes = known_impostors.get(&victim.key).cloned().unwrap_or_default();
        }
        let ways = if chosen.is_some() { Ways::OneOnly } else { Ways::Both };
        arenas.push(Arena { target, rows, pairs: sides, ways, tries, impostors: fakes });
    }
    Ok(arenas)
}

/// The two tenants that the operator named: the victim first.
fn chosen(
    admin: &mut PgConnection,
    subject: &Subject,
    targets: &[Target<'_>],
    options: &AttackOptions,
) -> Result<Option<[TenantKey; 2]>, VerifyError> {
    let Pairs::Chosen { me, victim } = &options.pairs else { return Ok(None) };
    let registry = targets.iter().find(|target| target.kind == TargetKind::Registry);
    let slug = registry.and_then(|registry| registry.table.columns.iter().find(|column| column.name.plain() == "slug"));
    let mut of = |text: &String| -> Result<TenantKey, VerifyError> {
        let Some(registry) = registry else { return Ok(TenantKey { ty: subject.ty, text: text.clone() }) };
        let found = texts(admin, &find_tenant(&registry.prey, slug.map(|column| &column.name), text))?;
        let key = found.into_iter().flatten().flatten().next();
        key.map(|text| TenantKey { ty: subject.ty, text }).ok_or_else(|| VerifyError::NoTenant(text.clone()))
    };
    Ok(Some([of(victim)?, of(me)?]))
}

fn with_rows(key: TenantKey, shares: &[Share]) -> (TenantKey, i64) {
    let rows = shares.iter().find(|share| share.tenant.as_ref() == Some(&key.text)).map_or(0, |share| share.rows);
    (key, rows)
}

fn shares(admin: &mut PgConnection, relation: &QualifiedName, column: &Ident) -> QueryResult<Vec<Share>> {
    census(relation, column).rows(admin)
}

/// The tenants with most rows, two by two; in the first pair others of the registry where there are fewer, then one that does not exist.
fn pairs(shares: &[Share], registered: &[String], ty: KeyType, count: usize) -> Vec<Pair> {
    let mut all: Vec<(String, i64)> = shares.iter().filter_map(|share| Some((share.tenant.clone()?, share.rows))).take(2 * count).collect();
    for name in registered {
        if all.len() < 2 && !all.iter().any(|(taken, _)| taken == name) {
            all.push((name.clone(), 0));
        }
    }
    let mut all: Vec<(TenantKey, i64)> = all.into_iter().map(|(text, rows)| (TenantKey { ty, text }, rows)).collect();
    while all.len() < 2 {
        all.push((unknown_tenant(ty), 0));
    }
    let of = |two: &[(TenantKey, i64)]| match two {
        [first, second] => Some([first.clone(), second.clone()]),
        _ => None,
    };
    all.chunks(2).filter_map(of).collect()
}

/// The tool's own session at one relation.
struct Scout<'a, 'b> {
    admin: &'a mut PgConnection,
    target: &'a Target<'b>,
    parents: &'a BTreeMap<QualifiedName, Ident>,
    registered: &'a [String],
    settings: &'a BTreeMap<TenantKey, Option<Settings>>,
}

impl Scout<'_, '_> {
    fn side(&mut self, (key, rows): (TenantKey, i64), which: Which) -> QueryResult<Side> {
        let prey = &self.target.prey;
        let located: Vec<Located> = if rows > 0 { prey.locate(&key).rows(self.admin)? } else { Vec::new() };
        let located = located.into_iter().next().map(|located| (prey.row(located.key), prey.routed(located.route)));
        let (row, route) = located.unzip();
        let settings = self.settings.get(&key).cloned().flatten();
        let exists = self.registered.is_empty() || self.registered.contains(&key.text);
        let thought_up = if rows == 0 && exists && settings.is_some() && self.target.kind != TargetKind::Registry {
            new_row(self.admin, self.target, self.parents, (&key, which))?
        } else {
            None
        };
        Ok(Side { key, settings, rows, row, route, thought_up })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(tenant: &str, rows: i64) -> Share {
        Share { tenant: Some(tenant.into()), rows }
    }

    #[test]
    fn tenants_are_paired_by_their_rows_and_the_first_pair_is_always_full() {
        let shares = [share("a", 9), share("b", 5), share("c", 4), share("d", 2), share("e", 1)];
        let names = |shares: &[Share], count| -> Vec<[String; 2]> {
            let registered = ["a".to_owned(), "z".to_owned()];
            pairs(shares, &registered, KeyType::Text, count).into_iter().map(|two| two.map(|(key, _)| key.text)).collect()
        };
        assert_eq!(names(&shares, 1), [["a", "b"]]);
        assert_eq!(names(&shares, 2), [["a", "b"], ["c", "d"]]);
        assert_eq!(names(&shares, 9), [["a", "b"], ["c", "d"]], "nobody is left for the fifth");
        assert_eq!(names(&shares[..1], 1), [["a", "z"]]);
        assert_eq!(names(&[], 1), [["a", "z"]]);
    }
}

//! Views and materialized views that the application may read.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Nullable, Text};

use super::{Field, question};
use crate::check::Verdict;
use crate::isolation::judge::{Outcome, judge};
use crate::isolation::probe::Session;
use crate::isolation::result::{AttackResult, Place};
use crate::isolation::run::outcomes;
use crate::isolation::{Class, Expect};
use crate::sql::attack::{Prey, digest};
use crate::sql::{Ident, QualifiedName};

const VIEWS: &str = include_str!("../queries/views.sql");

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    schema: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    has_tenant: bool,
    /// Who has written code in it and is not trusted.
    #[diesel(sql_type = Nullable<Text>)]
    stranger: Option<String>,
}

#[derive(QueryableByName)]
struct Digest {
    #[diesel(sql_type = Nullable<Text>)]
    digest: Option<String>,
}

pub(super) fn results(field: &Field<'_>, session: &mut Session, admin: &mut PgConnection) -> QueryResult<Vec<AttackResult>> {
    let trusted: Vec<&str> = field.subject.trusted_roles.iter().map(Ident::plain).collect();
    let found: Vec<Found> = diesel::sql_query(VIEWS)
        .bind::<Text, _>(&session.attacker.role)
        .bind::<Array<Text>, _>(field.relations())
        .bind::<Text, _>(field.subject.column.plain())
        .bind::<Array<Text>, _>(trusted)
        .load(admin)?;
    let mut results = Vec::new();
    for view in found {
        let (Ok(schema), Ok(name)) = (Ident::new(view.schema), Ident::new(view.name)) else { continue };
        let view_name = QualifiedName::new(schema, name);
        results.extend(if view.has_tenant {
            with_tenant(field, session, &view_name)?
        } else {
            without_tenant(field, session, (admin, view.stranger.as_deref()), &view_name)?
        });
    }
    Ok(results)
}

fn place(view: &QualifiedName, victim: &str) -> Place {
    Place { relation: view.plain(), victim: victim.to_owned(), rows: 1, remark: None }
}

/// Each row says whose it is.
fn with_tenant(field: &Field<'_>, session: &mut Session, view: &QualifiedName) -> QueryResult<Vec<AttackResult>> {
    let column = field.subject.column.clone();
    let prey = Prey { relation: view.clone(), column, columns: Vec::new(), key: Vec::new(), route: Vec::new() };
    let mut attacks = vec![question(Class::View, "reads with an empty tenant", None, field.strangers, Expect::Nothing, prey.count_some())];
    let mut victims = vec!["everybody".to_owned()];
    if let Some((me, victim)) = field.faces() {
        for (me, victim) in [(me, victim), (victim, me)] {
            let statement = prey.count_others(&me.key);
            attacks.push(question(Class::View, "reads rows of others", Some(me), field.strangers, Expect::Nothing, statement));
            victims.push(victim.key.text.clone());
        }
    }
    let outcomes = outcomes(&mut session.conn, &attacks.iter().collect::<Vec<_>>(), field.until)?;
    let results = attacks.iter().zip(victims).zip(&outcomes);
    Ok(results.map(|((attack, victim), outcome)| place(view, &victim).result(session, attack, judge(attack, outcome, None))).collect())
}

/// What the rows hold is compared: nobody, two tenants, and the tool's own session, which sees everything. That one does not read
/// what a stranger has written: the code would run with the tool's rights.
fn without_tenant(
    field: &Field<'_>,
    session: &mut Session,
    (admin, stranger): (&mut PgConnection, Option<&str>),
    view: &QualifiedName,
) -> QueryResult<Vec<AttackResult>> {
    let ask = |name, side| question(Class::View, name, side, field.strangers, Expect::Nothing, digest(view));
    let mut attacks = vec![ask("reads with an empty tenant", None)];
    if let Some((me, victim)) = field.faces() {
        attacks.extend([ask("reads what only everybody together may see", Some(me)), ask("reads as the other tenant", Some(victim))]);
    }
    let outcomes = outcomes(&mut session.conn, &attacks.iter().collect::<Vec<_>>(), field.until)?;
    let whole = if stranger.is_none() { whole(admin, view)? } else { None };
    let mut results = Vec::new();
    for (attack, outcome) in attacks.iter().zip(&outcomes).take(2) {
        let judged = match Seen::of(outcome) {
            None => judge(attack, outcome, None),
            Some(seen) if attack.me.is_none() => of_nobody(&seen, whole.as_ref()),
            Some(seen) => of_two(&seen, outcomes.get(2).and_then(Seen::of).as_ref(), whole.as_ref()),
        };
        let judged = match (judged, stranger) {
            ((Verdict::Inconclusive, detail), Some(owner)) => {
                (Verdict::Inconclusive, format!("{detail}; it belongs to {owner}: it is not read with the tool's rights"))
            }
            (judged, _) => judged,
        };
        results.push(place(view, "everybody").result(session, attack, judged));
    }
    Ok(results)
}

/// Rows of a view and what they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    rows: i64,
    digest: String,
}

impl Seen {
    fn of(outcome: &Outcome) -> Option<Self> {
        outcome.succeeded().then_some(())?;
        outcome.answer.as_deref().and_then(Self::parse)
    }

    fn parse(text: &str) -> Option<Self> {
        let (rows, digest) = text.split_once(' ')?;
        Some(Self { rows: rows.parse().ok()?, digest: digest.to_owned() })
    }
}

/// What the tool's own session sees; none where it may not look, as at a view of an owner whom policies bind.
fn whole(admin: &mut PgConnection, view: &QualifiedName) -> QueryResult<Option<Seen>> {
    admin.batch_execute("SAVEPOINT look; SET LOCAL statement_timeout = '10s'")?;
    let found: QueryResult<Digest> = crate::sql::attack::digest_row(view).row(admin);
    admin.batch_execute("ROLLBACK TO SAVEPOINT look; RELEASE SAVEPOINT look")?;
    Ok(found.ok().and_then(|row| row.digest).as_deref().and_then(Seen::parse))
}

fn of_nobody(seen: &Seen, whole: Option<&Seen>) -> (Verdict, String) {
    match whole {
        _ if seen.rows == 0 => (Verdict::Pass, "0 rows".into()),
        Some(whole) if whole == seen => (Verdict::Leak, format!("without a tenant it shows everything: {} rows", seen.rows)),
        Some(_) if seen.rows == 1 => (Verdict::Pass, "1 row, and not the one of all tenants: a sum over nothing".into()),
        _ => (Verdict::Inconclusive, format!("it shows {} rows without a tenant; review them", seen.rows)),
    }
}

fn of_two(seen: &Seen, other: Option<&Seen>, whole: Option<&Seen>) -> (Verdict, String) {
    let (Some(other), Some(whole)) = (other, whole) else {
        return (Verdict::Inconclusive, format!("it shows {} rows, and there is nothing to compare them with", seen.rows));
    };
    if seen == whole && other == whole && whole.rows > 0 {
        return (Verdict::Leak, format!("two tenants see what all together have: {} rows", whole.rows));
    }
    if seen.rows + other.rows <= whole.rows || seen.rows <= 1 && other.rows <= 1 && seen != whole && other != whole {
        return (Verdict::Pass, format!("{} and {} of {} rows", seen.rows, other.rows, whole.rows));
    }
    (Verdict::Inconclusive, format!("{} and {} rows, {} of all tenants: review whether rows are shared", seen.rows, other.rows, whole.rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Seen {
        Seen::parse(text).unwrap()
    }

    #[test]
    fn a_view_leaks_when_everybody_sees_everything() {
        let whole = seen("30 7");
        assert_eq!(of_two(&seen("30 7"), Some(&seen("30 7")), Some(&whole)).0, Verdict::Leak);
        assert_eq!(of_two(&seen("20 1"), Some(&seen("10 2")), Some(&whole)).0, Verdict::Pass);
        assert_eq!(of_two(&seen("20 1"), Some(&seen("20 2")), Some(&whole)).0, Verdict::Inconclusive);
        assert_eq!(of_two(&seen("1 1"), Some(&seen("1 2")), Some(&seen("1 3"))).0, Verdict::Pass, "sums");
        assert_eq!(of_two(&seen("1 1"), Some(&seen("1 1")), None).0, Verdict::Inconclusive);
    }

    #[test]
    fn nobody_sees_nothing_or_an_empty_sum() {
        let whole = seen("30 7");
        assert_eq!(of_nobody(&seen("0 0"), None).0, Verdict::Pass);
        assert_eq!(of_nobody(&seen("30 7"), Some(&whole)).0, Verdict::Leak);
        assert_eq!(of_nobody(&seen("1 5"), Some(&whole)).0, Verdict::Pass);
        assert_eq!(of_nobody(&seen("3 5"), Some(&whole)).0, Verdict::Inconclusive);
    }
}

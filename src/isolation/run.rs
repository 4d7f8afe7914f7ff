//! Runs attacks as one round trip and reads what they did.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use serde_json::{Map, Value, json};

use super::judge::{Outcome, judge};
use super::persona::Settings;
use super::probe::Session;
use super::result::{AttackResult, Bout};
use super::{Attack, Measure};
use crate::db::Fault;
use crate::sql::attack::send;

const ATTACKS: &str = include_str!("queries/attacks.sql");
const RECEIVE: &str = "SELECT current_setting('tenantize.outcomes', true) AS text";
/// So many attacks are sent at once: enough that the way to the server does not count, and few enough to see progress.
const BATCH: usize = 100;

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
}

/// Runs the attacks of several relations, one after the other, and judges them.
pub(super) fn results(session: &mut Session, relations: Vec<Vec<Bout>>, until: &str) -> QueryResult<Vec<AttackResult>> {
    let mut results = Vec::new();
    let mut batch: Vec<Bout> = Vec::new();
    // The attacks of a relation stay together: some are compared with the one before them.
    for bouts in relations {
        batch.extend(bouts);
        if batch.len() >= BATCH {
            results.extend(judged(session, &std::mem::take(&mut batch), until)?);
        }
    }
    results.extend(judged(session, &batch, until)?);
    Ok(results)
}

fn judged(session: &mut Session, bouts: &[Bout], until: &str) -> QueryResult<Vec<AttackResult>> {
    let attacks: Vec<&Attack> = bouts.iter().map(|bout| &bout.attack).collect();
    let outcomes = outcomes(&mut session.conn, &attacks, until)?;
    let results = bouts.iter().enumerate().map(|(at, bout)| {
        let before = at.checked_sub(1).map(|at| &outcomes[at]);
        let mut result = bout.place.result(session, &bout.attack, judge(&bout.attack, &outcomes[at], before));
        if outcomes[at] == Outcome::late() {
            // Whatever the relation holds: nothing was tried.
            result.rows = result.rows.max(1);
        }
        result
    });
    Ok(results.collect())
}

/// Runs the attacks in the transaction that is open; afterwards nothing of them is left.
///
/// The block that runs them can fail as a whole, by a timeout for example: then every outcome is that failure.
pub(super) fn outcomes(conn: &mut PgConnection, attacks: &[&Attack], until: &str) -> QueryResult<Vec<Outcome>> {
    use diesel::connection::SimpleConnection as _;
    if attacks.is_empty() {
        return Ok(Vec::new());
    }
    let list: Value = attacks.iter().map(|attack| as_json(attack)).collect();
    let all = |conn: &mut PgConnection| -> QueryResult<Option<String>> {
        send(&list.to_string(), until, ATTACKS).run_script(conn)?;
        let answer: Answer = diesel::sql_query(RECEIVE).get_result(conn)?;
        Ok(answer.text)
    };
    let mut slow = false;
    let outcomes = match all(conn) {
        Ok(text) => serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default(),
        Err(error) if Fault::of(&error) == Fault::ConnectionLost => return Err(error),
        Err(error) => {
            slow = Fault::of(&error) == Fault::StatementTimeout;
            vec![Outcome::failed(error.to_string()); attacks.len()]
        }
    };
    conn.batch_execute("ROLLBACK TO SAVEPOINT attacks; RELEASE SAVEPOINT attacks")?;
    if slow && attacks.len() > 1 {
        // One of them, or all together, took too long: each gets the time of a batch, so that only the slow ones stay open.
        let alone = attacks.iter().map(|attack| self::outcomes(conn, &[*attack], until));
        return Ok(alone.collect::<QueryResult<Vec<_>>>()?.concat());
    }
    if outcomes.len() == attacks.len() {
        return Ok(outcomes);
    }
    Ok(vec![Outcome::failed("the outcomes could not be read"); attacks.len()])
}

fn as_json(attack: &Attack) -> Value {
    let before: Vec<Value> =
        attack.before.iter().map(|step| json!({ "sql": step.statement.text(), "settings": object(&step.settings) })).collect();
    json!({
        "sql": attack.statement.text(),
        "asks": attack.measure == Measure::Answer,
        "settings": object(&attack.settings),
        "before": before,
    })
}

fn object(settings: &Settings) -> Map<String, Value> {
    settings.iter().map(|(name, text)| (name.clone(), json!(text))).collect()
}

//! Runs attacks as one round trip and reads what they did.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use serde_json::{Map, Value, json};

use super::judge::Outcome;
use super::{Attack, Measure};

const ATTACKS: &str = include_str!("attacks.sql");
const SEND: &str = "SELECT set_config('tenantize.attacks', $1, true) AS text";
const RECEIVE: &str = "SELECT current_setting('tenantize.outcomes', true) AS text";

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
}

/// Runs the attacks in the transaction that is open; afterwards nothing of them is left.
///
/// The block that runs them can fail as a whole, by a timeout for example: then every outcome is that failure.
pub(super) fn outcomes(conn: &mut PgConnection, attacks: &[Attack]) -> QueryResult<Vec<Outcome>> {
    use diesel::connection::SimpleConnection as _;
    if attacks.is_empty() {
        return Ok(Vec::new());
    }
    let list: Value = attacks.iter().map(as_json).collect();
    conn.batch_execute("SAVEPOINT attacks")?;
    let all = |conn: &mut PgConnection| -> QueryResult<Option<String>> {
        let _: Answer = diesel::sql_query(SEND).bind::<Text, _>(list.to_string()).get_result(conn)?;
        conn.batch_execute(ATTACKS)?;
        let answer: Answer = diesel::sql_query(RECEIVE).get_result(conn)?;
        Ok(answer.text)
    };
    let outcomes = match all(conn) {
        Ok(text) => serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default(),
        Err(error) if crate::db::Fault::of(&error) == crate::db::Fault::ConnectionLost => return Err(error),
        Err(error) => vec![Outcome::failed(error.to_string()); attacks.len()],
    };
    conn.batch_execute("ROLLBACK TO SAVEPOINT attacks")?;
    if outcomes.len() == attacks.len() {
        return Ok(outcomes);
    }
    Ok(vec![Outcome::failed("the outcomes could not be read"); attacks.len()])
}

fn as_json(attack: &Attack) -> Value {
    let settings: Map<String, Value> = attack.settings.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
    json!({ "sql": attack.statement.text(), "asks": attack.measure == Measure::Answer, "settings": settings })
}

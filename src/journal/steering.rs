//! What the operator asks of a run, and what the programs that work on it say of themselves.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use serde_json::Value;

use super::schema::{control, programs};

/// What the operator asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Whether the run is paused.
    pub paused: bool,
    /// Settings by name.
    pub settings: BTreeMap<String, String>,
}

/// Reads what the operator asks.
pub fn control(conn: &mut PgConnection, run: i64) -> QueryResult<Control> {
    let (paused, settings): (bool, Value) = control::table.find(run).select((control::paused, control::settings)).first(conn)?;
    // Only texts are written; anything else is not from us.
    Ok(Control { paused, settings: serde_json::from_value(settings).unwrap_or_default() })
}

/// Pauses a run.
pub fn pause(conn: &mut PgConnection, run: i64) -> QueryResult<()> {
    diesel::update(control::table.find(run)).set(control::paused.eq(true)).execute(conn).map(drop)
}

/// Lets a paused run go on.
pub fn unpause(conn: &mut PgConnection, run: i64) -> QueryResult<()> {
    diesel::update(control::table.find(run)).set(control::paused.eq(false)).execute(conn).map(drop)
}

/// Replaces the settings.
pub fn set_settings(conn: &mut PgConnection, run: i64, settings: &BTreeMap<String, String>) -> QueryResult<()> {
    let settings: Value = settings.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    diesel::update(control::table.find(run)).set(control::settings.eq(settings)).execute(conn).map(drop)
}

/// Enters a program into the list of those that work on a run, and gives it its number.
pub fn enter(conn: &mut PgConnection, run: i64) -> QueryResult<i32> {
    diesel::insert_into(programs::table)
        .values((programs::run_id.eq(run), programs::state.eq(Value::Null)))
        .returning(programs::program)
        .get_result(conn)
}

/// Notes what a program says of itself.
pub fn tell(conn: &mut PgConnection, run: i64, program: i32, state: &Value) -> QueryResult<()> {
    let row = (programs::state.eq(state), programs::seen_at.eq(diesel::dsl::sql("clock_timestamp()")));
    if diesel::update(programs::table.find((run, program))).set(row).execute(conn)? == 0 {
        // Somebody took it for dead.
        let row = (programs::run_id.eq(run), programs::program.eq(program), programs::state.eq(state));
        diesel::insert_into(programs::table).values(row).on_conflict_do_nothing().execute(conn)?;
    }
    Ok(())
}

/// Forgets a program that has ended, and those that have been silent for an hour.
pub fn leave(conn: &mut PgConnection, run: i64, program: i32) -> QueryResult<()> {
    let gone = programs::program.eq(program).or(programs::seen_at.lt(diesel::dsl::sql("now() - interval '1 hour'")));
    diesel::delete(programs::table.filter(programs::run_id.eq(run)).filter(gone)).execute(conn).map(drop)
}

/// What the programs that were heard of in the last seconds say of themselves.
pub fn programs(conn: &mut PgConnection, run: i64) -> QueryResult<Vec<(Value, DateTime<Utc>)>> {
    programs::table
        .filter(programs::run_id.eq(run))
        .filter(programs::seen_at.gt(diesel::dsl::sql("clock_timestamp() - interval '10 seconds'")))
        .order(programs::program)
        .select((programs::state, programs::seen_at))
        .load(conn)
}

//! What it costs that an index is not used any more: measured on a sample that is gone afterwards.

use std::time::{Duration, Instant};

use diesel::pg::PgConnection;
use diesel::result::Error as QueryError;
use diesel::sql_types::{Json, Nullable, Text};
use diesel::{Connection as _, QueryableByName};
use serde::Serialize;

use crate::plan::{DeadIndex, Plan};
use crate::sql::measure::{self, Search};
use crate::sql::{Ident, Statement};

/// So long a single statement of a measurement may take.
const BUDGET: Duration = Duration::from_secs(2);
/// The fastest of so many runs counts.
const RUNS: usize = 3;

/// The answer for one index.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The table.
    pub table: String,
    /// The index.
    pub index: String,
    /// What came out.
    #[serde(flatten)]
    pub cost: Cost,
}

/// What a search by an index costs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// It was measured, in milliseconds of the sample's fastest run.
    Milliseconds {
        /// Without policies.
        before: f64,
        /// With them.
        after: f64,
    },
    /// It was not.
    NotMeasured {
        /// Why.
        because: String,
    },
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    class: String,
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

#[derive(QueryableByName)]
struct Explained {
    #[diesel(sql_type = Json, column_name = "QUERY PLAN")]
    plan: serde_json::Value,
}

/// Measures each index that a policy makes useless. The tables are read and not touched; every sample is rolled back.
pub fn measure(conn: &mut PgConnection, plan: &Plan, bypasses: Bypass) -> Vec<Measured> {
    let cost = |conn: &mut PgConnection, index: &DeadIndex| {
        if let Some(calls) = index.calls.first() {
            return Cost::NotMeasured { because: format!("it calls {calls}, which would run with the rights of this connection") };
        }
        let mut cost = Cost::NotMeasured { because: "no question for it can be made up".into() };
        let begun = Instant::now();
        let ended = conn.transaction(|conn| {
            match one(conn, index, share(plan, index), bypasses) {
                Ok(Some((before, after))) => cost = Cost::Milliseconds { before, after },
                Ok(None) => {}
                Err(error) => return Err(error),
            }
            Err::<(), _>(QueryError::RollbackTransaction)
        });
        match ended {
            Err(QueryError::RollbackTransaction) | Ok(()) => cost,
            Err(error) => Cost::NotMeasured { because: format!("{error} (after {} ms)", begun.elapsed().as_millis()) },
        }
    };
    plan.dead_indexes
        .iter()
        .map(|index| Measured { table: index.table.plain(), index: index.name.plain().to_owned(), cost: cost(conn, index) })
        .collect()
}

/// Whether policies bind the connected role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// They do not: a role of its own is made for the sample, and rolled back with it.
    Yes,
    /// They do, by FORCE.
    No,
}

fn one(conn: &mut PgConnection, index: &DeadIndex, share: u32, bypasses: Bypass) -> Result<Option<(f64, f64)>, QueryError> {
    measure::limit(BUDGET).run_script(conn)?;
    measure::sample(&index.table, share).run(conn)?;
    let Some(indexed) = measure::index(&index.definition) else { return Ok(None) };
    indexed.run_script(conn)?;
    let key: Key = measure::key().row(conn)?;
    let Some(ty) = first(&measure::key_type(&key.key), conn)? else { return Ok(None) };
    let Some(search) = search(&key.class, &ty) else { return Ok(None) };
    let Some(value) = first(&measure::value(&key.key, search), conn)? else { return Ok(None) };
    let question = measure::explain(&key.key, &ty, search, &value);
    let fastest = |conn: &mut PgConnection| -> Result<f64, QueryError> {
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            let explained: Explained = question.row(conn)?;
            best = best.min(explained.plan[0]["Execution Time"].as_f64().unwrap_or(f64::INFINITY));
        }
        Ok(best)
    };
    let before = fastest(conn)?;
    let probe = Ident::new(format!("tenantize_probe_{}", std::process::id())).ok().filter(|_| bypasses == Bypass::Yes);
    measure::close(probe.as_ref()).run_script(conn)?;
    let after = fastest(conn)?;
    Ok((before.is_finite() && after.is_finite()).then_some((before, after)))
}

fn first(question: &Statement, conn: &mut PgConnection) -> Result<Option<String>, QueryError> {
    let rows: Vec<Value> = question.rows(conn)?;
    Ok(rows.into_iter().find_map(|row| row.value))
}

/// A search that the operator class is made for.
fn search(class: &str, ty: &str) -> Option<Search> {
    match (class, ty) {
        (class, _) if class.ends_with("trgm_ops") => Some(Search::Part),
        (class, _) if class.ends_with("_pattern_ops") => Some(Search::Prefix),
        (_, "tsvector") => Some(Search::Words),
        // A btree of jsonb has a class of the same name; it is rare, and a value contains what it equals.
        ("jsonb_ops" | "jsonb_path_ops", "jsonb") => Some(Search::Contains),
        ("array_ops", ty) if ty.ends_with("[]") => Some(Search::Contains),
        ("range_ops", ty) if ty.ends_with("range") => Some(Search::Overlaps),
        (class, _) if class.starts_with("gin") || class.starts_with("gist") => None,
        _ => Some(Search::Equals),
    }
}

/// Of each thousand rows, those of the biggest tenant as the audit predicts them; a tenth where it does not.
fn share(plan: &Plan, index: &DeadIndex) -> u32 {
    let table = plan.tables.iter().find(|table| table.table == index.table || table.leaves.contains(&index.table));
    let rows = || table.into_iter().flat_map(|table| table.expected.values()).copied();
    let (all, most) = (rows().sum::<i64>(), rows().max().unwrap_or(0));
    let share = if all > 0 { most * 1000 / all } else { 100 };
    u32::try_from(share.clamp(1, 1000)).unwrap_or(100)
}

//! The comparison with the backup: nothing but the tenant column may differ.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde::{Deserialize, Serialize};

use super::promise::backup_copies;
use super::{Verdict, is_lost, milliseconds};
use crate::catalog::Catalog;
use crate::plan::{BackupCopy, Plan};
use crate::sql::Pages;
use crate::sql::backup::fingerprint;
use crate::sql::check::difference;

/// One table beside its copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The table.
    pub table: String,
    /// Its copy.
    pub copy: String,
    /// PASS when they are equal, INCONCLUSIVE when they differ, UNPROVEN when they cannot be compared.
    pub verdict: Verdict,
    /// Rows of the copy.
    pub before: i64,
    /// Rows of the table.
    pub now: i64,
    /// Rows that only the copy has; unknown without a key.
    pub missing: Option<i64>,
    /// Rows that only the table has.
    pub added: Option<i64>,
    /// Rows that differ in any column but the tenant's.
    pub changed: Option<i64>,
    /// What a person should know.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

#[derive(QueryableByName, PartialEq)]
struct Digest {
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = Text)]
    hash: String,
}

#[derive(QueryableByName)]
struct Difference {
    #[diesel(sql_type = BigInt)]
    missing: i64,
    #[diesel(sql_type = Nullable<Text>)]
    missing_key: Option<String>,
    #[diesel(sql_type = BigInt)]
    added: i64,
    #[diesel(sql_type = Nullable<Text>)]
    added_key: Option<String>,
    #[diesel(sql_type = BigInt)]
    changed: i64,
    #[diesel(sql_type = Nullable<Text>)]
    changed_key: Option<String>,
}

/// Compares each table that the plan copies with its copy.
pub fn compare(
    conn: &mut PgConnection,
    plan: &Plan,
    catalog: &Catalog,
    report: &mut dyn FnMut(&Comparison),
) -> QueryResult<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for copy in backup_copies(plan) {
        let started = std::time::Instant::now();
        let mut comparison = Comparison {
            table: copy.table.plain(),
            copy: copy.copy.plain(),
            verdict: Verdict::Unproven,
            before: 0,
            now: 0,
            missing: None,
            added: None,
            changed: None,
            detail: String::new(),
            took_ms: 0,
        };
        match fill(conn, copy, catalog, &mut comparison) {
            Err(error) if is_lost(&error) => return Err(error),
            Err(error) => comparison.detail = error.to_string(),
            Ok(()) => {}
        }
        comparison.took_ms = milliseconds(started.elapsed());
        report(&comparison);
        comparisons.push(comparison);
    }
    Ok(comparisons)
}

fn fill(conn: &mut PgConnection, copy: &BackupCopy, catalog: &Catalog, comparison: &mut Comparison) -> QueryResult<()> {
    let was: Digest = fingerprint(&copy.copy, &copy.columns, &copy.texts, Pages::ALL).row(conn)?;
    let now: Digest = fingerprint(&copy.table, &copy.columns, &copy.texts, Pages::ALL).row(conn)?;
    (comparison.before, comparison.now) = (was.rows, now.rows);
    if was == now {
        comparison.verdict = Verdict::Pass;
        (comparison.missing, comparison.added, comparison.changed) = (Some(0), Some(0), Some(0));
        return Ok(());
    }
    comparison.verdict = Verdict::Inconclusive;
    let key = catalog.table(&copy.table).map(crate::catalog::Table::identifying_columns).unwrap_or_default();
    if key.is_empty() {
        comparison.detail = "contents differ; without a primary key rows cannot be named".into();
        return Ok(());
    }
    let found: Difference = difference(&copy.table, &copy.copy, key, &copy.columns).row(conn)?;
    let parts = [
        ("missing", found.missing, found.missing_key),
        ("added", found.added, found.added_key),
        ("changed", found.changed, found.changed_key),
    ];
    let parts = parts.into_iter().filter(|(_, rows, _)| *rows > 0);
    let texts: Vec<String> = parts.map(|(what, rows, key)| format!("{rows} {what}, for example {}", key.unwrap_or_default())).collect();
    comparison.detail = format!("{}; did the application write meanwhile?", texts.join("; "));
    (comparison.missing, comparison.added, comparison.changed) = (Some(found.missing), Some(found.added), Some(found.changed));
    Ok(())
}

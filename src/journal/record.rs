//! Rows of the journal.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;

use super::schema::{backups, fill_chunks, runs, steps};
use super::{RunState, StepState};

/// A run.
#[derive(Clone, Debug, HasQuery, Identifiable)]
#[diesel(table_name = runs)]
pub struct RunRecord {
    /// Its number.
    pub id: i64,
    /// The plan's identity.
    pub plan_id: String,
    /// The plan.
    pub plan: serde_json::Value,
    /// SHA-256 of the configuration.
    pub config_hash: String,
    /// The program that made the plan.
    pub tool_version: String,
    /// How far it has come.
    pub state: RunState,
    /// Starts and resumes so far.
    pub epoch: i32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A step of a run.
#[derive(Clone, Debug, HasQuery, Serialize)]
#[diesel(table_name = steps)]
pub struct StepRecord {
    /// The run.
    pub run_id: i64,
    /// The step.
    pub step_id: String,
    /// Its place in the plan.
    pub position: i32,
    /// Its phase.
    pub phase: String,
    /// How far it has come.
    pub state: StepState,
    /// How often it was begun.
    pub attempts: i32,
    /// Rows it has written.
    pub rows_done: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was begun first.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A range of heap pages that a worker has claimed.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery)]
#[diesel(table_name = fill_chunks)]
pub struct Chunk {
    /// The run.
    pub run_id: i64,
    /// The step.
    pub step_id: String,
    /// The table, as text.
    pub relation: String,
    /// 0 = the fill, from 1 on sweeps.
    pub pass: i32,
    /// The first page.
    pub first_page: i64,
    /// The page after the last.
    pub end_page: i64,
    /// Stripes per page.
    pub stripes: i32,
    /// Stripes before this one are committed.
    pub stripe: i32,
    /// Pages before this one are committed in the current stripe.
    pub next_page: i64,
    /// Rows written.
    pub rows_done: i64,
}

/// A chunk to be filled.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = fill_chunks)]
pub struct NewChunk<'a> {
    /// The run.
    pub run_id: i64,
    /// The step.
    pub step_id: &'a str,
    /// The table, as text.
    pub relation: &'a str,
    /// 0 = the fill, from 1 on sweeps.
    pub pass: i32,
    /// The first page.
    pub first_page: i64,
    /// The page after the last.
    pub end_page: i64,
    /// Stripes per page.
    pub stripes: i32,
    /// The first page again.
    pub next_page: i64,
    /// `pending`.
    pub state: &'a str,
}

/// A copy of a table.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, Insertable, Serialize)]
#[diesel(table_name = backups)]
pub struct BackupRecord {
    /// The run.
    pub run_id: i64,
    /// The table, as text.
    pub relation: String,
    /// The copy, as text.
    pub copy: String,
    /// The columns copied.
    pub copied_columns: serde_json::Value,
    /// Rows at the snapshot.
    pub rows_copied: i64,
    /// Their hash.
    pub hash: String,
    /// When the snapshot was taken.
    pub taken_at: DateTime<Utc>,
}

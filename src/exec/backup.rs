//! Copies under one exported snapshot, in parallel, each with count and hash.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use chrono::Utc;
use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::{ExecError, Executor, milliseconds};
use crate::journal::{BackupRecord, store};
use crate::plan::{BackupCopy, BackupSpec, Step, StepId};
use crate::progress::{Event, Precision, Unit};
use crate::sql::backup as sql;

#[derive(QueryableByName)]
struct Snapshot {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(QueryableByName, PartialEq, Eq)]
struct Fingerprint {
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = Text)]
    hash: String,
}

impl Executor<'_> {
    /// Copies all tables. Half a backup is none: after an interruption all copies are made again.
    pub(super) fn back_up(&mut self, step: &Step, spec: &BackupSpec) -> Result<Option<i64>, ExecError> {
        let run = self.run;
        self.patiently(|conn| Ok(conn.transaction(|conn| store::begin_step(conn, run, &step.id))?))?;
        self.discard_backup(&step.id, spec)?;
        self.patiently(|conn| Ok(sql::create_schema(&spec.schema).run_script(conn)?))?;
        let total = spec.copies.iter().map(|copy| copy.bytes).sum::<i64>().cast_unsigned();
        self.tell(&Event::WorkSized {
            step: step.id.to_string(),
            subject: spec.schema.plain().into(),
            unit: Unit::Bytes,
            done: 0,
            total,
            precision: Precision::Estimate,
        });
        let records = self.copy_all(step, spec)?;
        let rows = records.iter().map(|record| record.rows_copied).sum();
        self.patiently(|conn| {
            Ok(conn.transaction(|conn| {
                for record in &records {
                    store::add_backup(conn, record).map_err(crate::journal::JournalError::from)?;
                }
                store::finish_step(conn, run, &step.id, Some(rows))
            })?)
        })?;
        Ok(Some(rows))
    }

    /// Drops what an interrupted backup left, and what `rollback` takes back.
    ///
    /// A server that was not told of our end may still be copying: the locks are waited for.
    pub(super) fn discard_backup(&mut self, step: &StepId, spec: &BackupSpec) -> Result<(), ExecError> {
        self.in_one_transaction(step, &mut |conn| {
            for copy in &spec.copies {
                sql::drop_copy(&copy.copy).run(conn)?;
            }
            sql::drop_schema(&spec.schema).run(conn)?;
            Ok(())
        })
    }

    fn copy_all(&self, step: &Step, spec: &BackupSpec) -> Result<Vec<BackupRecord>, ExecError> {
        let mut leader = self.db.connect_dedicated()?;
        leader.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
        let snapshot: Snapshot = sql::export_snapshot().row(&mut leader)?;
        let taken_at = Utc::now();
        let queue: Mutex<VecDeque<&BackupCopy>> = Mutex::new(spec.copies.iter().collect());
        let records = Mutex::new(Vec::new());
        let done = Mutex::new(0_u64);
        let copier = |worker: usize| -> Result<(), ExecError> {
            let mut conn = self.db.get()?;
            while let Some(copy) = queue.lock().map_err(|_| ExecError::Worker)?.pop_front() {
                if self.stop.requested() {
                    return Err(ExecError::Stopped);
                }
                let clock = Instant::now();
                let found = copy_one(&mut conn, &snapshot.text, copy)?;
                let record = BackupRecord {
                    run_id: self.run.id,
                    relation: copy.table.plain(),
                    copy: copy.copy.plain(),
                    copied_columns: serde_json::to_value(&copy.columns).unwrap_or_default(),
                    rows_copied: found.rows,
                    hash: found.hash,
                    taken_at,
                };
                records.lock().map_err(|_| ExecError::Worker)?.push(record);
                let mut done = done.lock().map_err(|_| ExecError::Worker)?;
                *done += copy.bytes.cast_unsigned();
                let batch = copy.bytes.cast_unsigned();
                self.tell(&Event::Advanced {
                    step: step.id.to_string(),
                    unit_done: *done,
                    batch,
                    took_ms: milliseconds(clock),
                    size: 0,
                    worker,
                });
            }
            Ok(())
        };
        let workers = self.gate.jobs().min(spec.copies.len());
        let results: Vec<Result<(), ExecError>> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|worker| scope.spawn(move || copier(worker))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or(Err(ExecError::Worker))).collect()
        });
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        leader.batch_execute("COMMIT")?;
        let mut records = records.into_inner().map_err(|_| ExecError::Worker)?;
        records.sort_by(|a, b| a.relation.cmp(&b.relation));
        Ok(records)
    }
}

/// Copies one table and shows that the copy equals what the snapshot sees.
fn copy_one(conn: &mut PgConnection, snapshot: &str, copy: &BackupCopy) -> Result<Fingerprint, ExecError> {
    conn.build_transaction().repeatable_read().run(|conn| {
        sql::import_snapshot(snapshot).run(conn)?;
        sql::copy(&copy.table, &copy.copy, &copy.columns).run_script(conn)?;
        let source: Fingerprint = sql::fingerprint(&copy.table, &copy.columns).row(conn)?;
        let copied: Fingerprint = sql::fingerprint(&copy.copy, &copy.columns).row(conn)?;
        if source == copied {
            return Ok(source);
        }
        let detail = format!("{} rows, hash {} became {} rows, hash {}", source.rows, source.hash, copied.rows, copied.hash);
        Err(ExecError::Backup { table: copy.table.clone(), detail })
    })
}

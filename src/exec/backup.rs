//! Copies under one exported snapshot, in parallel and by page ranges, each with count and hash.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
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
use crate::sql::fill::count_pages;
use crate::sql::{Pages, QualifiedName, backup as sql};

/// Pages of a part: 8 to 128 MiB, so that workers end at about the same time.
const SHORTEST: i64 = 1_024;
const LONGEST: i64 = 16_384;

/// Pages of one table, for one worker.
struct Part<'a> {
    copy: &'a BackupCopy,
    pages: Pages,
    /// What the bar moves by when it is done.
    weight: u64,
}

/// Count and sum of hashes; the sum of parts is that of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: i64,
    hash: i128,
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

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
    pub(super) fn back_up(&self, step: &Step, spec: &BackupSpec) -> Result<Option<i64>, ExecError> {
        let run = self.run;
        self.patiently(|conn| Ok(conn.transaction(|conn| store::begin_step(conn, run, &step.id))?))?;
        self.discard_backup(&step.id, spec)?;
        self.patiently(|conn| Ok(sql::create_schema(&spec.schema).run_script(conn)?))?;
        for copy in &spec.copies {
            self.patiently(|conn| Ok(sql::create_copy(&copy.table, &copy.copy, &copy.columns).run_script(conn)?))?;
        }
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
    pub(super) fn discard_backup(&self, step: &StepId, spec: &BackupSpec) -> Result<(), ExecError> {
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
        let done = AtomicU64::new(0);
        let sources = parts(&mut leader, (spec, self.gate.jobs()), |copy| &copy.table)?;
        let before = self.share(step, sources, &done, &|conn, part| copy_part(conn, &snapshot.text, part))?;
        leader.batch_execute("COMMIT")?;
        // What was written is read again, after everybody has committed.
        let copies = parts(&mut leader, (spec, self.gate.jobs()), |copy| &copy.copy)?;
        let after = self.share(step, copies, &done, &|conn, part| fingerprint(conn, &part.copy.copy, part))?;
        let record = |copy: &BackupCopy| {
            let sum = |sums: &BTreeMap<QualifiedName, Sum>| sums.get(&copy.table).copied().unwrap_or_default();
            let (source, copied) = (sum(&before), sum(&after));
            if source != copied {
                let detail = format!("{} rows, hash {} became {} rows, hash {}", source.rows, source.hash, copied.rows, copied.hash);
                return Err(ExecError::Backup { table: copy.table.clone(), detail });
            }
            Ok(BackupRecord {
                run_id: self.run.id,
                relation: copy.table.plain(),
                copy: copy.copy.plain(),
                copied_columns: serde_json::to_value(&copy.columns).unwrap_or_default(),
                rows_copied: source.rows,
                hash: source.hash.to_string(),
                taken_at,
            })
        };
        let mut records = spec.copies.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        records.sort_by(|a, b| a.relation.cmp(&b.relation));
        Ok(records)
    }

    /// Lets the workers do the parts, and adds up what they return, by table.
    fn share<'s>(
        &self,
        step: &Step,
        parts: VecDeque<Part<'s>>,
        done: &AtomicU64,
        work: &(dyn Fn(&mut PgConnection, &Part<'_>) -> Result<Sum, ExecError> + Sync),
    ) -> Result<BTreeMap<QualifiedName, Sum>, ExecError> {
        let workers = self.gate.jobs().min(parts.len());
        let queue = Mutex::new(parts);
        let sums = Mutex::new(BTreeMap::<QualifiedName, Sum>::new());
        let next = || queue.lock().map(|mut queue| queue.pop_front()).map_err(|_| ExecError::Worker);
        let worker = |worker: usize| -> Result<(), ExecError> {
            let mut conn = self.db.get()?;
            while let Some(part) = next()? {
                self.gate.wait(step.id.as_str(), &*self.report, &self.stop);
                if self.stop.requested() {
                    return Err(ExecError::Stopped);
                }
                let clock = Instant::now();
                let found = work(&mut conn, &part)?;
                let mut sums = sums.lock().map_err(|_| ExecError::Worker)?;
                let sum = sums.entry(part.copy.table.clone()).or_default();
                (sum.rows, sum.hash) = (sum.rows + found.rows, sum.hash + found.hash);
                drop(sums);
                let unit_done = done.fetch_add(part.weight, Ordering::Relaxed) + part.weight;
                let (step, took_ms) = (step.id.to_string(), milliseconds(clock));
                self.tell(&Event::Advanced { step, unit_done, batch: part.weight, took_ms, size: 0, worker });
            }
            Ok(())
        };
        let results: Vec<Result<(), ExecError>> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|number| scope.spawn(move || worker(number))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or(Err(ExecError::Worker))).collect()
        });
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        sums.into_inner().map_err(|_| ExecError::Worker)
    }
}

/// The parts of all tables, in the order of the plan: the biggest come first, so that none is left over for one worker alone.
///
/// The last range of a table has no end: pages may have come since they were counted. Each table is gone through twice, so
/// that either time moves the bar by half of its bytes.
fn parts<'a>(
    conn: &mut PgConnection,
    (spec, jobs): (&'a BackupSpec, usize),
    relation: impl Fn(&'a BackupCopy) -> &'a QualifiedName,
) -> Result<VecDeque<Part<'a>>, ExecError> {
    let jobs = i64::try_from(jobs).unwrap_or(1).max(1);
    let mut parts = VecDeque::new();
    for copy in &spec.copies {
        let pages = count_pages(relation(copy)).row::<Size>(conn)?.value;
        let length = (pages / (jobs * 4)).clamp(SHORTEST, LONGEST);
        let ranges = (pages / length).max(1);
        let weight = copy.bytes.cast_unsigned() / 2 / ranges.cast_unsigned();
        for number in 0..ranges {
            let end = (number + 1 < ranges).then_some((number + 1) * length);
            parts.push_back(Part { copy, pages: Pages { first: number * length, end }, weight });
        }
    }
    Ok(parts)
}

/// Copies a part, and counts and hashes what the snapshot sees of it.
fn copy_part(conn: &mut PgConnection, snapshot: &str, part: &Part<'_>) -> Result<Sum, ExecError> {
    let Part { copy, pages, .. } = part;
    conn.build_transaction().repeatable_read().run(|conn| {
        sql::import_snapshot(snapshot).run(conn)?;
        sql::copy_rows(&copy.table, &copy.copy, &copy.columns, *pages).run(conn)?;
        fingerprint(conn, &copy.table, part)
    })
}

fn fingerprint(conn: &mut PgConnection, relation: &QualifiedName, part: &Part<'_>) -> Result<Sum, ExecError> {
    let found: Fingerprint = sql::fingerprint(relation, &part.copy.columns, &part.copy.texts, part.pages).row(conn)?;
    let hash = found.hash.parse().map_err(|_| ExecError::Backup { table: relation.clone(), detail: format!("hash {}", found.hash) })?;
    Ok(Sum { rows: found.rows, hash })
}

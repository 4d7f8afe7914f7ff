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

/// What workers do with all parts.
struct Pass<'p> {
    /// Opens a worker's session, in a transaction.
    open: &'p (dyn Fn() -> Result<PgConnection, ExecError> + Sync),
    /// Does a part.
    work: &'p (dyn Fn(&mut PgConnection, &Part<'_>) -> Result<Sum, ExecError> + Sync),
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
            let create = sql::create_copy(&copy.table, &copy.copy, &copy.columns);
            self.in_one_transaction(&step.id, &mut |conn| Ok(create.run_script(conn)?))?;
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
        let mut leader = self.hold(step, spec, None)?;
        let snapshot: Snapshot = sql::export_snapshot().row(&mut leader)?;
        let taken_at = Utc::now();
        let done = AtomicU64::new(0);
        // Pages are counted under the locks: until the end they are those of the files that are read.
        let sources = parts(&mut leader, (spec, self.gate.jobs()), |copy| (&copy.table, halves(copy).0))?;
        let copying = Pass { open: &|| self.hold(step, spec, Some(&snapshot.text)), work: &copy_part };
        let before = self.share(step, sources, &done, &copying).map_err(|error| cause(&mut leader, error))?;
        leader.batch_execute("COMMIT").map_err(|error| lost(&error))?;
        // What was written is read again, after everybody has committed.
        let copies = parts(&mut leader, (spec, self.gate.jobs()), |copy| (&copy.copy, halves(copy).1))?;
        let begin = || {
            let mut conn = self.db.connect_dedicated()?;
            conn.batch_execute("BEGIN")?;
            Ok(conn)
        };
        let reading = Pass { open: &begin, work: &|conn, part| fingerprint(conn, &part.copy.copy, part) };
        let after = self.share(step, copies, &done, &reading)?;
        let record = |copy: &BackupCopy| {
            let sum = |sums: &BTreeMap<QualifiedName, Sum>| sums.get(&copy.table).copied().unwrap_or_default();
            let (there, here) = (sum(&before), sum(&after));
            if there != here {
                let detail = format!("{} rows, hash {} became {} rows, hash {}", there.rows, there.hash, here.rows, here.hash);
                return Err(ExecError::Backup { table: copy.table.clone(), detail });
            }
            Ok(BackupRecord {
                run_id: self.run.id,
                relation: copy.table.plain(),
                copy: copy.copy.plain(),
                copied_columns: serde_json::to_value(&copy.columns).unwrap_or_default(),
                rows_copied: there.rows,
                hash: there.hash.to_string(),
                taken_at,
            })
        };
        let mut records = spec.copies.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        records.sort_by(|a, b| a.relation.cmp(&b.relation));
        Ok(records)
    }

    /// A session in whose transaction nobody empties or rewrites the tables: the ranges of pages stay those of one file.
    ///
    /// Each worker has one of its own, from its first part to its last. Somebody who waits to rewrite a table waits for all who
    /// hold it, and whoever asks for it anew waits behind him: a worker that asked at each part would never go on.
    fn hold(&self, step: &Step, spec: &BackupSpec, snapshot: Option<&str>) -> Result<PgConnection, ExecError> {
        let mut conn = self.db.connect_dedicated()?;
        let tables: Vec<&QualifiedName> = spec.copies.iter().map(|copy| &copy.table).collect();
        let hold = sql::hold(&tables, snapshot);
        self.by_ladder(&mut conn, &step.id, &self.lock_policy(), &mut |conn| {
            hold.run_script(conn).map_err(|error| {
                // When this fails too the connection is lost, and the transaction with it.
                let _ = conn.batch_execute("ROLLBACK");
                error.into()
            })
        })?;
        Ok(conn)
    }

    /// Lets the workers do the parts, each in one transaction, and adds up what they return, by table.
    fn share(
        &self,
        step: &Step,
        parts: VecDeque<Part<'_>>,
        done: &AtomicU64,
        pass: &Pass<'_>,
    ) -> Result<BTreeMap<QualifiedName, Sum>, ExecError> {
        let workers = self.gate.jobs().min(parts.len());
        let queue = Mutex::new(parts);
        let sums = Mutex::new(BTreeMap::<QualifiedName, Sum>::new());
        let next = || queue.lock().map(|mut queue| queue.pop_front()).map_err(|_| ExecError::Worker);
        let work = |worker: usize| -> Result<(), ExecError> {
            let mut conn = (pass.open)()?;
            while let Some(part) = next()? {
                self.gate.wait(step.id.as_str(), &*self.report, &self.stop);
                if self.stop.requested() {
                    return Err(ExecError::Stopped);
                }
                let clock = Instant::now();
                let found = (pass.work)(&mut conn, &part)?;
                let mut sums = sums.lock().map_err(|_| ExecError::Worker)?;
                let sum = sums.entry(part.copy.table.clone()).or_default();
                (sum.rows, sum.hash) = (sum.rows + found.rows, sum.hash + found.hash);
                drop(sums);
                let unit_done = done.fetch_add(part.weight, Ordering::Relaxed) + part.weight;
                let (step, took_ms) = (step.id.to_string(), milliseconds(clock));
                self.tell(&Event::Advanced { step, unit_done, batch: part.weight, took_ms, size: 0, worker });
            }
            Ok(conn.batch_execute("COMMIT")?)
        };
        // What the others would still do is for nothing when one has failed.
        let worker = |number| {
            work(number).inspect_err(|_| {
                if let Ok(mut queue) = queue.lock() {
                    queue.clear();
                }
            })
        };
        let results: Vec<Result<(), ExecError>> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|number| scope.spawn(move || worker(number))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap_or(Err(ExecError::Worker))).collect()
        });
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        sums.into_inner().map_err(|_| ExecError::Worker)
    }
}

/// Why the copying ended: without the leader nobody else comes to its snapshot, and says so in words that tell nothing.
fn cause(leader: &mut PgConnection, error: ExecError) -> ExecError {
    match error {
        ExecError::Stopped => error,
        error => leader.batch_execute("SELECT 1").err().map_or(error, |gone| lost(&gone)),
    }
}

fn lost(error: &diesel::result::Error) -> ExecError {
    ExecError::Lost(format!("the connection that held the backup's snapshot was lost: {error}"))
}

/// Each table is gone through twice, and either time moves the bar by half of its bytes.
fn halves(copy: &BackupCopy) -> (u64, u64) {
    let bytes = copy.bytes.cast_unsigned();
    (bytes / 2, bytes - bytes / 2)
}

/// The parts of all tables, in the order of the plan: the biggest come first, so that none is left over for one worker alone.
fn parts<'a>(
    conn: &mut PgConnection,
    (spec, jobs): (&'a BackupSpec, usize),
    of: impl Fn(&'a BackupCopy) -> (&'a QualifiedName, u64),
) -> Result<VecDeque<Part<'a>>, ExecError> {
    let jobs = i64::try_from(jobs).unwrap_or(1).max(1);
    let mut parts = VecDeque::new();
    for copy in &spec.copies {
        let (relation, bytes) = of(copy);
        let pages = count_pages(relation).row::<Size>(conn)?.value;
        parts.extend(ranges(pages, jobs, bytes).into_iter().map(|(pages, weight)| Part { copy, pages, weight }));
    }
    Ok(parts)
}

/// Ranges of the pages of a table, with their shares of `bytes`.
///
/// The last range has no end: pages may have come since they were counted.
fn ranges(pages: i64, jobs: i64, bytes: u64) -> Vec<(Pages, u64)> {
    let length = (pages / (jobs * 4)).clamp(SHORTEST, LONGEST);
    let count = (pages / length).max(1);
    let share = bytes / count.cast_unsigned();
    let range = |number: i64| {
        let first = number * length;
        if number + 1 < count {
            (Pages { first, end: Some(first + length) }, share)
        } else {
            (Pages { first, end: None }, bytes - share * number.cast_unsigned())
        }
    };
    (0..count).map(range).collect()
}

/// Copies a part, and counts and hashes what the snapshot sees of it.
fn copy_part(conn: &mut PgConnection, part: &Part<'_>) -> Result<Sum, ExecError> {
    let Part { copy, pages, .. } = part;
    sql::copy_rows(&copy.table, &copy.copy, &copy.columns, *pages).run(conn)?;
    fingerprint(conn, &copy.table, part)
}

fn fingerprint(conn: &mut PgConnection, relation: &QualifiedName, part: &Part<'_>) -> Result<Sum, ExecError> {
    let found: Fingerprint = sql::fingerprint(relation, &part.copy.columns, &part.copy.texts, part.pages).row(conn)?;
    let hash = found.hash.parse().map_err(|_| ExecError::Backup { table: relation.clone(), detail: format!("hash {}", found.hash) })?;
    Ok(Sum { rows: found.rows, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_every_page_once_and_weigh_what_the_table_does() {
        for (pages, jobs, bytes) in [(0, 1, 7), (5, 3, 0), (4_100, 1, 33_587_201), (4_100, 3, 33_587_201), (1_000_000, 2, 8_192_000_003)] {
            let ranges = ranges(pages, jobs, bytes);
            let mut next = Some(0);
            for (range, _) in &ranges {
                assert_eq!(Some(range.first), next);
                next = range.end;
            }
            assert_eq!(next, None, "the last has no end");
            assert_eq!(ranges.iter().map(|(_, weight)| weight).sum::<u64>(), bytes);
        }
    }
}

//! Rows that get their tenant from each other, at once: a cycle of tables is walked in the database, and its rows are written parents
//! before children.
//!
//! What was found is held against the rows when they are written: a row that has changed since, or whose parent has, is left to the
//! next walk or to the sweeps. The rows of a range are written all or not at all where some have their parent among them.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;

use super::Value;
use super::conflict::Conflicts;
use super::pace::Pace;
use super::worker::Suppress;
use crate::db::{Fault, HasFault as _};
use crate::exec::{ExecError, Executor, milliseconds};
use crate::journal::chunks::{Claimant, Pass};
use crate::journal::{Chunk, JournalError, NewChunk, chunks, store};
use crate::plan::{FillSpec, StepId};
use crate::progress::Event;
use crate::rule::has_word;
use crate::sql::{QualifiedName, TenantSource, fill as sql, walk as steps};

/// How many rows stand for one page when the size of a batch is chosen.
const ROWS_PER_PAGE: i64 = 16;

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// Whatever could be written is.
    ToTheEnd,
    /// Somebody asked to stop.
    Stopped,
}

/// A walk over the tables of one step.
pub(super) struct Walk<'a> {
    pub(super) exec: &'a Executor<'a>,
    pub(super) step: &'a StepId,
    pub(super) fills: Vec<&'a FillSpec>,
    /// Rows of the step that are settled.
    pub(super) settled: &'a AtomicI64,
}

/// One table of a walk: its pass in the journal.
struct Lane<'a> {
    spec: &'a FillSpec,
    suppress: Suppress,
    chunk: Chunk,
}

/// What became of a range.
enum Wrote {
    /// So many rows of each table.
    Rows(Vec<i64>),
    /// Nothing: some row has changed, and others have their parent in the range.
    Nothing,
    /// Nothing: the journal is elsewhere, or the connection was lost after a commit.
    Elsewhere,
}

/// Whether the tenant of every row is found by where its parents lead: not where an expression may read what is being filled.
pub(super) fn is_possible(fills: &[&FillSpec]) -> bool {
    let parents = fills.iter().flat_map(|fill| &fill.sources).filter_map(|source| match source {
        TenantSource::Parent(parent) => Some(&parent.table),
        _ => None,
    });
    let tables: Vec<&QualifiedName> = parents.chain(fills.iter().map(|fill| &fill.table)).collect();
    !fills.iter().flat_map(|fill| &fill.sources).any(|source| match source {
        TenantSource::Expression { sql, .. } => tables.iter().any(|table| has_word(sql, table.name.plain())),
        _ => false,
    })
}

impl<'s> Walk<'s> {
    /// Writes every row that has an ancestor with a tenant.
    pub(super) fn walk(&self) -> Result<Walked, ExecError> {
        let me = Claimant { program: self.exec.gate.number(), worker: 1 };
        let mut lanes = Vec::new();
        // The temporary tables are of one connection: when it is lost, everything begins again.
        self.exec.patiently(|conn| {
            let last = self.find(conn)?;
            if last == 0 && lanes.is_empty() {
                return Ok(Walked::ToTheEnd);
            }
            if lanes.is_empty() {
                lanes = self.open(conn, me)?;
            } else {
                self.reopen(conn, &mut lanes, me)?;
            }
            let walked = self.write(conn, &mut lanes, me, last)?;
            steps::forget().run_script(conn)?;
            self.close(conn, &lanes, me, walked)?;
            Ok(walked)
        })
    }

    /// Finds the rows that can be written, and says how many there are.
    fn find(&self, conn: &mut PgConnection) -> Result<i64, ExecError> {
        steps::create(self.exec.plan.tenants.ty).run_script(conn)?;
        // All tables as of one moment: a place is of no use once another row lies there.
        conn.build_transaction().repeatable_read().run(|conn| -> QueryResult<()> {
            // Expressions of rules mean what they mean in psql.
            conn.batch_execute("SET LOCAL search_path TO DEFAULT")?;
            for spec in &self.fills {
                steps::collect(&spec.table, &spec.column, &spec.sources).run(conn)?;
            }
            Ok(())
        })?;
        steps::analyze().run(conn)?;
        while !self.exec.stop.requested() && steps::double().row::<Value>(conn)?.value > 0 {}
        steps::place().run_script(conn)?;
        Ok(steps::count_placed().row::<Value>(conn)?.value)
    }

    /// Notes a pass for each table: one chunk of all its pages. Should this program die, another one goes on with it page by page.
    fn open(&self, conn: &mut PgConnection, me: Claimant) -> Result<Vec<Lane<'s>>, ExecError> {
        let run = self.exec.run;
        let mut lanes = Vec::new();
        for spec in &self.fills {
            lanes.push((*spec, Suppress::wanted(conn, spec)?, sql::count_pages(&spec.table).row::<Value>(conn)?.value.max(1)));
        }
        conn.transaction(|conn| {
            let open = |(spec, suppress, end_page): (&'s FillSpec, Suppress, i64)| {
                let relation = spec.table.plain();
                let number = chunks::last_pass(conn, run, self.step, &relation)? + 1;
                let pass = Pass { step: self.step, relation: &relation, number };
                chunks::add(
                    conn,
                    run,
                    &[NewChunk {
                        run_id: run.id,
                        step_id: self.step.as_str(),
                        relation: &relation,
                        pass: number,
                        first_page: 0,
                        end_page,
                        stripes: 1,
                        next_page: 0,
                        state: "pending",
                    }],
                )?;
                let chunk = chunks::claim(conn, run, &pass, me, 0)?.ok_or(ExecError::Worker)?;
                Ok(Lane { spec, suppress, chunk })
            };
            lanes.into_iter().map(open).collect()
        })
    }

    /// Reads the passes again.
    fn reopen(&self, conn: &mut PgConnection, lanes: &mut [Lane<'_>], me: Claimant) -> Result<(), ExecError> {
        store::check_epoch(conn, self.exec.run)?;
        for lane in lanes {
            lane.chunk = chunks::held(conn, self.exec.run, &lane.chunk, me)?.ok_or(ExecError::Journal(JournalError::Fenced))?;
        }
        Ok(())
    }

    fn write(&self, conn: &mut PgConnection, lanes: &mut [Lane<'_>], me: Claimant, last: i64) -> Result<Walked, ExecError> {
        let exec = self.exec;
        let mut pace = Pace::new(exec.gate.settings().batch_time);
        let mut conflicts = Conflicts::new(exec.options.lock_budget);
        let mut written = 0;
        while written < last {
            exec.gate.wait(self.step.as_str(), &*exec.report, &exec.stop);
            if exec.stop.requested() {
                return Ok(Walked::Stopped);
            }
            pace.aim(exec.gate.settings().batch_time);
            let clock = Instant::now();
            let end = (written + pace.pages() * ROWS_PER_PAGE).min(last);
            match self.range(conn, lanes, me, &(written..end)) {
                Ok(rows) => {
                    let took = clock.elapsed();
                    conflicts = Conflicts::new(exec.options.lock_budget);
                    pace.observe((end - written) / ROWS_PER_PAGE, took);
                    self.told(rows, end - written, clock);
                    written = end;
                    exec.gate.rest(took, &exec.stop);
                }
                Err(error) if error.fault().is_transient() || error.fault() == Fault::StatementTimeout => {
                    pace.shrink();
                    conflicts.wait(self.step, error, &*exec.report)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Walked::ToTheEnd)
    }

    /// Writes a range, or as much of it as is still so; returns how many rows.
    fn range(&self, conn: &mut PgConnection, lanes: &mut [Lane<'_>], me: Claimant, range: &Range<i64>) -> Result<i64, ExecError> {
        let mut total = 0;
        let mut left = vec![range.clone()];
        while let Some(range) = left.pop() {
            match self.batch(conn, lanes, me, &range)? {
                Wrote::Rows(rows) => {
                    for (lane, rows) in lanes.iter_mut().zip(&rows) {
                        lane.chunk.rows_done += rows;
                    }
                    total += rows.iter().sum::<i64>();
                }
                Wrote::Nothing => {
                    let middle = range.start + (range.end - range.start) / 2;
                    left.extend([middle..range.end, range.start..middle]);
                }
                Wrote::Elsewhere => {
                    self.reopen(conn, lanes, me)?;
                }
            }
        }
        Ok(total)
    }

    /// One range in one transaction, with its checkpoint.
    fn batch(&self, conn: &mut PgConnection, lanes: &[Lane<'_>], me: Claimant, range: &Range<i64>) -> Result<Wrote, ExecError> {
        let run = self.exec.run;
        let mut refused = Wrote::Elsewhere;
        let committed = conn.transaction(|conn| {
            let mut wrote = vec![0; lanes.len()];
            // What is kept from firing stays so to the end of the transaction.
            for suppress in [Suppress::No, Suppress::Yes] {
                let mut lanes = lanes.iter().zip(&mut wrote).filter(|(lane, _)| lane.suppress == suppress).peekable();
                if lanes.peek().is_some() {
                    conn.batch_execute(suppress.settings())?;
                }
                for (lane, wrote) in lanes {
                    let spec = lane.spec;
                    let rows = steps::write(&spec.table, &spec.column, &spec.sources, range).run(conn)?;
                    *wrote = i64::try_from(rows).unwrap_or(i64::MAX);
                }
            }
            if wrote.iter().sum::<i64>() < range.end - range.start && steps::count_dependent(range).row::<Value>(conn)?.value > 0 {
                refused = Wrote::Nothing;
                return Err(diesel::result::Error::RollbackTransaction);
            }
            for (lane, rows) in lanes.iter().zip(&wrote) {
                let mut after = lane.chunk.clone();
                after.rows_done += rows;
                if !chunks::advance(conn, run, &lane.chunk, &after, me)? {
                    return Err(diesel::result::Error::RollbackTransaction);
                }
            }
            Ok(wrote)
        });
        match committed {
            Ok(wrote) => Ok(Wrote::Rows(wrote)),
            Err(diesel::result::Error::RollbackTransaction) => Ok(refused),
            Err(error) => Err(error.into()),
        }
    }

    /// The passes are done, or given back to whoever goes on.
    fn close(&self, conn: &mut PgConnection, lanes: &[Lane<'_>], me: Claimant, walked: Walked) -> Result<(), ExecError> {
        for lane in lanes {
            if walked == Walked::Stopped {
                chunks::release(conn, self.exec.run, &lane.chunk, me)?;
                continue;
            }
            let mut after = lane.chunk.clone();
            after.stripe = after.stripes;
            if !chunks::advance(conn, self.exec.run, &lane.chunk, &after, me)? {
                tracing::debug!(relation = lane.chunk.relation, "another program has its pass");
            }
        }
        Ok(())
    }

    fn told(&self, rows: i64, size: i64, clock: Instant) {
        let settled = self.settled.fetch_add(rows, Ordering::Relaxed) + rows;
        self.exec.written.fetch_add(rows, Ordering::Relaxed);
        self.exec.report.event(&Event::Advanced {
            step: self.step.to_string(),
            unit_done: settled.cast_unsigned(),
            batch: rows.cast_unsigned(),
            took_ms: milliseconds(clock),
            size: size.cast_unsigned(),
            worker: 1,
        });
    }
}

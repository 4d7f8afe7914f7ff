//! The fill: every row of a table gets its tenant, chunk by chunk, and at the end a sweep for rows that moved meanwhile.

mod pace;
mod stripe;
mod worker;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::config::TriggerPolicy;
use crate::exec::{ExecError, Executor};
use crate::journal::{NewChunk, chunks, store};
use crate::phase::Phase;
use crate::plan::{Action, FillSpec, Step};
use crate::progress::{Event, Precision, Unit};
use crate::sql::{TenantSource, fill as sql};
use worker::{Allowed, Job, Suppress};

/// How often the number of workers is looked at.
const LOOK: Duration = Duration::from_millis(200);

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct PageRows {
    #[diesel(sql_type = BigInt)]
    page: i64,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// Whether a fill looks for rows that it has missed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweep {
    /// At its end.
    Now,
    /// A later step does, together with other tables of its cycle.
    Later,
}

impl Executor<'_> {
    /// Fills one table.
    pub(crate) fn fill(&mut self, step: &Step, spec: &FillSpec) -> Result<Option<i64>, ExecError> {
        let run = self.run;
        self.patiently(|conn| Ok(conn.transaction(|conn| store::begin_step(conn, run, &step.id))?))?;
        let settled = AtomicI64::new(self.patiently(|conn| Ok(chunks::rows_filled(conn, run.id, &step.id)?))?);
        self.tell(&Event::WorkSized {
            step: step.id.to_string(),
            subject: spec.table.plain(),
            unit: Unit::Rows,
            done: settled.load(Ordering::Relaxed).cast_unsigned(),
            total: spec.rows.max(settled.load(Ordering::Relaxed)).cast_unsigned(),
            precision: Precision::Estimate,
        });
        self.first_pass(step, spec, &settled)?;
        if self.sweep_of(spec) == Sweep::Now {
            while self.sweep(step, spec, &settled)? > 0 {}
            self.refuse_orphans(spec)?;
        }
        self.finish_fill(step)
    }

    /// Sweeps tables that depend on each other until nothing changes; what is left then goes where orphans go.
    pub(crate) fn settle(&mut self, step: &Step, fills: &[FillSpec]) -> Result<Option<i64>, ExecError> {
        let run = self.run;
        self.patiently(|conn| Ok(conn.transaction(|conn| store::begin_step(conn, run, &step.id))?))?;
        let settled = AtomicI64::new(self.patiently(|conn| Ok(chunks::rows_filled(conn, run.id, &step.id)?))?);
        loop {
            let mut moved = 0;
            for fill in fills {
                moved += self.sweep(step, fill, &settled)?;
            }
            if moved == 0 {
                break;
            }
        }
        for fill in fills {
            if let Some(orphans) = fill.orphans.clone() {
                let last_resort = FillSpec { sources: vec![TenantSource::Literal(orphans)], ..fill.clone() };
                while self.sweep(step, &last_resort, &settled)? > 0 {}
            }
        }
        for fill in fills {
            self.refuse_orphans(fill)?;
        }
        self.finish_fill(step)
    }

    /// Gives a tenant to rows that the sweeps have not seen: a transaction older than their fill committed them after it.
    pub(crate) fn fill_late_rows(&self) -> Result<(), ExecError> {
        let fills = self.plan.steps.iter().filter_map(|step| match &step.action {
            Action::Fill(spec) => Some((step, spec)),
            _ => None,
        });
        let fills: Vec<(&Step, &FillSpec)> = fills.collect();
        let settled = AtomicI64::new(0);
        loop {
            let mut moved = 0;
            for (step, spec) in &fills {
                moved += self.sweep(step, spec, &settled)?;
            }
            if moved == 0 {
                break;
            }
        }
        let run = self.run;
        for (step, spec) in fills {
            if let Some(orphans) = spec.orphans.clone() {
                let last_resort = FillSpec { sources: vec![TenantSource::Literal(orphans)], ..spec.clone() };
                while self.sweep(step, &last_resort, &settled)? > 0 {}
            }
            self.patiently(|conn| {
                let rows = chunks::rows_filled(conn, run.id, &step.id)?;
                Ok(store::recount_step(conn, run, &step.id, rows)?)
            })?;
        }
        Ok(())
    }

    /// Lets rows follow parents that the application has moved since, until nothing changes.
    ///
    /// While no foreign key carries a tenant, triggers are kept from firing as in the fill; later, keys are triggers that
    /// must be asked.
    pub(crate) fn realign(&self, phase: Phase) -> Result<(), ExecError> {
        let run = self.run;
        loop {
            let mut moved = 0;
            for step in &self.plan.steps {
                let Action::Fill(spec) = &step.action else { continue };
                let Some(TenantSource::Parent(parent)) = spec.sources.first() else { continue };
                let statement = sql::realign(&spec.table, &spec.column, parent);
                moved += self.patiently(|conn| {
                    let suppress = phase == Phase::Backfill && spec.triggers == TriggerPolicy::Suppress && may_suppress_triggers(conn)?;
                    Ok(conn.transaction(|conn| -> Result<usize, crate::journal::JournalError> {
                        store::check_epoch(conn, run)?;
                        conn.batch_execute("SET LOCAL search_path TO DEFAULT")?;
                        if suppress {
                            conn.batch_execute("SET LOCAL session_replication_role = replica")?;
                        }
                        Ok(statement.run(conn)?)
                    })?)
                })?;
            }
            if moved == 0 {
                return Ok(());
            }
        }
    }

    fn finish_fill(&self, step: &Step) -> Result<Option<i64>, ExecError> {
        let run = self.run;
        self.patiently(|conn| {
            // This commit waits for the disk: batches before it did not, and it carries them along.
            Ok(conn.transaction(|conn| -> Result<_, crate::journal::JournalError> {
                let rows = chunks::rows_filled(conn, run.id, &step.id)?;
                store::finish_step(conn, run, &step.id, Some(rows))?;
                Ok(Some(rows))
            })?)
        })
    }

    fn sweep_of(&self, spec: &FillSpec) -> Sweep {
        let later = self.plan.steps.iter().any(|step| match &step.action {
            Action::Settle { fills } => fills.iter().any(|fill| fill.table == spec.table),
            _ => false,
        });
        if later { Sweep::Later } else { Sweep::Now }
    }

    fn first_pass(&self, step: &Step, spec: &FillSpec, settled: &AtomicI64) -> Result<(), ExecError> {
        let relation = spec.table.plain();
        let pass = chunks::Pass { step: &step.id, relation: &relation, number: 0 };
        let run = self.run;
        if self.patiently(|conn| Ok(chunks::count(conn, run, &pass)?))? == 0 {
            let pages = self.patiently(|conn| Ok(sql::count_pages(&spec.table).row::<Value>(conn)?.value))?;
            let stripes = stripe::stripes(spec.rows, spec.pages);
            self.add_chunks(&pass, &stripe::chunks(pages, self.gate.jobs()), stripes)?;
        }
        self.run_pass(&pass, spec, settled, &AtomicI64::new(0))
    }

    /// One pass over the pages that hold rows without a tenant; returns how many rows it moved.
    fn sweep(&self, step: &Step, spec: &FillSpec, settled: &AtomicI64) -> Result<i64, ExecError> {
        let relation = spec.table.plain();
        let run = self.run;
        let moved = AtomicI64::new(0);
        let mut number = self.patiently(|conn| Ok(chunks::last_pass(conn, run, &step.id, &relation)?))?;
        if number > 0 {
            // An interrupted sweep is ended first.
            self.run_pass(&chunks::Pass { step: &step.id, relation: &relation, number }, spec, settled, &moved)?;
        }
        let pages: Vec<PageRows> = self.patiently(|conn| Ok(sql::unsettled_pages(&spec.table, &spec.column).rows(conn)?))?;
        if pages.is_empty() {
            return Ok(moved.into_inner());
        }
        number += 1;
        let pass = chunks::Pass { step: &step.id, relation: &relation, number };
        self.add_chunks(&pass, &group(&pages), 1)?;
        self.run_pass(&pass, spec, settled, &moved)?;
        Ok(moved.into_inner())
    }

    fn add_chunks(&self, pass: &chunks::Pass<'_>, ranges: &[(i64, i64)], stripes: u16) -> Result<(), ExecError> {
        let chunk = |(first_page, end_page): &(i64, i64)| NewChunk {
            run_id: self.run.id,
            step_id: pass.step.as_str(),
            relation: pass.relation,
            pass: pass.number,
            first_page: *first_page,
            end_page: *end_page,
            stripes: i32::from(stripes),
            next_page: *first_page,
            state: "pending",
        };
        let new: Vec<NewChunk<'_>> = ranges.iter().map(chunk).collect();
        let run = self.run;
        self.patiently(|conn| Ok(conn.transaction(|conn| chunks::add(conn, run, &new))?))
    }

    fn run_pass(&self, pass: &chunks::Pass<'_>, spec: &FillSpec, settled: &AtomicI64, moved: &AtomicI64) -> Result<(), ExecError> {
        let allowed = self.patiently(|conn| Ok(may_suppress_triggers(conn)?))?;
        let allowed = if allowed { Allowed::Yes } else { Allowed::No };
        let job = Job {
            db: self.db,
            run: self.run,
            pass: *pass,
            spec,
            suppress: Suppress::wanted(spec, allowed),
            gate: &self.gate,
            drained: &AtomicBool::new(false),
            lock_budget: self.options.lock_budget,
            patience: self.options.patience,
            report: &*self.report,
            stop: &self.stop,
            settled,
            moved,
        };
        self.work(&job)?;
        // A crash may have taken the last batches of a worker that had ended.
        while self.patiently(|conn| Ok(chunks::open(conn, self.run, pass)?))? > 0 {
            job.drained.store(false, Ordering::Relaxed);
            self.work(&job)?;
        }
        Ok(())
    }

    /// Lets as many workers work as the operator wants at each moment, until nothing is left or one fails.
    fn work(&self, job: &Job<'_>) -> Result<(), ExecError> {
        let (tell, told) = channel();
        let mut working = BTreeSet::new();
        let mut errors = Vec::new();
        std::thread::scope(|scope| {
            loop {
                let wanted = if errors.is_empty() && !job.is_drained() { self.gate.jobs() } else { 0 };
                for number in 1..=wanted {
                    if working.insert(number) {
                        let tell = tell.clone();
                        scope.spawn(move || {
                            let worked = std::panic::catch_unwind(AssertUnwindSafe(|| job.work(number)));
                            // The receiver outlives every worker.
                            let _ = tell.send((number, worked.unwrap_or(Err(ExecError::Worker))));
                        });
                    }
                }
                if working.is_empty() {
                    break;
                }
                if let Ok((number, worked)) = told.recv_timeout(LOOK) {
                    working.remove(&number);
                    errors.extend(worked.err());
                }
            }
        });
        // A worker that stopped because somebody asked is less of a reason than one that failed.
        let (stopped, failed): (Vec<_>, Vec<_>) = errors.into_iter().partition(|error| matches!(error, ExecError::Stopped));
        failed.into_iter().chain(stopped).next().map_or(Ok(()), Err)
    }

    fn refuse_orphans(&self, spec: &FillSpec) -> Result<(), ExecError> {
        let rows = self.patiently(|conn| Ok(sql::count_unsettled(&spec.table, &spec.column).row::<Value>(conn)?.value))?;
        if rows == 0 { Ok(()) } else { Err(ExecError::Orphans { table: spec.table.clone(), rows }) }
    }
}

/// Page ranges that hold the pages, and not many others, with a bounded number of rows each.
fn group(pages: &[PageRows]) -> Vec<(i64, i64)> {
    const ROWS: i64 = 20_000;
    const GAP: i64 = 16;
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    let mut rows = 0;
    for PageRows { page, rows: here } in pages {
        match ranges.last_mut() {
            Some((_, end)) if page - *end <= GAP && rows + here <= ROWS => *end = page + 1,
            _ => {
                ranges.push((*page, page + 1));
                rows = 0;
            }
        }
        rows += here;
    }
    ranges
}

/// Whether the connected role may keep triggers from firing.
fn may_suppress_triggers(conn: &mut PgConnection) -> QueryResult<bool> {
    let tried = conn.transaction(|conn| conn.batch_execute("SET LOCAL session_replication_role = replica"));
    match tried {
        Ok(()) => Ok(true),
        Err(diesel::result::Error::DatabaseError(kind, _)) if !matches!(kind, diesel::result::DatabaseErrorKind::ClosedConnection) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

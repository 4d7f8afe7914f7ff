//! The fill: every row of a table gets its tenant, chunk by chunk, and at the end a sweep for rows that moved meanwhile.
//!
//! A [`course`] says which pass over which table comes next, a [`schedule`] which of several tables a [`worker`] of the [`crew`]
//! works on, an [`order`] which of them wait for others. Other programs [`help`] with whatever is open. The steps of the constraints
//! are worked off the same way, in an order that their [`locks`] give.

mod conflict;
mod course;
mod crew;
mod help;
mod locks;
mod order;
mod pace;
mod realign;
mod schedule;
mod stripe;
mod walk;
mod worker;

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::exec::{ExecError, Executor, StepError};
use crate::journal::{JournalError, chunks, store};
use crate::phase::Phase;
use crate::plan::{Action, FillSpec, PlannedTable, Step};
use course::Course;
pub use help::Helped;
use schedule::{Item, Schedule};

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

impl Executor<'_> {
    /// Runs the steps of the backfill that are not done: those whose parents are done at the same time, `budget` of them at most.
    ///
    /// Returns how many were done.
    pub(crate) fn backfill(&self, done: &dyn Fn(&Step) -> bool, budget: usize) -> Result<usize, StepError> {
        self.side_by_side(Phase::Backfill, order::needs, (done, budget))
    }

    /// Runs the steps of the constraints that are not done: those whose locks do not conflict at the same time, `budget` of them at most.
    ///
    /// Returns how many were done. The first that fails is told; the others at work come to their end, and none begins after it.
    pub(crate) fn constrain(&self, done: &dyn Fn(&Step) -> bool, budget: usize) -> Result<usize, StepError> {
        self.side_by_side(Phase::Constraints, locks::needs, (done, budget))
    }

    fn side_by_side(
        &self,
        phase: Phase,
        needs: fn(&[PlannedTable], &[&Step]) -> Vec<Vec<usize>>,
        (done, budget): (&dyn Fn(&Step) -> bool, usize),
    ) -> Result<usize, StepError> {
        let steps: Vec<&Step> = self.plan.phase(phase).collect();
        let needs = needs(&self.plan.tables, &steps);
        let items = steps.into_iter().zip(needs).map(|(step, needs)| ((!done(step)).then_some(Item::Step(step)), needs));
        let worked = self.work_off(&Schedule::new(self, items.collect(), budget));
        worked.map_err(|error| self.noted(error))
    }

    /// Fills what one step fills.
    pub(crate) fn fill(&self, step: &Step) -> Result<Option<i64>, ExecError> {
        self.work_off(&Schedule::new(self, vec![(Some(Item::Step(step)), Vec::new())], 1)).map_err(|error| error.source)?;
        self.patiently(|conn| Ok(Some(chunks::rows_filled(conn, self.run.id, &step.id)?)))
    }

    fn work_off(&self, schedule: &Schedule<'_, '_>) -> Result<usize, StepError> {
        crew::crew(self, schedule).map(|()| schedule.begun())
    }

    /// Gives a tenant to rows that the sweeps have not seen: a transaction older than their fill committed them after it.
    pub(crate) fn fill_late_rows(&self) -> Result<(), ExecError> {
        let fills = self.plan.steps.iter().filter_map(|step| match &step.action {
            Action::Fill(spec) => Some((step, spec)),
            _ => None,
        });
        let fills: Vec<(&Step, &FillSpec)> = fills.collect();
        let passes = Item::Passes(Course::late(&fills));
        self.work_off(&Schedule::new(self, vec![(Some(passes), Vec::new())], 1)).map_err(|error| error.source)?;
        let run = self.run;
        for (step, _) in fills {
            self.patiently(|conn| {
                let rows = chunks::rows_filled(conn, run.id, &step.id)?;
                Ok(store::recount_step(conn, run, &step.id, rows)?)
            })?;
        }
        Ok(())
    }

    fn finish_fill(&self, step: &Step) -> Result<i64, ExecError> {
        let run = self.run;
        self.patiently(|conn| {
            // This commit waits for the disk: batches before it did not, and it carries them along.
            Ok(conn.transaction(|conn| -> Result<_, JournalError> {
                let rows = chunks::rows_filled(conn, run.id, &step.id)?;
                store::finish_step(conn, run, &step.id, Some(rows))?;
                Ok(rows)
            })?)
        })
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

//! Rows follow parents that the application has moved after their fill.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use super::conflict::Conflicts;
use super::order::parts;
use super::worker::Suppress;
use super::{PageRows, group};
use crate::db::{Fault, HasFault as _};
use crate::exec::{ExecError, Executor};
use crate::journal::store;
use crate::phase::Phase;
use crate::plan::{Action, FillSpec, Step};
use crate::sql::{ParentSource, QualifiedName, TenantSource, fill as sql};

impl Executor<'_> {
    /// Lets rows follow parents that the application has moved since, until nothing changes.
    ///
    /// A table is read as a whole, without a lock; rows are written in batches, on the pages that hold such rows. While no foreign
    /// key carries a tenant, triggers are kept from firing as in the fill; later, keys are triggers that must be asked.
    pub(crate) fn realign(&self, phase: Phase) -> Result<(), ExecError> {
        // After the first round only children of rows that have moved in the round before can differ.
        let mut moved: Option<BTreeSet<QualifiedName>> = None;
        while moved.as_ref().is_none_or(|moved| !moved.is_empty()) {
            let mut now = BTreeSet::new();
            for step in &self.plan.steps {
                let Action::Fill(spec) = &step.action else { continue };
                let Some(TenantSource::Parent(parent)) = spec.sources.first() else { continue };
                let parents = parts(&self.plan.tables, &parent.table);
                let may_differ =
                    moved.as_ref().is_none_or(|moved| parents.iter().any(|table| moved.contains(table) || now.contains(table)));
                if may_differ && self.realign_table(step, spec, parent, phase)? > 0 {
                    now.insert(spec.table.clone());
                }
            }
            moved = Some(now);
        }
        Ok(())
    }

    fn realign_table(&self, step: &Step, spec: &FillSpec, parent: &ParentSource, phase: Phase) -> Result<usize, ExecError> {
        let pages: Vec<PageRows> = self.patiently(|conn| Ok(sql::misaligned_pages(&spec.table, &spec.column, parent).rows(conn)?))?;
        if pages.is_empty() {
            return Ok(0);
        }
        let suppress = match phase {
            Phase::Backfill => self.patiently(|conn| Suppress::wanted(conn, spec))?,
            _ => Suppress::No,
        };
        let mut moved = 0;
        for (first, end) in group(&pages) {
            let statement = sql::realign(&spec.table, &spec.column, parent, &(first..end));
            let mut conflicts = Conflicts::new(self.options.lock_budget);
            moved += loop {
                let done = self.patiently(|conn| {
                    conn.transaction(|conn| {
                        store::check_epoch(conn, self.run)?;
                        conn.batch_execute(suppress.settings())?;
                        Ok(statement.run(conn)?)
                    })
                });
                match done {
                    Err(error) if error.fault().is_transient() || error.fault() == Fault::StatementTimeout => {
                        conflicts.wait(&step.id, error, &*self.report)?;
                    }
                    done => break done?,
                }
            };
        }
        Ok(moved)
    }
}

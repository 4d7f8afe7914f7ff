//! One step of changes: atomically with its journal row, or with a probe.

use std::ops::ControlFlow;

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::{ExecError, Executor, lock_wait};
use crate::db::retry::{LockAttempt, RetryError, RetryPolicy, ddl};
use crate::journal::{StepState, store};
use crate::plan::{Step, StepId};
use crate::sql::{Change, QualifiedName, Statement};

/// Whether a change that cannot share a transaction took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// It did not, or running it again does no harm.
    Absent,
    /// It did.
    Complete,
    /// It began and failed half-way: an invalid index is left.
    Broken,
}

#[derive(QueryableByName)]
struct Validity {
    #[diesel(sql_type = Bool)]
    valid: bool,
}

impl Executor<'_> {
    /// Runs changes in one short transaction together with the journal row.
    pub(super) fn apply_changes(&self, step: &Step, changes: &[Change]) -> Result<Option<i64>, ExecError> {
        let run = self.run;
        self.in_one_transaction(&step.id, &mut |conn| {
            if store::is_in_state(conn, run, &step.id, StepState::Done)? {
                return Ok(None);
            }
            let rows = run_changes(conn, changes)?;
            store::finish_step(conn, run, &step.id, rows)?;
            Ok(rows)
        })
    }

    /// Runs work in a transaction that gets its locks within the budget; `work` must journal what it does.
    pub(super) fn in_one_transaction<T>(
        &self,
        step: &StepId,
        work: &mut dyn FnMut(&mut PgConnection) -> Result<T, ExecError>,
    ) -> Result<T, ExecError> {
        let policy = self.lock_policy();
        self.with_locks(step, &policy, &mut |conn| conn.transaction(|conn| work(conn)))
    }

    /// Runs work by the lock ladder, on a connection that comes back when it is lost.
    fn with_locks<T>(
        &self,
        step: &StepId,
        policy: &RetryPolicy,
        work: &mut dyn FnMut(&mut PgConnection) -> Result<T, ExecError>,
    ) -> Result<T, ExecError> {
        let run = self.run;
        self.patiently(|conn| {
            // After a loss in COMMIT the step may be done: the journal knows.
            store::check_epoch(conn, run)?;
            self.by_ladder(conn, step, policy, work)
        })
    }

    /// Runs work by the lock ladder, on this very connection.
    pub(super) fn by_ladder<T>(
        &self,
        conn: &mut PgConnection,
        step: &StepId,
        policy: &RetryPolicy,
        work: &mut dyn FnMut(&mut PgConnection) -> Result<T, ExecError>,
    ) -> Result<T, ExecError> {
        let mut watch = self.watch.clone();
        let mut on_wait = |attempt: LockAttempt<'_>| {
            self.tell(&lock_wait(step, &attempt));
            if self.stop.requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        // The ladder understands errors of the server; others are carried around it.
        let mut carried = None;
        let result = ddl(conn, policy, &mut watch, &mut on_wait, |conn| match work(conn) {
            Ok(value) => Ok(value),
            Err(ExecError::Query(error)) => Err(error),
            Err(other) => {
                carried = Some(other);
                Err(diesel::result::Error::RollbackTransaction)
            }
        });
        match (result, carried) {
            (Err(RetryError::Failed(diesel::result::Error::RollbackTransaction)), Some(error)) => Err(error),
            (result, _) => Ok(result?),
        }
    }

    /// Runs a change that refuses transactions: noted before, probed, noted after.
    pub(super) fn concurrent(&self, step: &Step, change: &Change) -> Result<Option<i64>, ExecError> {
        let run = self.run;
        self.patiently(|conn| Ok(conn.transaction(|conn| store::begin_step(conn, run, &step.id))?))?;
        // The session that builds is one of the connections that the operator allows.
        self.outside_transaction(&step.id, change, Some(self.gate.jobs().saturating_sub(1)))?;
        self.patiently(|conn| Ok(conn.transaction(|conn| store::finish_step(conn, run, &step.id, None))?))?;
        Ok(None)
    }

    /// Runs a change that refuses transactions unless a probe says that it took effect.
    ///
    /// `helpers` is how many processes may help to build an index; without it the server alone decides.
    pub(super) fn outside_transaction(&self, step: &StepId, change: &Change, helpers: Option<usize>) -> Result<(), ExecError> {
        self.outlive(step, change)?;
        let policy = RetryPolicy::concurrently(self.options.patience);
        self.with_locks(step, &policy, &mut |conn| {
            match probe(conn, change)? {
                Probe::Complete => return Ok(()),
                Probe::Broken => {
                    if let Some(index) = index_of(change) {
                        Change::DropIndex { index }.statement().run_script(conn)?;
                    }
                }
                Probe::Absent => {}
            }
            if matches!(change, Change::LooseScript { .. }) {
                conn.batch_execute("SET search_path TO DEFAULT")?;
                let done = change.statement().run_script(conn);
                conn.batch_execute("SET search_path = pg_catalog, pg_temp")?;
                return Ok(done?);
            }
            Ok(build(conn, change, helpers)?)
        })
    }
}

/// Makes the change, with so many processes beside the session's own where it builds an index.
fn build(conn: &mut PgConnection, change: &Change, helpers: Option<usize>) -> QueryResult<()> {
    let Some(helpers) = helpers.filter(|_| index_of(change).is_some()) else { return change.statement().run_script(conn) };
    Statement::limit_builders(helpers).run_script(conn)?;
    let built = change.statement().run_script(conn);
    // It fails on a lost connection only, which must not turn an index that was built into one that was not.
    if let Err(error) = Statement::unlimit_builders().run_script(conn) {
        tracing::debug!(%error, "the limit of processes went with its connection");
    }
    built
}

/// Runs changes in order and returns how many rows the last one that counts rows wrote.
pub(super) fn run_changes(conn: &mut PgConnection, changes: &[Change]) -> Result<Option<i64>, ExecError> {
    let mut rows = None;
    for change in changes {
        match change {
            // What the operator wrote means what it means in psql.
            Change::Script { .. } => {
                conn.batch_execute("SET LOCAL search_path TO DEFAULT")?;
                change.statement().run_script(conn)?;
                conn.batch_execute("SET LOCAL search_path = pg_catalog, pg_temp")?;
            }
            Change::FillMemberships(_) => {
                conn.batch_execute("SET LOCAL search_path TO DEFAULT")?;
                rows = i64::try_from(change.statement().run(conn)?).ok();
                conn.batch_execute("SET LOCAL search_path = pg_catalog, pg_temp")?;
            }
            change => change.statement().run_script(conn)?,
        }
    }
    Ok(rows)
}

/// The index that a change makes.
fn index_of(change: &Change) -> Option<QualifiedName> {
    match change {
        Change::CreateIndex(spec) => Some(spec.qualified()),
        Change::RestoreIndex { index, .. } => Some(index.clone()),
        _ => None,
    }
}

fn probe(conn: &mut PgConnection, change: &Change) -> QueryResult<Probe> {
    let (index, wanted) = match change {
        Change::DropIndex { index } => (index.clone(), None),
        other => match index_of(other) {
            Some(index) => (index, Some(())),
            None => return Ok(Probe::Absent),
        },
    };
    let found: Vec<Validity> = Statement::index_validity(&index).rows(conn)?;
    Ok(match (found.first(), wanted) {
        (None, Some(())) | (Some(_), None) => Probe::Absent,
        (None, None) => Probe::Complete,
        (Some(found), Some(())) if found.valid => Probe::Complete,
        (Some(_), Some(())) => Probe::Broken,
    })
}

//! `tenantize rollback`: the undo of the journaled steps, newest first.

use std::sync::Arc;
use std::time::Duration;

use super::Context;
use super::keeper::LockKeeper;
use crate::cli::RollbackArgs;
use crate::error::Error;
use crate::exec::{Ending, ExecOptions, Executor, StopFlag};
use crate::journal::{self, JournalError, RunState, store};
use crate::plan::Plan;
use crate::steer::{Gate, Settings};

pub(super) fn run(cx: &Context<'_>, args: &RollbackArgs) -> Result<(), Error> {
    let stop = StopFlag::on_signals().map_err(Error::system("cannot listen to signals"))?;
    let db = cx.connect_any()?;
    let _lock = LockKeeper::acquire(&db, &stop)?;
    let mut conn = db.get()?;
    journal::refuse_newer(&mut conn)?;
    let record = if store::exists(&mut conn)? { store::newest_run(&mut conn)? } else { None };
    let record = record.filter(|record| record.state != RunState::RolledBack);
    let record = record.ok_or(Error::Nothing { message: "there is no run to take back".into(), next: "see: tenantize status" })?;
    let plan: Plan = serde_json::from_value(record.plan).map_err(JournalError::from)?;
    if !args.yes {
        let what = args.to.map_or("everything".to_owned(), |phase| format!("what came after the phase {phase}"));
        cx.ui.confirm(&format!("Take back {what} of run {} on {}?", record.id, db.url().redacted()))?;
    }
    let key = store::take_over(&mut conn, record.id, RunState::RollingBack)?;
    drop(conn);
    // Nothing holds the way back.
    let gate = Arc::new(Gate::new(Settings::default(), 0));
    let options = ExecOptions { lock_budget: args.lock_budget, patience: Duration::from_mins(10), until: None, steps: None };
    let ending = Executor::new(&db, &plan, key, &options, cx.ui.reporter(), (stop, gate)).rollback(args.to, args.by_hand.as_deref());
    let ending = ending.map_err(|error| Error::Undo { step: error.step, source: error.source })?;
    if ending == Ending::Stopped {
        let rest = crate::plan::StepId::from_journal("the rest of the run".into());
        return Err(Error::Undo { step: rest, source: crate::exec::ExecError::Stopped });
    }
    match args.to {
        Some(phase) => cx.ui.say(&format!("The phases after {phase} are taken back. Go forward again with: tenantize resume")),
        None => cx.ui.say("Everything is taken back. Drop the journal with: tenantize clean"),
    }
    Ok(())
}

//! `tenantize run --join`: this program helps with the run that another one leads.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Context;
use super::keeper::LockKeeper;
use super::run::{Present, options, settings, stop_flag, unfinished};
use crate::cli::RunArgs;
use crate::db::{Database, LockError};
use crate::error::Error;
use crate::exec::{Ending, ExecError, ExecOptions, Executor, Helped, StepError, StopFlag};
use crate::journal::store::{self, RunKey};
use crate::journal::{JournalError, RunState};
use crate::phase::Phase;
use crate::plan::Plan;
use crate::progress::style::{grouped, plural};
use crate::progress::{Event, Resumed};
use crate::steer::MOST_JOBS;

pub(super) fn join(cx: &Context<'_>, args: &RunArgs) -> Result<(), Error> {
    let clock = Instant::now();
    let (settings, stop) = (settings(&args.work)?, stop_flag()?);
    let db = cx.connect(cx.config_if_any()?.as_ref(), MOST_JOBS)?;
    let record = unfinished(&mut *db.get()?)?;
    let plan: Plan = serde_json::from_value(record.plan).map_err(JournalError::from)?;
    let present = Present::enter(&db, record.id, settings)?;
    let (reporter, options) = (cx.ui.reporter(), options(&args.work));
    let text = format!("program {} helps with run {}, plan {}", present.number, record.id, plan.short_id());
    reporter.event(&Event::Note { text });
    let (mut epoch, mut written) = (record.epoch, 0);
    let ended = loop {
        let steered = (stop.clone(), Arc::clone(present.watch.gate()));
        let key = RunKey { id: record.id, epoch };
        let executor = Executor::new(&db, &plan, key, &options, Arc::clone(&reporter), steered);
        let helped = executor.help();
        written += executor.written.load(Ordering::Relaxed);
        match helped {
            Ok(Helped::Renewed(now)) => epoch = now,
            Ok(Helped::Over(RunState::Finished)) => {
                let took_ms = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
                reporter.event(&Event::RunFinished { took_ms, next: "tenantize verify".into() });
                break Ok(());
            }
            Ok(Helped::Filled) => {
                reporter.event(&Event::RunStopped { reason: "all fills are done".into(), next: "tenantize resume".into() });
                break Ok(());
            }
            Ok(Helped::Over(_)) => {
                break Err(Error::Nothing { message: format!("run {} is taken back", record.id), next: "see: tenantize status" });
            }
            Ok(Helped::Leaderless { state, waited }) => match heir(&db, record.id, state, &stop)? {
                Heir::Me { lock, key, until } => {
                    let options = ExecOptions { until, ..options.clone() };
                    let steered = (stop.clone(), Arc::clone(present.watch.gate()));
                    let executor = Executor::new(&db, &plan, key, &options, Arc::clone(&reporter), steered);
                    let ending = executor.apply(Resumed::Resumed);
                    written += executor.written.load(Ordering::Relaxed);
                    drop(lock);
                    break if ending? == Ending::Stopped { Err(Error::Stopped) } else { Ok(()) };
                }
                Heir::Another => {}
                Heir::Nobody => break Err(Error::Leaderless { run: record.id, waited }),
            },
            Err(StepError { source: ExecError::Stopped, .. }) => break Err(Error::Left { run: record.id }),
            Err(error) => break Err(error.into()),
        }
    };
    let rows = grouped(u64::try_from(written).unwrap_or(0));
    cx.ui.say(&format!("This program has written {rows} of the rows, with up to {}.", plural(present.watch.gate().jobs(), "worker")));
    ended
}

/// Who leads a run whose leader is gone.
enum Heir {
    /// This program, from now on.
    Me { lock: LockKeeper, key: RunKey, until: Option<Phase> },
    /// Another program has been quicker.
    Another,
    /// The leader has stopped on purpose: whoever stopped it says when it goes on.
    Nobody,
}

fn heir(db: &Database, run: i64, state: RunState, stop: &StopFlag) -> Result<Heir, Error> {
    let mut conn = db.get()?;
    let goal = store::goal(&mut conn, run)?;
    let until = goal.as_deref().map(|goal| Phase::ALL.into_iter().find(|phase| phase.name() == goal));
    // To count another program's steps is nobody's business.
    let (RunState::Running, None | Some(Some(_))) = (state, until) else { return Ok(Heir::Nobody) };
    let lock = match LockKeeper::acquire(db, stop) {
        Err(LockError::Busy(_) | LockError::Contended) => return Ok(Heir::Another),
        lock => lock?,
    };
    let record = store::run(&mut conn, run)?;
    if record.is_none_or(|record| record.state != RunState::Running) {
        return Ok(Heir::Another);
    }
    let key = store::take_over(&mut conn, run, RunState::Running)?;
    Ok(Heir::Me { lock, key, until: until.flatten() })
}

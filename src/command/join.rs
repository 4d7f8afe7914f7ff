//! `tenantize run --join`: this program helps with the run that another one leads.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Context;
use super::run::{Present, options, settings, stop_flag, unfinished};
use crate::cli::RunArgs;
use crate::error::Error;
use crate::exec::{ExecError, Executor, Helped, StepError};
use crate::journal::store::RunKey;
use crate::journal::{JournalError, RunState};
use crate::plan::Plan;
use crate::progress::Event;
use crate::progress::style::{grouped, plural};
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
            Ok(Helped::Over(_)) => {
                break Err(Error::Nothing { message: format!("run {} is taken back", record.id), next: "see: tenantize status" });
            }
            Ok(Helped::Leaderless) => break Err(Error::Leaderless { run: record.id, waited: options.patience }),
            Err(StepError { source: ExecError::Stopped, .. }) => break Err(Error::Left { run: record.id }),
            Err(error) => break Err(error.into()),
        }
    };
    let rows = grouped(u64::try_from(written).unwrap_or(0));
    cx.ui.say(&format!("This program has written {rows} of the rows, with up to {}.", plural(present.watch.gate().jobs(), "worker")));
    ended
}

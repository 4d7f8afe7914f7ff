//! `tenantize run` and `tenantize resume`.

use std::sync::Arc;

use diesel::pg::PgConnection;

use super::keeper::LockKeeper;
use super::survey::survey;
use super::{Context, config_hash};
use crate::catalog::Catalog;
use crate::cli::{RunArgs, ThrottleArgs, WorkArgs};
use crate::config::Config;
use crate::db::Database;
use crate::error::Error;
use crate::exec::{Ending, ExecOptions, Executor, StopFlag};
use crate::journal::{self, JournalError, RunRecord, RunState, steering, store};
use crate::phase::Phase;
use crate::plan::{Plan, render_findings};
use crate::progress::Resumed;
use crate::progress::style::plural;
use crate::steer::{MOST_JOBS, SettingError, Settings, Span, Watch};

pub(super) fn run(cx: &Context<'_>, args: &RunArgs) -> Result<(), Error> {
    if args.join {
        return super::join::join(cx, args);
    }
    let settings = settings(&args.work)?;
    let stop = stop_flag()?;
    let config = cx.config()?;
    let db = cx.connect(Some(&config), MOST_JOBS)?;
    let _lock = LockKeeper::acquire(&db, &stop)?;
    refuse_unfinished(&mut *db.get()?)?;
    let mut survey = survey(cx, &db, &config, args.strategy)?;
    let plan = survey.plan.clone();
    if plan.blockers() > 0 {
        cx.ui.say(render_findings(&plan.findings, cx.ui.palette()).trim_end());
        return Err(Error::Blocked(plan.blockers()));
    }
    if !args.yes {
        cx.ui.confirm(&format!("Apply {} to {}?", plural(plan.steps.len(), "step"), db.url().redacted()))?;
    }
    journal::prepare(&mut db.connect_dedicated()?)?;
    survey.keep_maps()?;
    let key = store::open_run(survey.connection(), &plan, &config_hash(&config))?;
    drop(survey);
    execute(cx, &db, &plan, key, &args.work, (Resumed::Fresh, stop, settings))
}

pub(super) fn resume(cx: &Context<'_>, args: &WorkArgs) -> Result<(), Error> {
    let settings = settings(args)?;
    let stop = stop_flag()?;
    let config = cx.config()?;
    let db = cx.connect(Some(&config), MOST_JOBS)?;
    let _lock = LockKeeper::acquire(&db, &stop)?;
    let mut conn = db.get()?;
    let record = unfinished(&mut conn)?;
    if record.state == RunState::RollingBack {
        return Err(Error::Unfinished { run: record.id, state: "being rolled back", next: "continue with: tenantize rollback" });
    }
    let plan: Plan = serde_json::from_value(record.plan).map_err(JournalError::from)?;
    refuse_drift(&mut conn, &plan, &config, &record.config_hash)?;
    let key = store::take_over(&mut conn, record.id, RunState::Running)?;
    store::reopen_undone(&mut conn, record.id)?;
    drop(conn);
    execute(cx, &db, &plan, key, args, (Resumed::Resumed, stop, settings))
}

pub(super) fn stop_flag() -> Result<StopFlag, Error> {
    StopFlag::on_signals().map_err(Error::system("cannot listen to signals"))
}

/// The settings of the command line; those of the journal win over them.
pub(super) fn settings(work: &WorkArgs) -> Result<Settings, SettingError> {
    let mut settings = Settings::default();
    settings.set("jobs", &work.jobs.to_string())?;
    settings.set("batch-time", &Span(work.batch_time).to_string())?;
    let ThrottleArgs { nice, only_between, max_lag, max_slot, max_archive, max_sessions, max_commit, hold_while } = &work.throttle;
    let asked = [
        ("nice", nice),
        ("only-between", only_between),
        ("max-lag", max_lag),
        ("max-slot", max_slot),
        ("max-archive", max_archive),
        ("max-sessions", max_sessions),
        ("max-commit", max_commit),
        ("hold-while", hold_while),
    ];
    for (name, value) in asked {
        if let Some(value) = value {
            settings.set(name, value)?;
        }
    }
    Ok(settings)
}

fn execute(
    cx: &Context<'_>,
    db: &Database,
    plan: &Plan,
    key: store::RunKey,
    work: &WorkArgs,
    (resumed, stop, settings): (Resumed, StopFlag, Settings),
) -> Result<(), Error> {
    let options = options(work);
    let goal = work.steps.map(|_| STEPS).or(work.until.map(Phase::name));
    store::note_goal(&mut *db.get()?, key, goal)?;
    let present = Present::enter(db, key.id, settings)?;
    let steered = (stop, Arc::clone(present.watch.gate()));
    let ending = Executor::new(db, plan, key, &options, cx.ui.reporter(), steered).apply(resumed)?;
    if ending == Ending::Stopped { Err(Error::Stopped) } else { Ok(()) }
}

/// The goal of a program that stops after some steps.
pub(super) const STEPS: &str = "steps";

pub(super) fn options(work: &WorkArgs) -> ExecOptions {
    ExecOptions { lock_budget: work.lock_budget, patience: work.patience, until: work.until, steps: work.steps }
}

/// This program among those that work on a run, until dropped.
pub(super) struct Present {
    /// Its number.
    pub(super) number: i32,
    /// What steers it.
    pub(super) watch: Watch,
    // Last: whoever finds its lock free finds no worker of it either.
    _life: LockKeeper,
}

impl Present {
    /// Enters the program into the journal and shows that it lives.
    pub(super) fn enter(db: &Database, run: i64, settings: Settings) -> Result<Self, Error> {
        let number = steering::enter(&mut *db.get()?, run)?;
        let life = LockKeeper::live(db, number)?;
        Ok(Self { number, watch: Watch::start(db, (run, number), settings), _life: life })
    }
}

/// A new run must not begin over what an earlier one has left.
fn refuse_unfinished(conn: &mut PgConnection) -> Result<(), Error> {
    if !store::exists(conn)? {
        return Ok(());
    }
    let Some(record) = store::newest_run(conn)? else { return Ok(()) };
    let refused = |state, next| Err(Error::Unfinished { run: record.id, state, next });
    match record.state {
        RunState::RolledBack => Ok(()),
        RunState::Finished => Err(Error::Nothing {
            message: format!("run {} is finished: this database has its tenants", record.id),
            next: "prove it with: tenantize verify; or take it back with: tenantize rollback",
        }),
        RunState::RollingBack => refused("being rolled back", "continue with: tenantize rollback"),
        state => refused(state.name(), "continue with: tenantize resume; or take it back with: tenantize rollback"),
    }
}

/// The run that is not ended.
pub(super) fn unfinished(conn: &mut PgConnection) -> Result<RunRecord, Error> {
    journal::refuse_newer(conn)?;
    let record = if store::exists(conn)? { store::unfinished_run(conn)? } else { None };
    record.ok_or(Error::Nothing { message: "there is no unfinished run".into(), next: "start one with: tenantize run" })
}

fn refuse_drift(conn: &mut PgConnection, plan: &Plan, config: &Config, hash: &str) -> Result<(), Error> {
    if config_hash(config) != hash {
        return Err(Error::Drift { what: "the configuration", detail: "a run goes on with the configuration it began with".into() });
    }
    let catalog = Catalog::load(conn, &config.schemas)?;
    for (name, before) in &plan.shapes {
        let drift = |detail: String| Err(Error::Drift { what: "the schema", detail });
        let Some(now) = catalog.shape(name, &plan.column) else {
            return drift(format!("{} is gone", name.plain()));
        };
        for (column, ty) in &before.0 {
            match now.0.get(column) {
                None => return drift(format!("{}.{} is gone", name.plain(), column.plain())),
                Some(other) if other != ty => {
                    return drift(format!("{}.{} was of type {ty} and is {other}", name.plain(), column.plain()));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

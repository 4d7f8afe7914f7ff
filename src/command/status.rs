//! `tenantize status`: what is done, what is running and what is left, from the journal.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use diesel::pg::PgConnection;
use serde::Serialize;

use super::Context;
use crate::cli::{Format, StatusArgs};
use crate::db::lock::{LockKey, holder};
use crate::error::Error;
use crate::journal::{RunRecord, RunState, StepRecord, StepState, chunks, steering, store};
use crate::phase::Phase;
use crate::progress::style::{self, Palette, plural};
use crate::steer::{HorizonHolder, Outlook, ProgramState, StepProgress, horizon};

/// The state of a run, for people and programs.
#[derive(Debug, Serialize)]
struct Status {
    v: u32,
    run: i64,
    plan: String,
    state: RunState,
    /// Whether a program works on the run at this moment.
    active: bool,
    started_at: chrono::DateTime<chrono::Utc>,
    finished_at: Option<chrono::DateTime<chrono::Utc>>,
    phases: Vec<PhaseStatus>,
    /// What the programs that work on it say of themselves.
    programs: Vec<ProgramState>,
    /// Who keeps dead row versions from being removed while a table is filled.
    horizon: Vec<HorizonHolder>,
    next: &'static str,
}

#[derive(Debug, Serialize)]
struct PhaseStatus {
    phase: &'static str,
    steps: usize,
    done: usize,
    rows: i64,
    /// Steps that are neither done nor pending.
    open: Vec<OpenStep>,
}

#[derive(Debug, Serialize)]
struct OpenStep {
    step: String,
    state: StepState,
    attempts: i32,
    error: Option<String>,
    fill: Option<FillStatus>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct FillStatus {
    rows: i64,
    pages_settled: i64,
    pages: i64,
}

/// How often `--watch` looks.
const PERIOD: Duration = Duration::from_secs(1);

pub(super) fn run(cx: &Context<'_>, args: &StatusArgs) -> Result<(), Error> {
    let db = cx.connect_any()?;
    let mut conn = db.get()?;
    let record = if store::exists(&mut conn)? { store::newest_run(&mut conn)? } else { None };
    let record =
        record.ok_or(Error::Nothing { message: "there is no run in this database".into(), next: "look at a plan with: tenantize plan" })?;
    if args.watch {
        return watch(cx, &mut conn, args.format);
    }
    let status = status(&mut conn, &record)?;
    cx.ui.out(&shown(cx, &status, args.format)?)
}

fn shown(cx: &Context<'_>, status: &Status, format: Format) -> Result<String, Error> {
    match format {
        Format::Text => Ok(text(status, cx.ui.palette())),
        Format::Json => serde_json::to_string(status).map(|json| format!("{json}\n")).map_err(|error| Error::Other(error.to_string())),
    }
}

/// Shows the status again and again, over itself on a terminal, until nobody works on the run.
fn watch(cx: &Context<'_>, conn: &mut PgConnection, format: Format) -> Result<(), Error> {
    let term = console::Term::stdout();
    let mut lines = 0;
    loop {
        let Some(record) = store::newest_run(conn)? else { return Ok(()) };
        let status = status(conn, &record)?;
        let text = shown(cx, &status, format)?;
        if term.is_term() && format == Format::Text {
            term.clear_last_lines(lines).map_err(Error::system("cannot write to the terminal"))?;
            lines = text.lines().count();
        }
        cx.ui.out(&text)?;
        if !status.active {
            return Ok(());
        }
        std::thread::sleep(PERIOD);
    }
}

fn status(conn: &mut PgConnection, record: &RunRecord) -> Result<Status, Error> {
    let steps = store::steps_in_order(conn, record.id)?;
    let fills: BTreeMap<String, FillStatus> = chunks::pages_settled(conn, record.id)?
        .into_iter()
        .map(|(step, pages_settled, pages, rows)| (step, FillStatus { rows, pages_settled, pages }))
        .collect();
    let phases = Phase::ALL.iter().map(|phase| phase_status(*phase, &steps, &fills)).collect();
    let active = holder(conn, LockKey::RUN)?.is_some();
    Ok(Status {
        v: 1,
        run: record.id,
        plan: record.plan_id.chars().take(8).collect(),
        state: record.state,
        active,
        started_at: record.started_at,
        finished_at: record.finished_at,
        phases,
        programs: programs(conn, record.id)?,
        horizon: if active { horizon(conn)? } else { Vec::new() },
        next: next(record.state, active),
    })
}

fn programs(conn: &mut PgConnection, run: i64) -> Result<Vec<ProgramState>, Error> {
    // What a newer program says is left out.
    Ok(steering::programs(conn, run)?.into_iter().filter_map(|(state, _)| serde_json::from_value(state).ok()).collect())
}

fn phase_status(phase: Phase, steps: &[StepRecord], fills: &BTreeMap<String, FillStatus>) -> PhaseStatus {
    let steps: Vec<&StepRecord> = steps.iter().filter(|step| step.phase == phase.name()).collect();
    let done = |step: &&&StepRecord| step.state == StepState::Done;
    let open = steps.iter().filter(|step| matches!(step.state, StepState::Running | StepState::Failed));
    let open: Vec<OpenStep> = open
        .map(|step| OpenStep {
            step: step.step_id.clone(),
            state: step.state,
            attempts: step.attempts,
            error: step.error.clone(),
            fill: fills.get(&step.step_id).copied(),
        })
        .collect();
    let rows: i64 = steps.iter().filter(done).filter_map(|step| step.rows_done).sum();
    let unfinished: i64 = open.iter().filter_map(|step| step.fill).map(|fill| fill.rows).sum();
    PhaseStatus { phase: phase.name(), steps: steps.len(), done: steps.iter().filter(done).count(), rows: rows + unfinished, open }
}

fn next(state: RunState, active: bool) -> &'static str {
    match state {
        _ if active => "it is being worked on",
        RunState::Running | RunState::Stopped | RunState::Failed => "tenantize resume",
        RunState::Finished => "tenantize verify",
        RunState::RollingBack => "tenantize rollback",
        RunState::RolledBack => "tenantize clean",
    }
}

fn text(status: &Status, palette: Palette) -> String {
    let mut text = String::new();
    let state = match (status.state, status.active) {
        (RunState::Running, false) => palette.warn("interrupted"),
        (RunState::Failed, _) => palette.bad("failed"),
        (RunState::Finished, _) => palette.good("finished"),
        (state, _) => state.name().replace('_', " "),
    };
    let _ = writeln!(
        text,
        "run {} · plan {} · {state} · started {}",
        status.run,
        status.plan,
        status.started_at.format("%Y-%m-%d %H:%M:%S UTC")
    );
    for phase in &status.phases {
        let mark = match (phase.done == phase.steps, phase.done, phase.open.len()) {
            (true, ..) => palette.good("✔"),
            (_, 0, 0) => palette.dim("·"),
            _ => palette.strong("▸"),
        };
        let rows = if phase.rows > 0 { format!("   {} rows", style::grouped(phase.rows.cast_unsigned())) } else { String::new() };
        let _ = writeln!(text, "  {mark} {:<12} {} of {}{rows}", phase.phase, phase.done, plural(phase.steps, "step"));
        for step in &phase.open {
            let fill = step.fill.map(|fill| {
                let percent = style::percent(fill.pages_settled.cast_unsigned(), fill.pages.cast_unsigned());
                format!("  {percent} %  {} rows", style::grouped(fill.rows.cast_unsigned()))
            });
            let _ = writeln!(text, "      {} {}{}", step.step, step.state.name(), fill.unwrap_or_default());
            if let Some(error) = &step.error {
                let _ = writeln!(text, "        {}", palette.bad(error));
            }
        }
    }
    for program in &status.programs {
        if status.programs.len() > 1 {
            let _ = writeln!(text, "  program {}, process {} on its machine", program.program, program.process);
        }
        program_text(&mut text, program, palette);
    }
    for holder in &status.horizon {
        let what = format!("{holder} keeps dead rows from being removed: tables and WAL grow as with one UPDATE");
        let _ = writeln!(text, "  {}", palette.warn(&what));
    }
    let _ = writeln!(text, "next: {}", status.next);
    text
}

fn step_text(text: &mut String, step: &StepProgress) {
    let mut line = format!("  {}", step.step);
    if step.total > 0 {
        let rate = step.rate.map_or("measuring".to_owned(), |rate| format!("{} rows/s", style::grouped(rate)));
        let eta = match step.eta {
            Outlook::Measuring => "measuring".to_owned(),
            Outlook::Seconds(left) => format!("ETA {}", style::duration(Duration::from_secs(left))),
            Outlook::Finishing => "finishing".to_owned(),
            Outlook::Throttled => "throttled".to_owned(),
            Outlook::Paused => "paused".to_owned(),
        };
        let _ = write!(line, "  {} of ~{} rows  {rate}  {eta}", style::grouped(step.settled), style::grouped(step.total));
    }
    let _ = writeln!(text, "{line}");
}

fn program_text(text: &mut String, program: &ProgramState, palette: Palette) {
    for step in &program.steps {
        step_text(text, step);
    }
    if let Some(reason) = &program.waits {
        let _ = writeln!(text, "    {}", palette.warn(format!("waits: {reason}")));
    }
    for (number, worker) in &program.workers {
        let (rows, pages, took) = (style::grouped(worker.rows), worker.pages, worker.took_ms);
        let _ = writeln!(text, "    worker {number}: last batch {rows} rows, {pages} pages, {took} ms; {} batches", worker.batches);
    }
}

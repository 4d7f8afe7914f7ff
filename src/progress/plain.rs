//! One line per event, for pipes and CI logs.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::SecondsFormat;

use super::Reporter;
use super::board::{Board, Gate, Running, eta_word};
use super::clock::Clock;
use super::event::{Event, Resumed};
use super::lines::Lines;
use super::style::{duration, one_line, plural};
use super::ticker::{self, Tick};
use super::words;

/// How long a step may be silent before the log says that it still runs.
const SILENCE: Duration = Duration::from_mins(1);

/// Writes events as lines of text with a time in front.
#[derive(Debug)]
pub struct Plain<W, C> {
    state: Mutex<State<W>>,
    clock: C,
}

#[derive(Debug)]
struct State<W> {
    out: Lines<W>,
    board: Board,
    gate: Gate,
    /// When each running step was last told of.
    told: BTreeMap<String, Duration>,
}

impl<W: Write, C: Clock> Plain<W, C> {
    /// Writes to `out`, with times from `clock`.
    pub fn new(out: W, clock: C) -> Self {
        let state = State { out: Lines::new(out), board: Board::default(), gate: Gate::default(), told: BTreeMap::new() };
        Self { state: Mutex::new(state), clock }
    }
}

impl<W: Write + Send + 'static, C: Clock + 'static> Plain<W, C> {
    /// Writes to `out`, also a sign of life when a step is silent for a minute.
    pub fn started(out: W, clock: C) -> Arc<Self> {
        let plain = Arc::new(Self::new(out, clock));
        ticker::tick(&plain, Duration::from_secs(1));
        plain
    }
}

impl<W: Write + Send, C: Clock> Reporter for Plain<W, C> {
    fn event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.clock.elapsed();
        state.board.apply(event, at);
        if let Some(text) = state.line(event, at) {
            state.say(&self.clock, &text);
            if let Some(step) = event.step() {
                state.told.insert(step.to_owned(), at);
            }
        }
    }
}

impl<W: Write + Send + 'static, C: Clock + 'static> Tick for Plain<W, C> {
    fn tick(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.clock.elapsed();
        for text in state.signs_of_life(at) {
            state.say(&self.clock, &text);
        }
    }
}

impl<W: Write> State<W> {
    fn say(&mut self, clock: &impl Clock, text: &str) {
        let at = clock.now().to_rfc3339_opts(SecondsFormat::Secs, true);
        self.out.write(&format!("{at} {text}"));
    }

    /// A line for each step that was silent for long, whatever others have told.
    fn signs_of_life(&mut self, at: Duration) -> Vec<String> {
        let Self { board, told, .. } = self;
        told.retain(|step, _| board.step(step).is_some());
        let mut signs = Vec::new();
        for running in &board.steps {
            let last = told.get(&running.step).copied().unwrap_or_default().max(running.since);
            if at.saturating_sub(last) < SILENCE {
                continue;
            }
            told.insert(running.step.clone(), at);
            let since = duration(at.saturating_sub(running.since));
            signs.push(match running.waits(at) {
                Some(reason) => format!("{} still waits after {since}: {reason}", running.step),
                None => format!("{} still runs after {since}", running.step),
            });
        }
        signs
    }

    fn line(&mut self, event: &Event, at: Duration) -> Option<String> {
        match event {
            Event::WorkSized { step, .. } => {
                self.gate.told(step, at);
                progress(self.board.step(step)?, 0, at)
            }
            Event::Advanced { step, batch, .. } => {
                let running = self.board.step(step)?;
                let due = self.gate.opens(step, at);
                due.then(|| progress(running, *batch, at)).flatten()
            }
            Event::Waiting { step, reason } => {
                let due = self.gate.opens(&format!("{step} waits"), at);
                due.then(|| format!("{step} waits: {}", one_line(reason)))
            }
            Event::LockWait { step, attempt, retry_in_ms, blockers } => {
                let due = self.gate.opens(&words::lock_key(step, blockers), at);
                let blockers = blockers.iter().map(|b| format!("; {}: {}", words::blocker(b), one_line(&b.query)));
                let waits = words::lock_wait(step, *attempt, *retry_in_ms);
                due.then(|| waits + &blockers.collect::<String>())
            }
            Event::Retry { step, reason, attempt, retry_in_ms } => {
                let due = self.gate.opens(&words::retry_key(step, reason), at);
                due.then(|| words::retry(step, reason, *attempt, *retry_in_ms))
            }
            _ => told_once(event),
        }
    }
}

/// `backfill public.orders 61% 18400000/30118204 rows 42100/s batch=5000 eta=4m38s`
fn progress(running: &Running, batch: u64, at: Duration) -> Option<String> {
    let work = running.work.as_ref()?;
    let about = work.about();
    let rate = match work.meter.rate(at) {
        Some(rate) => format!(" {rate}/s"),
        None => String::new(),
    };
    let batch = match batch {
        0 => String::new(),
        batch => format!(" batch={batch}"),
    };
    Some(format!(
        "{} {} {about}{}% {}/{about}{} {}{rate}{batch} eta={}",
        running.phase,
        running.subject,
        work.percent(),
        work.done,
        work.total,
        work.unit.noun(),
        eta_word(work.eta(at)),
    ))
}

/// Events that are rare enough to have a line each.
fn told_once(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunStarted { .. } | Event::RunStopped { .. } | Event::RunFinished { .. } => {
            return run_line(event);
        }
        Event::PhaseStarted { phase, steps, left } if steps == left => {
            format!("{phase} started: {}", plural(*steps, "step"))
        }
        Event::PhaseStarted { phase, steps, left } => {
            format!("{phase} started: {left} of {} left", plural(*steps, "step"))
        }
        // Most steps take milliseconds: their end says it all. Those that do not have a sign of life.
        Event::StepStarted { .. } => return None,
        Event::StepFinished { step, took_ms, rows } => {
            let took = words::took(*took_ms);
            match rows {
                Some(rows) => format!("{step} finished in {took}, {}", plural(*rows, "row")),
                None => format!("{step} finished in {took}"),
            }
        }
        Event::StepSkipped { step, because } => {
            format!("{step} skipped: {}", one_line(because))
        }
        Event::StepUndone { step, took_ms } => {
            format!("{step} undone in {}", words::took(*took_ms))
        }
        Event::PhaseFinished { phase, took_ms, summary } => {
            format!("{phase} finished in {}: {}", words::took(*took_ms), one_line(summary))
        }
        Event::Note { text } => format!("note: {}", one_line(text)),
        Event::Warning { text } => format!("warning: {}", one_line(text)),
        Event::WorkSized { .. } | Event::Advanced { .. } | Event::Waiting { .. } | Event::LockWait { .. } | Event::Retry { .. } => {
            return None;
        }
    })
}

fn run_line(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunStarted { run, plan, resumed, steps } => {
            let verb = match resumed {
                Resumed::Fresh => "started",
                Resumed::Resumed => "resumed",
            };
            format!("run {run} {verb}: plan {plan}, {}", plural(*steps, "step"))
        }
        Event::RunStopped { reason, next } => {
            format!("stopped: {}; next: {next}", one_line(reason))
        }
        Event::RunFinished { took_ms, next } => {
            format!("finished in {}; next: {next}", words::took(*took_ms))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::clock::ManualClock;
    use super::super::recorded::{self, Buffer};
    use super::*;

    #[test]
    fn a_run_reads_as_a_log() {
        let out = recorded::replay(Plain::new);
        insta::assert_snapshot!(out, @r#"
        2026-08-22T10:00:00Z run 3 started: plan 7c1e9a04, 61 steps
        2026-08-22T10:00:00Z backup started: 2 steps
        2026-08-22T10:00:00Z backup public.orders ~0% 0/~3435973837 bytes eta=measuring
        2026-08-22T10:00:18Z backup/public.orders/copy finished in 18s, 30,118,204 rows
        2026-08-22T10:00:48Z backup/public.order_line_items/copy finished in 30s
        2026-08-22T10:00:48Z backup finished in 48s: 2 tables, 3.2 GiB in schema tenantize_backup
        2026-08-22T10:00:48Z expand started: 2 steps
        2026-08-22T10:00:48Z expand/public.tenants/create skipped: the table is there
        2026-08-22T10:00:48Z expand/public.orders/tenant_id waits for its lock: try 1 timed out, again in 800ms; blocked by pid 4711, app_rw, "reports", open for 12m00s: SELECT sum(total) FROM orders
        2026-08-22T10:00:50Z expand/public.orders/tenant_id finished in 2.2s
        2026-08-22T10:00:50Z expand finished in 2.3s: 2 of 2 steps
        2026-08-22T10:00:50Z backfill started: 2 steps
        2026-08-22T10:00:50Z note: public.orders gets 12 stripes
        2026-08-22T10:00:50Z backfill public.orders ~0% 0/~30118204 rows eta=measuring
        2026-08-22T10:00:55Z backfill/public.orders/fill waits: throttled: standby east is 12s behind
        2026-08-22T10:01:10Z backfill public.orders ~0% 200000/~30118204 rows 36563/s batch=40000 eta=13m39s
        2026-08-22T10:01:10Z backfill/public.orders/fill: server closed the connection; try 1 failed, again in 500ms
        2026-08-22T10:01:11Z warning: pid 4711 holds the horizon for 12m
        2026-08-22T10:01:12Z stopped: interrupted; next: tenantize resume
        2026-08-22T10:01:40Z run 3 resumed: plan 7c1e9a04, 61 steps
        2026-08-22T10:01:40Z backfill started: 2 steps
        2026-08-22T10:01:40Z backfill public.orders ~0% 200000/~30118204 rows eta=measuring
        2026-08-22T10:01:40Z backfill public.order_line_items ~0% 0/~88000000 rows eta=measuring
        2026-08-22T10:01:50Z backfill public.orders ~2% 621000/~30118204 rows 42100/s batch=42100 eta=11m41s
        2026-08-22T10:01:50Z backfill public.order_line_items ~0% 398000/~88000000 rows 39800/s batch=39800 eta=36m42s
        2026-08-22T10:13:21Z backfill/public.orders/fill finished in 11m41s, 30,118,204 rows
        2026-08-22T10:13:22Z backfill/public.order_line_items/fill finished in 11m42s, 88,000,000 rows
        2026-08-22T10:13:22Z backfill finished in 11m42s: 2 tables, 118.1M rows
        2026-08-22T10:13:22Z rls/public.orders/force undone in 12ms
        2026-08-22T10:13:23Z finished in 13m23s; next: tenantize verify
        "#);
    }

    #[test]
    fn a_table_has_at_most_one_line_in_ten_seconds() {
        let out = recorded::replay(Plain::new);
        let lines = out.lines().filter(|line| line.contains("backfill public.order_line_items"));
        // Its size, and one line for twelve batches of a second.
        assert_eq!(lines.count(), 2, "{out}");
    }

    fn begun(step: &str) -> Event {
        Event::StepStarted {
            step: step.into(),
            phase: "constraints".into(),
            subject: None,
            why: "every row is checked".into(),
            lock: "SHARE UPDATE EXCLUSIVE".into(),
        }
    }

    #[test]
    fn a_silent_step_gives_a_sign_of_life_once_a_minute() {
        let (out, clock) = (Buffer::default(), ManualClock::default());
        let plain = Plain::new(out.clone(), clock.clone());
        plain.event(&begun("constraints/public.orders/tenant_fk"));
        for second in 1..=130 {
            clock.set(Duration::from_secs(second));
            plain.tick();
        }
        insta::assert_snapshot!(out.text(), @"
        2026-08-22T10:01:00Z constraints/public.orders/tenant_fk still runs after 1m00s
        2026-08-22T10:02:00Z constraints/public.orders/tenant_fk still runs after 2m00s
        ");
    }

    #[test]
    fn a_long_step_gives_signs_of_life_beside_short_ones() {
        let (out, clock) = (Buffer::default(), ManualClock::default());
        let plain = Plain::new(out.clone(), clock.clone());
        plain.event(&begun("constraints/public.orders/index"));
        for second in 1..=70 {
            clock.set(Duration::from_secs(second));
            if second % 30 == 0 {
                let step = format!("constraints/public.t{second}/index");
                plain.event(&begun(&step));
                plain.event(&Event::StepFinished { step, took_ms: 20, rows: None });
            }
            plain.tick();
        }
        insta::assert_snapshot!(out.text(), @"
        2026-08-22T10:00:30Z constraints/public.t30/index finished in 20ms
        2026-08-22T10:01:00Z constraints/public.t60/index finished in 20ms
        2026-08-22T10:01:00Z constraints/public.orders/index still runs after 1m00s
        ");
    }
}

//! Progress on a terminal: a line per finished phase, and below it what runs at the moment.
//!
//! The board says what is true, the layout how it reads, this file puts it on the screen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Reporter;
use super::board::{Board, Gate, Running};
use super::clock::{Clock, SystemClock};
use super::event::Event;
use super::layout::Layout;
use super::style::Palette;
use super::ticker::{self, Tick};

/// Parts of a bar; more than any bar has columns.
const PARTS: u64 = 10_000;

/// Draws progress bars.
pub struct Bars {
    screen: Arc<Screen>,
}

struct Screen {
    multi: MultiProgress,
    state: Mutex<State>,
    clock: Box<dyn Clock>,
    columns: Box<dyn Fn() -> usize + Send + Sync>,
    palette: Palette,
}

#[derive(Default)]
struct State {
    board: Board,
    gate: Gate,
    phase: Option<ProgressBar>,
    steps: BTreeMap<String, ProgressBar>,
    /// How many [`Reporter::suspend`] are at work.
    suspended: usize,
    /// Lines for above the bars that wait for their end.
    held: Vec<String>,
}

impl Bars {
    /// Draws on standard error.
    #[must_use]
    pub fn on_stderr(palette: Palette) -> Self {
        let term = Term::stderr();
        let bars =
            Self::new(ProgressDrawTarget::stderr(), Box::new(SystemClock::start()), Box::new(move || usize::from(term.size().1)), palette);
        // Between two events the times move, and rates sink.
        ticker::tick(&bars.screen, Duration::from_millis(500));
        bars
    }

    fn new(target: ProgressDrawTarget, clock: Box<dyn Clock>, columns: Box<dyn Fn() -> usize + Send + Sync>, palette: Palette) -> Self {
        let screen = Screen { multi: MultiProgress::with_draw_target(target), state: Mutex::default(), clock, columns, palette };
        Self { screen: Arc::new(screen) }
    }
}

impl Reporter for Bars {
    fn event(&self, event: &Event) {
        let screen = &self.screen;
        let mut state = screen.state();
        let at = screen.clock.elapsed();
        let above = screen.layout().above(&mut state.gate, event, at);
        state.board.apply(event, at);
        screen.print(&mut state, above);
        screen.draw(&mut state, at);
    }

    // Not `MultiProgress::suspend`: it locks, and an event from inside `work` would wait for itself.
    fn suspend(&self, work: &mut dyn FnMut()) {
        let screen = &self.screen;
        {
            let mut state = screen.state();
            screen.remove_bars(&mut state);
            state.suspended += 1;
        }
        work();
        let mut state = screen.state();
        state.suspended -= 1;
        let held = std::mem::take(&mut state.held);
        screen.print(&mut state, held);
        screen.draw(&mut state, screen.clock.elapsed());
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        let mut state = self.screen.state();
        state.board = Board::default();
        self.screen.remove_bars(&mut state);
    }
}

impl Tick for Screen {
    fn tick(&self) {
        let mut state = self.state();
        self.draw(&mut state, self.clock.elapsed());
    }
}

impl Screen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the bars in line with the board.
    fn draw(&self, state: &mut State, at: Duration) {
        if state.suspended > 0 {
            return;
        }
        let State { board, phase, steps, .. } = state;
        let layout = self.layout();
        steps.retain(|step, bar| {
            let runs = board.step(step).is_some();
            if !runs {
                self.remove(bar);
            }
            runs
        });
        match (&board.phase, &mut *phase) {
            (None, bar) => {
                if let Some(bar) = bar.take() {
                    self.remove(&bar);
                }
            }
            (Some(now), bar) => {
                let bar = bar.get_or_insert_with(|| {
                    let bar = self.multi.insert(0, ProgressBar::new(PARTS));
                    bar.set_style(template("{msg}"));
                    bar
                });
                bar.set_message(layout.phase_now(now, at));
            }
        }
        for running in &board.steps {
            let bar = steps.entry(running.step.clone()).or_insert_with(|| self.multi.add(ProgressBar::new(PARTS)));
            self.draw_step(bar, running, at);
        }
    }

    fn draw_step(&self, bar: &ProgressBar, running: &Running, at: Duration) {
        let layout = self.layout();
        bar.set_prefix(layout.subject(running));
        let Some(work) = &running.work else {
            bar.set_style(template("    {prefix} {msg}"));
            bar.set_message(layout.doing(running, at));
            return;
        };
        let parts = u128::from(work.done) * u128::from(PARTS) / u128::from(work.total.max(1));
        let parts = u64::try_from(parts).unwrap_or(PARTS).min(PARTS - 1);
        bar.set_style(match self.palette {
            Palette::Colors => template("    {prefix} {wide_bar:.green/dim} {msg}"),
            Palette::None => template("    {prefix} {wide_bar} {msg}"),
        });
        bar.set_position(parts);
        bar.set_message(layout.figures(running, work, at));
    }

    fn layout(&self) -> Layout {
        // One column stays free: some terminals wrap when the last one is written.
        let columns = (self.columns)().saturating_sub(1);
        Layout::new(columns, self.palette)
    }

    fn print(&self, state: &mut State, lines: Vec<String>) {
        if state.suspended > 0 {
            state.held.extend(lines);
            return;
        }
        for line in lines {
            // A terminal that went away must not take the run with it.
            self.multi.println(line).ok();
        }
    }

    fn remove(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.multi.remove(bar);
    }

    fn remove_bars(&self, state: &mut State) {
        let steps = std::mem::take(&mut state.steps);
        for bar in steps.values().chain(&state.phase.take()) {
            self.remove(bar);
        }
    }
}

/// The bar itself is thin, so that the name and the figures are what one reads.
fn template(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::super::clock::ManualClock;
    use super::super::event::Blocker;
    use super::super::recorded;
    use super::*;

    fn bars(term: &InMemoryTerm, clock: &ManualClock, columns: usize) -> Bars {
        Bars::new(ProgressDrawTarget::term_like(Box::new(term.clone())), Box::new(clock.clone()), Box::new(move || columns), Palette::None)
    }

    /// The screen as it was at each of `moments`, and at the end.
    fn screens(columns: u16, moments: &[u64]) -> String {
        let (term, clock) = (InMemoryTerm::new(40, columns), ManualClock::default());
        let bars = bars(&term, &clock, usize::from(columns));
        let mut moments = moments.iter().map(|s| Duration::from_millis(*s)).peekable();
        let mut seen = String::new();
        for (at, event) in recorded::run() {
            while let Some(moment) = moments.next_if(|moment| *moment < at) {
                clock.set(moment);
                bars.screen.tick();
                seen = format!("{seen}--- {moment:?}\n{}\n", term.contents());
            }
            clock.set(at);
            bars.event(&event);
        }
        format!("{seen}--- end\n{}", term.contents())
    }

    #[test]
    fn a_run_on_a_terminal_of_eighty_columns() {
        insta::assert_snapshot!(screens(80, &[10_000, 48_300, 56_500, 112_500]), @r#"
        --- 10s
        run 3 · plan 7c1e9a04 · 61 steps
          ▸ backup        0 of 2 steps                                               9s
            public.orders        ━━━━╸──── ~49 %   1.5/~3.2 GiB  182.6 MiB/s  ETA 9s
        --- 48.3s
        run 3 · plan 7c1e9a04 · 61 steps
          ✔ backup        2 tables, 3.2 GiB in schema tenantize_backup              48s
          ! expand/public.orders/tenant_id waits for its lock: try 1 timed out, again
            in 800ms
            blocked by pid 4711, app_rw, "reports", open for 12m00s
              SELECT sum(total) FROM orders
          ▸ expand        1 of 2 steps                                               0s
            public.orders        waits for its lock, try 1  0s
        --- 56.5s
        run 3 · plan 7c1e9a04 · 61 steps
          ✔ backup        2 tables, 3.2 GiB in schema tenantize_backup              48s
          ! expand/public.orders/tenant_id waits for its lock: try 1 timed out, again
            in 800ms
            blocked by pid 4711, app_rw, "reports", open for 12m00s
              SELECT sum(total) FROM orders
          ✔ expand        2 of 2 steps                                             2.3s
          · public.orders gets 12 stripes
          ▸ backfill      0 of 2 steps                                               6s
            public.orders        ╸─────────  ~0 %  throttled: standby east is 13s behind
        --- 112.5s
        run 3 · plan 7c1e9a04 · 61 steps
          ✔ backup        2 tables, 3.2 GiB in schema tenantize_backup              48s
          ! expand/public.orders/tenant_id waits for its lock: try 1 timed out, again
            in 800ms
            blocked by pid 4711, app_rw, "reports", open for 12m00s
              SELECT sum(total) FROM orders
          ✔ expand        2 of 2 steps                                             2.3s
          · public.orders gets 12 stripes
          ! backfill/public.orders/fill: server closed the connection; try 1 failed,
            again in 500ms
          ! pid 4711 holds the horizon for 12m
          ■ interrupted
            next: tenantize resume
        run 3, resumed · plan 7c1e9a04 · 61 steps
          ▸ backfill      0 of 2 steps                                              12s
            public.orders        ╸─────────  ~2 %  705,200/~30.1M   42,100/s  ETA 11m39s
            public.ord…ine_items ╸─────────  ~0 %  477,600/~88.0M   39,800/s  ETA 36m40s
        --- end
        run 3 · plan 7c1e9a04 · 61 steps
          ✔ backup        2 tables, 3.2 GiB in schema tenantize_backup              48s
          ! expand/public.orders/tenant_id waits for its lock: try 1 timed out, again
            in 800ms
            blocked by pid 4711, app_rw, "reports", open for 12m00s
              SELECT sum(total) FROM orders
          ✔ expand        2 of 2 steps                                             2.3s
          · public.orders gets 12 stripes
          ! backfill/public.orders/fill: server closed the connection; try 1 failed,
            again in 500ms
          ! pid 4711 holds the horizon for 12m
          ■ interrupted
            next: tenantize resume
        run 3, resumed · plan 7c1e9a04 · 61 steps
          ✔ backfill      2 tables, 118.1M rows                                  11m42s
          ✔ done in 13m23s
            next: tenantize verify
        "#);
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_figures() {
        let screens = screens(50, &[112_500]);
        let (now, _) = screens.split_once("--- end").unwrap();
        let (_, bars) = now.rsplit_once("61 steps\n").unwrap();
        insta::assert_snapshot!(bars, @"
        ▸ backfill      0 of 2 steps                12s
          public.orders ╸─────────────  ~2 %  ETA 11m39s
          public…_items ╸─────────────  ~0 %  ETA 36m40s
        ");
    }

    #[test]
    fn steps_without_a_count_at_the_same_time_have_a_line_each() {
        let (term, clock) = (InMemoryTerm::new(10, 80), ManualClock::default());
        let bars = bars(&term, &clock, 80);
        bars.event(&Event::PhaseStarted { phase: "constraints".into(), steps: 9, left: 9 });
        for table in ["public.orders", "public.users", "public.coupons"] {
            let (step, subject, why) = (format!("constraints/{table}/index"), Some(table.into()), "rows of one tenant are found".into());
            bars.event(&Event::StepStarted { step, phase: "constraints".into(), subject, why, lock: String::new() });
        }
        clock.set(Duration::from_secs(2));
        bars.event(&Event::StepFinished { step: "constraints/public.users/index".into(), took_ms: 2_000, rows: None });
        insta::assert_snapshot!(term.contents(), @"
        ▸ constraints   1 of 9 steps                                               2s
          public.orders        rows of one tenant are found  2s
          public.coupons       rows of one tenant are found  2s
        ");
    }

    #[test]
    fn events_during_a_suspension_appear_after_it() {
        let (term, clock) = (InMemoryTerm::new(10, 80), ManualClock::default());
        let bars = bars(&term, &clock, 80);
        for (_, event) in recorded::run().into_iter().take(4) {
            bars.event(&event);
        }
        let mut during = String::new();
        bars.suspend(&mut || {
            bars.event(&Event::Note { text: "from inside".into() });
            during = term.contents();
        });
        assert!(!during.contains("public.orders"), "{during}");
        let after = term.contents();
        assert!(after.contains("public.orders") && after.contains("from inside"), "{after}");
    }

    #[test]
    fn the_bars_leave_the_screen_with_their_reporter() {
        let (term, clock) = (InMemoryTerm::new(10, 80), ManualClock::default());
        let bars = bars(&term, &clock, 80);
        for (_, event) in recorded::run().into_iter().take(4) {
            bars.event(&event);
        }
        assert!(term.contents().contains("public.orders"));
        drop(bars);
        assert!(!term.contents().contains("public.orders"), "{}", term.contents());
    }

    #[test]
    fn workers_ticks_and_suspensions_do_not_wait_for_each_other() {
        let (term, clock) = (InMemoryTerm::new(40, 80), ManualClock::default());
        let bars = bars(&term, &clock, 80);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| recorded::run().iter().for_each(|(_, event)| bars.event(event)));
            }
            scope.spawn(|| (0..20).for_each(|_| bars.screen.tick()));
            scope.spawn(|| (0..20).for_each(|_| bars.suspend(&mut || bars.screen.tick())));
        });
        assert!(term.contents().ends_with("next: tenantize verify"), "{}", term.contents());
    }

    #[test]
    fn foreign_text_stays_on_its_line() {
        let (term, clock) = (InMemoryTerm::new(10, 80), ManualClock::default());
        let blocker =
            Blocker { pid: 1, user: "app".into(), application: "a\u{1b}[2Jb".into(), age_seconds: 1, query: "SELECT\n".repeat(100) };
        bars(&term, &clock, 80).event(&Event::LockWait { step: "s".into(), attempt: 1, retry_in_ms: 1, blockers: vec![blocker] });
        assert_eq!(term.contents().lines().count(), 3, "{}", term.contents());
    }
}

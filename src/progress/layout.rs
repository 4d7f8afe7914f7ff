//! How the lines of the screen read, for a given width.
//!
//! What moves is cut to the width of the terminal, because a line that wraps would tear the bars. What stays above
//! the bars may wrap: it is read later, and then every word counts.

use std::time::Duration;

use console::measure_text_width;

use super::board::{Gate, PhaseLine, Running, Work, eta_word};
use super::event::{Event, Resumed};
use super::rate::Eta;
use super::style::{Palette, cut, duration, elide, one_line, pad, plural};
use super::words;

const INDENT: usize = 4;
const SHORTEST_BAR: usize = 8;

/// A screen of a certain width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    columns: usize,
    palette: Palette,
}

impl Layout {
    pub(super) fn new(columns: usize, palette: Palette) -> Self {
        Self { columns, palette }
    }

    pub(super) fn subject(self, running: &Running) -> String {
        pad(&elide(&running.subject, self.subject_columns()), self.subject_columns())
    }

    fn subject_columns(self) -> usize {
        (self.columns / 4 + 1).clamp(8, 32)
    }

    pub(super) fn phase_now(self, phase: &PhaseLine, at: Duration) -> String {
        let done = format!("{} of {}", phase.done, plural(phase.steps, "step"));
        let took = since(phase.since, at);
        self.phase_line(&self.palette.strong("▸"), &phase.name, &done, &took)
    }

    /// What a step does that cannot be counted.
    pub(super) fn doing(self, running: &Running, at: Duration) -> String {
        let since = since(running.since, at);
        let room = self.columns.saturating_sub(INDENT + self.subject_columns() + 1 + 2 + since.len());
        let text = match running.waits(at) {
            Some(reason) => self.palette.warn(cut(reason, room)),
            None => cut(&running.why, room),
        };
        format!("{text}  {}", self.palette.dim(since))
    }

    /// What stands right of the bar, as much of it as there is room for.
    pub(super) fn figures(self, running: &Running, work: &Work, at: Duration) -> String {
        let beside = INDENT + self.subject_columns() + 2 + SHORTEST_BAR;
        let room = self.columns.saturating_sub(beside);
        let percent = format!("{:>3} %", format!("{}{}", work.about(), work.percent()));
        let eta = work.eta(at);
        if let Some(reason) = running.waits(at) {
            let reason = cut(reason, room.saturating_sub(percent.len() + 2));
            return format!("{percent}  {}", self.palette.warn(reason));
        }
        let end = match eta {
            Eta::Ready(_) => format!("ETA {}", eta_word(eta)),
            _ => eta_word(eta),
        };
        let end = pad(&end, 10);
        let counts = format!("{:>13}", work.counts());
        let rate = work.meter.rate(at).map(|rate| format!("{}/s", work.amount(rate)));
        let rate = format!("{:>9}", rate.unwrap_or_default());
        let by_worth = [format!("{percent}  {counts}  {rate}  {end}"), format!("{percent}  {counts}  {end}"), format!("{percent}  {end}")];
        let fitting = by_worth.into_iter().find(|text| measure_text_width(text) <= room);
        fitting.unwrap_or(percent)
    }

    /// `  ✔ backup        14 tables, 3.2 GiB in schema tenantize_backup             48s`
    fn phase_line(self, mark: &str, phase: &str, text: &str, took: &str) -> String {
        let beside = 4 + 14 + 2 + 7;
        // On a wide terminal the time stays near the text, unless the text needs the room.
        let wanted = (79 - beside).max(measure_text_width(text));
        let room = self.columns.saturating_sub(beside).min(wanted);
        let text = pad(&cut(text, room), room);
        format!("  {mark} {phase:<13} {text}  {}", self.palette.dim(format!("{took:>7}")))
    }

    /// Returns the lines an event leaves above the bars.
    pub(super) fn above(self, gate: &mut Gate, event: &Event, at: Duration) -> Vec<String> {
        let colors = self.palette;
        let warn = |text: &str| self.said(&colors.warn("!"), text, |line| colors.warn(line));
        match event {
            Event::RunStarted { run, plan, resumed, steps } => {
                let resumed = match resumed {
                    Resumed::Fresh => "",
                    Resumed::Resumed => ", resumed",
                };
                let run = colors.strong(format!("run {run}{resumed}"));
                vec![format!("{run} · plan {plan} · {}", plural(*steps, "step"))]
            }
            Event::PhaseFinished { phase, took_ms, summary } => {
                let took = words::took(*took_ms);
                vec![self.phase_line(&colors.good("✔"), phase, &one_line(summary), &took)]
            }
            Event::LockWait { step, attempt, retry_in_ms, blockers } => {
                if !gate.opens(&words::lock_key(step, blockers), at) {
                    return Vec::new();
                }
                let mut lines = warn(&words::lock_wait(step, *attempt, *retry_in_ms));
                for blocker in blockers {
                    lines.push(format!("    {}", words::blocker(blocker)));
                    let query = cut(&one_line(&blocker.query), self.columns.saturating_sub(6));
                    lines.push(format!("      {}", colors.dim(query)));
                }
                lines
            }
            Event::Retry { step, reason, .. } if !gate.opens(&words::retry_key(step, reason), at) => Vec::new(),
            Event::Retry { step, reason, attempt, retry_in_ms } => warn(&words::retry(step, reason, *attempt, *retry_in_ms)),
            Event::Warning { text } => warn(text),
            Event::Note { text } => self.said("·", text, str::to_owned),
            Event::RunStopped { reason, next } => self.ended(&colors.bad("■"), reason, next),
            Event::RunFinished { took_ms, next } => self.ended(&colors.good("✔"), &format!("done in {}", words::took(*took_ms)), next),
            // These move the bars.
            Event::PhaseStarted { .. }
            | Event::StepStarted { .. }
            | Event::WorkSized { .. }
            | Event::Advanced { .. }
            | Event::Waiting { .. }
            | Event::StepFinished { .. }
            | Event::StepSkipped { .. }
            | Event::StepUndone { .. } => Vec::new(),
        }
    }

    /// The last lines of a run; the command is never broken, because people copy it.
    fn ended(self, mark: &str, how: &str, next: &str) -> Vec<String> {
        let mut lines = self.said(mark, how, str::to_owned);
        lines.push(format!("    next: {}", self.palette.strong(next)));
        lines
    }

    /// A mark and a text, on as many lines as it needs.
    fn said(self, mark: &str, text: &str, paint: impl Fn(&str) -> String) -> Vec<String> {
        let lines = wrap(&one_line(text), self.columns.saturating_sub(4));
        let marks = std::iter::once(mark).chain(std::iter::repeat(" "));
        let marked = marks.zip(&lines).map(|(mark, line)| format!("  {mark} {}", paint(line)));
        marked.collect()
    }
}

/// Breaks a text into lines of at most `width` columns, at spaces where there are some.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn since(begin: Duration, at: Duration) -> String {
    duration(Duration::from_secs(at.saturating_sub(begin).as_secs()))
}

#[cfg(test)]
mod tests {
    use super::super::board::Board;
    use super::super::recorded;
    use super::*;

    #[test]
    fn long_texts_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("public.order_line_items waits", 7), ["public.order_line_items", "waits"]);
        assert_eq!(wrap("", 7), [""]);
    }

    #[test]
    fn no_moving_line_is_wider_than_its_terminal() {
        for columns in [30, 50, 79, 131] {
            let layout = Layout::new(columns, Palette::Colors);
            let mut board = Board::default();
            for (at, event) in recorded::run() {
                board.apply(&event, at);
                let phase = board.phase.iter().map(|phase| layout.phase_now(phase, at));
                let steps = board.steps.iter().map(|running| {
                    let right = match &running.work {
                        Some(work) => layout.figures(running, work, at),
                        None => layout.doing(running, at),
                    };
                    format!("    {} {right}", layout.subject(running))
                });
                for line in phase.chain(steps) {
                    let width = measure_text_width(&line);
                    assert!(width <= columns, "{width} columns of {columns}: {line}");
                }
            }
        }
    }
}

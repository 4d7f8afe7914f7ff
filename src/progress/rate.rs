//! How fast a long step goes at the moment, and when it will end.
//!
//! The rate comes from a recent window of *working* time. Time spent throttled, paused or waiting does not pass
//! on the meter's clock, so a step that goes on after a pause has its old rate at once, and the estimate of the
//! end is about work, not about patience. Integers only: an estimate has to be the same on every machine.

use std::collections::VecDeque;
use std::time::Duration;

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(15);
/// How much working time must be seen before a rate is told.
const ENOUGH: Duration = Duration::from_secs(2);

/// Why a step does not work at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The database needs a rest, or the step waits for somebody else.
    Throttled,
    /// A person asked for a pause.
    Paused,
}

/// When a step will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eta {
    /// Too little was seen to tell.
    Measuring,
    /// At the recent rate it takes this long.
    Ready(Duration),
    /// All that was counted is settled; what remains is the end of the step itself.
    Finishing,
    /// It does not work at the moment, so its end cannot be told.
    Halted(Halt),
}

/// Measures one long step.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Oldest first; never empty. The first may lie before the window: it is the window's edge.
    marks: VecDeque<Mark>,
    /// Time that does not count.
    idle: Duration,
    halted: Option<(Duration, Halt)>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// On the meter's clock.
    at: Duration,
    done: u64,
}

impl Meter {
    /// Starts to measure at `done`: what was settled before says nothing about the rate of now.
    #[must_use]
    pub fn start(at: Duration, done: u64) -> Self {
        Self { marks: VecDeque::from([Mark { at, done }]), idle: Duration::ZERO, halted: None }
    }

    /// Records that `done` is settled in all, by a batch that took `took` and committed at `at`.
    pub fn settle(&mut self, at: Duration, done: u64, took: Duration) {
        if let Some((since, _)) = self.halted {
            // A batch that began before the halt was only on its way; one that began later ends the halt.
            let began = at.saturating_sub(took);
            if began >= since {
                self.idle += began.saturating_sub(since);
                self.halted = None;
            }
        }
        let now = self.working(at);
        // Batches of several workers may be told out of order.
        let done = done.max(self.latest().done);
        self.marks.push_back(Mark { at: now, done });
        let edge = now.saturating_sub(WINDOW);
        while self.marks.len() > 2 && self.marks.get(1).is_some_and(|mark| mark.at <= edge) {
            self.marks.pop_front();
        }
    }

    /// Records that the step stopped working at `at`.
    pub fn halt(&mut self, at: Duration, why: Halt) {
        let since = self.halted.map_or(at, |(since, _)| since);
        self.halted = Some((since, why));
    }

    /// Returns units per second in the recent window, or `None` before enough was seen.
    #[must_use]
    pub fn rate(&self, at: Duration) -> Option<u64> {
        let (done, span) = self.recent(at)?;
        u64::try_from(u128::from(done) * 1000 / span.as_millis()).ok()
    }

    /// Returns when `left` more units will be settled.
    #[must_use]
    pub fn eta(&self, at: Duration, left: u64) -> Eta {
        if let Some((_, why)) = self.halted {
            return Eta::Halted(why);
        }
        if left == 0 {
            return Eta::Finishing;
        }
        let Some((done, span)) = self.recent(at).filter(|(done, _)| *done > 0) else {
            return Eta::Measuring;
        };
        let millis = u128::from(left) * span.as_millis() / u128::from(done);
        match u64::try_from(millis) {
            Ok(millis) => Eta::Ready(Duration::from_secs(millis.div_ceil(1000))),
            Err(_) => Eta::Measuring,
        }
    }

    /// Settled units of the window, and its length.
    fn recent(&self, at: Duration) -> Option<(u64, Duration)> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let gaps = u32::try_from(self.marks.len() - 1).ok()?;
        let worked = last.at.saturating_sub(first.at);
        let usual_gap = worked.checked_div(gaps)?;
        // Between two batches nothing is settled, and that is normal for as long as it usually takes. After
        // that the silence counts, and the rate sinks.
        let silence = self.working(at).saturating_sub(last.at + usual_gap);
        let span = worked + silence;
        (span >= ENOUGH).then_some((last.done - first.done, span))
    }

    /// The meter's clock: stands still while halted.
    fn working(&self, at: Duration) -> Duration {
        let until = self.halted.map_or(at, |(since, _)| since.min(at));
        // Never backwards, whatever order the workers report in.
        until.saturating_sub(self.idle).max(self.latest().at)
    }

    fn latest(&self) -> Mark {
        self.marks.back().copied().unwrap_or(Mark { at: Duration::ZERO, done: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// 1,000 rows per second, one batch each second, from `from` to `to`.
    fn steady(meter: &mut Meter, from: u64, to: u64) {
        for second in from + 1..=to {
            let done = meter.latest().done + 1_000;
            meter.settle(s(second), done, s(1));
        }
    }

    #[test]
    fn nothing_is_told_before_two_seconds_of_work() {
        let mut meter = Meter::start(s(0), 0);
        assert_eq!(meter.eta(s(0), 9), Eta::Measuring);
        steady(&mut meter, 0, 1);
        assert_eq!((meter.rate(s(1)), meter.eta(s(1), 9)), (None, Eta::Measuring));
        steady(&mut meter, 1, 2);
        assert_eq!(meter.rate(s(2)), Some(1_000));
        assert_eq!(meter.eta(s(2), 5_000), Eta::Ready(s(5)));
    }

    #[test]
    fn rows_settled_by_an_earlier_run_do_not_count() {
        let mut meter = Meter::start(s(100), 5_000_000);
        steady(&mut meter, 100, 104);
        assert_eq!(meter.rate(s(104)), Some(1_000));
    }

    #[test]
    fn the_rate_follows_the_last_fifteen_seconds() {
        let mut meter = Meter::start(s(0), 0);
        steady(&mut meter, 0, 100);
        for second in 101..=115 {
            let done = meter.latest().done + 5_000;
            meter.settle(s(second), done, s(1));
        }
        assert_eq!(meter.rate(s(115)), Some(5_000));
    }

    #[test]
    fn a_window_holds_at_least_one_batch_however_long_it_took() {
        let mut meter = Meter::start(s(0), 0);
        meter.settle(s(60), 6_000, s(60));
        meter.settle(s(120), 12_000, s(60));
        assert_eq!(meter.rate(s(120)), Some(100));
    }

    #[test]
    fn time_spent_halted_does_not_lower_the_rate() {
        let mut meter = Meter::start(s(0), 0);
        steady(&mut meter, 0, 10);
        meter.halt(s(10), Halt::Throttled);
        assert_eq!(meter.eta(s(300), 50), Eta::Halted(Halt::Throttled));
        assert_eq!(meter.rate(s(300)), Some(1_000));
        steady(&mut meter, 600, 601);
        assert_eq!(meter.rate(s(601)), Some(1_000));
        assert_eq!(meter.eta(s(601), 60_000), Eta::Ready(s(60)));
    }

    #[test]
    fn a_batch_on_its_way_when_the_halt_began_does_not_end_it() {
        let mut meter = Meter::start(s(0), 0);
        steady(&mut meter, 0, 10);
        meter.halt(s(10), Halt::Paused);
        meter.settle(s(12), 13_000, s(4));
        assert_eq!(meter.eta(s(12), 50), Eta::Halted(Halt::Paused));
    }

    #[test]
    fn a_second_reason_keeps_the_time_of_the_first() {
        let mut meter = Meter::start(s(0), 0);
        steady(&mut meter, 0, 10);
        meter.halt(s(10), Halt::Throttled);
        meter.halt(s(50), Halt::Paused);
        assert_eq!(meter.eta(s(50), 1), Eta::Halted(Halt::Paused));
        steady(&mut meter, 99, 100);
        assert_eq!(meter.rate(s(100)), Some(1_000));
    }

    #[test]
    fn a_long_silence_lowers_the_rate() {
        let mut meter = Meter::start(s(0), 0);
        steady(&mut meter, 0, 9);
        assert_eq!(meter.rate(s(10)), Some(1_000));
        assert_eq!(meter.rate(s(19)), Some(500));
    }

    #[test]
    fn without_any_progress_it_keeps_measuring() {
        let mut meter = Meter::start(s(0), 0);
        meter.settle(s(5), 0, s(5));
        assert_eq!((meter.rate(s(5)), meter.eta(s(5), 9)), (Some(0), Eta::Measuring));
    }

    #[test]
    fn settled_rows_never_go_down_when_workers_report_out_of_order() {
        let mut meter = Meter::start(s(0), 0);
        meter.settle(s(4), 4_000, s(1));
        meter.settle(s(3), 3_000, s(1));
        assert_eq!(meter.rate(s(4)), Some(1_000));
    }

    #[test]
    fn nothing_left_is_finishing_and_never_divides_by_zero() {
        let meter = Meter::start(s(0), 0);
        assert_eq!(meter.eta(s(0), 0), Eta::Finishing);
        assert_eq!(meter.rate(s(0)), None);
    }
}

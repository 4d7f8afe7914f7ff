//! How big a batch is, in pages, so that it takes about as long as wanted.

use std::time::Duration;

/// Chooses the batch size so that a batch takes about `target`.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    pages: i64,
    target: Duration,
}

impl Pace {
    /// Pages of the first batch.
    pub(super) const START: i64 = 256;
    /// The smallest batch.
    pub(super) const LEAST: i64 = 1;
    /// The biggest batch.
    pub(super) const MOST: i64 = 65_536;
    const MAX_GROWTH: f64 = 1.5;
    const PANIC: u32 = 5;

    /// A pace that begins small.
    #[must_use]
    pub(super) fn new(target: Duration) -> Self {
        Self { pages: Self::START, target }
    }

    /// Changes the time that a batch should take.
    pub(super) fn aim(&mut self, target: Duration) {
        self.target = target;
    }

    /// Pages of the next batch.
    #[must_use]
    pub(super) fn pages(&self) -> i64 {
        self.pages
    }

    /// Learns how long a batch of `pages` pages took.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "page counts are far below 2^52")]
    pub(super) fn observe(&mut self, pages: i64, took: Duration) {
        if pages < self.pages {
            // A batch that its chunk has kept short says nothing about a longer one, unless it was too long already.
            if took <= self.target {
                return;
            }
            self.pages = pages;
        }
        let ratio = self.target.as_secs_f64() / took.as_secs_f64().max(1e-6);
        let factor = if took > self.target * Self::PANIC { 1.0 / f64::from(Self::PANIC) } else { ratio.clamp(0.5, Self::MAX_GROWTH) };
        self.pages = ((self.pages as f64 * factor).round() as i64).clamp(Self::LEAST, Self::MOST);
    }

    /// Halves the batch after a conflict.
    pub(super) fn shrink(&mut self) {
        self.pages = (self.pages / 2).max(Self::LEAST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(milliseconds_per_page: f64) -> i64 {
        let mut pace = Pace::new(Duration::from_millis(200));
        for _ in 0..60 {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let took = Duration::from_secs_f64(pace.pages() as f64 * milliseconds_per_page / 1000.0);
            pace.observe(pace.pages(), took);
        }
        pace.pages()
    }

    #[test]
    fn a_batch_comes_to_take_as_long_as_wanted() {
        assert!((190..=210).contains(&settle(1.0)), "{}", settle(1.0));
        assert!((19..=21).contains(&settle(10.0)), "{}", settle(10.0));
    }

    #[test]
    fn growth_is_slow_and_panic_is_quick() {
        let mut pace = Pace::new(Duration::from_millis(200));
        pace.observe(256, Duration::from_millis(1));
        assert_eq!(pace.pages(), 384);
        pace.observe(384, Duration::from_secs(3));
        assert_eq!(pace.pages(), 77);
        pace.shrink();
        assert_eq!(pace.pages(), 38);
    }

    #[test]
    fn it_never_stops_and_never_takes_the_whole_table() {
        let mut pace = Pace::new(Duration::from_millis(200));
        for _ in 0..100 {
            pace.shrink();
        }
        assert_eq!(pace.pages(), Pace::LEAST);
        assert_eq!(settle(0.000_001), Pace::MOST);
    }

    #[test]
    fn the_short_end_of_a_chunk_teaches_nothing() {
        let mut pace = Pace::new(Duration::from_millis(200));
        pace.observe(3, Duration::from_millis(1));
        assert_eq!(pace.pages(), Pace::START);
    }

    #[test]
    fn batches_that_are_kept_short_become_shorter_still_when_they_take_too_long() {
        let mut pace = Pace::new(Duration::from_millis(200));
        pace.observe(256, Duration::from_millis(50));
        assert_eq!(pace.pages(), 384);
        pace.aim(Duration::from_millis(10));
        pace.observe(200, Duration::from_millis(20));
        assert_eq!(pace.pages(), 100);
    }
}

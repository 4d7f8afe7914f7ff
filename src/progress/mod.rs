//! Progress of a run: one stream of events, told in several voices.
//!
//! The code that works sends [`Event`]s to a [`Reporter`] and knows nothing about terminals. People read standard
//! error, as bars on a terminal or as plain lines in a pipe; programs read JSON lines on standard output.

mod bars;
mod board;
mod clock;
mod event;
mod json;
mod layout;
mod lines;
mod plain;
mod rate;
#[cfg(test)]
mod recorded;
pub mod style;
mod ticker;
mod words;

use std::io;
use std::sync::Arc;

use clap::ValueEnum;

pub use bars::Bars;
pub use clock::{Clock, SystemClock};
pub use event::{Blocker, Event, Precision, Resumed, Unit};
pub use json::{JsonLines, VERSION};
pub use plain::Plain;
pub use rate::{Eta, Halt, Meter};
pub use style::{ColorMode, Palette, Stream};

/// Receives everything that happens during a run.
///
/// It never fails the run: output that cannot be written is dropped.
pub trait Reporter: Send + Sync {
    /// Tells what happened.
    fn event(&self, event: &Event);

    /// Runs `work` with the bars out of the way, so that it can write to the terminal.
    fn suspend(&self, work: &mut dyn FnMut()) {
        work();
    }
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &Event) {}
}

/// How progress is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressMode {
    /// Bars on a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// Bars; plain lines where standard error is no terminal
    Bars,
    /// One line per event, at most one per table in ten seconds
    Plain,
    /// JSON lines on standard output
    Json,
    /// Nothing
    None,
}

/// Returns the reporter for `mode`.
///
/// Bars need a terminal: where standard error is none, or a dumb one, plain lines take their place.
#[must_use]
pub fn reporter(mode: ProgressMode, color: ColorMode) -> Arc<dyn Reporter> {
    color.apply();
    match mode {
        ProgressMode::Auto | ProgressMode::Bars if can_draw() => Arc::new(Bars::on_stderr(color.palette(Stream::Err))),
        ProgressMode::Auto | ProgressMode::Bars | ProgressMode::Plain => Plain::started(io::stderr(), SystemClock::start()),
        ProgressMode::Json => Arc::new(JsonLines::new(io::stdout(), SystemClock::start())),
        ProgressMode::None => Arc::new(Silent),
    }
}

fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !dumb && console::Term::stderr().is_term()
}

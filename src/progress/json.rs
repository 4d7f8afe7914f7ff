//! One JSON object per event, for programs; the format is documented in `docs/progress.md`.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use chrono::SecondsFormat;
use serde::Serialize;

use super::Reporter;
use super::clock::Clock;
use super::event::Event;
use super::lines::Lines;

/// Version of the format; it changes when a reader written for the old one would be wrong.
pub const VERSION: u32 = 1;

/// Writes each event as one line of JSON.
#[derive(Debug)]
pub struct JsonLines<W, C> {
    out: Mutex<Lines<W>>,
    clock: C,
}

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    at: String,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write, C: Clock> JsonLines<W, C> {
    /// Writes to `out`, with times from `clock`.
    pub fn new(out: W, clock: C) -> Self {
        Self { out: Mutex::new(Lines::new(out)), clock }
    }
}

impl<W: Write + Send, C: Clock> Reporter for JsonLines<W, C> {
    fn event(&self, event: &Event) {
        // The time is taken under the lock: lines are in the order of their times.
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.clock.now();
        let line = Line { v: VERSION, at: at.to_rfc3339_opts(SecondsFormat::Millis, true), event };
        if let Ok(line) = serde_json::to_string(&line) {
            out.write(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::recorded;
    use super::*;

    #[test]
    fn a_run_reads_as_json_lines() {
        let out = recorded::replay(JsonLines::new);
        insta::assert_snapshot!(out);
    }

    #[test]
    fn the_documentation_names_every_event_and_field() {
        let doc = include_str!("../../docs/progress.md");
        let out = recorded::replay(JsonLines::new);
        let mut events = BTreeSet::new();
        for line in out.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let event = line["event"].as_str().unwrap().to_owned();
            let (_, section) = doc.split_once(&format!("### `{event}`")).unwrap_or_else(|| panic!("{event} is not documented"));
            let section = section.split("\n#").next().unwrap();
            for field in line.as_object().unwrap().keys() {
                let common = ["v", "at", "event"].contains(&field.as_str());
                assert!(common || section.contains(&format!("`{field}`")), "{event} has {field}, which is not documented");
            }
            events.insert(event);
        }
        assert_eq!(doc.matches("\n### `").count(), events.len(), "{events:?}");
    }
}

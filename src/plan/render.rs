//! The plan on paper: text for people, a psql script, JSON for programs.

mod findings;
mod script;
#[cfg(test)]
mod tests;
mod text;

use clap::ValueEnum;
use serde::Serialize;

pub use findings::{render_findings, tally};

use super::Plan;
use crate::progress::style::Palette;
use crate::sql::{Change, Statement};

/// How a plan is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// A script for psql
    Sql,
    /// For programs; `v` is the version of the shape
    Json,
}

/// How much of a plan the text shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanDetail {
    /// One line per step
    #[default]
    Summary,
    /// Every statement, and how it is taken back
    Full,
}

/// The version of the JSON shape.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    v: u32,
    #[serde(flatten)]
    plan: &'a Plan,
}

impl Plan {
    /// Writes the plan; `detail` and `palette` matter for text only.
    #[must_use]
    pub fn render(&self, format: PlanFormat, detail: PlanDetail, palette: Palette) -> String {
        match format {
            PlanFormat::Text => text::render(self, detail, palette),
            PlanFormat::Sql => script::render(self),
            PlanFormat::Json => json(self),
        }
    }
}

#[expect(clippy::expect_used, reason = "every map of a plan has text keys")]
fn json(plan: &Plan) -> String {
    let mut text = serde_json::to_string_pretty(&Document { v: VERSION, plan }).expect("a plan is always JSON");
    text.push('\n');
    text
}

/// The statement with its semicolon, on a line of its own after a comment.
fn terminated(sql: &str) -> String {
    let sql = sql.trim_end().trim_end_matches(';').trim_end();
    let last = sql.lines().last().unwrap_or_default();
    let gap = if last.contains("--") { "\n" } else { "" };
    format!("{sql}{gap};")
}

fn statement(change: &Change) -> String {
    terminated(change.statement().text())
}

fn ended(statement: &Statement) -> String {
    terminated(statement.text())
}

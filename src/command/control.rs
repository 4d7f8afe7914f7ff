//! `tenantize pause`, `unpause` and `set`: an operator steers a run from another shell, through the journal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diesel::pg::PgConnection;

use super::Context;
use super::run::unfinished;
use crate::cli::{Format, SetArgs};
use crate::db::Pooled;
use crate::error::Error;
use crate::journal::RunRecord;
use crate::journal::steering::{self, Control};
use crate::steer::{ProgramState, SETTINGS, Settings, pair};

pub(super) fn pause(cx: &Context<'_>) -> Result<(), Error> {
    let (mut conn, run) = open_run(cx)?;
    steering::pause(&mut conn, run.id)?;
    cx.ui.say(&format!("Run {} is paused: the batch in flight ends, no other begins. Go on with: tenantize unpause", run.id));
    Ok(())
}

pub(super) fn unpause(cx: &Context<'_>) -> Result<(), Error> {
    let (mut conn, run) = open_run(cx)?;
    steering::unpause(&mut conn, run.id)?;
    let next =
        if works(&mut conn, run.id)? { "See: tenantize status --watch" } else { "No program works on it. Go on with: tenantize resume" };
    cx.ui.say(&format!("Run {} is no longer paused. {next}", run.id));
    Ok(())
}

pub(super) fn set(cx: &Context<'_>, args: &SetArgs) -> Result<(), Error> {
    let (mut conn, run) = open_run(cx)?;
    let Control { settings: mut stored, .. } = steering::control(&mut conn, run.id)?;
    // Every value is checked before the first is stored.
    let mut checked = Settings::default();
    for text in &args.settings {
        let (name, value) = pair(text)?;
        if value == "default" && SETTINGS.iter().any(|setting| setting.name == name) {
            stored.remove(name);
        } else {
            let (name, value) = checked.set(name, value)?;
            stored.insert(name.to_owned(), value);
        }
    }
    if !args.settings.is_empty() {
        steering::set_settings(&mut conn, run.id, &stored)?;
    }
    cx.ui.out(&shown(&mut conn, run.id, &stored, args.format)?)
}

fn open_run(cx: &Context<'_>) -> Result<(Pooled, RunRecord), Error> {
    let db = cx.connect_any()?;
    let mut conn = db.get()?;
    let run = unfinished(&mut conn)?;
    Ok((conn, run))
}

fn works(conn: &mut PgConnection, run: i64) -> Result<bool, Error> {
    Ok(!steering::programs(conn, run)?.is_empty())
}

/// Every setting with its value and where that comes from: set here, or the program that works.
fn shown(conn: &mut PgConnection, run: i64, stored: &BTreeMap<String, String>, format: Format) -> Result<String, Error> {
    let programs = steering::programs(conn, run)?;
    let program: Option<ProgramState> = programs.into_iter().find_map(|(state, _)| serde_json::from_value(state).ok());
    let of_program = |name: &str| program.as_ref().and_then(|program| program.settings.get(name).cloned());
    let defaults: BTreeMap<&str, String> = Settings::default().list().into_iter().collect();
    let value =
        |name: &str| stored.get(name).cloned().or_else(|| of_program(name)).or_else(|| defaults.get(name).cloned()).unwrap_or_default();
    match format {
        Format::Json => {
            let all: BTreeMap<&str, String> = SETTINGS.iter().map(|setting| (setting.name, value(setting.name))).collect();
            serde_json::to_string_pretty(&all).map(|json| format!("{json}\n")).map_err(|error| Error::Other(error.to_string()))
        }
        Format::Text => {
            let mut text = String::new();
            for setting in &SETTINGS {
                let source = if stored.contains_key(setting.name) { "set" } else { "" };
                let line = format!("{:<13} {:<12} {source:<4} {}", setting.name, value(setting.name), setting.what);
                let _ = writeln!(text, "{}", line.trim_end());
            }
            Ok(text)
        }
    }
}

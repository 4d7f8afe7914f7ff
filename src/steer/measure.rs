//! Reasons to wait, each measured by one question to the server.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::NaiveTime;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use super::setting::Settings;
use super::value::{Bytes, Span};
use crate::sql::steer::hold;

const STANDBYS: &str = include_str!("queries/standbys.sql");
const SLOTS: &str = include_str!("queries/slots.sql");
const ARCHIVER: &str = include_str!("queries/archiver.sql");
const ARCHIVE: &str = include_str!("queries/archive.sql");
const SESSIONS: &str = include_str!("queries/sessions.sql");

#[derive(QueryableByName)]
struct Standby {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    hidden: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    lag_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    behind: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    replayed: Option<String>,
}

#[derive(QueryableByName)]
struct Slot {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    active: bool,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

#[derive(QueryableByName)]
struct Archiver {
    #[diesel(sql_type = Bool)]
    archives: bool,
    #[diesel(sql_type = Bool)]
    may_look: bool,
}

#[derive(QueryableByName)]
struct Archive {
    #[diesel(sql_type = BigInt)]
    waiting: i64,
}

#[derive(QueryableByName)]
struct Sessions {
    #[diesel(sql_type = BigInt)]
    active: i64,
    #[diesel(sql_type = BigInt)]
    hidden: i64,
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Bool)]
    held: bool,
}

/// What earlier measurements have shown.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// How far each standby had replayed, and since when it has not moved.
    replayed: BTreeMap<i32, (String, Instant)>,
}

/// Why the run must wait at this time of the day.
pub(super) fn hour(settings: &Settings, at: NaiveTime) -> Option<String> {
    let windows = settings.only_between.get()?;
    (!windows.is_open(at)).then(|| format!("it is {}, outside of only-between={windows}", at.format("%H:%M")))
}

/// Why the run must wait for the disk, whose last commit took so long.
pub(super) fn commit(settings: &Settings, took: Duration) -> Option<String> {
    let limit = settings.max_commit.get()?;
    (took > limit.0).then(|| format!("a commit took {}, more than max-commit={limit}", Span(round(took))))
}

fn round(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Asks for everything that the settings limit; returns the first reason to wait.
pub(super) fn reason(conn: &mut PgConnection, settings: &Settings, memory: &mut Memory) -> QueryResult<Option<String>> {
    if let Some(reason) = standbys(conn, settings, memory)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = slots(conn, settings)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = archive(conn, settings)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = sessions(conn, settings)? {
        return Ok(Some(reason));
    }
    held(conn, settings)
}

/// What cannot be seen is a reason to wait only where somebody asked for the limit.
fn unseen(settings: &Settings, name: &str, what: &str) -> Option<String> {
    settings.is_asked(name).then(|| format!("{what} cannot be seen for {name}: GRANT pg_monitor to this role, or set {name}=off"))
}

fn standbys(conn: &mut PgConnection, settings: &Settings, memory: &mut Memory) -> QueryResult<Option<String>> {
    let Some(limit) = settings.max_lag.get() else { return Ok(None) };
    let standbys: Vec<Standby> = diesel::sql_query(STANDBYS).load(conn)?;
    memory.replayed.retain(|pid, _| standbys.iter().any(|standby| standby.pid == *pid));
    for standby in &standbys {
        if standby.hidden {
            return Ok(unseen(settings, "max-lag", "standbys"));
        }
        let lag = Duration::from_millis(standby.lag_ms.unwrap_or_default().max(0).cast_unsigned());
        if lag > limit.0 {
            return Ok(Some(format!("standby {} is {} behind, more than max-lag={limit}", standby.name, Span(round(lag)))));
        }
        // A standby that replays nothing tells no lag.
        let replayed = standby.replayed.clone().unwrap_or_default();
        let since = memory.replayed.entry(standby.pid).or_insert_with(|| (replayed.clone(), Instant::now()));
        if since.0 != replayed || standby.behind == Some(0) {
            *since = (replayed, Instant::now());
        } else if since.1.elapsed() > limit.0 {
            let behind = Bytes(standby.behind.unwrap_or_default().cast_unsigned());
            return Ok(Some(format!("standby {} has replayed nothing for longer than max-lag={limit}, {behind} are left", standby.name)));
        }
    }
    Ok(None)
}

fn slots(conn: &mut PgConnection, settings: &Settings) -> QueryResult<Option<String>> {
    let Some(limit) = settings.max_slot.get() else { return Ok(None) };
    let slot: Option<Slot> = diesel::sql_query(SLOTS).get_result(conn).optional()?;
    let slot = slot.filter(|slot| u64::try_from(slot.bytes).is_ok_and(|bytes| bytes > limit.0));
    Ok(slot.map(|slot| {
        let state = if slot.active { "" } else { ", which nobody reads," };
        format!("slot {}{state} retains {} bytes of WAL, more than max-slot={limit}", slot.name, slot.bytes)
    }))
}

fn archive(conn: &mut PgConnection, settings: &Settings) -> QueryResult<Option<String>> {
    let Some(limit) = settings.max_archive.get() else { return Ok(None) };
    let archiver: Archiver = diesel::sql_query(ARCHIVER).get_result(conn)?;
    if !archiver.archives {
        return Ok(None);
    }
    if !archiver.may_look {
        return Ok(unseen(settings, "max-archive", "the archiver"));
    }
    let Archive { waiting } = diesel::sql_query(ARCHIVE).get_result(conn)?;
    let over = u64::try_from(waiting).is_ok_and(|waiting| waiting > limit.get());
    Ok(over.then(|| format!("{waiting} WAL segments wait for the archiver, more than max-archive={limit}")))
}

fn sessions(conn: &mut PgConnection, settings: &Settings) -> QueryResult<Option<String>> {
    let Some(limit) = settings.max_sessions.get() else { return Ok(None) };
    let sessions: Sessions = diesel::sql_query(SESSIONS).get_result(conn)?;
    if u64::try_from(sessions.active).is_ok_and(|active| active > limit.get()) {
        return Ok(Some(format!("{} sessions are at work, more than max-sessions={limit}", sessions.active)));
    }
    Ok(if sessions.hidden > 0 { unseen(settings, "max-sessions", "sessions of other roles") } else { None })
}

/// The operator's condition, as he would run it; whatever goes wrong with it holds the run too.
fn held(conn: &mut PgConnection, settings: &Settings) -> QueryResult<Option<String>> {
    let Some(condition) = settings.hold_while.get() else { return Ok(None) };
    let asked = conn.transaction(|conn| {
        conn.batch_execute("SET LOCAL search_path TO DEFAULT; SET LOCAL statement_timeout = '2s'; SET LOCAL default_transaction_read_only = on; SET TRANSACTION READ ONLY")?;
        hold(condition).row::<Held>(conn)
    });
    match asked {
        Ok(Held { held }) => Ok(held.then(|| format!("hold-while is true: {condition}"))),
        Err(error) if crate::db::Fault::of(&error) == crate::db::Fault::ConnectionLost => Err(error),
        Err(error) => Ok(Some(format!("hold-while cannot be asked: {error}"))),
    }
}

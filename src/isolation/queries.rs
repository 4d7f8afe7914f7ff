//! Whether the application's statements can be planned, and what their plans ask row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text};
use serde::Deserialize;
use serde_json::{Value, json};

use super::per_row::{Calls, calls};
use super::persona::{Persona, Settings, settings};
use super::probe::Session;
use super::target::targets;
use crate::catalog::Catalog;
use crate::check::{CheckResult, Evidence, Subject, Verdict, VerifyError, kind};
use crate::db::{Database, DatabaseUrl, Fault};

const QUERIES: &str = include_str!("queries.sql");
/// A small table is read whole although it has an index: that would hide how a large one is read.
const BEGIN: &str = "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL statement_timeout = '1min'";
const GIVE: &str = "SELECT set_config($1, $2, true) AS text";
const TAKE: &str = "SELECT current_setting('tenantize.plans', true) AS text";
const BUILT_IN: &str = "SELECT DISTINCT p.proname::text AS text FROM pg_catalog.pg_proc AS p \
                        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY ($1)";
/// What a lock or a timeout held up says nothing about the statement.
const HELD_UP: [&str; 2] = ["55P03", "57014"];

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
}

/// What came of planning one statement.
#[derive(Debug, Deserialize)]
struct Planned {
    relation: String,
    command: String,
    column: String,
    #[serde(default)]
    plan: Value,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    message: String,
}

/// Plans the statements of every role of the application, or of its own login when that is given: T901 and T902 of each.
///
/// # Errors
///
/// When a connection is lost. A session that cannot be had is an answer: both are inconclusive.
pub fn queries(
    db: &Database,
    subject: &Subject,
    catalog: &Catalog,
    app_url: Option<&DatabaseUrl>,
    report: &mut dyn FnMut(&CheckResult),
) -> Result<Vec<CheckResult>, VerifyError> {
    let mut admin = db.connect_dedicated()?;
    let nobody = settings(&mut admin, subject, Persona::Unknown)?.unwrap_or_default();
    let relations: Value = targets(subject, catalog)
        .iter()
        .map(|target| &target.prey)
        .map(|prey| json!([prey.relation.schema.plain(), prey.relation.name.plain(), prey.column.plain()]))
        .collect();
    let mut sessions: Vec<(String, Result<Session, String>)> = Vec::new();
    if let Some(url) = app_url {
        sessions.push(("the application".into(), Session::of_application(url)));
    } else {
        sessions.extend(subject.roles().map(|role| (role.plain().to_owned(), Session::of_role(db, role))));
    }
    let mut results = Vec::new();
    for (role, session) in sessions {
        let started = Instant::now();
        let planned = match session {
            Ok(mut session) => planned(&mut session, &relations, &nobody)?,
            Err(reason) => Err(reason),
        };
        let verdicts = match planned {
            Ok(planned) => vec![refused(&planned), per_row(&mut admin, &planned)?],
            Err(detail) => ["T901", "T902"]
                .map(|id| (id, Verdict::Inconclusive, vec![Evidence { object: role.clone(), detail: detail.clone() }]))
                .to_vec(),
        };
        for (id, verdict, evidence) in verdicts {
            let Some(result) = result(id, &role, (verdict, evidence), started) else { continue };
            report(&result);
            results.push(result);
        }
    }
    Ok(results)
}

fn result(id: &str, role: &str, (verdict, mut evidence): (Verdict, Vec<Evidence>), started: Instant) -> Option<CheckResult> {
    let kind = kind(id)?;
    let found = evidence.len();
    evidence.truncate(crate::check::EVIDENCE);
    Some(CheckResult {
        id: id.into(),
        subject: role.into(),
        claim: kind.claim.into(),
        severity: kind.severity,
        verdict,
        found,
        evidence,
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// Plans everything in one round trip; nothing of it is left.
fn planned(session: &mut Session, relations: &Value, settings: &Settings) -> QueryResult<Result<Vec<Planned>, String>> {
    let answer = ask(&mut session.conn, relations, settings);
    session.end()?;
    match answer {
        Ok(text) => Ok(serde_json::from_str(&text.unwrap_or_default()).map_err(|error| format!("the plans could not be read: {error}"))),
        Err(error) if Fault::of(&error) == Fault::ConnectionLost => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn ask(conn: &mut PgConnection, relations: &Value, settings: &Settings) -> QueryResult<Option<String>> {
    conn.batch_execute(BEGIN)?;
    let relations = ("tenantize.relations".to_owned(), relations.to_string());
    for (name, text) in std::iter::once(&relations).chain(settings) {
        let _: One = diesel::sql_query(GIVE).bind::<Text, _>(name).bind::<Text, _>(text).get_result(conn)?;
    }
    conn.batch_execute(QUERIES)?;
    let answer: One = diesel::sql_query(TAKE).get_result(conn)?;
    Ok(answer.text)
}

type Answer = (&'static str, Verdict, Vec<Evidence>);

/// The statements that PostgreSQL does not even plan.
fn refused(planned: &[Planned]) -> Answer {
    let (mut found, mut verdict) = (BTreeMap::new(), Verdict::Pass);
    for Planned { relation, command, state, message, .. } in planned {
        let Some(state) = state else { continue };
        let held_up = HELD_UP.contains(&state.as_str());
        verdict = if held_up && verdict != Verdict::Fail { Verdict::Inconclusive } else { Verdict::Fail };
        note(&mut found, relation, format!("{message} ({state})"), command);
    }
    ("T901", verdict, evidence(found))
}

/// The statements whose plans ask the same for every row.
fn per_row(admin: &mut PgConnection, planned: &[Planned]) -> QueryResult<Answer> {
    let plans: Vec<(&Planned, Vec<Calls>)> = planned.iter().map(|planned| (planned, calls(&planned.plan, &planned.column))).collect();
    let names: BTreeSet<&str> = plans.iter().flat_map(|(_, calls)| calls).flat_map(|calls| &calls.functions).map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let built_in: Vec<One> = diesel::sql_query(BUILT_IN).bind::<Array<Text>, _>(names).load(admin)?;
    let built_in: BTreeSet<String> = built_in.into_iter().filter_map(|name| name.text).collect();
    let mut found = BTreeMap::new();
    for (Planned { relation, command, .. }, calls) in &plans {
        for calls in calls.iter().filter(|calls| calls.cost(&built_in)) {
            note(&mut found, relation, calls.condition.clone(), command);
        }
    }
    let verdict = if found.is_empty() { Verdict::Pass } else { Verdict::Fail };
    Ok(("T902", verdict, evidence(found)))
}

type Found = BTreeMap<(String, String), BTreeSet<String>>;

fn note(found: &mut Found, relation: &str, what: String, command: &str) {
    found.entry((relation.to_owned(), what)).or_default().insert(command.to_owned());
}

fn evidence(found: Found) -> Vec<Evidence> {
    let commands = |commands: BTreeSet<String>| commands.into_iter().collect::<Vec<_>>().join(", ");
    found.into_iter().map(|((object, what), of)| Evidence { object, detail: format!("{}: {what}", commands(of)) }).collect()
}

//! Who works with the database now, and what is asked of it: it may be another answer a minute later.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::load::{Row, decode};
use crate::sql::{Ident, Statement, activity};

/// Who works with the database, and what is asked of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Connections of others, by role and application.
    pub sessions: Vec<Session>,
    /// Counted statements with `ON CONFLICT`, `COPY` or `TRUNCATE`, where `pg_stat_statements` counts.
    pub statements: Vec<Counted>,
    /// Scheduled jobs of `pg_cron`, where the connected role may see them.
    pub jobs: Vec<Job>,
}

/// Connections of one role for one application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The role.
    pub role: Ident,
    /// Its `application_name`; empty when it has none or the connected role may not know.
    pub application: String,
    /// How many.
    pub count: i64,
}

/// A statement that was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Who ran it.
    pub role: Ident,
    /// Its text.
    pub query: String,
    /// How often.
    pub calls: i64,
}

/// A scheduled job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name, or its number.
    pub name: String,
    /// As whom it runs.
    pub role: Ident,
    /// What it runs.
    pub command: String,
}

/// Looks once. What the connected role may not see is left out: it is help for the operator, not a proof.
pub(super) fn load(conn: &mut PgConnection) -> Activity {
    let mut activity = Activity { sessions: rows(conn, include_str!("queries/sessions.sql")), ..Activity::default() };
    let schema: Option<Ident> = rows(conn, include_str!("queries/statements.sql")).into_iter().next();
    if let Some(schema) = schema {
        activity.statements = asked(conn, &activity::statements(&schema));
    }
    let scheduled: Vec<bool> = rows(conn, include_str!("queries/scheduled.sql"));
    if scheduled.contains(&true) {
        activity.jobs = rows(conn, include_str!("queries/jobs.sql"));
    }
    activity
}

fn rows<T: DeserializeOwned>(conn: &mut PgConnection, query: &str) -> Vec<T> {
    sql_query(query).load::<Row>(conn).ok().and_then(|rows| decode(rows).ok()).unwrap_or_default()
}

fn asked<T: DeserializeOwned>(conn: &mut PgConnection, query: &Statement) -> Vec<T> {
    query.rows::<Row>(conn).ok().and_then(|rows| decode(rows).ok()).unwrap_or_default()
}

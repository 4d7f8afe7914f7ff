//! Sessions that work on for a program that is gone: the server hears of its death only when the statement ends.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Text};

use super::Blocker;

const SESSIONS: &str = include_str!("leftover.sql");
const END: &str = "SELECT pg_terminate_backend($1) AS ended";

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = Bool)]
    ended: bool,
}

/// Other sessions of this database that run exactly this statement now; those of other roles are seen by who may see them.
pub fn sessions_at(conn: &mut PgConnection, statement: &str) -> QueryResult<Vec<Blocker>> {
    diesel::sql_query(SESSIONS).bind::<Text, _>(statement).load(conn)
}

/// Ends a session; says whether it was told.
pub fn end_session(conn: &mut PgConnection, pid: i32) -> QueryResult<bool> {
    diesel::sql_query(END).bind::<Integer, _>(pid).get_result(conn).map(|Ended { ended }| ended)
}

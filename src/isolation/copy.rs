//! `COPY`, which only the client protocol can carry: these attacks run one by one.

use std::cell::RefCell;
use std::io::BufRead;

use diesel::connection::SimpleConnection;
use diesel::pg::{CopyTarget, Pg};
use diesel::prelude::*;
use diesel::query_builder::AstPass;

use super::persona::Settings;
use crate::check::Verdict;
use crate::db::Fault;
use crate::sql::Statement;
use crate::sql::attack::set_all;

/// So many rows are read: as evidence they are enough.
const ROWS: u64 = 10_000;
/// A copy that succeeds where it should not must not carry a whole table away.
const LIMIT: &str = "SAVEPOINT copy; SET LOCAL statement_timeout = '10s'";
const UNDO: &str = "ROLLBACK TO SAVEPOINT copy; RELEASE SAVEPOINT copy";

/// A verdict and its reason.
type Judged = (Verdict, String);

diesel::table! {
    /// Only its type is used: the relation's real name is in [`NAME`].
    relation (tenant) {
        tenant -> Text,
    }
}

thread_local! {
    /// Diesel writes the target of a `COPY` from a type and not from a value, so the name waits here meanwhile.
    static NAME: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The relation of [`NAME`].
struct Named;

impl CopyTarget for Named {
    type Table = relation::table;
    type SqlType = diesel::sql_types::Text;

    fn walk_target(mut pass: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        pass.unsafe_to_cache_prepared();
        NAME.with_borrow(|name| pass.push_sql(name));
        Ok(())
    }
}

/// Copies the tenant column out and counts the rows that are not `own`.
pub(super) fn copy_out(conn: &mut PgConnection, settings: &Settings, target: &Statement, own: Option<&str>) -> QueryResult<Judged> {
    NAME.with_borrow_mut(|name| target.text().clone_into(name));
    begin(conn, settings)?;
    let counted = diesel::copy_to(Named).load_raw(conn).and_then(|lines| others(lines, own));
    end(conn, counted, |rows| match rows {
        0 => (Verdict::Pass, "0 rows".into()),
        _ => (Verdict::Leak, format!("it reached {rows} rows")),
    })
}

/// Lines that are not the session's own tenant.
fn others(lines: impl BufRead, own: Option<&str>) -> QueryResult<i64> {
    let mut found = 0;
    for line in lines.take(ROWS * 64).lines() {
        let line = line.map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
        found += i64::from(own != Some(unescaped(&line).as_str()));
    }
    Ok(found)
}

/// The text format writes a backslash twice; a key with a tab or a line break in it would be counted as another's.
fn unescaped(line: &str) -> String {
    line.replace("\\\\", "\\")
}

/// Begins to copy rows in. The server must refuse before it asks for the first.
pub(super) fn copy_in(conn: &mut PgConnection, settings: &Settings, statement: &Statement) -> QueryResult<Judged> {
    begin(conn, settings)?;
    let begun = statement.run_script(conn);
    end(conn, begun, |()| (Verdict::Leak, "the server was ready to take rows for any tenant".into()))
}

fn begin(conn: &mut PgConnection, settings: &Settings) -> QueryResult<()> {
    conn.batch_execute(LIMIT)?;
    set_all(settings).run_script(conn)
}

/// Diesel does not tell the SQLSTATE; whatever the server refuses, no row has passed.
fn end<T>(conn: &mut PgConnection, outcome: QueryResult<T>, judge: impl FnOnce(T) -> Judged) -> QueryResult<Judged> {
    let judged = match outcome {
        Ok(outcome) => judge(outcome),
        Err(error) => match Fault::of(&error) {
            Fault::ConnectionLost => return Err(error),
            Fault::Other => (Verdict::Pass, error.to_string()),
            _ => (Verdict::Inconclusive, error.to_string()),
        },
    };
    conn.batch_execute(UNDO)?;
    Ok(judged)
}

//! Tells a pooler in transaction mode from a server.
//!
//! Behind one, `SET` and advisory locks land on a connection that somebody else gets next, so none of our promises holds.

use diesel::prelude::*;
use diesel::sql_types::Integer;

use super::error::ConnectError;
use super::url::DatabaseUrl;
use super::{establish, setup};

const PID: &str = "SELECT pg_backend_pid() AS pid";

#[derive(QueryableByName)]
struct Pid {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// Asks `conn` twice for its server process, and meanwhile keeps whichever one a second connection gets.
///
/// Two questions alone would not do: a pooler at rest hands out the same process again and again.
pub(super) fn refuse(url: &DatabaseUrl, connection_string: &str, conn: &mut PgConnection) -> Result<(), ConnectError> {
    let before = pid(conn).map_err(|source| setup(url, source))?;
    let (other, after) = match establish(url, connection_string) {
        Ok(mut second) => second.transaction(|second| Ok((Some(pid(second)?), pid(conn)?))),
        // There may be no room for a second one: what the first one says has to do.
        Err(ConnectError::TooManyConnections { .. }) => pid(conn).map(|after| (None, after)),
        Err(error) => return Err(error),
    }
    .map_err(|source| setup(url, source))?;
    if is_pooled(before, other, after) {
        return Err(ConnectError::TransactionPooler { url: url.redacted() });
    }
    Ok(())
}

fn is_pooled(before: i32, other: Option<i32>, after: i32) -> bool {
    before != after || other == Some(before)
}

fn pid(conn: &mut PgConnection) -> QueryResult<i32> {
    diesel::sql_query(PID).get_result(conn).map(|row: Pid| row.pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_for_one_connection_is_a_server() {
        assert!(!is_pooled(1, Some(2), 1));
        assert!(!is_pooled(1, None, 1));
    }

    #[test]
    fn a_process_that_changes_or_is_shared_is_a_pooler() {
        assert!(is_pooled(1, Some(1), 2));
        assert!(is_pooled(1, Some(3), 2));
        assert!(is_pooled(1, Some(1), 1));
    }
}

//! Who keeps the dead row versions of a fill from being removed, so that stripes find no room.

use std::fmt;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use serde::Serialize;

const HORIZON: &str = include_str!("queries/horizon.sql");

/// Somebody old: a transaction, a slot, a standby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, QueryableByName)]
pub struct HorizonHolder {
    /// What it is.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its name, or whose it is.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The server process, if there is one.
    #[diesel(sql_type = Nullable<Integer>)]
    pub pid: Option<i32>,
    /// Its age, where PostgreSQL knows it.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub age_seconds: Option<i64>,
}

impl fmt::Display for HorizonHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        if let Some(pid) = self.pid {
            write!(f, ", pid {pid}")?;
        }
        if let Some(age) = self.age_seconds {
            write!(f, ", {age} s old")?;
        }
        Ok(())
    }
}

/// The oldest of them, oldest first.
pub fn horizon(conn: &mut PgConnection) -> QueryResult<Vec<HorizonHolder>> {
    diesel::sql_query(HORIZON).load(conn)
}

//! A finished statement. Only `src/sql` makes them, so nothing else can reach the server as dynamic SQL.

use std::fmt;

use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

/// One SQL statement, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement(String);

impl Statement {
    pub(super) fn new(sql: impl Into<String>) -> Self {
        Self(sql.into())
    }

    /// Wraps the text of a migration or query that the operator wrote.
    #[must_use]
    pub fn of_operator(sql: impl Into<String>) -> Self {
        Self(sql.into())
    }

    /// Whether an index is there and usable: no row, or one with `valid`.
    #[must_use]
    pub fn index_validity(index: &super::QualifiedName) -> Self {
        Self(format!(
            "SELECT x.indisvalid AND x.indisready AS valid FROM pg_catalog.pg_index AS x WHERE x.indexrelid = to_regclass({})",
            super::Text(&index.to_string())
        ))
    }

    /// Lets this session build an index with so many processes beside its own, and with no more than it may anyway.
    #[must_use]
    pub fn limit_builders(most: usize) -> Self {
        const SETTING: &str = "max_parallel_maintenance_workers";
        Self(format!("SELECT pg_catalog.set_config('{SETTING}', least(current_setting('{SETTING}')::int8, {most})::text, false)"))
    }

    /// Lets this session build an index with as many processes as the server allows by itself.
    #[must_use]
    pub fn unlimit_builders() -> Self {
        Self("RESET max_parallel_maintenance_workers".to_owned())
    }

    /// The text, for `plan --format sql` and messages.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Runs the statement and returns how many rows it wrote.
    pub fn run(&self, conn: &mut PgConnection) -> QueryResult<usize> {
        RunQueryDsl::execute(Raw(&self.0), conn)
    }

    /// Runs a script of several statements by the simple protocol.
    pub fn run_script(&self, conn: &mut PgConnection) -> QueryResult<()> {
        use diesel::connection::SimpleConnection as _;
        conn.batch_execute(&self.0)
    }

    /// Runs the query and returns its rows.
    pub fn rows<T: QueryableByName<Pg> + 'static>(&self, conn: &mut PgConnection) -> QueryResult<Vec<T>> {
        diesel::sql_query(self.0.as_str()).load(conn)
    }

    /// Runs the query and returns its only row.
    pub fn row<T: QueryableByName<Pg> + 'static>(&self, conn: &mut PgConnection) -> QueryResult<T> {
        diesel::sql_query(self.0.as_str()).get_result(conn)
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Raw<'a>(&'a str);

impl QueryFragment<Pg> for Raw<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(self.0);
        Ok(())
    }
}

impl QueryId for Raw<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for Raw<'_> {}

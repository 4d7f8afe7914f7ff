//! Questions about what is asked of the database: statements that were counted, jobs that are scheduled.

use super::{Ident, Statement};

/// The counted statements of this database that use what changes with row-level security, by role and text.
///
/// `schema` is that of the extension `pg_stat_statements`, whose view it must be.
#[must_use]
pub fn statements(schema: &Ident) -> Statement {
    Statement::new(format!(
        "SELECT jsonb_build_object('role', r.rolname, 'query', left(s.query, 10000), 'calls', sum(s.calls)::bigint) AS data \
         FROM {schema}.pg_stat_statements AS s JOIN pg_catalog.pg_roles AS r ON r.oid = s.userid \
         WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()) \
         AND s.query ~* '\\m(conflict|copy|truncate)\\M' \
         GROUP BY r.rolname, left(s.query, 10000) ORDER BY r.rolname, left(s.query, 10000)"
    ))
}

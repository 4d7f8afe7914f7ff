//! Statements by which a session would become more than it is.

use crate::sql::{Ident, Statement};

/// Becomes another role, by two ways.
#[must_use]
pub fn become_role(role: &Ident) -> [(&'static str, Statement); 2] {
    [
        ("becomes a stronger role", Statement::new(format!("SET LOCAL ROLE {role}"))),
        ("logs in again as a stronger role", Statement::new(format!("SET LOCAL SESSION AUTHORIZATION {role}"))),
    ]
}

/// Creates objects in a schema, by which names of the application could be caught.
#[must_use]
pub fn create_in(schema: &Ident) -> [(&'static str, Statement); 3] {
    [
        ("creates a table", Statement::new(format!("CREATE TABLE {schema}.tenantize_probe ()"))),
        ("creates a view", Statement::new(format!("CREATE VIEW {schema}.tenantize_probe AS SELECT 1 AS one"))),
        ("creates a function", Statement::new(format!("CREATE FUNCTION {schema}.tenantize_probe() RETURNS int LANGUAGE sql RETURN 1"))),
    ]
}

/// The ways out that every server has. `role` is the application's, `backend` the process of a session of another role.
#[must_use]
pub fn escapes(role: &Ident, backend: i32) -> Vec<(&'static str, Statement)> {
    let fixed = [
        ("makes itself free of policies", "ALTER ROLE CURRENT_USER BYPASSRLS"),
        ("switches triggers and foreign keys off", "SET LOCAL session_replication_role = replica"),
        ("runs a program", "COPY (SELECT 1) TO PROGRAM 'true'"),
        ("writes a file", "COPY (SELECT 1) TO '/dev/null'"),
        ("reads a file", "SELECT pg_catalog.pg_read_file('PG_VERSION')"),
        ("imports a file", "SELECT pg_catalog.lo_import('/dev/null')"),
        ("reads passwords", "SELECT count(*) FROM pg_catalog.pg_authid"),
        ("reads large objects", "SELECT count(*) FROM pg_catalog.pg_largeobject"),
    ];
    let mut escapes: Vec<(&'static str, Statement)> = fixed.into_iter().map(|(name, sql)| (name, Statement::new(sql))).collect();
    escapes.push(("makes its role free of policies", Statement::new(format!("ALTER ROLE {role} BYPASSRLS"))));
    // To cancel a session that does nothing has no effect, and asks for the same right as to end it.
    escapes.push(("ends the session of another role", Statement::new(format!("SELECT pg_catalog.pg_cancel_backend({backend})"))));
    escapes
}

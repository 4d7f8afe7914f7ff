//! The attacking session: its login, its rights, its snapshot.

use crate::sql::{Ident, Statement, Text};

/// So long, in milliseconds, a batch of attacks may take.
const LIMIT_MS: u32 = 10_000;

/// Names a tenant, takes it back with a savepoint, and so must be who it was before.
#[must_use]
pub fn come_and_go(settings: &[(String, String)]) -> Statement {
    let parts: Vec<String> =
        settings.iter().map(|(name, text)| format!("PERFORM set_config({}, {}, true);", Text(name), Text(text))).collect();
    Statement::new(format!(
        "DO $tenantize$ BEGIN {} RAISE EXCEPTION 'back'; EXCEPTION WHEN raise_exception THEN NULL; END $tenantize$",
        parts.join(" ")
    ))
}

/// Names a tenant for the whole session, as a connection that was not cleaned keeps it.
#[must_use]
pub fn keep(settings: &[(String, String)]) -> Statement {
    set_config(settings, "false")
}

/// Names a tenant for the transaction.
#[must_use]
pub fn set_all(settings: &[(String, String)]) -> Statement {
    set_config(settings, "true")
}

fn set_config(settings: &[(String, String)], local: &str) -> Statement {
    let parts: Vec<String> = settings.iter().map(|(name, text)| format!("set_config({}, {}, {local})", Text(name), Text(text))).collect();
    Statement::new(format!("SELECT {}", parts.join(", ")))
}

/// Checks constraints at each statement that would wait for the commit.
#[must_use]
pub fn check_at_once() -> Statement {
    Statement::new("SET CONSTRAINTS ALL IMMEDIATE")
}

/// Sets a savepoint and hands the list of attacks, as JSON, to the block that runs them. It may take ten seconds, or what is left until `until`.
#[must_use]
pub fn send(attacks: &str, until: &str, block: &str) -> Statement {
    let (attacks, until) = (Text(attacks), Text(until));
    Statement::new(format!(
        "SAVEPOINT attacks; SELECT set_config('tenantize.attacks', {attacks}, true), set_config('tenantize.until', {until}, true), \
         set_config('statement_timeout', coalesce(greatest(least((nullif({until}, '')::numeric - extract(epoch FROM clock_timestamp())::numeric) * 1000, \
         {LIMIT_MS}), 1000), {LIMIT_MS})::int::text, true); {block}"
    ))
}

/// Becomes another role.
#[must_use]
pub fn set_role(role: &Ident) -> Statement {
    Statement::new(format!("SET ROLE {role}"))
}

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only reads.
    Reads,
    /// It writes.
    Writes,
}

/// Begins to see the database as the session that exported `snapshot` does.
#[must_use]
pub fn begin_at(snapshot: &str, access: Access) -> Statement {
    let access = match access {
        Access::Reads => "READ ONLY",
        Access::Writes => "READ WRITE",
    };
    Statement::new(format!("BEGIN ISOLATION LEVEL REPEATABLE READ, {access}; SET TRANSACTION SNAPSHOT {}", Text(snapshot)))
}

/// Creates a login for a few minutes that is nothing but a member of `role`. `password` is a verifier, so that no log sees a password.
#[must_use]
pub fn create_probe(probe: &Ident, password: &str, until: &str, role: &Ident) -> Statement {
    let (password, until) = (Text(password), Text(until));
    Statement::new(format!(
        "CREATE ROLE {probe} LOGIN INHERIT NOSUPERUSER NOBYPASSRLS CONNECTION LIMIT 2 PASSWORD {password} VALID UNTIL {until} IN ROLE {role}"
    ))
}

/// Drops such a login.
#[must_use]
pub fn drop_probe(probe: &Ident) -> Statement {
    Statement::new(format!("DROP ROLE IF EXISTS {probe}"))
}

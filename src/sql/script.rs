//! Statements that only the psql script of a plan needs: there the tool itself goes in batches or streams.

use std::collections::BTreeMap;

use super::{Ident, KeyType, QualifiedName, Statement, TenantKey, Text};

/// What the session of the script is set to.
pub const SESSION: &str = "\\set ON_ERROR_STOP on
SET row_security = off;
SET standard_conforming_strings = on;
SET lock_timeout = '900ms';
SELECT current_setting('server_version_num')::int >= 150000 AS has_grants \\gset
\\if :has_grants
  SELECT has_parameter_privilege('session_replication_role', 'SET') AS may_suppress \\gset
\\else
  SELECT rolsuper AS may_suppress FROM pg_roles WHERE rolname = current_user \\gset
\\endif";

/// Keeps the triggers of the application quiet for one transaction, where the role may.
pub const SUPPRESS_TRIGGERS: &str = "\\if :may_suppress
  SET LOCAL session_replication_role = replica;
\\endif";

/// Opens a transaction that sees one snapshot.
pub const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ;";

/// Opens a transaction whose statements wait for row locks as long as it takes.
pub const BEGIN_PATIENT: &str = "BEGIN;\nSET LOCAL lock_timeout = 0;";

/// Lets a statement outside a transaction wait: one that gives up leaves an invalid index behind.
pub const PATIENT: &str = "SET lock_timeout = 0;";

/// Bounds the waits again.
pub const BOUNDED: &str = "SET lock_timeout = '900ms';";

/// The schema of staged maps and guards, which a run has before its first step.
#[must_use]
pub fn create_own_schema(schema: &Ident) -> Statement {
    super::backup::create_schema(schema)
}

/// Stages a CSV map; a tenant that nobody knows stops the script. `\copy` must stay on its line.
#[must_use]
pub fn stage_map(staged: &QualifiedName, key_ty: &str, ty: KeyType, file: &str, tenants: &BTreeMap<String, TenantKey>) -> Statement {
    let known: Vec<String> = tenants.iter().map(|(name, key)| format!("({}, {key})", Text(name))).collect();
    Statement::new(format!(
        "CREATE TABLE {staged} (key {key_ty} PRIMARY KEY, tenant {ty} NOT NULL);\n\
         CREATE TEMPORARY TABLE tenantize_lines (key text, tenant text);\n\
         \\copy tenantize_lines FROM {} WITH (FORMAT csv, HEADER true)\n\
         INSERT INTO {staged} SELECT l.key::{key_ty}, n.key FROM tenantize_lines AS l\n  \
         LEFT JOIN (VALUES {}) AS n (name, key) ON n.name = l.tenant;\n\
         DROP TABLE tenantize_lines;",
        Text(file),
        known.join(", ")
    ))
}

/// Repeats the fills of a cycle until none of them writes a row.
#[must_use]
pub fn settle(fills: &[Statement]) -> Statement {
    let one = |fill: &Statement| format!("    {fill};\n    GET DIAGNOSTICS written = ROW_COUNT;\n    total := total + written;\n");
    let body: String = fills.iter().map(one).collect();
    Statement::new(format!(
        "DO $settle$\nDECLARE\n  written bigint;\n  total bigint;\nBEGIN\n  LOOP\n    total := 0;\n{body}    EXIT WHEN total = 0;\n  END LOOP;\nEND\n$settle$"
    ))
}

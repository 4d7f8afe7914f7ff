//! A copy of a database to break: databases, roles and a sample of the rows.

use super::source::list;
use super::{Ident, QualifiedName, Statement, TenantKey, Text};

/// Copies a database of the same server; nobody else may be connected to `template`. Superusers alone can connect to the copy.
///
/// Who may connect to the template is not copied: without the limit every role that can log in could connect.
#[must_use]
pub fn copy_database(name: &Ident, template: &Ident) -> Statement {
    Statement::new(format!("CREATE DATABASE {name} TEMPLATE {template} CONNECTION LIMIT 0"))
}

/// Lifts the limit of a new database: its owner and superusers can connect, and nobody else. A script.
#[must_use]
pub fn open_to_owner(name: &Ident) -> Statement {
    Statement::new(format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC; ALTER DATABASE {name} CONNECTION LIMIT -1"))
}

/// Lets a role connect to a database.
#[must_use]
pub fn grant_connect(database: &Ident, role: &Ident) -> Statement {
    Statement::new(format!("GRANT CONNECT ON DATABASE {database} TO {role}"))
}

/// Takes back the right to connect to a database.
#[must_use]
pub fn revoke_connect(database: &Ident, role: &Ident) -> Statement {
    Statement::new(format!("REVOKE CONNECT ON DATABASE {database} FROM {role}"))
}

/// Makes an empty database with the encoding and the sort order of another. Superusers alone can connect to it.
#[must_use]
pub fn empty_database(name: &Ident, encoding: &str, collate: &str, ctype: &str) -> Statement {
    Statement::new(format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {} CONNECTION LIMIT 0",
        Text(encoding),
        Text(collate),
        Text(ctype)
    ))
}

/// Drops a database with whoever is connected to it.
#[must_use]
pub fn drop_database(name: &Ident) -> Statement {
    Statement::new(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
}

/// Makes a role without login and rights.
#[must_use]
pub fn create_role(name: &Ident) -> Statement {
    Statement::new(format!("CREATE ROLE {name} NOLOGIN"))
}

/// Makes `member` a member of `role`.
#[must_use]
pub fn join_role(role: &Ident, member: &Ident) -> Statement {
    Statement::new(format!("GRANT {role} TO {member}"))
}

/// Drops a role.
#[must_use]
pub fn drop_role(name: &Ident) -> Statement {
    Statement::new(format!("DROP ROLE IF EXISTS {name}"))
}

/// The tenants that have rows in most of `tables`, most first: `tenant` as text, in how many `tables`.
///
/// Only the first rows of each table are looked at, so that a big table costs no more than a small one.
#[must_use]
pub fn common_tenants(tables: &[QualifiedName], column: &Ident) -> Statement {
    let first = |table: &QualifiedName| {
        format!(
            "SELECT DISTINCT tenant FROM (SELECT {column}::text AS tenant FROM {table} WHERE {column} IS NOT NULL LIMIT 10000) AS first"
        )
    };
    let all: Vec<String> = tables.iter().map(first).collect();
    Statement::new(format!(
        "SELECT tenant AS text FROM ({}) AS seen GROUP BY tenant ORDER BY count(*) DESC, tenant",
        all.join(" UNION ALL ")
    ))
}

/// The first rows of one tenant, each as JSON.
#[must_use]
pub fn rows_of_tenant(table: &QualifiedName, column: &Ident, tenant: &TenantKey, limit: usize) -> Statement {
    Statement::new(format!("SELECT to_jsonb(t)::text AS text FROM {table} AS t WHERE t.{column} = {tenant} LIMIT {limit}"))
}

/// The first rows of a table, each as JSON.
#[must_use]
pub fn first_rows(table: &QualifiedName, limit: usize) -> Statement {
    Statement::new(format!("SELECT to_jsonb(t)::text AS text FROM {table} AS t LIMIT {limit}"))
}

/// The rows of `parent` that `rows`, a JSON array of rows of `child`, reference.
#[must_use]
pub fn parents_of(child: (&QualifiedName, &[Ident]), parent: (&QualifiedName, &[Ident]), rows: &str) -> Statement {
    let pairs: Vec<String> = child.1.iter().zip(parent.1).map(|(from, to)| format!("p.{to} = c.{from}")).collect();
    Statement::new(format!(
        "SELECT DISTINCT to_jsonb(p)::text AS text FROM jsonb_populate_recordset(NULL::{}, {}::jsonb) AS c JOIN {} AS p ON {}",
        child.0,
        Text(rows),
        parent.0,
        pairs.join(" AND ")
    ))
}

/// Inserts `rows`, a JSON array, as they are.
#[must_use]
pub fn insert_rows(table: &QualifiedName, columns: &[Ident], rows: &str) -> Statement {
    let columns = list(columns);
    Statement::new(format!(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, {}::jsonb)",
        Text(rows)
    ))
}

/// Runs a script that `pg_dump` wrote, without the lines that are meant for psql alone.
#[must_use]
pub fn dumped(script: &str) -> Statement {
    let lines = script.lines().filter(|line| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict "));
    Statement::new(lines.collect::<Vec<_>>().join("\n"))
}

/// Sees one state of the database, whatever others write.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_taken_and_written_by_quoted_names() {
        let (child, parent) = (r#"public."a b""#.parse().unwrap(), "public.p".parse().unwrap());
        let (from, to) = ([Ident::new("p id").unwrap()], [Ident::new("id").unwrap()]);
        insta::assert_snapshot!(parents_of((&child, &from), (&parent, &to), "[{\"x\": \"o'\"}]").text(), @r#"SELECT DISTINCT to_jsonb(p)::text AS text FROM jsonb_populate_recordset(NULL::"public"."a b", '[{"x": "o''"}]'::jsonb) AS c JOIN "public"."p" AS p ON p."id" = c."p id""#);
    }

    #[test]
    fn the_lines_for_psql_are_left_out() {
        assert_eq!(dumped("\\restrict x\nSELECT 1;\n\\unrestrict x").text(), "SELECT 1;");
    }
}

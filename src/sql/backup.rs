//! Copies of tables, and hashes that tell whether two tables hold the same rows.

use super::source::list;
use super::{Ident, Pages, QualifiedName, Statement, Text};

/// Creates the schema of the copies, for nobody else to use.
#[must_use]
pub fn create_schema(schema: &Ident) -> Statement {
    Statement::new(format!("CREATE SCHEMA IF NOT EXISTS {schema};\n{}", close_schema(schema)))
}

/// Drops a copy that an earlier try may have left.
#[must_use]
pub fn drop_copy(copy: &QualifiedName) -> Statement {
    Statement::new(format!("DROP TABLE IF EXISTS {copy}"))
}

/// Drops the schema of the copies, if it is there.
#[must_use]
pub fn drop_schema(schema: &Ident) -> Statement {
    Statement::new(format!("DROP SCHEMA IF EXISTS {schema}"))
}

/// Makes an empty copy; nobody but the owner can read it.
#[must_use]
pub fn create_copy(table: &QualifiedName, copy: &QualifiedName, columns: &[Ident]) -> Statement {
    let comment = Text(&format!("copy of {}, made by tenantize", table.plain())).to_string();
    Statement::new(format!(
        "CREATE TABLE {copy} AS SELECT {} FROM ONLY {table} WITH NO DATA;\n\
         ALTER TABLE {copy} ENABLE ROW LEVEL SECURITY;\n{};\nCOMMENT ON TABLE {copy} IS {comment}",
        list(columns),
        revoke_all(copy)
    ))
}

/// Copies the rows of some pages that the transaction's snapshot sees.
#[must_use]
pub fn copy_rows(table: &QualifiedName, copy: &QualifiedName, columns: &[Ident], pages: Pages) -> Statement {
    let columns = list(columns);
    // A table may have no column at all.
    let into = if columns.is_empty() { String::new() } else { format!(" ({columns})") };
    Statement::new(format!("INSERT INTO {copy}{into} SELECT {columns} FROM ONLY {table} AS t{}", pages.of("t", " WHERE ")))
}

/// Makes a copy in one go.
#[must_use]
pub fn whole(table: &QualifiedName, copy: &QualifiedName, columns: &[Ident]) -> [Statement; 2] {
    [create_copy(table, copy, columns), copy_rows(table, copy, columns, Pages::ALL)]
}

/// Takes all rights on a table from everyone but its owner, also those that default privileges gave.
#[must_use]
pub fn revoke_all(table: &QualifiedName) -> Statement {
    let name = Text(&table.to_string()).to_string();
    let rights = format!(
        "pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS a\n    WHERE c.oid = {name}::regclass AND a.grantee <> c.relowner"
    );
    revoke_from_each(&table.to_string(), &rights)
}

/// Takes all rights on a schema from everyone but its owner, also those that default privileges gave.
#[must_use]
pub fn close_schema(schema: &Ident) -> Statement {
    let name = Text(schema.plain()).to_string();
    let rights = format!(
        "pg_catalog.pg_namespace AS n, pg_catalog.aclexplode(n.nspacl) AS a\n    WHERE n.nspname = {name} AND a.grantee <> n.nspowner"
    );
    revoke_from_each(&format!("SCHEMA {schema}"), &rights)
}

/// `rights` yields the column `a.grantee`.
fn revoke_from_each(object: &str, rights: &str) -> Statement {
    let statement = Text(&format!("REVOKE ALL ON {} FROM %s", object.replace('%', "%%"))).to_string();
    let mut quotes = "$revoke$".to_owned();
    while statement.contains(&quotes) || rights.contains(&quotes) {
        quotes.insert(1, '_');
    }
    Statement::new(format!(
        "DO {quotes}\nDECLARE\n  grantee text;\nBEGIN\n  FOR grantee IN\n    \
         SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END\n    \
         FROM {rights}\n  LOOP\n    \
         EXECUTE pg_catalog.format({statement}, grantee);\n  END LOOP;\nEND\n{quotes}"
    ))
}

/// Count and order-independent hash of the given columns, of the rows of some pages; of `texts` the text is hashed.
#[must_use]
pub fn fingerprint(table: &QualifiedName, columns: &[Ident], texts: &[Ident], pages: Pages) -> Statement {
    let value = |column: &Ident| format!("t.{column}{}", if texts.contains(column) { "::text" } else { "" });
    let row: Vec<String> = columns.iter().map(value).collect();
    Statement::new(format!(
        "SELECT count(*) AS rows, coalesce(sum(pg_catalog.hash_record_extended(ROW({}), 0)), 0)::text AS hash FROM ONLY {table} AS t{}",
        row.join(", "),
        pages.of("t", " WHERE ")
    ))
}

/// Lends the transaction's snapshot to others.
#[must_use]
pub fn export_snapshot() -> Statement {
    Statement::new("SELECT pg_export_snapshot() AS text")
}

/// Begins a transaction in which nobody empties or rewrites the tables, with a borrowed snapshot or one of its own.
///
/// Locks come before a snapshot of its own: what it sees is in the files that it locks.
#[must_use]
pub fn hold(tables: &[&QualifiedName], snapshot: Option<&str>) -> Statement {
    let borrowed = snapshot.map(|snapshot| format!("SET TRANSACTION SNAPSHOT {};\n", Text(snapshot))).unwrap_or_default();
    let tables: Vec<String> = tables.iter().map(|table| format!("ONLY {table}")).collect();
    let locks = if tables.is_empty() { String::new() } else { format!("LOCK TABLE {} IN ACCESS SHARE MODE", tables.join(", ")) };
    Statement::new(format!("BEGIN ISOLATION LEVEL REPEATABLE READ;\n{borrowed}{locks}"))
}

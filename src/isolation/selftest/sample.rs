//! A small copy of a database: its whole schema, and of three tenants the first rows of each table.
//!
//! Rows go in between the tables and their constraints, so that nothing has to be switched off; the constraints
//! themselves then show whether the sample holds together.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::SelfTestError;
use crate::catalog::{Catalog, Table, TableKind};
use crate::check::Subject;
use crate::db::{Database, DatabaseUrl};
use crate::phase::TENANCY_SCHEMA;
use crate::server::client;
use crate::sql::clone::{BEGIN, common_tenants, dumped, first_rows, insert_rows, parents_of, rows_of_tenant};
use crate::sql::{Ident, QualifiedName, TenantKey};

const EXPORT: &str = "SELECT pg_export_snapshot() AS text";
const SCHEMAS: &str =
    "SELECT nspname::text AS text FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1";
/// Whether everyone may create in the schema public: programs that are newer than the server take for granted that nobody may.
const OPEN: &str =
    "SELECT nspname::text AS text FROM pg_catalog.pg_namespace WHERE nspname = 'public' AND has_schema_privilege('public', oid, 'CREATE')";
const CLOSE: &str = "REVOKE CREATE ON SCHEMA public FROM PUBLIC";
/// So many tenants.
const TENANTS: usize = 3;
/// So many rows of each tenant in each table, and of each table without tenants.
const ROWS: usize = 20;
/// So many rows of the tool's own tables, such as keys of a signed context.
const OWN_ROWS: usize = 1000;

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Text)]
    text: String,
}

/// The rows of the sample by table, each as JSON.
type Rows = BTreeMap<QualifiedName, BTreeSet<String>>;

/// Fills the empty database `into` with the schema of `from` and a sample of its rows. `from` is only read.
pub(super) fn sample(from: &Database, subject: &Subject, into: &Database) -> Result<(), SelfTestError> {
    let program = client("pg_dump").ok_or_else(|| SelfTestError::Tool {
        what: "pg_dump was not found: install PostgreSQL's client programs, or say where they are in TENANTIZE_PG_CLIENT_BIN".into(),
    })?;
    let mut conn = from.connect_dedicated()?;
    let schemas: Vec<One> = diesel::sql_query(SCHEMAS).load(&mut conn)?;
    let schemas: Vec<Ident> = schemas.into_iter().filter_map(|row| Ident::new(row.text).ok()).collect();
    let catalog = Catalog::load(&mut conn, &schemas)?;
    let open: Vec<One> = diesel::sql_query(OPEN).load(&mut conn)?;
    conn.batch_execute(BEGIN)?;
    let snapshot: One = diesel::sql_query(EXPORT).get_result(&mut conn)?;
    let dump = |section: &str| dump(&program, from.url(), section, &snapshot.text);
    let (before, after) = (dump("pre-data")?, dump("post-data")?);
    let mut rows = chosen(&mut conn, subject, &catalog)?;
    close(&mut conn, &catalog, &mut rows)?;
    conn.batch_execute("ROLLBACK")?;

    let mut copy = into.connect_dedicated()?;
    let failed = |what| move |source| SelfTestError::Clone { what, source };
    if open.is_empty() {
        copy.batch_execute(CLOSE).map_err(failed("close the schema public of the copy"))?;
    }
    dumped(&before).run_script(&mut copy).map_err(failed("make the tables of the copy"))?;
    for (name, rows) in &rows {
        let Some(table) = catalog.table(name) else { continue };
        let columns: Vec<Ident> = table.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect();
        insert_rows(name, &columns, &array(rows)).run(&mut copy).map_err(failed("fill the tables of the copy"))?;
    }
    dumped(&after).run_script(&mut copy).map_err(failed("make the keys and policies of the copy"))?;
    copy.batch_execute("ANALYZE")?;
    Ok(())
}

fn dump(program: &std::path::Path, url: &DatabaseUrl, section: &str, snapshot: &str) -> Result<String, SelfTestError> {
    let (connection, password) = url.for_program().map_err(|error| SelfTestError::Tool { what: error.to_string() })?;
    let mut command = Command::new(program);
    command.args(["--schema-only", "--no-publications", "--no-subscriptions", "--no-password"]);
    command.arg(format!("--section={section}")).arg(format!("--snapshot={snapshot}")).arg("--dbname").arg(connection);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    let done = command.stdin(Stdio::null()).output();
    let done = done.map_err(|error| SelfTestError::Tool { what: format!("cannot run pg_dump: {error}") })?;
    if !done.status.success() {
        let said = url.scrub(String::from_utf8_lossy(&done.stderr).trim());
        return Err(SelfTestError::Tool { what: format!("pg_dump failed: {said}") });
    }
    String::from_utf8(done.stdout).map_err(|_| SelfTestError::Tool { what: "pg_dump wrote a text that is not UTF-8".into() })
}

/// The rows that are wanted for themselves.
fn chosen(conn: &mut PgConnection, subject: &Subject, catalog: &Catalog) -> Result<Rows, SelfTestError> {
    let present = |name: &&QualifiedName| catalog.table(name).is_some_and(|table| table.column(&subject.column).is_some());
    let tables: Vec<QualifiedName> = subject.targets().filter(present).cloned().collect();
    let mut rows = Rows::new();
    if tables.is_empty() {
        return Ok(rows);
    }
    let mut tenants: Vec<TenantKey> = Vec::new();
    for One { text } in common_tenants(&tables, &subject.column).rows::<One>(conn)?.into_iter().take(TENANTS) {
        tenants.push(TenantKey { ty: subject.ty, text });
    }
    for tenant in &tenants {
        for table in &tables {
            take(&mut rows, table, rows_of_tenant(table, &subject.column, tenant, ROWS).rows(conn)?);
        }
        if let Some(registry) = &subject.registry {
            take(&mut rows, &registry.table, rows_of_tenant(&registry.table, &registry.key, tenant, 1).rows(conn)?);
        }
    }
    for table in subject.shared.iter().filter(|name| catalog.table(name).is_some_and(holds_rows)) {
        take(&mut rows, table, first_rows(table, ROWS).rows(conn)?);
    }
    for table in catalog.tables.values().filter(|table| table.name.schema.plain() == TENANCY_SCHEMA && holds_rows(table)) {
        take(&mut rows, &table.name, first_rows(&table.name, OWN_ROWS).rows(conn)?);
    }
    Ok(rows)
}

fn holds_rows(table: &Table) -> bool {
    matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned) && table.parents.is_empty()
}

/// Takes rows in and says which of them are new.
fn take(rows: &mut Rows, table: &QualifiedName, found: Vec<One>) -> BTreeSet<String> {
    let known = rows.entry(table.clone()).or_default();
    found.into_iter().map(|row| row.text).filter(|text| known.insert(text.clone())).collect()
}

/// Adds the rows that others reference, until nothing is missing.
fn close(conn: &mut PgConnection, catalog: &Catalog, rows: &mut Rows) -> Result<(), SelfTestError> {
    let mut news: Vec<(QualifiedName, BTreeSet<String>)> = rows.clone().into_iter().collect();
    while let Some((name, added)) = news.pop() {
        let Some(table) = catalog.table(&name).filter(|_| !added.is_empty()) else { continue };
        let added = array(&added);
        for key in &table.foreign_keys {
            let Some(parent) = root(catalog, &key.table) else { continue };
            let query = parents_of((&name, &key.columns), (&parent, &key.references), &added);
            let found = take(rows, &parent, query.rows(conn)?);
            news.push((parent, found));
        }
    }
    Ok(())
}

/// The table that takes the rows of a partition.
fn root(catalog: &Catalog, name: &QualifiedName) -> Option<QualifiedName> {
    let table = catalog.table(name)?;
    match table.parents.first() {
        Some(parent) if table.is_partition => root(catalog, parent),
        _ => Some(table.name.clone()),
    }
}

fn array(rows: &BTreeSet<String>) -> String {
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    format!("[{}]", rows.join(","))
}

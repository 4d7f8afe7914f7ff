//! Staging of CSV maps.

use super::{Ident, KeyType, QualifiedName, Statement, Text};

/// Creates the raw table that lines are streamed into: temporary, so that a killed run leaves nothing.
#[must_use]
pub fn create_raw() -> Statement {
    Statement::new("CREATE TEMPORARY TABLE tenantize_raw (line bigint NOT NULL, key text NOT NULL, tenant text NOT NULL)")
}

diesel::table! {
    /// The map that lines are copied into, as Diesel needs to know it: whatever the types, they come as text.
    #[sql_name = "tenantize_copied"]
    pg_temp.copied (key) {
        /// The mapped column's value.
        key -> Text,
        /// The tenant's key.
        tenant -> Text,
    }
}

/// Lets the temporary tables of a map stay in memory.
pub(crate) const IN_MEMORY: &str = "SET temp_buffers = '64MB'";

/// Creates the map that lines are copied into, empty.
#[must_use]
pub fn create_copied(of: &Mapped<'_>, ty: KeyType) -> Statement {
    of.create("tenantize_copied", "", ty)
}

/// The column that a map is for. A map's key has its type, and its collation, or the two could not be compared.
#[derive(Clone, Copy, Debug)]
pub struct Mapped<'a> {
    /// The table.
    pub table: &'a QualifiedName,
    /// The column.
    pub key: &'a Ident,
}

impl Mapped<'_> {
    fn create(&self, name: &str, before: &str, ty: KeyType) -> Statement {
        let Self { table, key } = self;
        Statement::new(format!(
            "CREATE TEMPORARY TABLE {name} AS SELECT {before}t.{key} AS key, NULL::{ty} AS tenant FROM ONLY {table} AS t WITH NO DATA;\n\
             ALTER TABLE pg_temp.{name} ALTER COLUMN key SET NOT NULL, ALTER COLUMN tenant SET NOT NULL"
        ))
    }
}

/// Gives the map of copied lines its name.
#[must_use]
pub fn name_copied(name: &Ident) -> Statement {
    Statement::new(format!("ALTER TABLE pg_temp.tenantize_copied RENAME TO {name};\nANALYZE pg_temp.{name}"))
}

/// Gives the map of copied lines its name and makes its key a primary key, which fails where one is there twice.
#[must_use]
pub fn name_copied_with_key(name: &Ident) -> Statement {
    Statement::new(format!("{};\nALTER TABLE pg_temp.{name} ADD PRIMARY KEY (key)", name_copied(name)))
}

/// Drops the raw table.
#[must_use]
pub fn drop_raw() -> Statement {
    Statement::new("DROP TABLE pg_temp.tenantize_raw")
}

/// Streams lines in: arrays of line numbers, keys and tenants, bound as parameters 1 to 3.
pub(crate) const INSERT_RAW: &str = "INSERT INTO pg_temp.tenantize_raw SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])";

/// Creates the typed map of the audit, empty.
#[must_use]
pub fn create_map(name: &Ident, of: &Mapped<'_>, ty: KeyType) -> Statement {
    of.create(&name.to_string(), "0::bigint AS line, ", ty)
}

/// Converts lines `from` to `to` (excluded) of the raw table.
#[must_use]
pub fn convert(name: &Ident, key_ty: &str, ty: KeyType, lines: &std::ops::Range<i64>) -> Statement {
    Statement::new(format!(
        "INSERT INTO pg_temp.{name} SELECT r.line, r.key::{key_ty}, r.tenant::{ty} FROM pg_temp.tenantize_raw AS r WHERE r.line >= {} AND r.line < {}",
        lines.start, lines.end
    ))
}

/// Lines whose key an earlier line has.
#[must_use]
pub fn duplicates(name: &Ident) -> Statement {
    Statement::new(format!(
        "SELECT line, 'the key ' || key::text || ' is there already, in line ' || first AS reason FROM (\
         SELECT line, key, min(line) OVER (PARTITION BY key) AS first FROM pg_temp.{name}) AS k WHERE line > first ORDER BY line"
    ))
}

/// Drops duplicates and makes the key a primary key.
#[must_use]
pub fn finish_map(name: &Ident) -> Statement {
    Statement::new(format!(
        "DELETE FROM pg_temp.{name} AS a USING pg_temp.{name} AS b WHERE a.key = b.key AND a.line > b.line;\n\
         ALTER TABLE pg_temp.{name} ADD PRIMARY KEY (key);\nANALYZE pg_temp.{name}"
    ))
}

/// Keeps a map of the audit for the run, in the journal's schema.
#[must_use]
pub fn keep_map(staged: &QualifiedName) -> Statement {
    let name = &staged.name;
    Statement::new(format!(
        "DROP TABLE IF EXISTS {staged};\n\
         CREATE TABLE {staged} AS SELECT key, tenant FROM pg_temp.{name};\n\
         ALTER TABLE {staged} ADD PRIMARY KEY (key);\nCOMMENT ON TABLE {staged} IS {};\nANALYZE {staged}",
        Text("CSV map, staged for a run of tenantize")
    ))
}

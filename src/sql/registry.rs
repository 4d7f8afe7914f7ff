//! Questions to the registry and to the schemas that the tool makes.

use super::{Ident, QualifiedName, Statement};

/// Keys and slugs of the tenants that are there, ordered by key.
#[must_use]
pub fn tenants(table: &QualifiedName, key: &Ident, slug: &Ident) -> Statement {
    Statement::new(format!("SELECT {key}::text AS key, coalesce({slug}::text, {key}::text) AS slug FROM {table} ORDER BY {key}"))
}

/// Drops a schema with everything in it; only for schemas that hold nothing but what the tool made.
#[must_use]
pub fn drop_schema_with_contents(schema: &Ident) -> Statement {
    Statement::new(format!("DROP SCHEMA IF EXISTS {schema} CASCADE"))
}

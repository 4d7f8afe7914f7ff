//! What the demo asks and tells an example's database.

use super::Statement;

/// Tells the example's seed how big it is to be.
#[must_use]
pub fn set_scale(scale: f64) -> Statement {
    Statement::new(format!("SET tenantize.scale = '{scale}'"))
}

/// The example's map of owners to tenants, as text; `query` yields the columns `id` and `tenant`.
#[must_use]
pub fn owners(query: &str) -> Statement {
    let query = query.trim().trim_end_matches(';');
    Statement::of_operator(format!("SELECT id::text AS id, tenant::text AS tenant FROM ({query}) AS o"))
}

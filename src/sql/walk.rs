//! Tables whose rows get their tenant from each other: how far each row is from one that has a tenant, found by doubling.
//!
//! Every row points at the row that decides over it. In each round it takes over where that one points, so a chain of any length is
//! walked in as many rounds as its length has binary digits, and each round costs as much as reading the rows that are left.

use std::fmt;
use std::fmt::Write as _;

use super::source::{Weight, first_of, join_condition, references};
use super::{Ident, KeyType, ParentSource, QualifiedName, Statement, TenantSource, Text};

/// The temporary table of the rows: where each lies, its tenant if it is known, and where it points otherwise.
pub(super) const ROWS: &str = "pg_temp.tenantize_walk";

/// The temporary table of the rows whose tenant was found, parents before children.
const PLACED: &str = "pg_temp.tenantize_placed";

/// Creates the table of rows, empty.
#[must_use]
pub fn create(ty: KeyType) -> Statement {
    Statement::new(format!(
        "DROP TABLE IF EXISTS {ROWS};\n\
         CREATE TEMPORARY TABLE tenantize_walk (rel oid, spot tid, version xid, tenant {ty}, up_rel oid, up_spot tid, depth bigint, parent_rel oid, parent_spot tid)"
    ))
}

/// Collects the rows of a table that have no tenant, with the tenant that they would get now.
#[must_use]
pub fn collect(table: &QualifiedName, column: &Ident, sources: &[TenantSource]) -> Statement {
    let mut joins = String::new();
    let mut up = Up::default();
    for (at, parent) in deciding(sources).enumerate() {
        let alias = format!("p{at}");
        let _ = write!(
            joins,
            " LEFT JOIN {} AS {alias} ON {} AND {alias}.{} IS NULL",
            parent.table,
            join_condition(&alias, &parent.on),
            parent.column
        );
        up.add(parent, &alias);
    }
    Statement::new(format!(
        "WITH f AS MATERIALIZED (SELECT t.tableoid AS rel, t.ctid AS spot, t.xmin AS version, {} AS tenant, {up} \
         FROM ONLY {table} AS t{joins} WHERE t.{column} IS NULL) \
         INSERT INTO {ROWS} SELECT rel, spot, version, tenant, NULL, NULL, 0, NULL, NULL FROM f WHERE tenant IS NOT NULL UNION ALL \
         SELECT rel, spot, version, NULL, up_rel, up_spot, 1, up_rel, up_spot FROM f WHERE tenant IS NULL",
        now(sources)
    ))
}

/// The tenant of a row by its sources, whatever else is joined: expressions may name columns without the table.
fn now(sources: &[TenantSource]) -> String {
    format!("(SELECT {} FROM (SELECT t.*) AS t)", first_of(sources))
}

/// The columns that say where the row lies that decides over `t`.
#[derive(Default)]
pub(super) struct Up {
    rel: String,
    spot: String,
}

impl Up {
    /// The next parent that decides, joined as `alias`.
    pub(super) fn add(&mut self, parent: &ParentSource, alias: &str) {
        let refers = references(parent);
        let _ = write!(self.rel, " WHEN {refers} THEN {alias}.tableoid");
        let _ = write!(self.spot, " WHEN {refers} THEN {alias}.ctid");
    }
}

impl fmt::Display for Up {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A table that nothing decides over may be in a cycle by an expression.
        let Self { rel, spot } = self;
        write!(f, "CASE{rel} WHEN false THEN 0::oid END AS up_rel, CASE{spot} WHEN false THEN '(0,0)'::tid END AS up_spot")
    }
}

/// The parents that decide over a row.
pub(super) fn deciding(sources: &[TenantSource]) -> impl Iterator<Item = &ParentSource> {
    sources.iter().filter_map(|source| match source {
        TenantSource::Parent(parent) if parent.weight == Weight::Decides => Some(parent),
        _ => None,
    })
}

/// Lets the server know how many rows there are.
#[must_use]
pub fn analyze() -> Statement {
    Statement::new(format!("ANALYZE {ROWS}"))
}

/// One round: every row without a tenant takes over the tenant of the row that it points at, or where that one points.
///
/// Returns how many rows have got a tenant or turned out to have none. Without such a row no later round finds one: what still
/// points somewhere points around a ring.
#[must_use]
pub fn double() -> Statement {
    Statement::new(format!(
        "WITH moved AS (UPDATE {ROWS} AS w SET tenant = u.tenant, up_rel = u.up_rel, up_spot = u.up_spot, depth = w.depth + u.depth \
         FROM {ROWS} AS u WHERE w.tenant IS NULL AND u.rel = w.up_rel AND u.spot = w.up_spot \
         RETURNING w.tenant IS NOT NULL OR w.up_rel IS NULL AS decided) \
         SELECT count(*) AS value FROM moved WHERE decided"
    ))
}

/// Puts the rows whose tenant was found in order, parents before children, and forgets the others.
#[must_use]
pub fn place() -> Statement {
    Statement::new(format!(
        "DROP TABLE IF EXISTS {PLACED};\n\
         CREATE TEMPORARY TABLE tenantize_placed AS WITH placed AS (SELECT w.*, row_number() OVER (ORDER BY depth, rel, spot) AS place \
         FROM {ROWS} AS w WHERE tenant IS NOT NULL) \
         SELECT c.place, c.rel, c.spot, c.version, c.tenant, p.place AS parent FROM placed AS c \
         LEFT JOIN placed AS p ON p.rel = c.parent_rel AND p.spot = c.parent_spot ORDER BY c.place;\n\
         DROP TABLE {ROWS};\nCREATE UNIQUE INDEX ON {PLACED} (place);\nANALYZE {PLACED}"
    ))
}

/// How many rows are in order.
#[must_use]
pub fn count_placed() -> Statement {
    Statement::new(format!("SELECT coalesce(max(place), 0) AS value FROM {PLACED}"))
}

/// Of the rows after place `range.start` up to `range.end`, how many have their parent among them.
#[must_use]
pub fn count_dependent(range: &std::ops::Range<i64>) -> Statement {
    Statement::new(format!(
        "SELECT count(*) AS value FROM {PLACED} WHERE place > {0} AND place <= {1} AND parent > {0}",
        range.start, range.end
    ))
}

/// Gives the rows of a table after place `range.start` up to `range.end` their tenant, as far as they are as they were found.
///
/// A parent outside the range must have this very tenant now. A row whose parent is in the range is right only if its parent is
/// written too: whoever writes the range must see to it.
#[must_use]
pub fn write(table: &QualifiedName, column: &Ident, sources: &[TenantSource], range: &std::ops::Range<i64>) -> Statement {
    Statement::new(format!(
        "UPDATE ONLY {table} AS t SET {column} = m.tenant FROM {PLACED} AS m \
         WHERE m.place > {0} AND m.place <= {1} AND m.rel = {2}::regclass AND t.ctid = m.spot AND t.xmin = m.version AND t.{column} IS NULL \
         AND (m.parent > {0} OR {3} = m.tenant)",
        range.start,
        range.end,
        Text(&table.to_string()),
        now(sources)
    ))
}

/// Drops what the walk needed.
#[must_use]
pub fn forget() -> Statement {
    Statement::new(format!("DROP TABLE IF EXISTS {ROWS}, {PLACED}"))
}

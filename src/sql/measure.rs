//! Questions to a temporary sample of a table: what an index is worth with a policy and without.

use std::time::Duration;

use super::{Ident, QualifiedName, Statement, Text};

/// The column of the sample that stands for the tenant: 1 is the session's, 2 all others.
const TENANT: &str = "tenantize_tenant";
const SAMPLE: &str = "pg_temp.tenantize_sample";
/// So many rows are copied.
const ROWS: u32 = 100_000;

/// Ends each statement of the transaction that takes longer.
#[must_use]
pub fn limit(time: Duration) -> Statement {
    Statement::new(format!("SET LOCAL statement_timeout = '{}ms';\nSET LOCAL jit = off", time.as_millis()))
}

/// Copies a sample; of each thousand rows, `share` belong to the session's tenant.
#[must_use]
pub fn sample(table: &QualifiedName, share: u32) -> Statement {
    Statement::new(format!(
        "CREATE TEMPORARY TABLE tenantize_sample ON COMMIT DROP AS SELECT t.*, \
         CASE WHEN pg_catalog.row_number() OVER () * 7919 % 1000 < {share} THEN 1 ELSE 2 END AS {TENANT} \
         FROM (SELECT * FROM {table} LIMIT {ROWS}) AS t"
    ))
}

/// Gives the sample the index, one on the tenant, and statistics. `definition` is that of `pg_get_indexdef`.
#[must_use]
pub fn index(definition: &str) -> Option<Statement> {
    let (_, what) = definition.split_once(" USING ")?;
    let what = what.split_once(" TABLESPACE ").map_or(what, |(what, _)| what);
    Some(Statement::new(format!(
        "CREATE INDEX tenantize_sampled ON {SAMPLE} USING {what};\nCREATE INDEX ON {SAMPLE} ({TENANT});\nANALYZE {SAMPLE}"
    )))
}

/// The first key of the sampled index, and its operator class.
#[must_use]
pub fn key() -> Statement {
    Statement::new(
        "SELECT pg_catalog.pg_get_indexdef(x.indexrelid, 1, true) AS key, o.opcname::text AS class \
         FROM pg_catalog.pg_index AS x JOIN pg_catalog.pg_opclass AS o ON o.oid = x.indclass[0] \
         WHERE x.indexrelid = 'pg_temp.tenantize_sampled'::regclass",
    )
}

/// The type of the key; an index may keep another.
#[must_use]
pub fn key_type(key: &str) -> Statement {
    Statement::new(format!("SELECT pg_catalog.pg_typeof({key})::text AS value FROM {SAMPLE} LIMIT 1"))
}

/// What a search by the index compares; `key` is the server's own text of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// `=` with a value.
    Equals,
    /// `LIKE` with the beginning of a value.
    Prefix,
    /// `LIKE` with a part of a value.
    Part,
    /// `@>` with a value.
    Contains,
    /// `&&` with a value.
    Overlaps,
    /// `@@` with a word of a value.
    Words,
}

/// Takes a value that the session's tenant has.
#[must_use]
pub fn value(key: &str, search: Search) -> Statement {
    let value = match search {
        Search::Words => format!("(pg_catalog.tsvector_to_array({key}))[1]"),
        Search::Prefix => format!("pg_catalog.left(({key})::text, 4)"),
        Search::Part => format!("pg_catalog.substr(({key})::text, 2, 5)"),
        Search::Equals | Search::Contains | Search::Overlaps => format!("({key})::text"),
    };
    Statement::new(format!("SELECT {value} AS value FROM {SAMPLE} WHERE {TENANT} = 1 AND {value} IS NOT NULL LIMIT 1"))
}

/// Closes the sample with a policy, and opens it to `probe` if there is one.
#[must_use]
pub fn close(probe: Option<&Ident>) -> Statement {
    let mut sql = format!(
        "ALTER TABLE {SAMPLE} ENABLE ROW LEVEL SECURITY;\nALTER TABLE {SAMPLE} FORCE ROW LEVEL SECURITY;\n\
         CREATE POLICY own ON {SAMPLE} USING ({TENANT} = (SELECT NULLIF(pg_catalog.current_setting('tenantize.sample', true), '')::int));\n\
         SET LOCAL tenantize.sample = '1';\nSET LOCAL row_security = on"
    );
    if let Some(probe) = probe {
        sql = format!("CREATE ROLE {probe} NOLOGIN;\n{sql};\nGRANT SELECT ON {SAMPLE} TO {probe};\nSET LOCAL ROLE {probe}");
    }
    Statement::new(sql)
}

/// The search, with the tenant as the application would write it.
#[must_use]
pub fn explain(key: &str, ty: &str, search: Search, value: &str) -> Statement {
    let text = |value: &str| Text(value).to_string();
    let like = value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let condition = match search {
        Search::Equals => format!("({key}) = {}::{ty}", text(value)),
        Search::Prefix => format!("({key}) LIKE {}", text(&format!("{like}%"))),
        Search::Part => format!("({key}) LIKE {}", text(&format!("%{like}%"))),
        Search::Contains => format!("({key}) @> {}::{ty}", text(value)),
        Search::Overlaps => format!("({key}) && {}::{ty}", text(value)),
        Search::Words => format!("({key}) @@ pg_catalog.plainto_tsquery('simple', {})", text(value)),
    };
    Statement::new(format!(
        "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT pg_catalog.count(*) FROM {SAMPLE} WHERE {TENANT} = 1 AND {condition}"
    ))
}

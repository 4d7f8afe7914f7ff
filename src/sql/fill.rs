//! One batch of the fill: the rows of a range of heap pages whose offset falls into one stripe.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::change::GUARD_TRIGGER;
use super::source::{MapSource, ParentSource, first_of, is_total, join_condition};
use super::{Ident, QualifiedName, Statement, TenantKey, TenantSource, Text};

/// A fraction of the rows of every page: those whose offset is `index` modulo `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stripe {
    /// 0 to `of` - 1.
    pub index: u16,
    /// How many stripes a page has; 1 = all rows at once.
    pub of: u16,
}

/// Fills the tenant column of the rows of one segment and one stripe that are not settled yet.
#[derive(Clone, Debug)]
pub struct FillBatch<'a> {
    /// The table, always one that holds rows.
    pub table: &'a QualifiedName,
    /// Its tenant column.
    pub column: &'a Ident,
    /// The sources, first match wins.
    pub sources: &'a [TenantSource],
    /// What rows read before they are written, if not nothing.
    pub default: Option<&'a TenantKey>,
    /// Heap pages, end excluded.
    pub pages: std::ops::Range<i64>,
    /// Which rows of each page.
    pub stripe: Stripe,
}

impl FillBatch<'_> {
    /// The `UPDATE` of this batch.
    #[must_use]
    pub fn statement(&self) -> Statement {
        let Self { table, column, sources, default, .. } = self;
        let rows = self.rows();
        let differs = |tenant: &str, row: &str| differs(tenant, row, column, *default);
        let sql = match sources {
            [TenantSource::Parent(ParentSource { table: parent, column: tenant, on, .. })] => format!(
                "UPDATE ONLY {table} AS t SET {column} = p.{tenant} FROM {parent} AS p \
                 WHERE {rows} AND {} AND {}",
                join_condition("p", on),
                differs(&format!("p.{tenant}"), "t")
            ),
            [TenantSource::Map(MapSource { table: map, key })] => {
                let differs = default.map_or_else(String::new, |_| format!(" AND {}", differs("m.tenant", "t")));
                format!("UPDATE ONLY {table} AS t SET {column} = m.tenant FROM {map} AS m WHERE {rows} AND m.key = t.{key}{differs}")
            }
            sources if default.is_none() && is_total(sources) => {
                format!("UPDATE ONLY {table} AS t SET {column} = {} WHERE {rows}", first_of(sources))
            }
            // A source that may yield nothing must not write the row: a new version without a tenant helps nobody. What was read is written
            // into the very version that it was read from: servers of 2025 and before take a newer one for the row at its old place.
            sources => format!(
                "UPDATE ONLY {table} AS u SET {column} = s.tenant \
                 FROM (SELECT t.ctid AS row, t.xmin AS version, {} AS tenant FROM ONLY {table} AS t WHERE {rows} OFFSET 0) AS s \
                 WHERE u.ctid = s.row AND u.xmin = s.version AND {}",
                first_of(sources),
                differs("s.tenant", "u")
            ),
        };
        Statement::new(sql)
    }

    fn rows(&self) -> String {
        let Self { column, default, pages, stripe, .. } = self;
        let open = open("t", column, *default);
        let mut rows = format!("t.ctid >= '({},0)' AND t.ctid < '({},0)' AND {open}", pages.start, pages.end);
        if stripe.of > 1 {
            // The last byte of a tid on the wire is the low byte of its offset: it puts every row into exactly one stripe.
            let _ = write!(rows, " AND pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 5) % {} = {}", stripe.of, stripe.index);
        }
        rows
    }
}

/// Whether a row is not settled.
fn open(row: &str, column: &Ident, default: Option<&TenantKey>) -> String {
    match default {
        None => format!("{row}.{column} IS NULL"),
        Some(key) => format!("({row}.{column} IS NULL OR {row}.{column} = {key})"),
    }
}

/// Whether what the sources yield must be written into such a row.
fn differs(tenant: &str, row: &str, column: &Ident, default: Option<&TenantKey>) -> String {
    match default {
        None => format!("{tenant} IS NOT NULL"),
        Some(_) => format!("{tenant} IS NOT NULL AND {tenant} IS DISTINCT FROM {row}.{column}"),
    }
}

/// Lets children on these pages follow parents that the application has moved to another tenant since the children were filled.
#[must_use]
pub fn realign(table: &QualifiedName, column: &Ident, parent: &ParentSource, pages: &std::ops::Range<i64>) -> Statement {
    let ParentSource { table: parents, column: tenant, on, .. } = parent;
    Statement::new(format!(
        "UPDATE ONLY {table} AS t SET {column} = p.{tenant} FROM {parents} AS p \
         WHERE t.ctid >= '({},0)' AND t.ctid < '({},0)' AND {} AND p.{tenant} IS NOT NULL AND t.{column} <> p.{tenant}",
        pages.start,
        pages.end,
        join_condition("p", on)
    ))
}

/// Pages of the table that hold rows of another tenant than their parent's, in order, with their number of such rows.
#[must_use]
pub fn misaligned_pages(table: &QualifiedName, column: &Ident, parent: &ParentSource) -> Statement {
    let ParentSource { table: parents, column: tenant, on, .. } = parent;
    Statement::new(format!(
        "SELECT (t.ctid::text::point)[0]::bigint AS page, count(*) AS rows FROM ONLY {table} AS t JOIN {parents} AS p ON {} \
         WHERE p.{tenant} IS NOT NULL AND t.{column} <> p.{tenant} GROUP BY 1 ORDER BY 1",
        join_condition("p", on)
    ))
}

/// The rows of a table that are not settled, as a subquery with their place.
///
/// Where rows read a default (then no source is a parent that decides), one is not settled as long as the sources yield another tenant for it, or none.
fn unsettled(table: &QualifiedName, column: &Ident, sources: &[TenantSource], default: Option<&TenantKey>) -> String {
    let (mut joins, mut wrong) = (String::new(), String::new());
    if default.is_some() {
        let (tenant, with) = joined(sources);
        wrong = format!(" AND (t.{column} IS NULL OR {tenant} IS DISTINCT FROM t.{column})");
        joins = with;
    }
    format!("(SELECT t.ctid AS row FROM ONLY {table} AS t{joins} WHERE {}{wrong}) AS u", open("t", column, default))
}

/// The first source that yields a tenant, and the joins that it needs: for a whole table these cost less than a question per row.
fn joined(sources: &[TenantSource]) -> (String, String) {
    let mut joins = String::new();
    let mut tenants = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let alias = format!("s{at}");
        tenants.push(match source {
            TenantSource::Parent(ParentSource { table, column, on, .. }) => {
                let _ = write!(joins, " LEFT JOIN {table} AS {alias} ON {}", join_condition(&alias, on));
                format!("{alias}.{column}")
            }
            TenantSource::Map(MapSource { table, key }) => {
                let _ = write!(joins, " LEFT JOIN {table} AS {alias} ON {alias}.key = t.{key}");
                format!("{alias}.tenant")
            }
            source => source.to_string(),
        });
    }
    (if let [only] = tenants.as_slice() { only.clone() } else { format!("COALESCE({})", tenants.join(", ")) }, joins)
}

/// Pages of the table that still hold rows that are not settled, in order, with their number of such rows.
#[must_use]
pub fn unsettled_pages(table: &QualifiedName, column: &Ident, sources: &[TenantSource], default: Option<&TenantKey>) -> Statement {
    let rows = unsettled(table, column, sources, default);
    Statement::new(format!("SELECT (u.row::text::point)[0]::bigint AS page, count(*) AS rows FROM {rows} GROUP BY 1 ORDER BY 1"))
}

/// Triggers and rules of the application that an `UPDATE` of the table fires, unless they are kept from it.
#[must_use]
pub fn count_firing(table: &QualifiedName) -> Statement {
    let table = Text(&table.to_string()).to_string();
    let guard = super::Text(GUARD_TRIGGER).to_string();
    Statement::new(format!(
        "SELECT (SELECT count(*) FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = {table}::regclass AND NOT t.tgisinternal \
         AND t.tgenabled IN ('O', 'A') AND (t.tgtype & 16) <> 0 AND t.tgattr::text = '' AND NOT starts_with(t.tgname::text, {guard})) \
         + (SELECT count(*) FROM pg_catalog.pg_rewrite AS w WHERE w.ev_class = {table}::regclass AND w.ev_type = '2' \
         AND w.ev_enabled IN ('O', 'A')) AS value"
    ))
}

/// Ends a script with an error if rows read a default that is not their own.
#[must_use]
pub fn assert_settled(table: &QualifiedName, column: &Ident, sources: &[TenantSource], default: &TenantKey) -> Statement {
    let rows = unsettled(table, column, sources, Some(default));
    let message = Text(&format!("rows of {} have another tenant than their rule says, or none", table.plain())).to_string();
    let mut quotes = "$settled$".to_owned();
    while rows.contains(&quotes) || message.contains(&quotes) {
        quotes.insert(1, '_');
    }
    Statement::new(format!(
        "DO {quotes}\nBEGIN\n  IF EXISTS (SELECT FROM {rows}) THEN\n    RAISE EXCEPTION USING MESSAGE = {message};\n  END IF;\nEND\n{quotes}"
    ))
}

/// Rows that are not settled.
#[must_use]
pub fn count_unsettled(table: &QualifiedName, column: &Ident, sources: &[TenantSource], default: Option<&TenantKey>) -> Statement {
    Statement::new(format!("SELECT count(*) AS value FROM {}", unsettled(table, column, sources, default)))
}

/// The table's heap pages now.
#[must_use]
pub fn count_pages(table: &QualifiedName) -> Statement {
    Statement::new(format!(
        "SELECT pg_relation_size({}::regclass) / current_setting('block_size')::bigint AS value",
        Text(&table.to_string())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::source::Weight;

    fn name(text: &str) -> QualifiedName {
        text.parse().unwrap()
    }

    fn ident(text: &str) -> Ident {
        Ident::new(text).unwrap()
    }

    #[test]
    fn a_derived_rule_joins_the_parent() {
        let sources = [TenantSource::Parent(ParentSource {
            table: name("public.projects"),
            column: ident("tenant_id"),
            on: vec![(ident("project_id"), ident("id"))],
            weight: Weight::Offers,
        })];
        let batch = FillBatch {
            table: &name("public.project_files"),
            column: &ident("tenant_id"),
            sources: &sources,
            default: None,
            pages: 4000..4500,
            stripe: Stripe { index: 3, of: 16 },
        };
        insta::assert_snapshot!(batch.statement().text(), @r#"UPDATE ONLY "public"."project_files" AS t SET "tenant_id" = p."tenant_id" FROM "public"."projects" AS p WHERE t.ctid >= '(4000,0)' AND t.ctid < '(4500,0)' AND t."tenant_id" IS NULL AND pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 5) % 16 = 3 AND p."id" = t."project_id" AND p."tenant_id" IS NOT NULL"#);
    }

    #[test]
    fn a_list_without_a_last_resort_never_writes_a_row_it_cannot_place() {
        let map = TenantSource::Map(MapSource { table: name("tenantize.map_a"), key: ident("id") });
        let parent = TenantSource::Parent(ParentSource {
            table: name("public.b"),
            column: ident("tenant_id"),
            on: vec![(ident("b"), ident("id"))],
            weight: Weight::Offers,
        });
        let sources = [map, parent];
        let batch = FillBatch {
            table: &name("public.a"),
            column: &ident("tenant_id"),
            sources: &sources,
            default: None,
            pages: 0..1,
            stripe: Stripe { index: 0, of: 1 },
        };
        assert!(batch.statement().text().contains("s.tenant IS NOT NULL"), "{}", batch.statement());
    }

    #[test]
    fn rows_that_read_a_default_are_compared_with_what_the_sources_yield() {
        let parent = TenantSource::Parent(ParentSource {
            table: name("public.b"),
            column: ident("tenant_id"),
            on: vec![(ident("b"), ident("id"))],
            weight: Weight::Offers,
        });
        let map = TenantSource::Map(MapSource { table: name("tenantize.map_a"), key: ident("id") });
        let key = TenantKey { ty: crate::sql::KeyType::Int, text: "7".into() };
        let sources = [map, parent, TenantSource::Literal(key.clone())];
        let pages = unsettled_pages(&name("public.a"), &ident("tenant_id"), &sources, Some(&key));
        insta::assert_snapshot!(pages.text(), @r#"SELECT (u.row::text::point)[0]::bigint AS page, count(*) AS rows FROM (SELECT t.ctid AS row FROM ONLY "public"."a" AS t LEFT JOIN "tenantize"."map_a" AS s0 ON s0.key = t."id" LEFT JOIN "public"."b" AS s1 ON s1."id" = t."b" WHERE (t."tenant_id" IS NULL OR t."tenant_id" = '7'::integer) AND (t."tenant_id" IS NULL OR COALESCE(s0.tenant, s1."tenant_id", '7'::integer) IS DISTINCT FROM t."tenant_id")) AS u GROUP BY 1 ORDER BY 1"#);
    }
}

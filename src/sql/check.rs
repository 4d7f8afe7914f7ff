//! The questions of `verify`. Each returns rows of `object, detail`, and none when all is well.

use super::source::list;
use super::{Ident, KeyType, QualifiedName, Statement, TenantKey, Text};

/// A foreign key as far as its rows are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The referencing table.
    pub table: &'a QualifiedName,
    /// The constraint.
    pub name: &'a Ident,
    /// The referencing columns.
    pub columns: &'a [Ident],
    /// The referenced table.
    pub parent: &'a QualifiedName,
    /// The referenced columns, in the order of `columns`.
    pub references: &'a [Ident],
}

impl Link<'_> {
    /// The key for messages.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{} ({})", self.table.plain(), self.name.plain())
    }

    fn joins(&self) -> String {
        let pairs = self.columns.iter().zip(self.references).map(|(column, key)| format!("p.{key} = c.{column}"));
        pairs.collect::<Vec<_>>().join(" AND ")
    }

    fn filled(&self) -> String {
        let columns = self.columns.iter().map(|column| format!("c.{column} IS NOT NULL"));
        columns.collect::<Vec<_>>().join(" AND ")
    }

    /// The smallest offending key, as text.
    fn example(&self) -> String {
        let values: Vec<String> = self.columns.iter().map(|column| format!("c.{column}::text")).collect();
        format!("min(concat_ws(', ', {}))", values.join(", "))
    }
}

/// Gives a static query of the catalog its scope, a JSON object in place of `$1`.
#[must_use]
pub fn scoped(query: &'static str, scope: &str) -> Statement {
    Statement::new(query.replacen("$1", &Text(scope).to_string(), 1))
}

fn each(relations: &[QualifiedName]) -> String {
    let rows = relations.iter().map(|name| format!("({}, {})", Text(&name.to_string()), Text(&name.plain())));
    format!("(VALUES {}) AS r (name, plain)", rows.collect::<Vec<_>>().join(", "))
}

/// Relations whose rows this connection sees only in part; `relations` must not be empty.
#[must_use]
pub fn filtered(relations: &[QualifiedName]) -> Statement {
    Statement::new(format!(
        "SELECT plain AS object, 'row-level security hides rows from this connection' AS detail FROM {} \
         WHERE to_regclass(name) IS NOT NULL AND row_security_active(to_regclass(name)::oid) ORDER BY 1",
        each(relations)
    ))
}

/// Copies that are not there; `copies` must not be empty.
#[must_use]
pub fn missing(copies: &[QualifiedName]) -> Statement {
    Statement::new(format!(
        "SELECT plain AS object, 'it is not there' AS detail FROM {} WHERE to_regclass(name) IS NULL ORDER BY 1",
        each(copies)
    ))
}

/// Relations without a tenant column of the right type; `relations` must not be empty.
#[must_use]
pub fn without_column(relations: &[QualifiedName], column: &Ident, ty: KeyType) -> Statement {
    let kind = if ty == KeyType::Text { "'text', 'varchar'".to_owned() } else { format!("'{ty}'") };
    let expected: Vec<String> = kind.split(", ").map(|name| format!("{name}::regtype")).collect();
    Statement::new(format!(
        "SELECT plain AS object, coalesce('the column is of type ' || format_type(a.atttypid, a.atttypmod), 'the column is missing') AS detail \
         FROM {} LEFT JOIN pg_catalog.pg_attribute AS a \
         ON a.attrelid = to_regclass(r.name) AND a.attname = {} AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE a.atttypid IS NULL OR a.atttypid NOT IN ({}) ORDER BY 1",
        each(relations),
        Text(column.plain()),
        expected.join(", ")
    ))
}

/// Relations for whose new rows nobody provides a tenant; `relations` must not be empty.
#[must_use]
pub fn unguarded(relations: &[QualifiedName], column: &Ident) -> Statement {
    Statement::new(format!(
        "SELECT plain AS object, 'neither a default nor an enabled guard gives new rows a tenant' AS detail FROM {} \
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attrdef AS d JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
         WHERE a.attrelid = to_regclass(r.name) AND a.attname = {}) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = to_regclass(r.name) AND g.tgname = {} AND g.tgenabled = 'A') ORDER BY 1",
        each(relations),
        Text(column.plain()),
        Text(super::change::GUARD_TRIGGER)
    ))
}

/// Rows without a tenant.
#[must_use]
pub fn without_tenant(table: &QualifiedName, column: &Ident) -> Statement {
    Statement::new(format!(
        "SELECT {} AS object, count(*) || ' rows without a tenant' AS detail FROM {table} WHERE {column} IS NULL HAVING count(*) > 0",
        Text(&table.plain())
    ))
}

/// Rows whose tenant the registry does not know.
#[must_use]
pub fn unknown_tenants(table: &QualifiedName, column: &Ident, registry: &QualifiedName, key: &Ident) -> Statement {
    Statement::new(format!(
        "SELECT {} AS object, 'tenant ' || t.tenant || ' is not in the registry: ' || t.rows || ' rows' AS detail \
         FROM (SELECT {column} AS tenant, count(*) AS rows FROM {table} WHERE {column} IS NOT NULL GROUP BY 1) AS t \
         WHERE NOT EXISTS (SELECT FROM {registry} AS r WHERE r.{key} = t.tenant) ORDER BY t.rows DESC",
        Text(&table.plain())
    ))
}

/// Tenants that have other numbers of rows than expected; `expected` must not be empty.
#[must_use]
pub fn unexpected_counts(table: &QualifiedName, column: &Ident, expected: &[(TenantKey, i64)]) -> Statement {
    let rows: Vec<String> = expected.iter().map(|(key, rows)| format!("({key}, {rows})")).collect();
    Statement::new(format!(
        "SELECT {} AS object, format('tenant %s has %s rows, %s were predicted', coalesce(e.tenant, f.tenant), coalesce(f.rows, 0), coalesce(e.rows, 0)) AS detail \
         FROM (VALUES {}) AS e (tenant, rows) \
         FULL JOIN (SELECT {column} AS tenant, count(*) AS rows FROM {table} GROUP BY 1) AS f ON f.tenant = e.tenant \
         WHERE coalesce(f.rows, 0) <> coalesce(e.rows, 0) ORDER BY 2",
        Text(&table.plain()),
        rows.join(", ")
    ))
}

/// Rows that reference a row of another tenant.
#[must_use]
pub fn cross_tenant(link: &Link<'_>, column: &Ident) -> Statement {
    Statement::new(format!(
        "SELECT {} AS object, count(*) || ' rows reference a row of another tenant; for example ' || {} AS detail \
         FROM {} AS c JOIN {} AS p ON {} WHERE c.{column} IS DISTINCT FROM p.{column} HAVING count(*) > 0",
        Text(&link.subject()),
        link.example(),
        link.table,
        link.parent,
        link.joins()
    ))
}

/// Rows that reference nothing, whatever the constraint says of itself.
#[must_use]
pub fn dangling(link: &Link<'_>) -> Statement {
    Statement::new(format!(
        "SELECT {} AS object, count(*) || ' rows reference a row that is not there; for example ' || {} AS detail \
         FROM {} AS c WHERE {} AND NOT EXISTS (SELECT FROM {} AS p WHERE {}) HAVING count(*) > 0",
        Text(&link.subject()),
        link.example(),
        link.table,
        link.filled(),
        link.parent,
        link.joins()
    ))
}

/// Rows that share the values of `columns`, none of them null; `columns` must not be empty.
#[must_use]
pub fn doubles(table: &QualifiedName, subject: &str, columns: &[Ident]) -> Statement {
    let filled: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    let texts: Vec<String> = columns.iter().map(|column| format!("{column}::text")).collect();
    Statement::new(format!(
        "SELECT {} AS object, count(*) || ' values are there more than once; for example ' || min(d.example) AS detail \
         FROM (SELECT min(concat_ws(', ', {})) AS example FROM {table} WHERE {} GROUP BY {} HAVING count(*) > 1) AS d HAVING count(*) > 0",
        Text(subject),
        texts.join(", "),
        filled.join(" AND "),
        list(columns)
    ))
}

fn hash(columns: &[Ident]) -> String {
    format!("hashtextextended(ROW({})::text, 0)", list(columns))
}

/// How a table differs from its copy, by key: `missing`, `added`, `changed` and the smallest key of each.
#[must_use]
pub fn difference(table: &QualifiedName, copy: &QualifiedName, key: &[Ident], columns: &[Ident]) -> Statement {
    let keys: Vec<String> = (0..key.len()).map(|nr| format!("k{nr}")).collect();
    let named: Vec<String> = key.iter().zip(&keys).map(|(column, name)| format!("{column} AS {name}")).collect();
    let side = |from: &QualifiedName| format!("(SELECT {}, {} AS content, true AS here FROM ONLY {from})", named.join(", "), hash(columns));
    let texts: Vec<String> = keys.iter().map(|name| format!("{name}::text")).collect();
    let count = |as_name: &str, condition: &str| {
        format!(
            "count(*) FILTER (WHERE {condition}) AS {as_name}, min(concat_ws(', ', {})) FILTER (WHERE {condition}) AS {as_name}_key",
            texts.join(", ")
        )
    };
    Statement::new(format!(
        "SELECT {}, {}, {} FROM {} AS now FULL JOIN {} AS was USING ({})",
        count("missing", "now.here IS NULL"),
        count("added", "was.here IS NULL"),
        count("changed", "now.content <> was.content"),
        side(table),
        side(copy),
        keys.join(", ")
    ))
}

/// A user who belongs to a tenant, as `text`; one who belongs to few others first.
#[must_use]
pub fn member(memberships: &QualifiedName, tenant: &Ident, user: &Ident, key: &TenantKey) -> Statement {
    Statement::new(format!(
        "SELECT m.{user}::text AS text FROM {memberships} AS m WHERE m.{tenant} = {key} \
         ORDER BY (SELECT count(DISTINCT o.{tenant}) FROM {memberships} AS o WHERE o.{user} = m.{user}), 1 LIMIT 1"
    ))
}

/// Rows of each tenant, most first.
#[must_use]
pub fn census(table: &QualifiedName, column: &Ident) -> Statement {
    Statement::new(format!("SELECT {column}::text AS tenant, count(*) AS rows FROM {table} GROUP BY 1 ORDER BY 2 DESC, 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> QualifiedName {
        text.parse().unwrap()
    }

    fn ident(text: &str) -> Ident {
        Ident::new(text).unwrap()
    }

    #[test]
    fn a_foreign_key_is_asked_of_the_rows_and_not_of_its_flag() {
        let columns = [ident("tenant_id"), ident("project_id")];
        let references = [ident("tenant_id"), ident("id")];
        let (table, parent, key) = (name("public.files"), name("public.projects"), ident("files_fkey"));
        let link = Link { table: &table, name: &key, columns: &columns, parent: &parent, references: &references };
        insta::assert_snapshot!(dangling(&link).text(), @r#"SELECT 'public.files (files_fkey)' AS object, count(*) || ' rows reference a row that is not there; for example ' || min(concat_ws(', ', c."tenant_id"::text, c."project_id"::text)) AS detail FROM "public"."files" AS c WHERE c."tenant_id" IS NOT NULL AND c."project_id" IS NOT NULL AND NOT EXISTS (SELECT FROM "public"."projects" AS p WHERE p."tenant_id" = c."tenant_id" AND p."id" = c."project_id") HAVING count(*) > 0"#);
    }

    #[test]
    fn a_hostile_name_stays_a_text() {
        let table = name(r#"public."o'clock""#);
        assert!(
            without_tenant(&table, &ident("t")).text().contains("'public.o''clock' AS object"),
            "{}",
            without_tenant(&table, &ident("t"))
        );
    }
}

//! Statements that try keys of others: foreign keys, unique keys, `ON CONFLICT` and `MERGE`.

use super::{Given, Prey, Row, Template};
use crate::sql::source::list;
use crate::sql::{Ident, QualifiedName, Statement, TenantKey, Text};

/// A column of a row and the value another session has read, or thought up, for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The column.
    pub column: Ident,
    /// The value in PostgreSQL's own spelling; none for null.
    pub text: Option<String>,
}

impl Value {
    fn literal(&self) -> String {
        self.text.as_ref().map_or("NULL".into(), |text| Text(text).to_string())
    }
}

/// Where to look for a key.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// The table.
    pub table: &'a QualifiedName,
    /// Its tenant column.
    pub tenant: &'a Ident,
    /// The columns of the key, without the tenant's.
    pub columns: &'a [Ident],
}

/// Asks for a key that `of` has, and that `not_of` has not: `texts`, in the order of the columns.
#[must_use]
pub fn lookup(at: &Lookup<'_>, of: &TenantKey, not_of: Option<&TenantKey>) -> Statement {
    let Lookup { table, tenant, columns } = at;
    let texts: Vec<String> = columns.iter().map(|column| format!("p.{column}::text")).collect();
    let present: Vec<String> = columns.iter().map(|column| format!("p.{column} IS NOT NULL")).collect();
    let same: Vec<String> = columns.iter().map(|column| format!("o.{column} = p.{column}")).collect();
    let absent =
        not_of.map(|other| format!(" AND NOT EXISTS (SELECT FROM {table} AS o WHERE o.{tenant} = {other} AND {})", same.join(" AND ")));
    Statement::new(format!(
        "SELECT ARRAY[{}]::text[] AS texts FROM {table} AS p WHERE p.{tenant} = {of} AND {}{} LIMIT 1",
        texts.join(", "),
        present.join(" AND "),
        absent.unwrap_or_default()
    ))
}

/// Asks for the tenant with this key or slug: `texts`, its key.
#[must_use]
pub fn find_tenant(registry: &Prey, slug: Option<&Ident>, text: &str) -> Statement {
    let Prey { relation, column, .. } = registry;
    let text = Text(text);
    let by_slug = slug.map_or(String::new(), |slug| format!(" OR {slug}::text = {text}"));
    Statement::new(format!(
        "SELECT ARRAY[{column}::text] AS texts FROM {relation} WHERE {column}::text = {text}{by_slug} ORDER BY {column}::text = {text} DESC LIMIT 1"
    ))
}

/// Asks for the values of any row: `texts`, in the order of the columns.
#[must_use]
pub fn sample(table: &QualifiedName, columns: &[Ident]) -> Statement {
    let texts: Vec<String> = columns.iter().map(|column| format!("{column}::text")).collect();
    Statement::new(format!("SELECT ARRAY[{}]::text[] AS texts FROM {table} LIMIT 1", texts.join(", ")))
}

impl Prey {
    /// Changes a row.
    #[must_use]
    pub fn set(&self, row: &Row, values: &[Value]) -> Statement {
        let parts: Vec<String> = values.iter().map(|value| format!("{} = {}", value.column, value.literal())).collect();
        Statement::new(format!("UPDATE {} SET {} WHERE {}", self.relation, parts.join(", "), row.condition()))
    }

    /// Writes a row of these values.
    #[must_use]
    pub fn insert_values(&self, values: &[Value]) -> Statement {
        if values.is_empty() {
            return Statement::new(format!("INSERT INTO {} DEFAULT VALUES", self.relation));
        }
        let columns: Vec<Ident> = values.iter().map(|value| value.column.clone()).collect();
        let literals: Vec<String> = values.iter().map(Value::literal).collect();
        Statement::new(format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
            self.relation,
            list(&columns),
            literals.join(", ")
        ))
    }

    /// Writes a copy of the own row under the victim's key, and takes the victim's row over where that is in the way.
    #[must_use]
    pub fn upsert(&self, mine: &Row, victim: &Row, me: &TenantKey) -> Statement {
        let Self { relation, column, key, .. } = self;
        let (columns, _) = self.new_row(Given::Tenant(me), Template::Row(mine));
        let value = |name: &Ident| match name {
            name if name == column => me.to_string(),
            name if key.contains(name) => victim.value(name),
            name => name.to_string(),
        };
        let values: Vec<String> = columns.iter().map(value).collect();
        Statement::new(format!(
            "INSERT INTO {relation} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {relation} WHERE {} ON CONFLICT ({}) DO UPDATE SET {column} = {me}",
            list(&columns),
            values.join(", "),
            mine.condition(),
            list(key)
        ))
    }

    /// Takes the victim's row by `MERGE` (PostgreSQL 15 and later).
    #[must_use]
    pub fn merge_update(&self, victim: &Row, me: &TenantKey) -> Statement {
        Statement::new(format!("{} WHEN MATCHED THEN UPDATE SET {} = {me}", self.merge(&victim.condition()), self.column))
    }

    /// Deletes the victim's row by `MERGE`.
    #[must_use]
    pub fn merge_delete(&self, victim: &Row) -> Statement {
        Statement::new(format!("{} WHEN MATCHED THEN DELETE", self.merge(&victim.condition())))
    }

    /// Writes a row for the victim by `MERGE`.
    #[must_use]
    pub fn merge_insert(&self, victim: &TenantKey, route: Option<&Row>) -> Statement {
        let (columns, values) = self.new_row(Given::Tenant(victim), Template::Nulls(route));
        Statement::new(format!(
            "{} WHEN NOT MATCHED THEN INSERT ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
            self.merge("false"),
            list(&columns),
            values.join(", ")
        ))
    }

    fn merge(&self, condition: &str) -> String {
        format!("MERGE INTO {} USING (SELECT 1) AS source ON {condition}", self.relation)
    }
}

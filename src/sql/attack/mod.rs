//! The statements of an attack: what one tenant may try against the rows of another.

mod ddl;
mod keys;
mod object;
mod role;
mod rows;
mod session;

use super::{Ident, QualifiedName, Statement, TenantKey, Text};
pub use keys::{Lookup, Value, find_tenant, lookup, sample};
pub use object::{digest, digest_row, may_use_sequence, text_of};
pub use role::{become_role, create_in, escapes};
pub use session::{Access, begin_at, check_at_once, come_and_go, create_probe, drop_probe, keep, send, set_all, set_role};

/// A relation under attack.
#[derive(Clone, Debug)]
pub struct Prey {
    /// The relation.
    pub relation: QualifiedName,
    /// The column that holds the tenant.
    pub column: Ident,
    /// Every column that can be written, the tenant's included.
    pub columns: Vec<Ident>,
    /// The columns that name a row; empty = by its place in the heap.
    pub key: Vec<Ident>,
    /// The columns that choose a partition: without them no row would get as far as to a policy.
    pub route: Vec<Ident>,
}

/// One row, named by values that another session has read.
#[derive(Clone, Debug)]
pub struct Row(Vec<(String, String)>);

/// The tenant that a new row is given.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// This one.
    Tenant(&'a TenantKey),
    /// Null.
    Null,
    /// None is named, so the default decides.
    Nothing,
}

/// Where the other columns of a new row come from.
#[derive(Clone, Copy, Debug)]
pub enum Template<'a> {
    /// A row that the session sees.
    Row(&'a Row),
    /// They are null but for those that choose a partition: policies are asked before constraints are.
    Nulls(Option<&'a Row>),
}

impl Row {
    fn value(&self, column: &Ident) -> String {
        let column = column.to_string();
        self.0.iter().find(|(name, _)| *name == column).map_or("NULL".into(), |(_, value)| Text(value).to_string())
    }

    fn condition(&self) -> String {
        let parts = self.0.iter().map(|(column, value)| format!("{column} = {}", Text(value)));
        parts.collect::<Vec<_>>().join(" AND ")
    }
}

impl Prey {
    /// Asks for one row of a tenant: `key` for [`Prey::row`] and `route` for [`Prey::routed`], both lists of texts.
    #[must_use]
    pub fn locate(&self, tenant: &TenantKey) -> Statement {
        let texts = |columns: &[String]| columns.iter().map(|column| format!("{column}::text")).collect::<Vec<_>>().join(", ");
        let route: Vec<String> = self.route.iter().map(Ident::to_string).collect();
        let Self { relation, column, .. } = self;
        Statement::new(format!(
            "SELECT ARRAY[{}]::text[] AS key, ARRAY[{}]::text[] AS route FROM {relation} WHERE {column} = {tenant} LIMIT 1",
            texts(&self.naming()),
            texts(&route)
        ))
    }

    /// Names the row that [`Prey::locate`] found.
    #[must_use]
    pub fn row(&self, values: Vec<String>) -> Row {
        Row(self.naming().into_iter().zip(values).collect())
    }

    /// Names a row by the values it was made of; none when a column of its key was left to the server.
    #[must_use]
    pub fn row_of(&self, values: &[Value]) -> Option<Row> {
        if self.key.is_empty() {
            return None;
        }
        let text = |column: &Ident| values.iter().find(|value| value.column == *column).and_then(|value| value.text.clone());
        let named: Option<Vec<(String, String)>> = self.key.iter().map(|column| Some((column.to_string(), text(column)?))).collect();
        named.map(Row)
    }

    /// Names the partition of the row that [`Prey::locate`] found.
    #[must_use]
    pub fn routed(&self, values: Vec<Option<String>>) -> Row {
        let named = self.route.iter().map(Ident::to_string).zip(values);
        Row(named.filter_map(|(column, value)| Some((column, value?))).collect())
    }

    fn naming(&self) -> Vec<String> {
        if self.key.is_empty() {
            return vec!["tableoid".into(), "ctid".into()];
        }
        self.key.iter().map(Ident::to_string).collect()
    }
}

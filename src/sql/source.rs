//! Where a row's tenant comes from, as an SQL expression over the row `t`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Ident, KeyType, QualifiedName, TenantKey};

/// A source of tenants for the rows of one table; rules, with every name looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantSource {
    /// One tenant for all.
    Literal(TenantKey),
    /// The tenant column of the table itself.
    Column(Ident),
    /// The tenant of the parent row.
    Parent(ParentSource),
    /// A staged CSV map.
    Map(MapSource),
    /// An expression of the operator over `t`.
    Expression {
        /// The expression.
        sql: String,
        /// The tenant column's type.
        ty: KeyType,
    },
}

/// The tenant of a parent row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentSource {
    /// The parent table.
    pub table: QualifiedName,
    /// Its tenant column.
    pub column: Ident,
    /// Pairs of child column and parent column.
    pub on: Vec<(Ident, Ident)>,
    /// Whether a row that has a parent waits for the parent's tenant, or asks the next source meanwhile.
    pub weight: Weight,
}

/// Whether a parent that has no tenant yet ends the search.
///
/// In a cycle of tables a parent may get its tenant later than its child: there the parent decides, or the result
/// would depend on the order in which rows are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Without the parent's tenant the next source is asked.
    Offers,
    /// A row with a parent belongs to the parent's tenant or, for the time being, to none.
    Decides,
}

/// A staged CSV map: a table `(key, tenant)` with a primary key on `key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapSource {
    /// The staged table.
    pub table: QualifiedName,
    /// The column of the child that `key` holds.
    pub key: Ident,
}

impl TenantSource {
    /// The columns of the row that decide.
    #[must_use]
    pub fn watched(&self) -> Vec<Ident> {
        match self {
            Self::Literal(_) | Self::Column(_) | Self::Expression { .. } => Vec::new(),
            Self::Parent(parent) => parent.on.iter().map(|(child, _)| child.clone()).collect(),
            Self::Map(map) => vec![map.key.clone()],
        }
    }
}

impl fmt::Display for TenantSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(key) => write!(f, "{key}"),
            Self::Column(column) => write!(f, "t.{column}"),
            Self::Parent(ParentSource { table, column, on, .. }) => {
                write!(f, "(SELECT p.{column} FROM {table} AS p WHERE {})", join_condition("p", on))
            }
            Self::Map(MapSource { table, key }) => write!(f, "(SELECT m.tenant FROM {table} AS m WHERE m.key = t.{key})"),
            Self::Expression { sql, ty } => write!(f, "(({sql})::{ty})"),
        }
    }
}

/// `p."id" = t."project_id" AND …`
pub(super) fn join_condition(parent: &str, on: &[(Ident, Ident)]) -> String {
    let pairs: Vec<String> = on.iter().map(|(child, key)| format!("{parent}.{key} = t.{child}")).collect();
    pairs.join(" AND ")
}

/// The first source that yields a tenant.
#[must_use]
pub fn first_of(sources: &[TenantSource]) -> String {
    chain(sources, &|parent| (parent.weight == Weight::Decides).then(|| references(parent)))
}

/// The first source that yields a tenant, for a row that is written while its parents may have none yet.
///
/// A parent that is there decides: the sources after it must not place a row that will belong to its parent's tenant.
#[must_use]
pub fn first_of_present(sources: &[TenantSource]) -> String {
    chain(sources, &|parent| {
        Some(match parent.weight {
            Weight::Decides => references(parent),
            Weight::Offers => format!("EXISTS (SELECT FROM {} AS p WHERE {})", parent.table, join_condition("p", &parent.on)),
        })
    })
}

/// `decides` says under which condition sources after a parent are not asked.
fn chain(sources: &[TenantSource], decides: &dyn Fn(&ParentSource) -> Option<String>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let rest = &sources[at + 1..];
        if let TenantSource::Parent(parent) = source
            && !rest.is_empty()
            && let Some(condition) = decides(parent)
        {
            parts.push(format!("CASE WHEN {condition} THEN {source} ELSE {} END", chain(rest, decides)));
            break;
        }
        parts.push(source.to_string());
    }
    if let [only] = parts.as_slice() { only.clone() } else { format!("COALESCE({})", parts.join(", ")) }
}

/// Whether the row refers to a parent.
pub(super) fn references(parent: &ParentSource) -> String {
    let columns: Vec<String> = parent.on.iter().map(|(child, _)| format!("t.{child} IS NOT NULL")).collect();
    columns.join(" AND ")
}

/// Whether the sources together yield a tenant for every row.
#[must_use]
pub fn is_total(sources: &[TenantSource]) -> bool {
    let waits = |source: &TenantSource| matches!(source, TenantSource::Parent(parent) if parent.weight == Weight::Decides);
    matches!(sources.last(), Some(TenantSource::Literal(_))) && !sources.iter().any(waits)
}

/// A comma-separated list of quoted names.
#[must_use]
pub fn list(names: &[Ident]) -> String {
    let names: Vec<String> = names.iter().map(Ident::to_string).collect();
    names.join(", ")
}

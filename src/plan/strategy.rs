//! How a table is filled: without writing a row where that is exact, without most of them where it is safe, page by page elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, ForeignKey, Table};
use crate::rule::{Audit, ColumnOrigin, Resolved, Target};
use crate::sql::{Ident, KeyType, ParentSource, QualifiedName, TenantKey, TenantSource};

/// How a table is filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// All rows belong to one tenant: a default in the catalog, and no row is written.
    Constant(TenantKey),
    /// Most rows belong to one tenant: a default in the catalog for them; the others are written, page by page.
    Majority(TenantKey),
    /// Heap pages in order, each in several visits.
    Striped,
    /// The column is there and filled.
    Present,
}

impl Strategy {
    /// Whether rows are written in batches.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self, Self::Majority(_) | Self::Striped)
    }
}

/// A strategy with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyChoice {
    /// How.
    pub strategy: Strategy,
    /// Why; one line for the operator.
    pub reason: String,
}

/// The strategies of all tables.
#[derive(Clone, Debug, Default)]
pub struct Strategies(BTreeMap<QualifiedName, StrategyChoice>);

/// What a choice depends on.
struct Known<'a> {
    resolved: &'a Resolved,
    catalog: &'a Catalog,
    audit: &'a Audit,
    /// The type of tenants' keys.
    ty: KeyType,
    wish: StrategyWish,
}

impl Known<'_> {
    /// A default for most rows of the table, if few are left to write, and if it is safe that those read the wrong tenant until then.
    fn majority(&self, target: &Target) -> Option<StrategyChoice> {
        /// In a table of fewer rows there is little to win.
        const ROWS: i64 = 10_000;
        /// One row in so many may belong elsewhere. To write such a row costs about twice as much as in a table of which all are written.
        const SHARE: i64 = 4;
        let audit = self.audit.tables.get(&target.table)?;
        let (key, most) = audit.per_tenant.iter().max_by_key(|(key, rows)| (**rows, std::cmp::Reverse(*key)))?;
        let (all, others) = (audit.rows(), audit.rows() - most);
        if all < ROWS || others > all / SHARE || audit.orphans > 0 || self.is_read(target) || !self.covers_every_row(target) {
            return None;
        }
        let strategy = Strategy::Majority(TenantKey { ty: self.ty, text: key.clone() });
        Some(StrategyChoice { strategy, reason: "most rows belong to one tenant: only the others are written".into() })
    }

    /// Whether another table may take tenants from this one meanwhile: nobody knows what an expression reads.
    fn is_read(&self, target: &Target) -> bool {
        let reads = |other: &Target| {
            other.parents().any(|parent| parent.table == target.table)
                || other.sources.iter().any(|source| matches!(source, TenantSource::Expression { .. }))
        };
        self.resolved.targets().any(reads)
    }

    /// Whether the rule has a tenant for rows that the audit has not seen as well: by its last resort, or since each has a parent. One
    /// without a tenant would get one by the default.
    fn covers_every_row(&self, target: &Target) -> bool {
        let has_parent = |table: &Table| target.parents().any(|parent| table.foreign_keys.iter().any(|key| binds(table, key, parent)));
        target.orphans.is_some()
            || matches!(target.sources.last(), Some(TenantSource::Literal(_)))
            || self.catalog.leaves(&target.table).into_iter().all(has_parent)
    }
}

/// Whether by this key each row of the table has such a parent.
fn binds(table: &Table, key: &ForeignKey, parent: &ParentSource) -> bool {
    let pairs: BTreeSet<_> = key.columns.iter().zip(&key.references).collect();
    let is_set = |column: &Ident| table.column(column).is_some_and(|column| column.not_null);
    key.validated
        && key.table == parent.table
        && pairs == parent.on.iter().map(|(child, key)| (child, key)).collect()
        && key.columns.iter().all(is_set)
}

/// What the operator asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StrategyWish {
    /// The cheapest that is exact.
    #[default]
    Auto,
    /// Write every row in batches, even where a default would do.
    Batched,
}

impl Strategies {
    /// Chooses for every target; parents come before children.
    #[must_use]
    pub fn choose(resolved: &Resolved, catalog: &Catalog, audit: &Audit, ty: KeyType, wish: StrategyWish) -> Self {
        let known = Known { resolved, catalog, audit, ty, wish };
        let mut chosen = Self::default();
        for group in &resolved.groups {
            let cycle = Resolved::is_cycle(group);
            for target in group {
                let choice = chosen.choose_one(target, &known, cycle);
                chosen.0.insert(target.table.clone(), choice);
            }
        }
        chosen
    }

    fn choose_one(&self, target: &Target, known: &Known<'_>, cycle: bool) -> StrategyChoice {
        let choice = |strategy, reason: &str| StrategyChoice { strategy, reason: reason.to_owned() };
        if target.origin != ColumnOrigin::Added {
            return choice(Strategy::Present, "the tenant column is there already");
        }
        if known.wish == StrategyWish::Batched {
            return choice(Strategy::Striped, "asked for by --strategy batched");
        }
        if cycle {
            return choice(Strategy::Striped, "the table's rows depend on each other");
        }
        match self.possible_tenants(target) {
            Some(tenants) if tenants.len() == 1 && known.audit.orphans(&target.table) == 0 => {
                let key = tenants.into_iter().next();
                let reason = if target.parents().next().is_some() {
                    "every parent row belongs to one tenant, and every row has a parent"
                } else {
                    "the rule names one tenant for all rows"
                };
                key.map_or_else(|| choice(Strategy::Striped, "no tenant"), |key| choice(Strategy::Constant(key), reason))
            }
            Some(tenants) if tenants.len() == 1 => choice(Strategy::Striped, "some rows have no parent"),
            _ => known.majority(target).unwrap_or_else(|| choice(Strategy::Striped, "rows belong to different tenants")),
        }
    }

    /// The tenants that the rules can yield, if that can be known without looking at rows.
    fn possible_tenants(&self, target: &Target) -> Option<BTreeSet<TenantKey>> {
        let mut tenants = BTreeSet::new();
        for source in &target.sources {
            match source {
                TenantSource::Literal(key) => {
                    tenants.insert(key.clone());
                }
                TenantSource::Parent(parent) => match &self.0.get(&parent.table)?.strategy {
                    Strategy::Constant(key) => {
                        tenants.insert(key.clone());
                    }
                    Strategy::Majority(_) | Strategy::Striped | Strategy::Present => return None,
                },
                TenantSource::Column(_) | TenantSource::Map(_) | TenantSource::Expression { .. } => return None,
            }
        }
        Some(tenants)
    }

    /// The strategy of a table; tables that are no targets have none and count as filled.
    #[must_use]
    pub fn of(&self, table: &QualifiedName) -> StrategyChoice {
        let none = || StrategyChoice { strategy: Strategy::Present, reason: String::new() };
        self.0.get(table).cloned().unwrap_or_else(none)
    }
}

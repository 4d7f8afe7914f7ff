//! How a table is filled: without writing a row where that is exact, page by page elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::rule::{Audit, ColumnOrigin, Resolved, Target};
use crate::sql::{KeyType, QualifiedName, TenantKey, TenantSource};

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
    audit: &'a Audit,
    /// The type of tenants' keys.
    ty: KeyType,
    wish: StrategyWish,
    /// Tables whose rows say to which tenant others belong.
    parents: BTreeSet<&'a QualifiedName>,
}

impl Known<'_> {
    /// A default for most rows of the table, if few are left to write, and if it is safe that those read the wrong tenant until then.
    ///
    /// No other table must take its tenants from them meanwhile, and none of the rows may be without a tenant, or it would get one by
    /// the default. What the sources yield must not change from one reading to the next.
    fn majority(&self, target: &Target) -> Option<StrategyChoice> {
        /// Fewer rows than these are written sooner than thought about.
        const ROWS: i64 = 10_000;
        /// One of so many rows may be written: it costs about twice as much as one that all of its page are written with.
        const SHARE: i64 = 4;
        let audit = self.audit.tables.get(&target.table)?;
        let (key, most) = audit.per_tenant.iter().max_by_key(|(key, rows)| (**rows, std::cmp::Reverse(*key)))?;
        let (all, others) = (audit.rows(), audit.rows() - most);
        let opaque = target.sources.iter().any(|source| matches!(source, TenantSource::Expression { .. } | TenantSource::Column(_)));
        if audit.orphans > 0 || opaque || self.parents.contains(&target.table) || all < ROWS || others > all / SHARE {
            return None;
        }
        let strategy = Strategy::Majority(TenantKey { ty: self.ty, text: key.clone() });
        Some(StrategyChoice { strategy, reason: "most rows belong to one tenant: only the others are written".into() })
    }
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
    pub fn choose(resolved: &Resolved, audit: &Audit, ty: KeyType, wish: StrategyWish) -> Self {
        let parents = resolved.groups.iter().flatten().flat_map(Target::parents).map(|parent| &parent.table).collect();
        let known = Known { audit, ty, wish, parents };
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
            None => known.majority(target).unwrap_or_else(|| choice(Strategy::Striped, "rows belong to different tenants")),
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
            Some(_) => known.majority(target).unwrap_or_else(|| choice(Strategy::Striped, "rows belong to different tenants")),
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

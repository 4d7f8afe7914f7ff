//! Turns the rules of the configuration into sources with every name looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::catalog::graph::in_dependency_order;
use crate::catalog::{Catalog, ForeignKey, Table, TableKind};
use crate::config::{Config, Orphans, Rule, TableConfig};
use crate::plan::{Code, Finding};
use crate::rule::tenants::{QUARANTINE, TenantSet};
use crate::sql::map::Mapped;
use crate::sql::source::Weight;
use crate::sql::{Ident, MapSource, ParentSource, QualifiedName, TenantKey, TenantSource};

/// A table whose rows get a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The table; partitions belong to it.
    pub table: QualifiedName,
    /// Where its tenant column comes from.
    pub origin: ColumnOrigin,
    /// The sources, first match wins.
    pub sources: Vec<TenantSource>,
    /// The tenant of rows that no source covers; `None` = they stop the run.
    pub orphans: Option<TenantKey>,
}

/// Where a tenant column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnOrigin {
    /// The run adds it.
    Added,
    /// The table has it, filled.
    Existing,
    /// The table does not exist yet: a migration of the application creates it with the column.
    Migration,
}

/// A CSV file to stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapSpec {
    /// The file.
    pub file: PathBuf,
    /// The staged table.
    pub staged: QualifiedName,
    /// The table whose keys it maps.
    pub table: QualifiedName,
    /// The column that holds these keys.
    pub key: Ident,
    /// That column's type.
    pub key_ty: String,
}

impl MapSpec {
    /// The column that it is for.
    #[must_use]
    pub fn mapped(&self) -> Mapped<'_> {
        Mapped { table: &self.table, key: &self.key }
    }
}

/// All rules, resolved.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Targets, parents before children; tables of a cycle share a group.
    pub groups: Vec<Vec<Target>>,
    /// CSV files to stage, by table.
    pub maps: Vec<MapSpec>,
    /// What could not be resolved.
    pub findings: Vec<Finding>,
}

impl Resolved {
    /// All targets, parents before children.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.groups.iter().flatten()
    }

    /// Finds the target of a table.
    #[must_use]
    pub fn target(&self, table: &QualifiedName) -> Option<&Target> {
        self.targets().find(|target| target.table == *table)
    }

    /// Whether the tables of a group depend on each other or on themselves.
    #[must_use]
    pub fn is_cycle(group: &[Target]) -> bool {
        group.len() > 1 || group.iter().any(|target| target.parents().any(|parent| group.iter().any(|other| other.table == parent.table)))
    }
}

impl Target {
    /// The parents that its rules ask.
    pub fn parents(&self) -> impl Iterator<Item = &ParentSource> {
        self.sources.iter().filter_map(|source| match source {
            TenantSource::Parent(parent) => Some(parent),
            _ => None,
        })
    }

    /// Whether an expression of its rules names the table: it may ask for the tenants of its rows.
    fn mentions(&self, table: &QualifiedName) -> bool {
        self.sources.iter().any(|source| match source {
            TenantSource::Expression { sql, .. } => has_word(sql, table.name.plain()),
            _ => false,
        })
    }
}

/// Whether `word` is in the text, and not only as a part of a longer name; as in SQL, without regard to case.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase().replace('"', "\"\""));
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&word).any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

/// Looks up every name of the configuration.
#[must_use]
pub fn resolve(catalog: &Catalog, config: &Config, tenants: &TenantSet) -> Resolved {
    let mut resolver = Resolver { catalog, config, tenants, out: Resolved::default() };
    resolver.find_unclassified();
    let mut targets = BTreeMap::new();
    for (name, table) in &config.tables {
        if let Some(target) = resolver.table(name, table) {
            targets.insert(name.clone(), target);
        }
    }
    resolver.order(targets);
    resolver.out
}

struct Resolver<'a> {
    catalog: &'a Catalog,
    config: &'a Config,
    tenants: &'a TenantSet,
    out: Resolved,
}

impl Resolver<'_> {
    fn found(&mut self, code: Code, table: &QualifiedName, detail: impl Into<String>) {
        self.out.findings.push(Finding::table(code, table, detail));
    }

    fn find_unclassified(&mut self) {
        let config = self.config;
        let ours = |name: &QualifiedName| {
            *name == config.tenants.table || config.memberships.as_ref().is_some_and(|memberships| memberships.table == *name)
        };
        for table in self.catalog.tables.values().filter(|table| table.must_be_classified()) {
            if !config.tables.contains_key(&table.name) && !ours(&table.name) {
                self.found(Code::T001, &table.name, "no entry in [tables]");
            }
        }
    }

    fn table(&mut self, name: &QualifiedName, table: &TableConfig) -> Option<Target> {
        let is_new = table.rules == [Rule::Column];
        let known = self.catalog.table(name);
        if table.scope.is_some() {
            if known.is_none() && self.config.expand.migrations.is_none() {
                self.found(Code::T002, name, "it is not in the database");
            }
            return None;
        }
        let Some(known) = known else {
            if is_new && self.config.expand.migrations.is_some() {
                let sources = vec![TenantSource::Column(self.config.tenants.column.clone())];
                return Some(Target { table: name.clone(), origin: ColumnOrigin::Migration, sources, orphans: None });
            }
            self.found(Code::T002, name, "it is not in the database");
            return None;
        };
        self.check_kind(known)?;
        self.check_owner(name);
        let origin = self.column_origin(known, is_new)?;
        let sources = self.sources(known, &table.rules)?;
        self.check_keys(known, table);
        let orphans = match table.orphans {
            Orphans::Fail => None,
            Orphans::Default => self.tenants.find("default").map(|tenant| tenant.key.clone()),
            Orphans::Quarantine => self.tenants.find(QUARANTINE).map(|tenant| tenant.key.clone()),
        };
        Some(Target { table: name.clone(), origin, sources, orphans })
    }

    fn check_kind(&mut self, table: &Table) -> Option<()> {
        let reason = match table.kind {
            TableKind::Ordinary | TableKind::Partitioned if table.is_partition => {
                Some(format!("it is a partition; classify {} instead", table.parents[0].plain()))
            }
            TableKind::Ordinary | TableKind::Partitioned => None,
            TableKind::Foreign => Some("it is a foreign table".into()),
            TableKind::View | TableKind::MaterializedView => Some("it is a view".into()),
        };
        match reason {
            Some(reason) => {
                self.found(Code::T003, &table.name, reason);
                None
            }
            None => Some(()),
        }
    }

    /// Only the owner may add a column, an index or a policy; that counts for each partition, too.
    fn check_owner(&mut self, name: &QualifiedName) {
        for table in self.catalog.family(name).into_iter().filter(|table| !table.owned) {
            self.found(Code::T004, &table.name, format!("it belongs to {}", table.owner.plain()));
        }
    }

    fn column_origin(&mut self, table: &Table, is_new: bool) -> Option<ColumnOrigin> {
        let wanted = &self.config.tenants.column;
        let Some(column) = table.column(wanted) else {
            if is_new {
                self.found(Code::T006, &table.name, format!("`tenant = \"column\"`, but there is no column {}", wanted.plain()));
                return None;
            }
            return Some(ColumnOrigin::Added);
        };
        if column.ty != self.tenants.ty.sql() {
            let detail = format!("{} is of type {}, the registry's key is {}", wanted.plain(), column.ty, self.tenants.ty);
            self.found(Code::T005, &table.name, detail);
            return None;
        }
        if !is_new {
            self.found(Code::T005, &table.name, format!("{} exists, and a rule would fill it", wanted.plain()));
            return None;
        }
        Some(ColumnOrigin::Existing)
    }

    fn check_keys(&mut self, table: &Table, config: &TableConfig) {
        for name in config.unique.keys() {
            let known =
                table.keys.iter().any(|key| key.name == *name) || table.indexes.iter().any(|index| index.name == *name && index.unique);
            if !known {
                self.found(Code::T006, &table.name, format!("there is no unique key `{}`", name.plain()));
            }
        }
    }

    fn sources(&mut self, table: &Table, rules: &[Rule]) -> Option<Vec<TenantSource>> {
        let sources: Vec<Option<TenantSource>> = rules.iter().map(|rule| self.source(table, rule)).collect();
        sources.into_iter().collect()
    }

    fn source(&mut self, table: &Table, rule: &Rule) -> Option<TenantSource> {
        let resolved = match rule {
            Rule::Column => Ok(TenantSource::Column(self.config.tenants.column.clone())),
            Rule::Tenant(slug) => match self.tenants.find(slug) {
                Some(tenant) => Ok(TenantSource::Literal(tenant.key.clone())),
                None => Err(format!("there is no tenant `{slug}` in the registry, the configuration or the tenants' CSV file")),
            },
            Rule::Sql(sql) => Ok(TenantSource::Expression { sql: sql.trim().to_owned(), ty: self.tenants.ty }),
            Rule::Csv { file, key } => match table.column(key) {
                Some(column) => {
                    let earlier = self.out.maps.iter().filter(|map| map.table == table.name).count();
                    let staged = staged_name(&table.name, earlier);
                    self.out.maps.push(MapSpec {
                        file: self.config.file(file),
                        staged: staged.clone(),
                        table: table.name.clone(),
                        key: key.clone(),
                        key_ty: column.ty.clone(),
                    });
                    Ok(TenantSource::Map(MapSource { table: staged, key: key.clone() }))
                }
                None => Err(format!("there is no column `{}`", key.plain())),
            },
            Rule::Parent { table: parent, via } => self.parent(table, parent, via).map(TenantSource::Parent),
        };
        resolved.map_err(|reason| self.found(Code::T006, &table.name, reason)).ok()
    }

    fn parent(&self, table: &Table, parent: &QualifiedName, via: &[Ident]) -> Result<ParentSource, String> {
        let config = self.config.tables.get(parent).ok_or_else(|| format!("the parent {} is not in [tables]", parent.plain()))?;
        if config.scope.is_some() {
            return Err(format!("the parent {} has no tenants", parent.plain()));
        }
        let column = self.config.tenants.column.clone();
        let source = |on| ParentSource { table: parent.clone(), column, on, weight: Weight::Offers };
        let keys: Vec<&ForeignKey> = table.foreign_keys.iter().filter(|key| key.table == *parent && !key.inherited).collect();
        let keys: Vec<&ForeignKey> = keys.into_iter().filter(|key| via.is_empty() || key.columns == via).collect();
        match keys.as_slice() {
            [key] => Ok(source(key.columns.iter().cloned().zip(key.references.iter().cloned()).collect())),
            [] if via.is_empty() => Err(format!("no foreign key leads to {}; say `via = [\"column\"]`", parent.plain())),
            [] => self.undeclared(table, parent, via).map(source),
            _ => Err(format!("several foreign keys lead to {}; say which by `via = [\"column\"]`", parent.plain())),
        }
    }

    /// A reference that the database does not know about: by the columns of `via` to the parent's primary key.
    fn undeclared(&self, table: &Table, parent: &QualifiedName, via: &[Ident]) -> Result<Vec<(Ident, Ident)>, String> {
        if let Some(missing) = via.iter().find(|name| table.column(name).is_none()) {
            return Err(format!("there is no column `{}`", missing.plain()));
        }
        let key = self.catalog.table(parent).map(Table::identifying_columns).unwrap_or_default();
        if key.len() != via.len() {
            return Err(format!("the primary key of {} has {} columns, `via` has {}", parent.plain(), key.len(), via.len()));
        }
        Ok(via.iter().cloned().zip(key.iter().cloned()).collect())
    }

    fn order(&mut self, mut targets: BTreeMap<QualifiedName, Target>) {
        let needs = |target: &Target| {
            let parents = target.parents().map(|parent| &parent.table);
            let mentioned = targets.keys().filter(|other| **other != target.table && target.mentions(other));
            parents.chain(mentioned).cloned().collect::<BTreeSet<_>>()
        };
        let graph = targets.iter().map(|(name, target)| (name.clone(), needs(target))).collect();
        for group in in_dependency_order(&graph) {
            let mut group: Vec<Target> = group.iter().filter_map(|name| targets.remove(name)).collect();
            let members: BTreeSet<QualifiedName> = group.iter().map(|target| target.table.clone()).collect();
            for source in group.iter_mut().flat_map(|target| &mut target.sources) {
                if let TenantSource::Parent(parent) = source
                    && members.contains(&parent.table)
                {
                    parent.weight = Weight::Decides;
                }
            }
            self.out.groups.push(group);
        }
    }
}

/// The staged table of a table's CSV map; a table may have several.
fn staged_name(table: &QualifiedName, earlier: usize) -> QualifiedName {
    let schema = crate::journal::schema_name();
    let suffix = if earlier == 0 { "map".to_owned() } else { format!("map{}", earlier + 1) };
    QualifiedName::new(schema, Ident::derived(&[&table.schema, &table.name], &suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_in_an_expression_as_a_whole_word() {
        assert!(has_word("(select p.tenant_id from public.Projects as p)", "projects"));
        assert!(has_word("(select 1 from \"a \"\"b\"\"\")", "a \"b\""));
        assert!(!has_word("(select 1 from projects_old)", "projects"));
        assert!(!has_word("old_projects", "projects"));
    }
}

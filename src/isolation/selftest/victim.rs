//! What of a database is broken: the names that stand in the mutants.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::SelfTestError;
use crate::catalog::{Catalog, ForeignKey, Policy, Table, TableKind};
use crate::check::{Owners, Subject};
use crate::isolation::persona::unknown_tenant;
use crate::phase::TENANCY_SCHEMA;
use crate::sql::check::census;
use crate::sql::mutant::Names;
use crate::sql::policy::ContextSpec;
use crate::sql::{Ident, QualifiedName, TenantKey};

const EXISTS: &str = "SELECT to_regprocedure($1)::text AS text";

/// The names, and which relations the attacks on them must look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Victims {
    pub(super) names: Names,
    relations: BTreeMap<&'static str, QualifiedName>,
}

/// The roles of the self-test.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    /// Stands in for the application.
    pub(super) app: Ident,
    /// Somebody with more rights.
    pub(super) power: Ident,
    /// Somebody between the two.
    pub(super) middle: Ident,
}

#[derive(QueryableByName)]
struct Share {
    #[diesel(sql_type = Nullable<Text>)]
    tenant: Option<String>,
}

#[derive(QueryableByName)]
struct Function {
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
}

impl Victims {
    /// Chooses by the catalog and the rows, always in the same way. The first table that can be broken in most ways is taken.
    pub(super) fn choose(conn: &mut PgConnection, subject: &Subject, catalog: &Catalog, cast: &Cast) -> Result<Self, SelfTestError> {
        let mut victims = Self::default();
        let names = &mut victims.names;
        names.ident("app", &cast.app);
        names.ident("power", &cast.power);
        names.ident("middle", &cast.middle);
        names.ident("column", &subject.column);
        names.key_type("type", subject.ty);
        names.tenant("unknown", &unknown_tenant(subject.ty));
        if let ContextSpec::Setting { name } = &subject.context {
            names.setting("setting", name);
        }
        victims.registry(subject, catalog);
        victims.context(conn)?;
        let tables: Vec<&Table> = subject.tables.iter().filter_map(|name| catalog.table(name)).collect();
        let mut best: Option<(usize, &Table, Vec<TenantKey>)> = None;
        for table in tables.iter().filter(|table| suits(table, catalog)) {
            let tenants = tenants(conn, subject, table)?;
            // Where fence and permissive policy are all there is, no other hides what is changed in them.
            let plain = usize::from(table.policies.len() == 2);
            let rank = usize::from(tenants.len() > 1) * 4 + usize::from(key(table, subject).is_some()) * 2 + plain;
            if best.as_ref().is_none_or(|(known, ..)| rank > *known) {
                best = Some((rank, table, tenants));
            }
        }
        if let Some((_, table, tenants)) = best {
            victims.table(subject, table, &tenants);
        }
        victims.partition(&tables, catalog);
        victims.keys(conn, subject, (&tables, catalog))?;
        let sequence = tables.iter().flat_map(|table| &table.sequences).next();
        if let Some(sequence) = sequence {
            victims.names.relation("sequence", &sequence.name);
        }
        Ok(victims)
    }

    /// The relations to attack for a mutant that uses these names; the victim itself for one that uses none.
    pub(super) fn relations(&self, used: impl Iterator<Item = &'static str>) -> Vec<QualifiedName> {
        let mut relations: Vec<QualifiedName> = used.filter_map(|name| self.relations.get(name)).cloned().collect();
        relations.extend(self.relations.get("table").filter(|_| relations.is_empty()).cloned());
        relations.sort();
        relations.dedup();
        relations
    }

    fn relation(&mut self, name: &'static str, relation: &QualifiedName) {
        self.names.relation(name, relation);
        self.relations.insert(name, relation.clone());
    }

    fn registry(&mut self, subject: &Subject, catalog: &Catalog) {
        if let Some(registry) = &subject.registry {
            self.relation("registry", &registry.table);
            self.names.ident("registry_key", &registry.key);
            let fence = catalog.table(&registry.table).and_then(|table| table.policies.iter().find(|policy| !policy.permissive));
            if let Some(fence) = fence {
                self.names.ident("registry_fence", &fence.name);
            }
        }
        if let Some(membership) = &subject.membership {
            self.relation("membership", membership);
        }
        let ordinary = |name: &&QualifiedName| catalog.table(name).is_some_and(|table| table.kind == TableKind::Ordinary);
        if let Some(shared) = subject.shared.iter().find(ordinary) {
            self.names.relation("shared", shared);
        }
        self.names.ident("database", &catalog.server.database);
    }

    fn context(&mut self, conn: &mut PgConnection) -> Result<(), SelfTestError> {
        let (Ok(schema), Ok(name)) = (Ident::new(TENANCY_SCHEMA), Ident::new("current_tenant_id")) else { return Ok(()) };
        let function = QualifiedName::new(schema, name);
        let found: Function = diesel::sql_query(EXISTS).bind::<Text, _>(format!("{function}()")).get_result(conn)?;
        if found.text.is_some() {
            self.names.relation("context", &function);
        }
        Ok(())
    }

    fn table(&mut self, subject: &Subject, table: &Table, tenants: &[TenantKey]) {
        self.relation("table", &table.name);
        if subject.owners == Owners::Bound {
            self.relation("forced", &table.name);
        }
        let schema = &table.name.schema;
        self.names.ident("schema", schema);
        for (name, text) in [("made", "tenantize_mutant"), ("made_too", "tenantize_mutant_too")] {
            if let Ok(made) = Ident::new(text) {
                self.names.relation(name, &QualifiedName::new(schema.clone(), made));
            }
        }
        let backup = Ident::derived(&[&table.name.name], "backup");
        self.names.relation("backup", &QualifiedName::new(schema.clone(), backup));
        let columns: Vec<Ident> = table.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect();
        self.names.idents("columns", &columns);
        if let Some(key) = key(table, subject) {
            self.names.ident("key", key);
            // A foreign key needs a key of this column alone.
            if let (true, Some(column)) = (unique(table, key), table.column(key)) {
                self.relation("keyed", &table.name);
                self.names.expression("key_type", &column.ty);
            }
        }
        for (name, tenant) in ["a", "b"].into_iter().zip(tenants) {
            self.names.tenant(name, tenant);
        }
        let restrictive = || table.policies.iter().filter(|policy| !policy.permissive && policy.command == "*");
        let pins = |policy: &&Policy| policy.using.as_deref().is_some_and(|own| current(own, &subject.column).is_some());
        // The application may have restrictive policies of its own.
        let fence = restrictive().find(pins).or_else(|| restrictive().next());
        let allow = table.policies.iter().find(|policy| policy.permissive && policy.command == "*");
        for (name, policy) in [("fence", fence), ("allow", allow)] {
            if let Some(policy) = policy {
                self.names.ident(name, &policy.name);
            }
        }
        if let Some(own) = fence.or(allow).and_then(|policy| policy.using.as_deref()) {
            self.names.expression("own", own);
            if let Some(current) = current(own, &subject.column) {
                self.names.expression("current", current);
            }
        }
        let bound = table.foreign_keys.iter().find(|key| key.columns.len() == 1 && key.columns.contains(&subject.column) && !key.inherited);
        if let Some(bound) = bound {
            self.relation("registry_child", &table.name);
            self.names.ident("registry_fk", &bound.name);
        }
    }

    fn partition(&mut self, tables: &[&Table], catalog: &Catalog) {
        for table in tables.iter().filter(|table| table.kind == TableKind::Partitioned) {
            if let Some(partition) = catalog.leaves(&table.name).into_iter().find(|leaf| leaf.kind == TableKind::Ordinary) {
                self.relation("root", &table.name);
                self.names.relation("partition", &partition.name);
                self.relations.insert("partition", table.name.clone());
                return;
            }
        }
    }

    /// A foreign key that carries the tenant and one more column, and that some row fills: a key of an empty table breaks nothing.
    fn keys(&mut self, conn: &mut PgConnection, subject: &Subject, (tables, catalog): (&[&Table], &Catalog)) -> Result<(), SelfTestError> {
        for child in tables.iter().filter(|table| suits(table, catalog)) {
            for key in &child.foreign_keys {
                let Some(parent) = catalog.table(&key.table).filter(|parent| subject.tables.contains(&parent.name)) else { continue };
                let Some((column, reference)) = simple(key, &subject.column) else { continue };
                if parent.name == child.name || !unique(parent, reference) {
                    continue;
                }
                let values: Vec<Share> = census(&child.name, column).rows(conn)?;
                if values.iter().any(|value| value.tenant.is_some()) {
                    self.relation("child", &child.name);
                    self.relation("parent", &parent.name);
                    self.names.ident("child_fk", &key.name);
                    self.names.ident("child_column", column);
                    self.names.ident("parent_key", reference);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A table of its own, whose rows are in it.
fn suits(table: &Table, catalog: &Catalog) -> bool {
    table.kind == TableKind::Ordinary && table.parents.is_empty() && catalog.children(&table.name).next().is_none()
}

/// The column that, with or without the tenant, identifies a row.
fn key<'a>(table: &'a Table, subject: &Subject) -> Option<&'a Ident> {
    let mut columns = table.identifying_columns().iter().filter(|column| **column != subject.column);
    columns.next().filter(|_| columns.next().is_none())
}

fn unique(table: &Table, column: &Ident) -> bool {
    table.keys.iter().any(|key| key.columns == [column.clone()] && !key.deferrable)
}

/// The other column of a key that carries the tenant, and what it references.
fn simple<'a>(key: &'a ForeignKey, tenant: &Ident) -> Option<(&'a Ident, &'a Ident)> {
    let carries = key.columns.len() == 2
        && !key.inherited
        && key.columns.iter().zip(&key.references).any(|(from, to)| from == tenant && to == tenant);
    key.columns.iter().zip(&key.references).find(|(from, _)| carries && *from != tenant)
}

/// What the policy compares the tenant column with: the session's tenant.
fn current<'a>(own: &'a str, column: &Ident) -> Option<&'a str> {
    let inner = own.strip_prefix('(')?.strip_suffix(')')?;
    [format!("{} = ", column.plain()), format!("{column} = "), format!("({})::text = ", column.plain()), format!("({column})::text = ")]
        .iter()
        .find_map(|prefix| inner.strip_prefix(prefix.as_str()))
        .filter(|text| text.starts_with("( SELECT"))
}

/// The tenants of a table that it has most rows of.
fn tenants(conn: &mut PgConnection, subject: &Subject, table: &Table) -> Result<Vec<TenantKey>, SelfTestError> {
    let shares: Vec<Share> = census(&table.name, &subject.column).rows(conn)?;
    Ok(shares.into_iter().filter_map(|share| share.tenant).take(2).map(|text| TenantKey { ty: subject.ty, text }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sessions_tenant_is_read_out_of_a_policy() {
        let column = Ident::new("tenant_id").unwrap();
        let own = "(tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS \"nullif\"))";
        assert_eq!(
            current(own, &column),
            Some("( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS \"nullif\")")
        );
        assert_eq!(current("(tenant_id = ANY (ARRAY[1]))", &column), None);
        let quoted = Ident::new("Nr").unwrap();
        assert_eq!(current("((\"Nr\")::text = ( SELECT f()))", &quoted), Some("( SELECT f())"));
    }
}

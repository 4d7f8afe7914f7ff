//! The registry: a table that lists customers already, or a new one.

use super::{ProposeOptions, names};
use crate::catalog::{Catalog, Table, TableKind};
use crate::sql::{Ident, KeyType, QualifiedName};

/// Tables that may list tenants, the most likely first.
const CANDIDATES: &[&str] = &["tenant", "organization", "organisation", "workspace", "company", "account"];
/// Columns by which a tenant is called, the best first.
const SLUGS: &[&str] = &["slug", "subdomain", "handle", "code", "key", "identifier", "domain", "name"];
/// Names for a new registry.
const NEW: &[&str] = &["tenants", "tenant_registry", "tenancy_tenants"];

/// The registry as it is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedRegistry {
    /// The table.
    pub table: QualifiedName,
    /// Its primary key.
    pub key: Ident,
    /// The column that names a tenant.
    pub slug: Ident,
    /// Whether it is in the database, and what its rows need.
    pub origin: RegistryOrigin,
    /// Why this one.
    pub reason: String,
}

/// Where the registry comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryOrigin {
    /// The run creates it.
    New,
    /// It is there.
    Existing {
        /// The key's type, if tenants can have it.
        key_ty: Option<KeyType>,
        /// Further columns without which no row can be added, with their types.
        required: Vec<(Ident, String)>,
    },
}

impl ProposedRegistry {
    /// Whether it is in the database.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.origin != RegistryOrigin::New
    }

    /// The type of its key, if that can be known.
    pub(super) fn key_type(&self) -> Option<KeyType> {
        match self.origin {
            RegistryOrigin::New => Some(KeyType::Uuid),
            RegistryOrigin::Existing { key_ty, .. } => key_ty,
        }
    }
}

pub(super) fn choose(catalog: &Catalog, options: &ProposeOptions) -> ProposedRegistry {
    if let Some(name) = &options.registry {
        return match catalog.table(name) {
            Some(table) => existing(table, "you named it".into()),
            None => new(name.clone(), "you named it".into()),
        };
    }
    for word in CANDIDATES {
        let named = |table: &&Table| names::forms(word).iter().any(|form| form == table.name.name.plain());
        if let Some(table) = catalog.tables.values().find(|table| named(table) && lists_tenants(table)) {
            return existing(table, "it lists customers already, each with a unique name".into());
        }
    }
    let schemas = || catalog.tables.values().filter(|table| !table.kind.is_view()).map(|table| &table.name.schema);
    let schema = schemas().find(|schema| schema.plain() == "public");
    let schema = schema.or_else(|| schemas().next()).cloned().unwrap_or_else(|| known("public"));
    let names = NEW.iter().map(|name| QualifiedName::new(schema.clone(), known(name)));
    let free = names.clone().find(|name| catalog.table(name).is_none());
    let table = free.or_else(|| names.into_iter().next()).unwrap_or_else(|| QualifiedName::new(schema.clone(), known("tenants")));
    new(table, "no table lists customers".into())
}

fn new(table: QualifiedName, reason: String) -> ProposedRegistry {
    ProposedRegistry { table, key: known("id"), slug: known("slug"), origin: RegistryOrigin::New, reason }
}

fn existing(table: &Table, reason: String) -> ProposedRegistry {
    let key = key(table).cloned().unwrap_or_else(|| known("id"));
    let slug = slug(table).cloned().unwrap_or_else(|| key.clone());
    let given = |name: &Ident| *name == key || *name == slug;
    let required = table
        .columns
        .iter()
        .filter(|column| column.not_null && column.default.is_none() && !column.generated && !column.identity && !given(&column.name));
    let required = required.map(|column| (column.name.clone(), column.ty.clone())).collect();
    let key_ty = table.column(&key).and_then(|column| KeyType::from_sql(&column.ty));
    ProposedRegistry { table: table.name.clone(), key, slug, origin: RegistryOrigin::Existing { key_ty, required }, reason }
}

fn lists_tenants(table: &Table) -> bool {
    let supported = key(table).and_then(|key| table.column(key)).is_some_and(|key| KeyType::from_sql(&key.ty).is_some());
    table.kind == TableKind::Ordinary && table.parents.is_empty() && supported && slug(table).is_some() && !names::is_people(table)
}

fn key(table: &Table) -> Option<&Ident> {
    match table.identifying_columns() {
        [key] => Some(key),
        _ => None,
    }
}

/// A column of text, unique by itself and never null.
fn slug(table: &Table) -> Option<&Ident> {
    let by_key = table.keys.iter().map(|key| key.columns.iter().map(Some).collect::<Vec<_>>());
    let indexes = table.indexes.iter().filter(|index| index.unique && index.valid && !index.partial);
    let by_index = indexes.map(|index| index.columns.iter().map(Option::as_ref).collect::<Vec<_>>());
    let unique: Vec<&Ident> =
        by_key.chain(by_index).filter_map(|columns| if let [Some(only)] = columns[..] { Some(only) } else { None }).collect();
    SLUGS.iter().find_map(|slug| {
        let column = unique.iter().find(|name| name.plain() == *slug)?;
        table.column(column).filter(|column| column.not_null && names::is_text(&column.ty)).map(|column| &column.name)
    })
}

#[expect(clippy::expect_used, reason = "the text is a constant of this file")]
fn known(name: &'static str) -> Ident {
    Ident::new(name).expect("a constant name is valid")
}

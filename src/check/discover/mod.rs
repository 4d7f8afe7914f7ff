//! What there is to verify in a database that no plan has made: read from the catalog, and every guess is said.

mod context;
mod roles;

use context::Members;
pub use context::{ContextWish, MEMBER, Mention, TENANT, fill};

use std::collections::{BTreeMap, BTreeSet};

use diesel::PgConnection;
use serde::{Deserialize, Serialize};

use super::subject::{Found, MemberColumn, Owners, Registry, Subject};
use crate::catalog::{Catalog, CatalogError, Table, TableKind};
use crate::progress::style::plural;
use crate::sql::policy::ContextSpec;
use crate::sql::{Ident, KeyType, QualifiedName};

/// What the operator says of a database; what is missing is read from it.
#[derive(Clone, Debug)]
pub struct DiscoverOptions {
    /// The tenant column.
    pub column: Ident,
    /// The schemas of the application.
    pub schemas: Vec<Ident>,
    /// The registry of tenants.
    pub registry: Option<QualifiedName>,
    /// The membership table.
    pub membership: Option<QualifiedName>,
    /// Tables that every tenant may read.
    pub shared: Vec<QualifiedName>,
    /// The application's roles.
    pub app_roles: Vec<Ident>,
    /// Roles that only read.
    pub read_roles: Vec<Ident>,
    /// Roles that see every row by intention.
    pub trusted_roles: Vec<Ident>,
    /// Roles whose tables are read.
    pub trusted_owners: Vec<Ident>,
    /// Where policies learn the tenant from.
    pub context: ContextWish,
    /// Further settings of a session; `{tenant}` and `{member}` stand for a tenant's key and for a user of it.
    pub settings: Vec<(String, String)>,
}

/// Where a fact comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The operator said so.
    Given,
    /// The catalog says so.
    Found,
    /// The catalog suggests it.
    Guessed,
}

/// Something that the verification of a foreign database takes for true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about.
    pub what: String,
    /// What is taken for true.
    pub is: String,
    /// Why.
    pub because: String,
    /// Where it comes from.
    pub source: Source,
    /// The option that says otherwise.
    pub option: String,
}

impl Fact {
    fn new(what: &str, is: impl Into<String>, because: impl Into<String>, source: Source, option: &str) -> Self {
        Self { what: what.into(), is: is.into(), because: because.into(), source, option: option.into() }
    }
}

/// Why nothing can be verified before somebody says more.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// No table has the column.
    #[error("no table of {schemas} has the column {column}")]
    NoColumn {
        /// The column.
        column: String,
        /// Where it was looked for.
        schemas: String,
        /// Columns by which many tables reference one.
        likely: Vec<String>,
    },
    /// A type that keys of tenants do not have.
    #[error("{table}.{column} is of type {ty}; tenants are uuid, bigint, integer or text")]
    Type {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        ty: String,
    },
    /// Several tables may be the registry.
    #[error("several tables may be the registry of tenants: {}", .0.join(", "))]
    Registry(Vec<String>),
    /// Something that was named is not there.
    #[error("{what} {name} does not exist")]
    Missing {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The registry's key is not known.
    #[error("{0} has no key of one column, and no foreign key says which column names a tenant")]
    NoKey(String),
    /// A session may become a tenant in several ways.
    #[error("policies and functions learn the tenant from several places: {}", .0.iter().map(|(way, why)| format!("{way} ({why})")).collect::<Vec<_>>().join(", "))]
    Context(Vec<(String, String)>),
    /// Settings need a user, and nobody says who belongs to whom.
    #[error("the settings of a session need a user of the tenant, and no membership table is known")]
    NoMembership,
    /// The user of a membership is not known.
    #[error("{0} has no column user_id and no key of the tenant and one more column")]
    NoMember(String),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The server refused a question.
    #[error("cannot read what policies ask for")]
    Query(#[from] diesel::result::Error),
}

impl DiscoverError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoColumn { likely, .. } if likely.is_empty() => "say which schema with --schema, or another --tenant-column".into(),
            Self::NoColumn { likely, .. } => format!("columns by which many tables reference one: {}", likely.join(", ")),
            Self::Registry(_) | Self::NoKey(_) => "say which with --registry SCHEMA.TABLE".into(),
            Self::Context(_) => "say one of them".into(),
            Self::NoMembership => "say which with --membership SCHEMA.TABLE".into(),
            Self::NoMember(_) => "say another table with --membership".into(),
            Self::Missing { .. } => "names are written as they are stored, tables with their schema: public.orders".into(),
            Self::Type { .. } | Self::Catalog(_) | Self::Query(_) => return None,
        })
    }
}

/// A subject and what was taken for true to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// What is verified.
    pub subject: Subject,
    /// What is taken for true.
    pub facts: Vec<Fact>,
}

impl Discovery {
    /// Reads the catalog and decides.
    pub fn load(conn: &mut PgConnection, options: &DiscoverOptions) -> Result<Self, DiscoverError> {
        let named = options.registry.iter().chain(&options.membership).chain(&options.shared).map(|name| &name.schema);
        let schemas: BTreeSet<Ident> = options.schemas.iter().chain(named).cloned().collect();
        let catalog = Catalog::load(conn, &schemas.into_iter().collect::<Vec<_>>())?;
        let mentions = Mention::load(conn)?;
        Self::of(&catalog, &mentions, options)
    }

    /// Decides by the catalog and by what policies and functions ask for.
    pub fn of(catalog: &Catalog, mentions: &[Mention], options: &DiscoverOptions) -> Result<Self, DiscoverError> {
        all_there(catalog, options)?;
        let mut facts = Vec::new();
        let tables = tables(catalog, options)?;
        let registry = registry(catalog, &tables, options, &mut facts)?;
        let ty = key_type(&tables, registry.as_ref(), catalog, &options.column)?;
        let rows: Vec<&&Table> =
            tables.iter().filter(|table| registry.as_ref().is_none_or(|registry| registry.table != table.name)).collect();
        let because = format!("they have the column {} of type {ty}", options.column.plain());
        facts.insert(0, Fact::new("tables", rows.len().to_string(), because, Source::Found, "--schema"));
        let guarded: Vec<&Table> =
            rows.iter().map(|table| **table).chain(registry.as_ref().and_then(|found| catalog.table(&found.table))).collect();
        let (app_roles, read_roles) = roles::roles(catalog, &guarded, options, &mut facts)?;
        let members = if options.membership.is_some() { Members::Known } else { Members::Unknown };
        let session = context::session(&options.context, mentions, &options.column, members)?;
        facts.extend(session.facts);
        let found = found(catalog, options, session.settings)?;
        if let Some(membership) = &options.membership {
            facts.push(Fact::new("membership", membership.plain(), "given", Source::Given, "--membership"));
        }
        if registry.is_none() {
            let ids = super::catalog::OF_REGISTRY.join(", ");
            facts.push(Fact::new("not asked", format!("{ids}, T803"), "there is no registry", Source::Found, "--registry"));
        }
        let names = rows.iter().map(|table| table.name.clone()).filter(|name| Some(name) != options.membership.as_ref());
        let subject = Subject {
            schemas: options.schemas.iter().cloned().collect(),
            column: options.column.clone(),
            ty,
            tables: names.collect(),
            registry,
            membership: options.membership.clone(),
            shared: options.shared.clone(),
            app_roles,
            read_roles,
            trusted_roles: options.trusted_roles.clone(),
            context: context(&found),
            owners: Owners::Bound,
            accepted: Vec::new(),
            trusted_owners: roles::trusted_owners(catalog, options),
            found: Some(found),
        };
        Ok(Self { subject, facts })
    }
}

/// What was named exists, and memberships name tenants as the tables do.
fn all_there(catalog: &Catalog, options: &DiscoverOptions) -> Result<(), DiscoverError> {
    let mut named = options.registry.iter().chain(&options.membership).chain(&options.shared);
    if let Some(name) = named.find(|name| catalog.table(name).is_none()) {
        return Err(DiscoverError::Missing { what: "the table", name: name.plain() });
    }
    let membership = options.membership.as_ref().and_then(|name| catalog.table(name));
    match membership.filter(|table| table.column(&options.column).is_none()) {
        Some(table) => {
            let name = format!("{}.{}", table.name.plain(), options.column.plain());
            Err(DiscoverError::Missing { what: "the column", name })
        }
        None => Ok(()),
    }
}

/// The setting that holds nothing but the tenant, for whoever asks for its name.
fn context(found: &Found) -> ContextSpec {
    let plain = found.settings.iter().find(|(_, value)| value == TENANT);
    plain.map_or_else(ContextSpec::default, |(name, _)| ContextSpec::Setting { name: name.clone() })
}

/// The tables with the column, without partitions: those follow their parents.
fn tables<'a>(catalog: &'a Catalog, options: &DiscoverOptions) -> Result<Vec<&'a Table>, DiscoverError> {
    let kinds = [TableKind::Ordinary, TableKind::Partitioned];
    let ours = |table: &&Table| options.schemas.contains(&table.name.schema) || options.membership.as_ref() == Some(&table.name);
    let tables: Vec<&Table> = catalog
        .tables
        .values()
        .filter(ours)
        .filter(|table| kinds.contains(&table.kind) && table.parents.is_empty() && table.column(&options.column).is_some())
        .filter(|table| options.registry.as_ref() != Some(&table.name) && !is_copy(table))
        .collect();
    if tables.is_empty() {
        let schemas: Vec<&str> = options.schemas.iter().map(Ident::plain).collect();
        let column = options.column.plain().to_owned();
        return Err(DiscoverError::NoColumn { column, schemas: schemas.join(", "), likely: likely(catalog) });
    }
    Ok(tables)
}

/// Whether a table is only a copy of another, by its name and because nothing holds it together: T110 asks who may read it.
fn is_copy(table: &Table) -> bool {
    let name = table.name.name.plain();
    let named = ["_backup", "_bak", "_old", "_copy"].iter().any(|end| name.ends_with(end));
    named && table.keys.is_empty() && table.foreign_keys.is_empty() && table.policies.is_empty()
}

/// Columns by which at least two tables reference one and the same, most first.
fn likely(catalog: &Catalog) -> Vec<String> {
    let mut counts: BTreeMap<(&Ident, &QualifiedName), usize> = BTreeMap::new();
    for key in catalog.tables.values().flat_map(|table| &table.foreign_keys) {
        if let [column] = key.columns.as_slice() {
            *counts.entry((column, &key.table)).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let texts = counts.into_iter().take(5);
    texts.map(|((column, table), count)| format!("{} ({} reference {})", column.plain(), plural(count, "table"), table.plain())).collect()
}

/// The registry that was given, or the table that the tenant column references most.
fn registry(
    catalog: &Catalog,
    tables: &[&Table],
    options: &DiscoverOptions,
    facts: &mut Vec<Fact>,
) -> Result<Option<Registry>, DiscoverError> {
    let mut counts: BTreeMap<(&QualifiedName, &Ident), usize> = BTreeMap::new();
    for key in tables.iter().flat_map(|table| &table.foreign_keys) {
        if let ([column], [reference]) = (key.columns.as_slice(), key.references.as_slice())
            && *column == options.column
        {
            *counts.entry((&key.table, reference)).or_default() += 1;
        }
    }
    let fact = |table: &QualifiedName, because: String, source| Fact::new("registry", table.plain(), because, source, "--registry");
    if let Some(table) = &options.registry {
        let by_reference = counts.keys().find(|(name, _)| *name == table).map(|(_, key)| (*key).clone());
        let own = catalog.table(table).and_then(|table| <&[Ident; 1]>::try_from(table.identifying_columns()).ok());
        let key = by_reference.or_else(|| own.map(|[key]| key.clone())).ok_or_else(|| DiscoverError::NoKey(table.plain()))?;
        facts.push(fact(table, "given".into(), Source::Given));
        return Ok(Some(Registry { table: table.clone(), key }));
    }
    let most = counts.values().max().copied().unwrap_or_default();
    let best: Vec<_> = counts.iter().filter(|(_, count)| **count == most).collect();
    match best.as_slice() {
        [] => {
            facts.push(Fact::new(
                "registry",
                "none",
                "no foreign key leads from the tenant column anywhere",
                Source::Guessed,
                "--registry",
            ));
            Ok(None)
        }
        [((table, key), _)] => {
            facts.push(fact(table, format!("referenced by {}", plural(most, "foreign key")), Source::Guessed));
            Ok(Some(Registry { table: (*table).clone(), key: (*key).clone() }))
        }
        several => Err(DiscoverError::Registry(several.iter().map(|((table, _), count)| format!("{} ({count})", table.plain())).collect())),
    }
}

/// The type of tenants: the registry's key decides, otherwise the first table.
fn key_type(tables: &[&Table], registry: Option<&Registry>, catalog: &Catalog, column: &Ident) -> Result<KeyType, DiscoverError> {
    for table in tables {
        let Some(found) = table.column(column) else { continue };
        if KeyType::from_sql(&found.ty).is_none() {
            let (table, column, ty) = (table.name.plain(), column.plain().to_owned(), found.ty.clone());
            return Err(DiscoverError::Type { table, column, ty });
        }
    }
    let of_registry = registry.and_then(|registry| catalog.table(&registry.table)?.column(&registry.key));
    let of_table = tables.iter().find_map(|table| table.column(column));
    Ok(of_registry.or(of_table).and_then(|column| KeyType::from_sql(&column.ty)).unwrap_or(KeyType::Text))
}

/// How a session becomes a tenant, and where a user of it is found when its settings need one.
fn found(catalog: &Catalog, options: &DiscoverOptions, mut settings: Vec<(String, String)>) -> Result<Found, DiscoverError> {
    for (name, value) in &options.settings {
        settings.retain(|(known, _)| known != name);
        settings.push((name.clone(), value.clone()));
    }
    if !settings.iter().any(|(_, value)| value.contains(MEMBER)) {
        return Ok(Found { settings, member: None });
    }
    let table = options.membership.as_ref().and_then(|name| catalog.table(name)).ok_or(DiscoverError::NoMembership)?;
    let pair = |key: &&crate::catalog::Key| key.columns.len() == 2 && key.columns.contains(&options.column);
    let by_key = table.keys.iter().find(pair).and_then(|key| key.columns.iter().find(|column| **column != options.column));
    let by_name = || table.columns.iter().map(|column| &column.name).find(|name| name.plain() == "user_id");
    let column = by_key.or_else(by_name).ok_or_else(|| DiscoverError::NoMember(table.name.plain()))?;
    Ok(Found { settings, member: Some(MemberColumn { table: table.name.clone(), column: column.clone() }) })
}

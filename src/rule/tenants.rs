//! The tenants: those of the registry, the default one and those of the CSV file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::TenantList;
use crate::catalog::{Catalog, Column};
use crate::config::{Config, Orphans};
use crate::sql::change::TenantRow;
use crate::sql::{Ident, KeyType, TenantKey};

/// Keys of new tenants are made from their slugs in this namespace, so that every run of a plan gives the same.
const NAMESPACE: Uuid = Uuid::from_u128(0x8f3b_5a52_6f0e_4d0c_9d6b_7465_6e61_6e74);

/// A row of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its primary key.
    pub key: TenantKey,
    /// The text that names it in files and rules.
    pub slug: String,
    /// Values of further columns; empty for a tenant that is there already.
    pub columns: BTreeMap<Ident, String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a tenant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The registry has it.
    Existing,
    /// The configuration or the CSV file brings it.
    New,
}

/// All tenants that rows can belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSet {
    /// The type of their keys.
    pub ty: KeyType,
    /// Existing ones first, then the default tenant, then those of the CSV file, then quarantine.
    pub tenants: TenantList,
    /// The slug of the default tenant.
    pub default: String,
}

/// Why the tenants cannot be determined.
#[derive(Debug, thiserror::Error)]
pub enum TenantsError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: csv::Error,
    },
    /// A line of the file is of no use.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The registry or its section in the configuration does not fit.
    #[error("[tenants]: {0}")]
    Registry(String),
}

impl TenantsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "correct `csv` in [tenants], or the file; relative names start at the folder of the configuration",
            Self::Line { .. } => "correct the line",
            Self::Registry(_) => "correct [tenants] in the configuration, or the tenants' CSV file",
        }
    }
}

/// The slug of the tenant for rows that nobody may see.
pub const QUARANTINE: &str = "quarantine";

/// The columns of a registry that we create, besides key and slug.
const CREATED: [&str; 4] = ["name", "domain", "created_at", "updated_at"];

impl TenantSet {
    /// Puts together existing tenants (key and slug) with those of the configuration.
    pub fn build(config: &Config, catalog: &Catalog, existing: &[(String, String)]) -> Result<Self, TenantsError> {
        let mut set = Self { ty: key_type(config, catalog)?, tenants: TenantList::default(), default: config.tenants.default.slug.clone() };
        for (key, slug) in existing {
            let key = TenantKey { ty: set.ty, text: key.clone() };
            set.tenants.push(Tenant { key, slug: slug.clone(), columns: BTreeMap::new(), origin: Origin::Existing });
        }
        let mut columns = BTreeMap::new();
        for (name, value) in &config.tenants.default.columns {
            columns.insert(Ident::new(name.as_str()).map_err(|error| TenantsError::Registry(error.to_string()))?, value.clone());
        }
        set.add(config, &config.tenants.default.slug, columns).map_err(TenantsError::Registry)?;
        if let Some(file) = &config.tenants.csv {
            set.read_csv(config, &config.file(file))?;
        }
        if config.tables.values().any(|table| table.orphans == Orphans::Quarantine) {
            set.add(config, QUARANTINE, BTreeMap::new()).map_err(TenantsError::Registry)?;
        }
        set.fits(config, catalog)?;
        Ok(set)
    }

    /// The values of new tenants must have a column each, and each column that asks for a value must get one.
    fn fits(&self, config: &Config, catalog: &Catalog) -> Result<(), TenantsError> {
        let name = &config.tenants.table;
        let table = catalog.table(name);
        let known = |column: &Ident| match table {
            Some(table) => table.column(column).is_some(),
            // A migration of the application may add columns to the registry that we create.
            None => config.expand.migrations.is_some() || CREATED.contains(&column.plain()) || *column == config.tenants.slug,
        };
        let asks = |column: &&Column| column.not_null && column.default.is_none() && !column.identity && !column.generated;
        let asking: Vec<&Ident> = table.iter().flat_map(|table| &table.columns).filter(asks).map(|column| &column.name).collect();
        for row in self.new_rows(config, catalog) {
            let slug = self.slug_of(&row.key.text);
            if let Some(column) = row.columns.keys().find(|column| !known(column)) {
                let reason = format!("the tenant `{slug}` has a value for `{}`, which is no column of {}", column.plain(), name.plain());
                return Err(TenantsError::Registry(reason));
            }
            let given = |column: &Ident| *column == config.tenants.key || row.columns.contains_key(column);
            if let Some(column) = asking.iter().find(|column| !given(column)) {
                let reason =
                    format!("the tenant `{slug}` needs a value for `{}`, which must not be empty in {}", column.plain(), name.plain());
                return Err(TenantsError::Registry(reason));
            }
        }
        Ok(())
    }

    fn read_csv(&mut self, config: &Config, path: &Path) -> Result<(), TenantsError> {
        let fail = |source| TenantsError::Read { path: path.to_owned(), source };
        let mut reader = csv::Reader::from_path(path).map_err(fail)?;
        let line = |line, reason: String| TenantsError::Line { path: path.to_owned(), line, reason };
        let mut header = Vec::new();
        for name in reader.headers().map_err(fail)? {
            header.push(Ident::new(name.trim_start_matches('\u{feff}')).map_err(|error| line(1, error.to_string()))?);
        }
        let slug_at = header.iter().position(|name| *name == config.tenants.slug);
        let slug_at = slug_at.ok_or_else(|| line(1, format!("the header has no column `{}`", config.tenants.slug.plain())))?;
        for record in reader.records() {
            let record = record.map_err(fail)?;
            let at = record.position().map_or(0, csv::Position::line);
            let filled = header.iter().cloned().zip(record.iter().map(str::to_owned)).filter(|(_, value)| !value.is_empty());
            let mut columns: BTreeMap<Ident, String> = filled.collect();
            columns.remove(&config.tenants.slug);
            if self.tenants.by_slug(&record[slug_at]).is_some_and(|tenant| tenant.origin == Origin::New) {
                return Err(line(at, format!("the tenant `{}` is there twice", &record[slug_at])));
            }
            self.add(config, &record[slug_at], columns).map_err(|reason| line(at, reason))?;
        }
        Ok(())
    }

    fn add(&mut self, config: &Config, slug: &str, mut columns: BTreeMap<Ident, String>) -> Result<(), String> {
        if slug.is_empty() {
            return Err("a tenant needs a slug".into());
        }
        if self.find(slug).is_some() {
            return Ok(());
        }
        let text = match columns.remove(&config.tenants.key) {
            Some(text) => text,
            None => self.next_key(slug),
        };
        if !self.ty.accepts(&text) {
            return Err(format!("`{text}` is no {}", self.ty));
        }
        let text = if self.ty == KeyType::Uuid { text.to_lowercase() } else { text };
        if let Some(other) = self.tenants.by_key(&text) {
            return Err(format!("the key {text} belongs to the tenant `{}`", other.slug));
        }
        if config.tenants.slug != config.tenants.key {
            columns.insert(config.tenants.slug.clone(), slug.to_owned());
        }
        self.tenants.push(Tenant { key: TenantKey { ty: self.ty, text }, slug: slug.to_owned(), columns, origin: Origin::New });
        Ok(())
    }

    fn next_key(&self, slug: &str) -> String {
        match self.ty {
            KeyType::Uuid => Uuid::new_v5(&NAMESPACE, slug.as_bytes()).to_string(),
            KeyType::Text => slug.to_owned(),
            KeyType::Bigint | KeyType::Int => (self.tenants.greatest().unwrap_or(0).max(0) + 1).to_string(),
        }
    }

    /// Finds a tenant by its slug, by `default` or by its key.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Tenant> {
        self.tenants
            .by_slug(name)
            .or_else(|| (name == "default").then(|| self.tenants.by_slug(&self.default)).flatten())
            .or_else(|| self.tenants.by_key(name))
    }

    /// The key of every tenant by each name that [`Self::find`] knows it by.
    #[must_use]
    pub fn keys_by_name(&self) -> BTreeMap<&str, &str> {
        // What is found first is inserted last: it takes the place of the others.
        let keys = self.tenants.iter().rev().map(|tenant| (tenant.key.text.as_str(), tenant.key.text.as_str()));
        let default = self.find(&self.default).map(|tenant| ("default", tenant.key.text.as_str()));
        let slugs = self.tenants.iter().rev().map(|tenant| (tenant.slug.as_str(), tenant.key.text.as_str()));
        keys.chain(default).chain(slugs).collect()
    }

    /// The rows to add to the registry.
    #[must_use]
    pub fn new_rows(&self, config: &Config, catalog: &Catalog) -> Vec<TenantRow> {
        let created = catalog.table(&config.tenants.table).is_none();
        let name = Ident::new("name").ok().filter(|_| created);
        let new = self.tenants.iter().filter(|tenant| tenant.origin == Origin::New);
        new.map(|tenant| {
            let mut columns = tenant.columns.clone();
            // The registry that we create asks for a name.
            if let Some(name) = &name {
                columns.entry(name.clone()).or_insert_with(|| tenant.slug.clone());
            }
            TenantRow { key: tenant.key.clone(), columns }
        })
        .collect()
    }

    /// The slug of the tenant with this key, or the key itself.
    #[must_use]
    pub fn slug_of<'a>(&'a self, key: &'a str) -> &'a str {
        self.tenants.by_key(key).map_or(key, |tenant| tenant.slug.as_str())
    }
}

fn key_type(config: &Config, catalog: &Catalog) -> Result<KeyType, TenantsError> {
    let Some(table) = catalog.table(&config.tenants.table) else {
        let given = config.tenants.default.columns.get(config.tenants.key.plain());
        return Ok(match given {
            Some(text) if text.parse::<i64>().is_ok() => KeyType::Bigint,
            Some(text) if Uuid::parse_str(text).is_err() => KeyType::Text,
            _ if config.tenants.key == config.tenants.slug => KeyType::Text,
            _ => KeyType::Uuid,
        });
    };
    let registry = |reason: String| TenantsError::Registry(format!("{}: {reason}", config.tenants.table.plain()));
    let key = &config.tenants.key;
    let column = table.column(key).ok_or_else(|| registry(format!("there is no column `{}`", key.plain())))?;
    if table.column(&config.tenants.slug).is_none() {
        return Err(registry(format!(
            "there is no column `{}`; say `slug = \"…\"` for the column that names a tenant in files and rules",
            config.tenants.slug.plain()
        )));
    }
    if !table.keys.iter().any(|unique| unique.columns == [key.clone()]) {
        return Err(registry(format!("the column `{}` is not its primary key", key.plain())));
    }
    KeyType::from_sql(&column.ty)
        .ok_or_else(|| registry(format!("a key of type {} is not supported: uuid, bigint, integer, text", column.ty)))
}

//! Whose tables are read: a table can run code of its owner with the rights of whoever reads it.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::{Evidence, Subject, kind};
use crate::catalog::Catalog;
use crate::sql::QualifiedName;
use crate::sql::check::scoped;

const READABLE: &str = concat!(include_str!("catalog/scope.sql"), include_str!("catalog/owners.sql"), include_str!("readable.sql"));
const STRANGERS: &str = concat!(include_str!("catalog/scope.sql"), include_str!("catalog/owners.sql"), include_str!("strangers.sql"));

/// Tables that may be read. What is not among them is not: a table that comes back under its name, or has a name that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readable {
    tables: BTreeSet<QualifiedName>,
    /// These, with their partitions and children.
    parts: BTreeSet<QualifiedName>,
}

impl Subject {
    /// The tables whose owners can be trusted. Only the catalog is read.
    pub fn readable(&self, conn: &mut PgConnection) -> QueryResult<Readable> {
        let rows = scoped(READABLE, &self.scope()).rows::<Evidence>(conn)?;
        let tables = rows.iter().filter_map(|row| row.detail.parse().ok()).collect();
        let parts = rows.iter().filter_map(|row| row.object.parse().ok()).collect();
        Ok(Readable { tables, parts })
    }

    /// What T112 finds. Only the catalog is read.
    pub fn doubtful(&self, conn: &mut PgConnection) -> QueryResult<Vec<Evidence>> {
        kind("T112").and_then(|kind| kind.query).map_or(Ok(Vec::new()), |query| scoped(query, &self.scope()).rows(conn))
    }

    /// Relations of the whole database whose owners nothing vouches for. Only the catalog is read.
    pub(crate) fn strangers(&self, conn: &mut PgConnection) -> QueryResult<Vec<Evidence>> {
        scoped(STRANGERS, &self.scope()).rows(conn)
    }

    /// What is left of the subject and of `catalog`. Without registry or memberships no tenant is known, and nothing is left.
    #[must_use]
    pub fn only(&self, readable: &Readable, catalog: &mut Catalog) -> Self {
        let mut left = self.clone();
        let known = |name: &QualifiedName| readable.tables.contains(name);
        if !self.membership.iter().chain(self.registry.as_ref().map(|registry| &registry.table)).all(known) {
            (left.tables, left.membership, left.registry) = (Vec::new(), None, None);
        }
        left.tables.retain(known);
        let parts = catalog.tables.iter().filter(|(name, _)| readable.parts.contains(name));
        let parents: BTreeSet<QualifiedName> = parts.flat_map(|(_, table)| &table.foreign_keys).map(|key| key.table.clone()).collect();
        catalog.tables.retain(|name, _| readable.parts.contains(name) || parents.contains(name));
        left
    }

    /// Tables that are not read.
    #[must_use]
    pub(crate) fn unread(&self, readable: &Readable) -> Vec<&QualifiedName> {
        let registry = self.registry.as_ref().map(|registry| &registry.table);
        self.targets().chain(registry).filter(|name| !readable.tables.contains(name)).collect()
    }
}

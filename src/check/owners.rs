//! Whose tables are read: a table can run code of its owner with the rights of whoever reads it.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::{Evidence, Subject, kind};
use crate::catalog::Catalog;
use crate::sql::QualifiedName;
use crate::sql::check::scoped;

impl Subject {
    /// The tables that T112 finds. Only the catalog is read.
    pub fn doubtful(&self, conn: &mut PgConnection) -> QueryResult<BTreeSet<QualifiedName>> {
        let Some(query) = kind("T112").and_then(|kind| kind.query) else { return Ok(BTreeSet::new()) };
        let rows = scoped(query, &self.scope()).rows::<Evidence>(conn)?;
        Ok(rows.iter().filter_map(|row| row.object.parse().ok()).collect())
    }

    /// What is left without these tables, and without those above them, which are read with them. They are no longer in
    /// `catalog` either. Without registry or memberships no tenant is known, and nothing is left.
    #[must_use]
    pub fn without(&self, doubtful: &BTreeSet<QualifiedName>, catalog: &mut Catalog) -> Self {
        let mut left = self.clone();
        if doubtful.is_empty() {
            return left;
        }
        let reaches =
            |name: &QualifiedName| doubtful.contains(name) || catalog.family(name).iter().any(|part| doubtful.contains(&part.name));
        let out: BTreeSet<QualifiedName> = catalog.tables.keys().filter(|name| reaches(name)).cloned().collect();
        let mut ground = self.membership.iter().chain(self.registry.as_ref().map(|registry| &registry.table));
        if ground.any(|name| doubtful.contains(name) || out.contains(name)) {
            (left.tables, left.membership, left.registry) = (Vec::new(), None, None);
        }
        left.tables.retain(|name| !doubtful.contains(name) && !out.contains(name));
        catalog.tables.retain(|name, _| !out.contains(name));
        for table in catalog.tables.values_mut() {
            table.foreign_keys.retain(|key| !out.contains(&key.table));
        }
        left
    }
}

//! The catalog: what the database looks like before the plan is made.

mod activity;
mod function;
pub mod graph;
mod load;
mod model;
mod right;

pub use activity::{Activity, Counted, Job, Session};
pub use function::Function;
pub use load::CatalogError;
pub use model::{Catalog, Column, ForeignKey, Index, Key, KeyKind, Policy, Referential, Server, Table, TableKind, Trigger};
pub use right::{ColumnGrant, Creator, DefaultRight, Grant, Role, Schema, Sequence};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::sql::{Ident, QualifiedName};

/// What of a table a stored plan relies on: its columns and their types, without the tenant column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape(pub BTreeMap<Ident, String>);

impl Catalog {
    /// Finds a table by name.
    #[must_use]
    pub fn table(&self, name: &QualifiedName) -> Option<&Table> {
        self.tables.get(name)
    }

    /// The tables that hold the rows of `name`: itself, or its partitions down to the leaves.
    ///
    /// Children by inheritance count too, and then the table itself comes first.
    #[must_use]
    pub fn leaves(&self, name: &QualifiedName) -> Vec<&Table> {
        self.family(name).into_iter().filter(|table| table.holds_rows()).collect()
    }

    /// Direct partitions or inheritance children.
    pub fn children<'a>(&'a self, name: &QualifiedName) -> impl Iterator<Item = &'a Table> {
        let name = name.clone();
        self.tables.values().filter(move |table| table.parents.contains(&name))
    }

    /// Everything below `name`, itself first, parents before children, each once.
    #[must_use]
    pub fn family(&self, name: &QualifiedName) -> Vec<&Table> {
        // Whoever asks for each child among all tables anew reads 10,000 partitions 10,000 times.
        let mut children: BTreeMap<&QualifiedName, Vec<&Table>> = BTreeMap::new();
        for table in self.tables.values() {
            for parent in &table.parents {
                children.entry(parent).or_default().push(table);
            }
        }
        let mut family: Vec<&Table> = Vec::new();
        let mut left: Vec<&Table> = self.table(name).into_iter().collect();
        while let Some(table) = left.pop() {
            family.push(table);
            left.extend(children.get(&table.name).into_iter().flatten().rev());
        }
        // A table may inherit from several: it is reached by each, and comes after the last.
        let mut known = BTreeSet::new();
        let mut family: Vec<&Table> = family.into_iter().rev().filter(|table| known.insert(&table.name)).collect();
        family.reverse();
        family
    }

    /// The shape of a table that a stored plan compares on resume.
    #[must_use]
    pub fn shape(&self, name: &QualifiedName, tenant_column: &Ident) -> Option<TableShape> {
        let columns = &self.table(name)?.columns;
        let shape = columns.iter().filter(|column| column.name != *tenant_column);
        Some(TableShape(shape.map(|column| (column.name.clone(), column.ty.clone())).collect()))
    }
}

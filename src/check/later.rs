//! Tables that the application has got since the run.

use diesel::prelude::*;

use super::{Evidence, Subject};
use crate::sql::QualifiedName;
use crate::sql::check::scoped;

const QUERY: &str = concat!(include_str!("catalog/scope.sql"), include_str!("later.sql"));

impl Subject {
    /// Adds the tables that have the tenant column, are open to the application, and came after the run, but for those
    /// of which the operator says that they are `ignored`.
    pub fn add_later_tables(&mut self, conn: &mut PgConnection, ignored: &[QualifiedName]) -> QueryResult<()> {
        let found = scoped(QUERY, &self.scope()).rows::<Evidence>(conn)?;
        let names = found.iter().filter_map(|row| row.object.parse::<QualifiedName>().ok());
        self.tables.extend(names.filter(|name| !ignored.contains(name)));
        Ok(())
    }
}

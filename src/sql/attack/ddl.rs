//! Statements that would change the relation itself.

use super::Prey;
use crate::sql::{Ident, Statement, Text};

impl Prey {
    /// Empties the table past all policies.
    #[must_use]
    pub fn truncate(&self) -> Statement {
        Statement::new(format!("TRUNCATE {} CASCADE", self.relation))
    }

    /// Switches row-level security off.
    #[must_use]
    pub fn disable(&self) -> Statement {
        Statement::new(format!("ALTER TABLE {} DISABLE ROW LEVEL SECURITY", self.relation))
    }

    /// Adds a policy that lets everything pass.
    #[must_use]
    pub fn open(&self) -> Statement {
        Statement::new(format!("CREATE POLICY tenantize_probe ON {} USING (true)", self.relation))
    }

    /// Lets a policy pass everything.
    #[must_use]
    pub fn open_policy(&self, policy: &Ident) -> Statement {
        Statement::new(format!("ALTER POLICY {policy} ON {} USING (true)", self.relation))
    }

    /// Drops a policy.
    #[must_use]
    pub fn drop_policy(&self, policy: &Ident) -> Statement {
        Statement::new(format!("DROP POLICY {policy} ON {}", self.relation))
    }

    /// Asks whether the session may add a trigger. To try it would wait for the table's writers before it is refused.
    #[must_use]
    pub fn may_hook(&self) -> Statement {
        let name = self.relation.to_string();
        Statement::new(format!("SELECT has_table_privilege(to_regclass({})::oid, 'TRIGGER')", Text(&name)))
    }

    /// Asks whether the session may pass a right on. `GRANT` itself fails only where it has no right at all.
    #[must_use]
    pub fn may_grant(&self) -> Statement {
        let name = self.relation.to_string();
        Statement::new(format!(
            "SELECT bool_or(has_table_privilege(to_regclass({})::oid, r.name || ' WITH GRANT OPTION')) \
             FROM (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS r (name)",
            Text(&name)
        ))
    }

    /// Reads the rows by the client protocol: what follows `COPY` and goes before `TO STDOUT`.
    #[must_use]
    pub fn copied(&self) -> Statement {
        Statement::new(format!("{} ({})", self.relation, self.column))
    }

    /// Begins to write rows by the client protocol, which no policy would be asked about.
    #[must_use]
    pub fn copy_from(&self) -> Statement {
        Statement::new(format!("COPY {} ({}) FROM STDIN", self.relation, self.column))
    }
}

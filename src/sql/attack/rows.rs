//! Statements that read and write rows.

use super::{Given, Prey, Row, Template};
use crate::sql::source::list;
use crate::sql::{Ident, QualifiedName, Statement, TenantKey, Text};

/// So many rows of others are enough as evidence; more would only cost time.
const ENOUGH: u32 = 1000;
/// So many rows a successful attack may write before it is rolled back.
const FEW: u32 = 10;

impl Prey {
    /// Counts everything the session sees.
    #[must_use]
    pub fn count(&self) -> Statement {
        Statement::new(format!("SELECT count(*) FROM {}", self.relation))
    }

    /// Counts the rows of other tenants that the session sees.
    #[must_use]
    pub fn count_others(&self, me: &TenantKey) -> Statement {
        self.limited("", &format!("{} IS DISTINCT FROM {me}", self.column))
    }

    /// Counts the rows of a tenant that the session sees.
    #[must_use]
    pub fn count_tenant(&self, tenant: &TenantKey) -> Statement {
        self.limited("", &format!("{} = {tenant}", self.column))
    }

    /// Counts rows of others without partitions.
    #[must_use]
    pub fn count_others_only(&self, me: &TenantKey) -> Statement {
        self.limited("ONLY ", &format!("{} IS DISTINCT FROM {me}", self.column))
    }

    fn limited(&self, only: &str, condition: &str) -> Statement {
        Statement::new(format!("SELECT count(*) FROM (SELECT FROM {only}{} WHERE {condition} LIMIT {ENOUGH}) AS seen", self.relation))
    }

    /// The same by a sample that is the whole.
    #[must_use]
    pub fn sample_others(&self, me: &TenantKey) -> Statement {
        let Self { relation, column, .. } = self;
        let condition = format!("{column} IS DISTINCT FROM {me}");
        Statement::new(format!(
            "SELECT count(*) FROM (SELECT FROM {relation} TABLESAMPLE BERNOULLI (100) WHERE {condition} LIMIT {ENOUGH}) AS seen"
        ))
    }

    /// Creates a function that fails at the sight of `victim` and costs so little that a planner would ask it first.
    #[must_use]
    pub fn create_spy(&self, victim: &TenantKey) -> Statement {
        let seen = Text(victim.plain());
        Statement::new(format!(
            "CREATE FUNCTION pg_temp.tenantize_spy(seen text) RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS $spy$\n\
             BEGIN IF seen = {seen} THEN RAISE division_by_zero; END IF; RETURN true; END $spy$"
        ))
    }

    /// Shows every row to the function of [`Prey::create_spy`], even one that a policy removes later.
    #[must_use]
    pub fn spy(&self) -> Statement {
        Statement::new(format!("SELECT count(*) FROM {} WHERE pg_temp.tenantize_spy({}::text)", self.relation, self.column))
    }

    /// Keeps a plan that reads rows of others.
    #[must_use]
    pub fn prepare(&self, me: &TenantKey) -> Statement {
        Statement::new(format!("PREPARE tenantize_plan AS {}", self.count_others(me)))
    }

    /// Runs the plan of [`Prey::prepare`].
    #[must_use]
    pub fn execute(&self) -> Statement {
        Statement::new("EXECUTE tenantize_plan")
    }

    /// Counts one row, if the session sees it.
    #[must_use]
    pub fn count_row(&self, row: &Row) -> Statement {
        Statement::new(format!("SELECT count(*) FROM {} WHERE {}", self.relation, row.condition()))
    }

    /// Locks one row, if the session sees it.
    #[must_use]
    pub fn lock_row(&self, row: &Row) -> Statement {
        Statement::new(format!("SELECT count(*) FROM (SELECT FROM {} WHERE {} FOR UPDATE) AS seen", self.relation, row.condition()))
    }

    /// Divides by zero at the sight of a row of `victim`, even of one that a policy removes later.
    #[must_use]
    pub fn divide(&self, victim: &TenantKey) -> Statement {
        let Self { relation, column, .. } = self;
        Statement::new(format!("SELECT count(*) FROM {relation} WHERE 1 / (CASE WHEN {column} = {victim} THEN 0 ELSE 1 END) = 1"))
    }

    /// Reads the planner's statistics, which hold values of all tenants.
    #[must_use]
    pub fn statistics(&self) -> Statement {
        let QualifiedName { schema, name } = &self.relation;
        let (schema, name) = (Text(schema.plain()), Text(name.plain()));
        Statement::new(format!("SELECT count(*) FROM pg_catalog.pg_stats WHERE schemaname = {schema} AND tablename = {name}"))
    }

    /// Writes a new row. Every column is named, so that no sequence moves.
    #[must_use]
    pub fn insert(&self, given: Given<'_>, template: Template<'_>) -> Statement {
        let relation = &self.relation;
        let (columns, values) = self.new_row(given, template);
        let from = match template {
            Template::Row(row) => format!(" FROM {relation} WHERE {}", row.condition()),
            Template::Nulls(_) => String::new(),
        };
        if columns.is_empty() {
            return Statement::new(format!("INSERT INTO {relation} DEFAULT VALUES"));
        }
        Statement::new(format!("INSERT INTO {relation} ({}) OVERRIDING SYSTEM VALUE SELECT {}{from}", list(&columns), values.join(", ")))
    }

    /// The columns of a new row and what they are given.
    pub(super) fn new_row(&self, given: Given<'_>, template: Template<'_>) -> (Vec<Ident>, Vec<String>) {
        let column = &self.column;
        let mut columns: Vec<Ident> = self.columns.iter().filter(|other| *other != column).cloned().collect();
        let mut values: Vec<String> = match template {
            Template::Row(_) => columns.iter().map(Ident::to_string).collect(),
            Template::Nulls(route) => columns.iter().map(|column| route.map_or("NULL".into(), |row| row.value(column))).collect(),
        };
        match given {
            Given::Tenant(key) => values.push(key.to_string()),
            Given::Null => values.push("NULL".into()),
            Given::Nothing => {}
        }
        if !matches!(given, Given::Nothing) {
            columns.push(column.clone());
        }
        (columns, values)
    }

    /// Gives a row to a tenant, or to nobody.
    #[must_use]
    pub fn update_row(&self, row: &Row, tenant: Option<&TenantKey>) -> Statement {
        let Self { relation, column, .. } = self;
        let value = tenant.map_or("NULL".into(), TenantKey::to_string);
        Statement::new(format!("UPDATE {relation} SET {column} = {value} WHERE {}", row.condition()))
    }

    /// Gives all rows away without reading one, so that only the policy for `UPDATE` is asked.
    ///
    /// The division ends it after a few rows: by then the policy has let them pass.
    #[must_use]
    pub fn update_blindly(&self, tenant: &TenantKey) -> Statement {
        let Self { relation, column, .. } = self;
        let count = "set_config('tenantize.count', (coalesce(nullif(current_setting('tenantize.count', true), ''), '0')::int + 1)::text, true)::int";
        Statement::new(format!("UPDATE {relation} SET {column} = CASE 1 / ({FEW} - {count}) WHEN -1 THEN NULL ELSE {tenant} END"))
    }

    /// Writes rows of other tenants.
    #[must_use]
    pub fn update_others(&self, me: &TenantKey) -> Statement {
        let Self { relation, column, .. } = self;
        Statement::new(format!("UPDATE {relation} SET {column} = {column} WHERE {}", self.few(&format!("{column} IS DISTINCT FROM {me}"))))
    }

    /// Writes whatever the session sees.
    #[must_use]
    pub fn update_any(&self) -> Statement {
        let Self { relation, column, .. } = self;
        Statement::new(format!("UPDATE {relation} SET {column} = {column} WHERE {}", self.few("true")))
    }

    /// Deletes one row.
    #[must_use]
    pub fn delete_row(&self, row: &Row) -> Statement {
        Statement::new(format!("DELETE FROM {} WHERE {}", self.relation, row.condition()))
    }

    /// Deletes rows of a tenant.
    #[must_use]
    pub fn delete_tenant(&self, victim: &TenantKey) -> Statement {
        Statement::new(format!("DELETE FROM {} WHERE {}", self.relation, self.few(&format!("{} = {victim}", self.column))))
    }

    /// Deletes whatever the session sees.
    #[must_use]
    pub fn delete_any(&self) -> Statement {
        Statement::new(format!("DELETE FROM {} WHERE {}", self.relation, self.few("true")))
    }

    /// An attack that succeeds is rolled back, but until then it should not lock a whole table.
    fn few(&self, condition: &str) -> String {
        format!("{condition} AND ctid = ANY (ARRAY(SELECT ctid FROM {} WHERE {condition} LIMIT {FEW}))", self.relation)
    }
}

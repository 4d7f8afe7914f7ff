//! The statements of an attack: what one tenant may try against the rows of another.

use super::source::list;
use super::{Ident, QualifiedName, Statement, TenantKey, Text};

/// So many rows of others are enough as evidence; more would only cost time.
const ENOUGH: u32 = 1000;
/// So many rows a successful attack may write before it is rolled back.
const FEW: u32 = 10;

/// A relation under attack.
#[derive(Clone, Debug)]
pub struct Prey {
    /// The relation.
    pub relation: QualifiedName,
    /// The column that holds the tenant.
    pub column: Ident,
    /// Every column that can be written, the tenant's included.
    pub columns: Vec<Ident>,
    /// The columns that name a row; empty = by its place in the heap.
    pub key: Vec<Ident>,
    /// The columns that choose a partition: without them no row would get as far as to a policy.
    pub route: Vec<Ident>,
}

/// One row, named by values that another session has read.
#[derive(Clone, Debug)]
pub struct Row(Vec<(String, String)>);

/// The tenant that a new row is given.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// This one.
    Tenant(&'a TenantKey),
    /// Null.
    Null,
    /// None is named, so the default decides.
    Nothing,
}

/// Where the other columns of a new row come from.
#[derive(Clone, Copy, Debug)]
pub enum Template<'a> {
    /// A row that the session sees.
    Row(&'a Row),
    /// They are null but for those that choose a partition: policies are asked before constraints are.
    Nulls(Option<&'a Row>),
}

impl Row {
    fn value(&self, column: &Ident) -> String {
        let column = column.to_string();
        self.0.iter().find(|(name, _)| *name == column).map_or("NULL".into(), |(_, value)| Text(value).to_string())
    }

    fn condition(&self) -> String {
        let parts = self.0.iter().map(|(column, value)| format!("{column} = {}", Text(value)));
        parts.collect::<Vec<_>>().join(" AND ")
    }
}

impl Prey {
    /// Asks for one row of a tenant: `key` for [`Prey::row`] and `route` for [`Prey::routed`], both lists of texts.
    #[must_use]
    pub fn locate(&self, tenant: &TenantKey) -> Statement {
        let texts = |columns: &[String]| columns.iter().map(|column| format!("{column}::text")).collect::<Vec<_>>().join(", ");
        let route: Vec<String> = self.route.iter().map(Ident::to_string).collect();
        let Self { relation, column, .. } = self;
        Statement::new(format!(
            "SELECT ARRAY[{}]::text[] AS key, ARRAY[{}]::text[] AS route FROM {relation} WHERE {column} = {tenant} LIMIT 1",
            texts(&self.naming()),
            texts(&route)
        ))
    }

    /// Names the row that [`Prey::locate`] found.
    #[must_use]
    pub fn row(&self, values: Vec<String>) -> Row {
        Row(self.naming().into_iter().zip(values).collect())
    }

    /// Names the partition of the row that [`Prey::locate`] found.
    #[must_use]
    pub fn routed(&self, values: Vec<Option<String>>) -> Row {
        let named = self.route.iter().map(Ident::to_string).zip(values);
        Row(named.filter_map(|(column, value)| Some((column, value?))).collect())
    }

    fn naming(&self) -> Vec<String> {
        if self.key.is_empty() {
            return vec!["tableoid".into(), "ctid".into()];
        }
        self.key.iter().map(Ident::to_string).collect()
    }

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

    /// The same without partitions.
    #[must_use]
    pub fn count_others_only(&self, me: &TenantKey) -> Statement {
        self.limited("ONLY ", &format!("{} IS DISTINCT FROM {me}", self.column))
    }

    fn limited(&self, only: &str, condition: &str) -> Statement {
        Statement::new(format!("SELECT count(*) FROM (SELECT FROM {only}{} WHERE {condition} LIMIT {ENOUGH}) AS seen", self.relation))
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
        let Self { relation, column, .. } = self;
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
        let from = match template {
            Template::Row(row) => format!(" FROM {relation} WHERE {}", row.condition()),
            Template::Nulls(_) => String::new(),
        };
        if columns.is_empty() {
            return Statement::new(format!("INSERT INTO {relation} DEFAULT VALUES"));
        }
        Statement::new(format!("INSERT INTO {relation} ({}) OVERRIDING SYSTEM VALUE SELECT {}{from}", list(&columns), values.join(", ")))
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
}

/// Asks what a role may do with a relation: `can_select`, `can_insert`, `can_update`.
#[must_use]
pub fn rights(role: &str, relation: &QualifiedName) -> Statement {
    let (role, name) = (Text(role), relation.to_string());
    let may =
        |right: &str| format!("has_table_privilege({role}, to_regclass({})::oid, '{right}') AS can_{}", Text(&name), right.to_lowercase());
    Statement::new(format!("SELECT {}, {}, {}", may("SELECT"), may("INSERT"), may("UPDATE")))
}

/// Becomes another role.
#[must_use]
pub fn set_role(role: &Ident) -> Statement {
    Statement::new(format!("SET ROLE {role}"))
}

/// Begins to see the database as the session that exported `snapshot` does.
#[must_use]
pub fn begin_at(snapshot: &str) -> Statement {
    Statement::new(format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT {}", Text(snapshot)))
}

/// Creates a login for a few minutes that is nothing but a member of `role`.
#[must_use]
pub fn create_probe(probe: &Ident, password: &str, until: &str, role: &Ident) -> Statement {
    let (password, until) = (Text(password), Text(until));
    Statement::new(format!(
        "CREATE ROLE {probe} LOGIN INHERIT NOSUPERUSER NOBYPASSRLS CONNECTION LIMIT 2 PASSWORD {password} VALID UNTIL {until} IN ROLE {role}"
    ))
}

/// Drops such a login.
#[must_use]
pub fn drop_probe(probe: &Ident) -> Statement {
    Statement::new(format!("DROP ROLE IF EXISTS {probe}"))
}

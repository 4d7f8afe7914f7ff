//! Questions of the audit: which tenant each row will get, asked before any table has the column.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::source::Weight;
use super::walk::{ROWS, Up, deciding};
use super::{Ident, MapSource, ParentSource, QualifiedName, Statement, TenantSource, Text};
use crate::rule::{Resolved, Target};

/// Predicts tenants by joining the rules' sources, without the tenant column.
pub struct Prediction<'a> {
    /// The rules.
    pub resolved: &'a Resolved,
    /// The schema where CSV maps are staged for the audit.
    pub staged: Ident,
    /// Tables of cycles, with the temporary table that holds their tenants by key.
    pub settled: BTreeMap<QualifiedName, Settled>,
}

/// The tenants of a table in a cycle, found by walking it.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The temporary table: one column for each of `columns`, `rel` and `spot`, and `tenant`.
    pub table: QualifiedName,
    /// The columns by which rows are known: those of their key, and those by which others reference them.
    pub columns: Vec<Ident>,
    /// How many of these, from the first, no two rows have in common; 0 = there is no such key.
    pub own: usize,
}

impl Settled {
    fn keys(&self, row: &str) -> Vec<String> {
        self.columns.iter().map(|column| format!("{row}.{column}")).collect()
    }

    /// Whether an entry is that of a row of the table itself.
    fn is_row(&self, entry: &str, row: &str) -> String {
        if self.own == 0 {
            return format!("{entry}.rel = {row}.tableoid AND {entry}.spot = {row}.ctid");
        }
        let own = self.columns[..self.own].iter().enumerate();
        own.map(|(at, column)| format!("{entry}.k{at} = {row}.{column}")).collect::<Vec<_>>().join(" AND ")
    }

    /// Whether an entry is that of a row's parent.
    fn is_parent(&self, entry: &str, row: &str, parent: &ParentSource) -> String {
        let place = |key: &Ident| self.columns.iter().position(|column| column == key);
        let pairs = parent.on.iter().filter_map(|(child, key)| place(key).map(|at| format!("{entry}.k{at} = {row}.{child}")));
        pairs.collect::<Vec<_>>().join(" AND ")
    }
}

#[derive(Default)]
struct Joins {
    sql: String,
    count: usize,
}

impl Joins {
    fn add(&mut self, table: &str, on: impl Fn(&str) -> String) -> String {
        self.count += 1;
        let alias = format!("j{}", self.count);
        let _ = write!(self.sql, " LEFT JOIN {table} AS {alias} ON {}", on(&alias));
        alias
    }
}

impl Prediction<'_> {
    /// Rows per tenant; a null tenant stands for orphans.
    #[must_use]
    pub fn rows_per_tenant(&self, target: &Target) -> Statement {
        let (tenant, joins) = self.of(target);
        Statement::new(format!(
            "SELECT ({tenant})::text AS tenant, count(*) AS rows FROM {} AS t{joins} GROUP BY 1 ORDER BY 1",
            target.table
        ))
    }

    /// Some rows without a tenant, by their key.
    #[must_use]
    pub fn orphan_sample(&self, target: &Target, key: &[Ident]) -> Statement {
        let (tenant, joins) = self.of(target);
        Statement::new(format!(
            "SELECT {} AS sample FROM {} AS t{joins} WHERE ({tenant}) IS NULL ORDER BY 1 LIMIT 5",
            row_name(key),
            target.table
        ))
    }

    /// Rows whose tenant would differ from that of the row they reference.
    #[must_use]
    pub fn crossing(&self, child: &Target, on: &[(Ident, Ident)], parent: &Target, key: &[Ident]) -> Statement {
        let mut joins = Joins::default();
        let own = self.tenant("t", child, &mut joins);
        let mut theirs = Joins { sql: String::new(), count: joins.count };
        let other = self.tenant("p", parent, &mut theirs);
        let pairs: Vec<String> = on.iter().map(|(child, parent)| format!("p.{parent} = t.{child}")).collect();
        Statement::new(format!(
            "SELECT count(*) AS rows, min({}) AS sample FROM {} AS t{} JOIN {} AS p ON {}{} WHERE ({own}) IS DISTINCT FROM ({other})",
            row_name(key),
            child.table,
            joins.sql,
            parent.table,
            pairs.join(" AND "),
            theirs.sql
        ))
    }

    /// Creates the temporary table that will hold the tenants of a table in a cycle.
    #[must_use]
    pub fn create_settled(target: &Target, settled: &Settled, ty: super::KeyType) -> Statement {
        let Settled { table, columns, .. } = settled;
        let mut held: Vec<String> = settled.keys("t").iter().enumerate().map(|(at, key)| format!("{key} AS k{at}")).collect();
        held.extend(["t.tableoid AS rel", "t.ctid AS spot"].map(String::from));
        let mut script = format!(
            "CREATE TEMPORARY TABLE {} AS SELECT {}, NULL::{ty} AS tenant FROM {} AS t WHERE false",
            table.name,
            held.join(", "),
            target.table,
        );
        if !columns.is_empty() {
            let index: Vec<String> = (0..columns.len()).map(|at| format!("k{at}")).collect();
            let _ = write!(script, ";\nCREATE INDEX ON {table} ({})", index.join(", "));
        }
        Statement::new(script)
    }

    /// Collects the rows of a table in a cycle: with their tenant, if they do not get it from the cycle, and where they point otherwise.
    #[must_use]
    pub fn collect(&self, target: &Target, ty: super::KeyType) -> Statement {
        let mut joins = Joins::default();
        let tenant = self.sources("t", &target.sources, &mut joins);
        let mut up = Up::default();
        for parent in deciding(&target.sources) {
            let alias = joins.add(&parent.table.to_string(), |alias| {
                parent.on.iter().map(|(child, key)| format!("{alias}.{key} = t.{child}")).collect::<Vec<_>>().join(" AND ")
            });
            up.add(parent, &alias);
        }
        Statement::new(format!(
            "INSERT INTO {ROWS} (rel, spot, tenant, up_rel, up_spot) SELECT t.tableoid, t.ctid, ({tenant})::{ty}, {up} FROM {} AS t{}",
            target.table, joins.sql
        ))
    }

    /// Keeps the tenants that the walk has found for a table in a cycle, as far as it has.
    #[must_use]
    pub fn settle(target: &Target, settled: &Settled) -> Statement {
        Self::insert_settled(target, settled, "w.tenant", "w.tenant IS NOT NULL")
    }

    /// The rows that are left get the orphans' tenant.
    #[must_use]
    pub fn settle_orphans(target: &Target, settled: &Settled, tenant: &super::TenantKey) -> Statement {
        Self::insert_settled(target, settled, &tenant.to_string(), "w.tenant IS NULL")
    }

    fn insert_settled(target: &Target, settled: &Settled, tenant: &str, which: &str) -> Statement {
        let mut held = settled.keys("t");
        held.extend(["t.tableoid", "t.ctid"].map(String::from));
        Statement::new(format!(
            "INSERT INTO {} SELECT {}, {tenant} FROM {} AS t \
             JOIN {ROWS} AS w ON w.rel = t.tableoid AND w.spot = t.ctid WHERE {which}",
            settled.table,
            held.join(", "),
            target.table,
        ))
    }

    fn of(&self, target: &Target) -> (String, String) {
        let mut joins = Joins::default();
        let tenant = self.tenant("t", target, &mut joins);
        (tenant, joins.sql)
    }

    fn tenant(&self, row: &str, target: &Target, joins: &mut Joins) -> String {
        if let Some(settled) = self.settled.get(&target.table) {
            return format!("{}.tenant", joins.add(&settled.table.to_string(), |alias| settled.is_row(alias, row)));
        }
        let tenant = self.sources(row, &target.sources, joins);
        target.orphans.as_ref().map_or(tenant.clone(), |orphans| format!("COALESCE({tenant}, {orphans})"))
    }

    fn sources(&self, row: &str, sources: &[TenantSource], joins: &mut Joins) -> String {
        let mut parts = Vec::new();
        for (at, source) in sources.iter().enumerate() {
            let part = self.source(row, source, joins);
            if let TenantSource::Parent(parent) = source
                && parent.weight == Weight::Decides
                && at + 1 < sources.len()
            {
                let present: Vec<String> = parent.on.iter().map(|(child, _)| format!("{row}.{child} IS NOT NULL")).collect();
                let rest = self.sources(row, &sources[at + 1..], joins);
                parts.push(format!("CASE WHEN {} THEN {part} ELSE {rest} END", present.join(" AND ")));
                break;
            }
            parts.push(part);
        }
        if let [only] = parts.as_slice() { only.clone() } else { format!("COALESCE({})", parts.join(", ")) }
    }

    fn source(&self, row: &str, source: &TenantSource, joins: &mut Joins) -> String {
        match source {
            TenantSource::Literal(key) => key.to_string(),
            TenantSource::Column(column) => format!("{row}.{column}"),
            TenantSource::Map(MapSource { table, key }) => {
                let staged = QualifiedName::new(self.staged.clone(), table.name.clone());
                format!("{}.tenant", joins.add(&staged.to_string(), |alias| format!("{alias}.key = {row}.{key}")))
            }
            TenantSource::Expression { sql, ty } => format!("(SELECT (({sql})::{ty}) FROM (SELECT {row}.*) AS t)"),
            TenantSource::Parent(parent) => self.parent(row, parent, joins),
        }
    }

    fn parent(&self, row: &str, parent: &ParentSource, joins: &mut Joins) -> String {
        let same =
            |alias: &str| parent.on.iter().map(|(child, key)| format!("{alias}.{key} = {row}.{child}")).collect::<Vec<_>>().join(" AND ");
        if let Some(settled) = self.settled.get(&parent.table) {
            return format!("{}.tenant", joins.add(&settled.table.to_string(), |alias| settled.is_parent(alias, row, parent)));
        }
        if parent.weight == Weight::Decides {
            // Of the cycle that is being walked: where it leads is a column of its own.
            return "NULL".into();
        }
        let alias = joins.add(&parent.table.to_string(), same);
        let Some(target) = self.resolved.target(&parent.table) else { return "NULL".into() };
        let tenant = self.tenant(&alias, target, joins);
        let found = parent.on.first().map_or_else(String::new, |(_, key)| format!("{alias}.{key}"));
        // A literal rule of the parent must not speak for a parent that is not there.
        format!("CASE WHEN {found} IS NOT NULL THEN {tenant} END")
    }
}

fn row_name(key: &[Ident]) -> String {
    if key.is_empty() {
        return "'row at ' || t.ctid::text".into();
    }
    let parts: Vec<String> = key.iter().map(|column| format!("{} || t.{column}::text", Text(&format!("{}=", column.plain())))).collect();
    parts.join(" || ', ' || ")
}

/// Keys of a staged map that no row has.
#[must_use]
pub fn unused_keys(map: &QualifiedName, table: &QualifiedName, key: &Ident) -> Statement {
    Statement::new(format!("SELECT count(*) AS value FROM {map} AS m WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE t.{key} = m.key)"))
}

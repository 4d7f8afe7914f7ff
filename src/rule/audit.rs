//! The audit: what the rules will do, asked of the data before the first write.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::result::Error as QueryError;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::csv_map::{self, MapError};
use super::{ColumnOrigin, Resolved, Target, TenantSet};
use crate::catalog::{Catalog, Table};
use crate::plan::{Code, Finding};
use crate::sql::audit::{Prediction, Settled, unused_keys};
use crate::sql::walk as steps;
use crate::sql::{Ident, QualifiedName, TenantSource};

/// What the audit found.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Per table that is there, what its rows will get.
    pub tables: BTreeMap<QualifiedName, TableAudit>,
    /// Keys per staged map.
    pub maps: BTreeMap<QualifiedName, i64>,
    /// What a person should know.
    pub findings: Vec<Finding>,
}

/// What the rows of one table will get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableAudit {
    /// Rows per tenant key.
    pub per_tenant: BTreeMap<String, i64>,
    /// Rows without a tenant.
    pub orphans: i64,
}

/// Why the audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A CSV map cannot be staged.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The database refused a question.
    #[error("cannot audit {table}")]
    Query {
        /// The table it was about.
        table: String,
        /// What the server said.
        #[source]
        source: QueryError,
    },
}

impl TableAudit {
    /// All rows.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.per_tenant.values().sum::<i64>() + self.orphans
    }
}

impl Audit {
    /// Rows without a tenant.
    #[must_use]
    pub fn orphans(&self, table: &QualifiedName) -> i64 {
        self.tables.get(table).map_or(0, |table| table.orphans)
    }

    /// Rows per tenant by slug.
    #[must_use]
    pub fn expected(&self, table: &QualifiedName, tenants: &TenantSet) -> BTreeMap<String, i64> {
        let rows = self.tables.get(table).map(|table| &table.per_tenant);
        rows.into_iter().flatten().map(|(key, rows)| (tenants.slug_of(key).to_owned(), *rows)).collect()
    }
}

#[derive(QueryableByName)]
struct TenantRows {
    #[diesel(sql_type = Nullable<Text>)]
    tenant: Option<String>,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[derive(QueryableByName)]
struct Sample {
    #[diesel(sql_type = Nullable<Text>)]
    sample: Option<String>,
}

#[derive(QueryableByName)]
struct Crossing {
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = Nullable<Text>)]
    sample: Option<String>,
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// Stages the CSV maps in temporary tables of this connection and asks what the rules will do.
///
/// `told` hears of each table before it is read.
pub fn audit(
    conn: &mut PgConnection,
    catalog: &Catalog,
    resolved: &Resolved,
    tenants: &TenantSet,
    column: &Ident,
    told: &mut dyn FnMut(&str),
) -> Result<Audit, AuditError> {
    let staged = crate::sql::temporary_schema();
    // Expressions of rules mean what they mean in psql.
    conn.batch_execute("SET search_path TO DEFAULT").map_err(|source| AuditError::Query { table: "the rules".into(), source })?;
    let prediction = Prediction { resolved, staged, settled: BTreeMap::new() };
    let mut auditor = Auditor { conn, catalog, tenants, column, prediction, out: Audit::default() };
    for map in &resolved.maps {
        told(&format!("staging {}", map.file.display()));
        auditor.stage(map)?;
    }
    for group in &resolved.groups {
        if Resolved::is_cycle(group) {
            auditor.settle(group)?;
        }
        for target in group.iter().filter(|target| target.origin != ColumnOrigin::Migration) {
            told(&format!("auditing {}", target.table.plain()));
            auditor.table(target)?;
        }
    }
    for target in resolved.targets().filter(|target| target.origin != ColumnOrigin::Migration) {
        auditor.links(target)?;
    }
    Ok(auditor.out)
}

struct Auditor<'a> {
    conn: &'a mut PgConnection,
    catalog: &'a Catalog,
    tenants: &'a TenantSet,
    column: &'a Ident,
    prediction: Prediction<'a>,
    out: Audit,
}

fn failed(table: &QualifiedName) -> impl Fn(QueryError) -> AuditError + '_ {
    |source| AuditError::Query { table: table.plain(), source }
}

impl Auditor<'_> {
    fn found(&mut self, code: Code, table: &QualifiedName, detail: String) {
        self.out.findings.push(Finding::table(code, table, detail));
    }

    fn stage(&mut self, map: &super::MapSpec) -> Result<(), AuditError> {
        let staged = csv_map::stage(self.conn, map, self.tenants)?;
        self.out.maps.insert(map.staged.clone(), staged.keys);
        let name = map.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(first) = staged.rejected.first() {
            let detail = format!(
                "{} of {}; the first is line {}: {}; all are in {}",
                crate::progress::style::plural(staged.rejected.len() as u64, "line"),
                name,
                first.line,
                first.reason,
                csv_map::rejected_path(&map.file).display()
            );
            self.found(Code::T010, &map.table, detail);
        }
        let temporary = QualifiedName::new(self.prediction.staged.clone(), map.staged.name.clone());
        let unused: Value = unused_keys(&temporary, &map.table, &map.key).row(self.conn).map_err(failed(&map.table))?;
        if unused.value > 0 {
            self.found(Code::T028, &map.table, format!("{} of {} in {name}", unused.value, staged.keys));
        }
        Ok(())
    }

    /// Finds the tenants of a cycle, as the fill will.
    fn settle(&mut self, group: &[Target]) -> Result<(), AuditError> {
        let present: Vec<&Target> = group.iter().filter(|target| target.origin == ColumnOrigin::Added).collect();
        let mut tables = BTreeMap::new();
        for target in &present {
            let settled = self.settled(&target.table);
            Prediction::create_settled(target, &settled, self.tenants.ty).run_script(self.conn).map_err(failed(&target.table))?;
            tables.insert(target.table.clone(), settled);
        }
        // Rows are known by where they lie, which holds for one snapshot.
        let (prediction, ty) = (&self.prediction, self.tenants.ty);
        let placed: Result<Vec<usize>, QueryError> =
            self.conn.build_transaction().repeatable_read().run(|conn| walk(conn, prediction, &present, &tables, ty));
        let placed = placed.map_err(|source| AuditError::Query { table: names(&present), source })?;
        self.prediction.settled.extend(tables);
        for (target, placed) in present.into_iter().zip(placed) {
            if let Some(orphans) = &target.orphans {
                self.found_orphans(target, orphans, i64::try_from(placed).unwrap_or(i64::MAX));
            }
        }
        Ok(())
    }

    fn settled(&self, table: &QualifiedName) -> Settled {
        let own = self.catalog.table(table).map(Table::identifying_columns).unwrap_or_default();
        let mut columns = own.to_vec();
        columns.extend(self.referenced(table).into_iter().filter(|column| !own.contains(column)));
        let name = Ident::derived(&[&table.schema, &table.name], "settled");
        Settled { table: QualifiedName::new(self.prediction.staged.clone(), name), columns, own: own.len() }
    }

    /// The columns by which rules reference rows of a table.
    fn referenced(&self, table: &QualifiedName) -> Vec<Ident> {
        let sources = self.prediction.resolved.targets().flat_map(Target::parents).filter(|parent| parent.table == *table);
        let mut columns: Vec<Ident> = sources.flat_map(|parent| parent.on.iter().map(|(_, key)| key.clone())).collect();
        columns.sort();
        columns.dedup();
        columns
    }

    fn table(&mut self, target: &Target) -> Result<(), AuditError> {
        let table = &target.table;
        let rows: Result<Vec<TenantRows>, _> = self.prediction.rows_per_tenant(target).rows(self.conn);
        let rows = match rows {
            Ok(rows) => rows,
            // The operator's own SQL is the one thing that can be wrong here.
            Err(QueryError::DatabaseError(_, info)) if asks_operator(target, self.prediction.resolved) => {
                let text = info.message().to_owned();
                // The tenant column of another table: it comes with expand.
                if text.contains(self.column.plain()) && !text.contains('(') {
                    self.found(Code::T036, table, text);
                    return Ok(());
                }
                self.found(Code::T006, table, format!("the expression of the rule fails: {text}"));
                return Ok(());
            }
            Err(source) => return Err(failed(table)(source)),
        };
        let mut audit = TableAudit::default();
        for TenantRows { tenant, rows } in rows {
            match tenant {
                Some(tenant) => {
                    audit.per_tenant.insert(tenant, rows);
                }
                None => audit.orphans = rows,
            }
        }
        self.check_keys(target, &audit);
        self.note_orphans(target)?;
        if audit.orphans > 0 {
            let key = self.catalog.table(table).map(Table::identifying_columns).unwrap_or_default();
            let sample: Vec<Sample> = self.prediction.orphan_sample(target, key).rows(self.conn).map_err(failed(table))?;
            let sample: Vec<String> = sample.into_iter().filter_map(|sample| sample.sample).collect();
            let rows = crate::progress::style::plural(audit.orphans.cast_unsigned(), "row");
            self.found(Code::T007, table, format!("{rows}, for example {}", sample.join("; ")));
        }
        self.out.tables.insert(table.clone(), audit);
        Ok(())
    }

    /// Rows that go where `orphans` says; in a cycle they are counted while it is settled.
    fn note_orphans(&mut self, target: &Target) -> Result<(), AuditError> {
        let Some(tenant) = target.orphans.as_ref().filter(|_| !self.prediction.settled.contains_key(&target.table)) else { return Ok(()) };
        let strict = Target { orphans: None, ..target.clone() };
        let rows: Vec<TenantRows> = self.prediction.rows_per_tenant(&strict).rows(self.conn).map_err(failed(&target.table))?;
        let orphans = rows.iter().find(|row| row.tenant.is_none()).map_or(0, |row| row.rows);
        self.found_orphans(target, tenant, orphans);
        Ok(())
    }

    fn found_orphans(&mut self, target: &Target, tenant: &crate::sql::TenantKey, orphans: i64) {
        if orphans > 0 {
            let rows = crate::progress::style::plural(orphans.cast_unsigned(), "row");
            self.found(Code::T035, &target.table, format!("{rows} go to the tenant `{}`", self.tenants.slug_of(&tenant.text)));
        }
    }

    /// An expression can yield anything; a tenant that does not exist must not come out.
    fn check_keys(&mut self, target: &Target, audit: &TableAudit) {
        for (key, rows) in &audit.per_tenant {
            if self.tenants.tenants.by_key(key).is_none() {
                let rows = crate::progress::style::plural(rows.cast_unsigned(), "row");
                self.found(Code::T006, &target.table, format!("{rows} would get the tenant {key}, which does not exist"));
            }
        }
    }

    fn links(&mut self, child: &Target) -> Result<(), AuditError> {
        let Some(table) = self.catalog.table(&child.table) else { return Ok(()) };
        for key in table.foreign_keys.iter().filter(|key| !key.inherited) {
            let Some(parent) = self.prediction.resolved.target(&key.table).filter(|parent| parent.origin != ColumnOrigin::Migration) else {
                continue;
            };
            let on: Vec<(Ident, Ident)> = key.columns.iter().cloned().zip(key.references.iter().cloned()).collect();
            let derived =
                matches!(child.sources.as_slice(), [TenantSource::Parent(source)] if source.table == key.table && source.on == on);
            let known = |target: &Target| self.out.tables.contains_key(&target.table);
            if (derived && child.orphans.is_none()) || !known(child) || !known(parent) {
                continue;
            }
            let statement = self.prediction.crossing(child, &on, parent, table.identifying_columns());
            let crossing: Crossing = statement.row(self.conn).map_err(failed(&child.table))?;
            if crossing.rows > 0 {
                let rows = crate::progress::style::plural(crossing.rows.cast_unsigned(), "row");
                let sample = crossing.sample.unwrap_or_default();
                let detail = format!("{}: {rows} would differ from {}, for example {sample}", key.name.plain(), key.table.plain());
                self.found(Code::T008, &child.table, detail);
            }
        }
        Ok(())
    }
}

/// Walks a cycle in one snapshot; returns for each table how many of its rows go where orphans go.
fn walk(
    conn: &mut PgConnection,
    prediction: &Prediction<'_>,
    targets: &[&Target],
    settled: &BTreeMap<QualifiedName, Settled>,
    ty: crate::sql::KeyType,
) -> Result<Vec<usize>, QueryError> {
    steps::create(ty).run_script(conn)?;
    for target in targets {
        prediction.collect(target, ty).run(conn)?;
    }
    steps::analyze().run(conn)?;
    while steps::double().row::<Value>(conn)?.value > 0 {}
    let mut placed = Vec::new();
    for target in targets {
        let settled = &settled[&target.table];
        Prediction::settle(target, settled).run(conn)?;
        placed.push(match &target.orphans {
            Some(orphans) => Prediction::settle_orphans(target, settled, orphans).run(conn)?,
            None => 0,
        });
    }
    steps::forget().run_script(conn)?;
    Ok(placed)
}

fn names(targets: &[&Target]) -> String {
    targets.iter().map(|target| target.table.plain()).collect::<Vec<_>>().join(", ")
}

/// Whether the tenant of a row depends, directly or through parents, on an expression of the operator.
fn asks_operator(target: &Target, resolved: &Resolved) -> bool {
    let mut seen = vec![&target.table];
    let mut left = vec![target];
    while let Some(target) = left.pop() {
        if target.sources.iter().any(|source| matches!(source, TenantSource::Expression { .. })) {
            return true;
        }
        for parent in target.parents().filter_map(|parent| resolved.target(&parent.table)) {
            if !seen.contains(&&parent.table) {
                seen.push(&parent.table);
                left.push(parent);
            }
        }
    }
    false
}

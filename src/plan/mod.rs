//! The plan: an ordered list of steps as a value that is printed, hashed, stored and executed.

mod asked;
mod connected;
mod finding;
mod names;
mod render;
mod rights;
mod step;
mod strategy;

pub use finding::{CATALOGUE, Code, Finding, FindingKind, Severity};
pub use render::{PlanDetail, PlanFormat, render_findings, tally};
pub use step::{Action, BackupCopy, BackupSpec, FillSpec, Step, StepId, Undo};
pub use strategy::{Strategies, Strategy, StrategyChoice, StrategyWish};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app_migration::Migrations;
use crate::catalog::{Catalog, TableShape};
use crate::config::Config;
use crate::phase::Phase;
use crate::rule::{Audit, ColumnOrigin, Resolved, Target, TenantSet};
use crate::sql::policy::ContextSpec;
use crate::sql::{Change, Ident, KeyType, QualifiedName, hex};

/// Everything that the plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The database as it is.
    pub catalog: &'a Catalog,
    /// What the operator decided.
    pub config: &'a Config,
    /// The tenants.
    pub tenants: &'a TenantSet,
    /// The rules, resolved.
    pub resolved: &'a Resolved,
    /// What the audit found.
    pub audit: &'a Audit,
    /// The application's migrations.
    pub migrations: &'a Migrations,
    /// How each table is filled.
    pub strategies: &'a Strategies,
}

impl<'a> PlanInput<'a> {
    /// The tenant column.
    pub(crate) fn column(&self) -> &'a Ident {
        &self.config.tenants.column
    }

    /// Its type.
    pub(crate) fn ty(&self) -> KeyType {
        self.tenants.ty
    }

    /// Targets whose tables are in the database, parents before children.
    pub(crate) fn present(&self) -> impl Iterator<Item = &'a Target> {
        self.resolved.targets().filter(|target| target.origin != ColumnOrigin::Migration)
    }
}

/// Steps and findings while they are collected.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) steps: Vec<Step>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) kept_keys: Vec<KeptKey>,
    pub(crate) dead_indexes: Vec<DeadIndex>,
}

/// The identity of a step and its place in the plan.
pub(crate) struct Place<'a> {
    pub(crate) phase: Phase,
    pub(crate) subject: Option<&'a QualifiedName>,
    pub(crate) what: &'a str,
}

impl Planned {
    /// Adds a step of changes.
    pub(crate) fn step(&mut self, place: &Place<'_>, why: impl Into<String>, changes: Vec<Change>, undo: Undo) {
        self.push(place, why, Step::of_changes(changes), undo);
    }

    /// Adds a step.
    pub(crate) fn push(&mut self, place: &Place<'_>, why: impl Into<String>, action: Action, undo: Undo) {
        self.steps.push(Step {
            id: StepId::new(place.phase, place.subject, place.what),
            phase: place.phase,
            subject: place.subject.cloned(),
            why: why.into(),
            action,
            undo,
        });
    }

    /// Says that a foreign key stays without the tenant, and why.
    pub(crate) fn keep(&mut self, table: &QualifiedName, name: &Ident, reason: &str) {
        self.found(Code::T031, table, format!("{}: {reason}", name.plain()));
        self.kept_keys.push(KeptKey { table: table.clone(), name: name.clone() });
    }

    /// Adds a finding about a table.
    pub(crate) fn found(&mut self, code: Code, table: &QualifiedName, detail: impl Into<String>) {
        self.findings.push(Finding::table(code, table, detail));
    }
}

impl Undo {
    /// The undo of changes in one transaction.
    pub(crate) fn apply(changes: Vec<Change>) -> Self {
        match changes.as_slice() {
            [change] if change.atomicity() == crate::sql::Atomicity::Standalone => {
                Self::Concurrent { change: change.clone(), then: Vec::new() }
            }
            _ => Self::Apply { changes },
        }
    }

    /// Nothing is to be done.
    pub(crate) fn nothing(because: impl Into<String>) -> Self {
        Self::Nothing { because: because.into() }
    }
}

/// One table of the plan that gets tenants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTable {
    /// The table.
    pub table: QualifiedName,
    /// The tables that hold its rows; itself unless it is partitioned.
    pub leaves: Vec<QualifiedName>,
    /// How it is filled.
    pub strategy: Strategy,
    /// Why so.
    pub reason: String,
    /// Rows per tenant as the audit predicts them, by slug; empty for a table that does not exist yet.
    pub expected: BTreeMap<String, i64>,
}

/// An ordered list of steps and what the planner noticed while making it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// A hash of everything below but the findings about connections, jobs and counted statements, which come and go.
    pub id: String,
    /// The program that made it.
    pub tool: String,
    /// The database's name.
    pub database: String,
    /// The tenant column.
    pub column: Ident,
    /// The registry.
    pub registry: QualifiedName,
    /// Its key.
    pub registry_key: Ident,
    /// The tenants.
    pub tenants: TenantSet,
    /// Roles of the application.
    pub app_roles: Vec<Ident>,
    /// Roles that only read.
    #[serde(default)]
    pub read_roles: Vec<Ident>,
    /// Roles that see every row by intention.
    #[serde(default)]
    pub trusted_roles: Vec<Ident>,
    /// Owners of the tables, and roles that the operator trusts like them: code of theirs may run as the connected role.
    #[serde(default)]
    pub owners: Vec<Ident>,
    /// Where policies learn the tenant from.
    #[serde(default)]
    pub context: ContextSpec,
    /// Tables that every tenant reads.
    #[serde(default)]
    pub shared: Vec<QualifiedName>,
    /// Unique keys of which the operator said that they stay unique over all tenants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub global_keys: Vec<(QualifiedName, Ident)>,
    /// The membership table, if there is one.
    pub membership: Option<QualifiedName>,
    /// The tables that get tenants, parents before children.
    pub tables: Vec<PlannedTable>,
    /// The columns that the plan relies on.
    pub shapes: BTreeMap<QualifiedName, TableShape>,
    /// CSV maps to stage: staged table, file and hash of its contents.
    pub maps: Vec<PlannedMap>,
    /// Foreign keys that stay without the tenant.
    #[serde(default)]
    pub kept_keys: Vec<KeptKey>,
    /// Indexes that are of no use under a policy.
    #[serde(default)]
    pub dead_indexes: Vec<DeadIndex>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// What the planner noticed.
    pub findings: Vec<Finding>,
}

/// A foreign key that stays without the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptKey {
    /// The referencing table.
    pub table: QualifiedName,
    /// The constraint.
    pub name: Ident,
}

/// An index that is of no use under a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadIndex {
    /// Its table.
    pub table: QualifiedName,
    /// The index.
    pub name: Ident,
    /// The index as `pg_get_indexdef` writes it.
    pub definition: String,
    /// Functions that are not PostgreSQL's own and that its expressions call.
    pub calls: Vec<String>,
}

/// A CSV map of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMap {
    /// The staged table.
    pub staged: QualifiedName,
    /// The file as the configuration names it.
    pub file: String,
    /// Keys in it.
    pub keys: i64,
}

impl Plan {
    /// The steps of one phase.
    pub fn phase(&self, phase: Phase) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.phase == phase)
    }

    /// Finds a step by its identity.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// How many findings stop the run.
    #[must_use]
    pub fn blockers(&self) -> usize {
        count(&self.findings, Severity::Blocker)
    }

    /// The first eight digits of the identity, for people.
    #[must_use]
    pub fn short_id(&self) -> &str {
        &self.id[..8]
    }
}

/// How many findings have this severity.
#[must_use]
pub fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity() == severity).count()
}

/// Makes the plan. Pure: the same input gives the same plan, to the byte.
#[must_use]
pub fn build(input: &PlanInput<'_>) -> Plan {
    let mut planned = Planned::default();
    for phase in Phase::ALL {
        phase.plan(input, &mut planned);
    }
    let mut findings = input.resolved.findings.clone();
    findings.extend(input.audit.findings.iter().cloned());
    findings.append(&mut planned.findings);
    findings.extend(names::check(input, &planned.steps));
    findings.extend(rights::check(input, &planned.steps));
    findings.extend(asked::functions(input));
    sort(&mut findings);
    let mut plan = Plan {
        id: String::new(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        database: input.catalog.server.database.plain().to_owned(),
        column: input.column().clone(),
        registry: input.config.tenants.table.clone(),
        registry_key: input.config.tenants.key.clone(),
        tenants: input.tenants.clone(),
        app_roles: input.config.rls.app_roles.clone(),
        read_roles: input.config.rls.read_roles.clone(),
        trusted_roles: input.config.rls.trusted_roles.clone(),
        owners: owners(input),
        context: crate::phase::context_spec(input),
        shared: input.config.shared().cloned().collect(),
        global_keys: global_keys(input),
        membership: input.config.memberships.as_ref().map(|memberships| memberships.table.clone()),
        tables: planned_tables(input),
        shapes: shapes(input),
        maps: planned_maps(input),
        kept_keys: planned.kept_keys,
        dead_indexes: planned.dead_indexes,
        steps: planned.steps,
        findings,
    };
    plan.id = identity(&plan);
    plan.findings.extend(asked::statements(input));
    plan.findings.extend(connected::check(input));
    sort(&mut plan.findings);
    plan
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (a.severity(), a.code, &a.subject).cmp(&(b.severity(), b.code, &b.subject)));
}

/// The changes of the steps, in order.
fn changes(steps: &[Step]) -> impl Iterator<Item = &Change> {
    steps.iter().flat_map(|step| match &step.action {
        Action::Apply { changes } => changes.as_slice(),
        Action::Concurrent { change } => std::slice::from_ref(change),
        Action::Backup(_) | Action::Fill(_) | Action::Settle { .. } => &[],
    })
}

/// The owners of what the run reads and writes; those whom nothing vouches for are a blocker.
fn owners(input: &PlanInput<'_>) -> Vec<Ident> {
    let targets = input.present().map(|target| &target.table);
    let memberships = input.config.memberships.as_ref().map(|memberships| &memberships.table);
    let names = targets.chain([&input.config.tenants.table]).chain(memberships);
    let owners = names.flat_map(|name| input.catalog.family(name)).map(|table| &table.owner);
    owners.chain(&input.config.rls.trusted_owners).collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

fn global_keys(input: &PlanInput<'_>) -> Vec<(QualifiedName, Ident)> {
    let of = |(table, config): (&QualifiedName, &crate::config::TableConfig)| {
        let keys = config.unique.iter().filter(|(_, policy)| **policy == crate::config::KeyPolicy::Global);
        keys.map(|(name, _)| (table.clone(), name.clone())).collect::<Vec<_>>()
    };
    input.config.tables.iter().flat_map(of).collect()
}

fn planned_tables(input: &PlanInput<'_>) -> Vec<PlannedTable> {
    let table = |target: &Target| {
        let choice = input.strategies.of(&target.table);
        PlannedTable {
            table: target.table.clone(),
            leaves: input.catalog.leaves(&target.table).iter().map(|leaf| leaf.name.clone()).collect(),
            strategy: choice.strategy.clone(),
            reason: choice.reason.clone(),
            expected: input.audit.expected(&target.table, input.tenants),
        }
    };
    input.resolved.targets().map(table).collect()
}

fn shapes(input: &PlanInput<'_>) -> BTreeMap<QualifiedName, TableShape> {
    let shape = |target: &Target| Some((target.table.clone(), input.catalog.shape(&target.table, input.column())?));
    input.present().filter_map(shape).collect()
}

fn planned_maps(input: &PlanInput<'_>) -> Vec<PlannedMap> {
    let keys = |staged: &QualifiedName| input.audit.maps.get(staged).copied().unwrap_or_default();
    let file = |map: &crate::rule::MapSpec| map.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let maps = input.resolved.maps.iter();
    maps.map(|map| PlannedMap { staged: map.staged.clone(), file: file(map), keys: keys(&map.staged) }).collect()
}

/// SHA-256 of the plan's canonical JSON: every map in it is ordered.
fn identity(plan: &Plan) -> String {
    let json = serde_json::to_vec(plan).unwrap_or_default();
    hex(&Sha256::digest(json))
}

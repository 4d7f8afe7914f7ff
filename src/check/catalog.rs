//! The static checks of the catalog.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{CATALOGUE, Check, Kind};
use crate::plan::{Action, Code, Plan};
use crate::sql::check::scoped;
use crate::sql::{Change, Ident, QualifiedName};

/// What the static checks look at; as JSON it is their one parameter.
#[derive(Clone, Debug, Serialize)]
pub struct Scope {
    /// The schemas of the application.
    pub schemas: BTreeSet<String>,
    /// The tenant column.
    pub column: String,
    /// The registry, quoted.
    pub registry: String,
    /// Its key.
    pub registry_key: String,
    /// The tables with tenants, quoted, memberships included.
    pub targets: Vec<String>,
    /// The membership table, quoted: it connects rows of different tenants by intention.
    pub membership: Option<String>,
    /// Tables that every tenant may read, quoted.
    pub shared: Vec<String>,
    /// The application's roles.
    pub roles: Vec<String>,
    /// Whether row-level security binds owners too.
    pub forced: bool,
    /// Foreign keys of which the plan said that they stay without the tenant: table, quoted, and name.
    pub accepted: Vec<(String, String)>,
}

impl Scope {
    /// Takes everything from the plan but the tables without tenants.
    #[must_use]
    pub fn of(plan: &Plan, shared: &[QualifiedName]) -> Self {
        let targets: Vec<&QualifiedName> = plan.tables.iter().map(|table| &table.table).chain(&plan.membership).collect();
        let schemas = targets.iter().copied().chain([&plan.registry]).chain(shared);
        Self {
            schemas: schemas.map(|name| name.schema.plain().to_owned()).collect(),
            column: plan.column.plain().into(),
            registry: plan.registry.to_string(),
            registry_key: plan.registry_key.plain().into(),
            targets: targets.into_iter().map(QualifiedName::to_string).collect(),
            membership: plan.membership.as_ref().map(QualifiedName::to_string),
            shared: shared.iter().map(QualifiedName::to_string).collect(),
            roles: plan.app_roles.iter().map(Ident::plain).map(str::to_owned).collect(),
            forced: forces(plan),
            accepted: accepted(plan),
        }
    }

    pub(super) fn check(&self, kind: &Kind) -> Option<Check> {
        let scope = serde_json::to_string(self).unwrap_or_default();
        Some(Check::new(kind, "catalog", scoped(kind.query?, &scope)))
    }
}

fn forces(plan: &Plan) -> bool {
    let changes = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Apply { changes } => Some(changes),
        _ => None,
    });
    changes.flatten().any(|change| matches!(change, Change::ForceRls { .. }))
}

/// The finding says `name: reason`.
fn accepted(plan: &Plan) -> Vec<(String, String)> {
    let findings = plan.findings.iter().filter(|finding| finding.code == Code::T031);
    findings
        .filter_map(|finding| {
            let table: QualifiedName = finding.subject.parse().ok()?;
            let (name, _) = finding.detail.split_once(": ")?;
            Some((table.to_string(), name.to_owned()))
        })
        .collect()
}

/// Every static check.
#[must_use]
pub fn catalog_checks(scope: &Scope) -> Vec<Check> {
    CATALOGUE.iter().filter_map(|kind| scope.check(kind)).collect()
}

/// The static checks with these ids.
pub(super) fn some(scope: &Scope, ids: &[&str]) -> Vec<Check> {
    CATALOGUE.iter().filter(|kind| ids.contains(&kind.id)).filter_map(|kind| scope.check(kind)).collect()
}

//! What is verified: the tables with tenants, whoever made them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::plan::{Action, Plan};
use crate::sql::policy::{ContextSpec, context_functions};
use crate::sql::{Change, Ident, KeyType, QualifiedName};

/// A database with tenants, as checks and attacks see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The schemas of the application.
    pub schemas: BTreeSet<Ident>,
    /// The tenant column.
    pub column: Ident,
    /// Its type.
    pub ty: KeyType,
    /// The registry of tenants, where there is one.
    pub registry: Option<Registry>,
    /// The tables with tenants, without partitions; parents before children where a plan knows them.
    pub tables: Vec<QualifiedName>,
    /// The membership table: it connects rows of different tenants by intention.
    pub membership: Option<QualifiedName>,
    /// Tables that every tenant may read.
    pub shared: Vec<QualifiedName>,
    /// The application's roles.
    pub app_roles: Vec<Ident>,
    /// Roles that only read.
    pub read_roles: Vec<Ident>,
    /// Roles that see every row by intention, such as a role for backups.
    pub trusted_roles: Vec<Ident>,
    /// Where policies learn the tenant from.
    pub context: ContextSpec,
    /// Whether row-level security must bind owners too.
    pub owners: Owners,
    /// Foreign keys of which the plan said that they stay without the tenant, and unique keys of which the operator did: table and name.
    pub accepted: Vec<(QualifiedName, String)>,
    /// Roles whose tables are read: code of theirs may run as whoever verifies.
    pub trusted_owners: Vec<Ident>,
    /// How a session becomes a tenant where no plan has decided it; it counts before `context`.
    pub found: Option<Found>,
}

/// What was found out of a database that no plan has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The settings of a session; `{tenant}` and `{member}` stand for a tenant's key and for a user of it.
    pub settings: Vec<(String, String)>,
    /// Where users of a tenant are found, if the settings need one.
    pub member: Option<MemberColumn>,
}

/// The column of the membership table that names a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberColumn {
    /// The membership table.
    pub table: QualifiedName,
    /// The column.
    pub column: Ident,
}

/// The table of tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The table.
    pub table: QualifiedName,
    /// Its key.
    pub key: Ident,
}

/// What row-level security is to the owners of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// It binds them too.
    Bound,
    /// They are the administrators.
    Free,
}

impl Subject {
    /// Takes everything from the plan; `shared` are further tables that every tenant may read.
    #[must_use]
    pub fn of_plan(plan: &Plan, shared: &[QualifiedName]) -> Self {
        let tables: Vec<QualifiedName> = plan.tables.iter().map(|table| table.table.clone()).collect();
        let shared: BTreeSet<&QualifiedName> = plan.shared.iter().chain(shared).collect();
        let names = tables.iter().chain(&plan.membership).chain([&plan.registry]).chain(shared.iter().copied());
        Self {
            schemas: names.map(|name| name.schema.clone()).collect(),
            column: plan.column.clone(),
            ty: plan.tenants.ty,
            registry: Some(Registry { table: plan.registry.clone(), key: plan.registry_key.clone() }),
            membership: plan.membership.clone(),
            shared: shared.into_iter().cloned().collect(),
            app_roles: plan.app_roles.clone(),
            read_roles: plan.read_roles.clone(),
            trusted_roles: plan.trusted_roles.clone(),
            context: plan.context.clone(),
            owners: owners(plan),
            accepted: accepted(plan),
            trusted_owners: plan.owners.clone(),
            found: None,
            tables,
        }
    }

    /// The tables with tenants, memberships included.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &QualifiedName> {
        self.tables.iter().chain(&self.membership)
    }

    /// Every role that the application connects as.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &Ident> {
        self.app_roles.iter().chain(&self.read_roles)
    }

    /// The settings that say for which tenant a session speaks.
    fn settings(&self) -> Vec<&str> {
        match &self.found {
            Some(found) => found.settings.iter().map(|(name, _)| name.as_str()).collect(),
            None => self.context.settings(),
        }
    }

    /// The functions that the tool has made; none where it made nothing.
    fn functions(&self) -> Vec<(String, String)> {
        if self.found.is_some() { Vec::new() } else { context_functions(&self.context, self.ty) }
    }

    /// What the static checks are told, as JSON: names of relations are quoted, others plain.
    pub(super) fn scope(&self) -> String {
        let quoted = |name: &QualifiedName| name.to_string();
        let plain = |names: &[Ident]| names.iter().map(|name| name.plain().to_owned()).collect::<Vec<_>>();
        let scope = Scope {
            schemas: self.schemas.iter().map(Ident::plain).collect(),
            column: self.column.plain(),
            registry: self.registry.as_ref().map(|registry| quoted(&registry.table)),
            registry_key: self.registry.as_ref().map(|registry| registry.key.plain()),
            targets: self.targets().map(quoted).collect(),
            membership: self.membership.as_ref().map(quoted),
            shared: self.shared.iter().map(quoted).collect(),
            roles: self.roles().map(|role| role.plain().to_owned()).collect(),
            read_roles: plain(&self.read_roles),
            trusted: plain(&self.trusted_roles),
            forced: self.owners == Owners::Bound,
            settings: self.settings(),
            functions: self.functions(),
            accepted: self.accepted.iter().map(|(table, name)| (quoted(table), name.clone())).collect(),
            owners: plain(&self.trusted_owners),
            found: self.found.is_some(),
        };
        serde_json::to_string(&scope).unwrap_or_default()
    }
}

/// The one parameter of the static checks.
#[derive(Serialize)]
struct Scope<'a> {
    schemas: Vec<&'a str>,
    column: &'a str,
    registry: Option<String>,
    registry_key: Option<&'a str>,
    targets: Vec<String>,
    membership: Option<String>,
    shared: Vec<String>,
    /// Roles of the application, readers included.
    roles: Vec<String>,
    read_roles: Vec<String>,
    trusted: Vec<String>,
    forced: bool,
    /// The settings that say for which tenant a session speaks.
    settings: Vec<&'a str>,
    /// The functions that the context needs: their names and the statements that create them.
    functions: Vec<(String, String)>,
    accepted: Vec<(String, String)>,
    owners: Vec<String>,
    /// Whether nobody but the catalog says what the tables are.
    found: bool,
}

fn owners(plan: &Plan) -> Owners {
    let changes = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Apply { changes } => Some(changes),
        _ => None,
    });
    let forces = changes.flatten().any(|change| matches!(change, Change::ForceRls { .. }));
    if forces { Owners::Bound } else { Owners::Free }
}

/// Foreign keys that the plan keeps, and unique keys of which the operator said that they are global.
fn accepted(plan: &Plan) -> Vec<(QualifiedName, String)> {
    let foreign = plan.kept_keys.iter().map(|key| (&key.table, &key.name));
    let unique = plan.global_keys.iter().map(|(table, name)| (table, name));
    foreign.chain(unique).map(|(table, name)| (table.clone(), name.plain().to_owned())).collect()
}

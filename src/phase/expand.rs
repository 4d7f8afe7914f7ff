//! Expand: what is added without touching a row.

use super::Phase;
use super::keys::referential;
use crate::app_migration::{AppMigration, InTransaction};
use crate::config::{MembershipConfig, OnDelete, RoleSource};
use crate::plan::{Code, Finding, Place, PlanInput, Planned, Strategy, Undo};
use crate::rule::{ColumnOrigin, Target};
use crate::sql::change::{ColumnDefault, GuardSpec, MembershipSpec, RegistrySpec, RoleExpression};
use crate::sql::{Change, Ident, QualifiedName, TenantSource};

pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    if input.config.tenants.on_delete == OnDelete::Cascade {
        planned.findings.push(Finding::about(Code::T022, "[tenants]", "on_delete = \"cascade\""));
    }
    let creates_registry = input.catalog.table(&input.config.tenants.table).is_none();
    if creates_registry {
        registry(input, planned);
    } else {
        // Before the migrations: their tables may come to reference the new tenants, and the undo takes the tenants last.
        tenants(input, planned);
    }
    if let Some(memberships) = &input.config.memberships {
        membership_table(input, memberships, planned);
    }
    for migration in &input.migrations.expand {
        script(Phase::Expand, migration, planned);
    }
    if creates_registry {
        tenants(input, planned);
    }
    for target in input.present().filter(|target| target.origin == ColumnOrigin::Added) {
        column(input, target, planned);
    }
}

fn registry(input: &PlanInput<'_>, planned: &mut Planned) {
    let tenants = &input.config.tenants;
    let spec = RegistrySpec { table: tenants.table.clone(), key: tenants.key.clone(), ty: input.ty(), slug: tenants.slug.clone() };
    planned.step(
        &Place { phase: Phase::Expand, subject: Some(&tenants.table), what: "registry" },
        "the registry: one row per tenant",
        vec![Change::CreateRegistry(spec)],
        Undo::apply(vec![Change::DropTable { table: tenants.table.clone() }]),
    );
}

fn tenants(input: &PlanInput<'_>, planned: &mut Planned) {
    let registry = &input.config.tenants.table;
    let rows = input.tenants.new_rows(input.config, input.catalog);
    if rows.is_empty() {
        return;
    }
    let key = input.config.tenants.key.clone();
    let undo = if input.catalog.table(registry).is_none() {
        Undo::nothing("the registry goes with its rows")
    } else {
        let keys = rows.iter().map(|row| row.key.clone()).collect();
        Undo::apply(vec![Change::DeleteTenants { registry: registry.clone(), key: key.clone(), keys }])
    };
    planned.step(
        &Place { phase: Phase::Expand, subject: Some(registry), what: "tenants" },
        format!("{} of the configuration", crate::progress::style::plural(rows.len() as u64, "tenant")),
        vec![Change::InsertTenants { registry: registry.clone(), key, rows }],
        undo,
    );
}

/// The membership table as it is created and filled, if the table of users allows it.
pub(super) fn membership(input: &PlanInput<'_>, config: &MembershipConfig) -> Result<MembershipSpec, String> {
    let users = input.catalog.table(&config.users).ok_or_else(|| format!("{} is not in the database", config.users.plain()))?;
    if input.resolved.target(&config.users).is_none() {
        return Err(format!("{} has no tenant of its own, so its rows belong to no tenant", config.users.plain()));
    }
    let [users_key] = users.identifying_columns() else {
        return Err(format!("{} needs a primary key of one column", config.users.plain()));
    };
    let users_key_ty = users.column(users_key).map(|column| column.ty.clone()).unwrap_or_default();
    let user_column = Ident::new("user_id").map_err(|error| error.to_string())?;
    Ok(MembershipSpec {
        table: config.table.clone(),
        user_column,
        tenant_column: input.column().clone(),
        users: config.users.clone(),
        users_key: users_key.clone(),
        users_key_ty,
        registry: input.config.tenants.table.clone(),
        registry_key: input.config.tenants.key.clone(),
        ty: input.ty(),
        on_delete: referential(input.config.tenants.on_delete),
        role: match &config.role {
            RoleSource::Literal(role) => RoleExpression::Literal(role.clone()),
            RoleSource::Column { column } => RoleExpression::Column(column.clone()),
            RoleSource::Sql { sql } => RoleExpression::Sql(sql.clone()),
        },
        joined_at: config.joined_at.clone(),
    })
}

fn membership_table(input: &PlanInput<'_>, config: &MembershipConfig, planned: &mut Planned) {
    let spec = match membership(input, config) {
        Ok(spec) => spec,
        Err(reason) => return planned.findings.push(Finding::about(Code::T006, "[memberships]", reason)),
    };
    if config.role == RoleSource::Literal("owner".into()) {
        planned.findings.push(Finding::about(Code::T023, "[memberships]", "role = \"owner\""));
    }
    if input.catalog.table(&config.table).is_some() {
        return;
    }
    planned.step(
        &Place { phase: Phase::Expand, subject: Some(&config.table), what: "memberships" },
        "which user belongs to which tenant",
        vec![Change::CreateMembership(spec)],
        Undo::apply(vec![Change::DropTable { table: config.table.clone() }]),
    );
}

/// A migration of the application as a step.
pub(super) fn script(phase: Phase, migration: &AppMigration, planned: &mut Planned) {
    let change = |sql: &str| {
        let (name, sql) = (migration.name.clone(), sql.to_owned());
        match migration.transaction {
            InTransaction::Yes => Change::Script { name, sql },
            InTransaction::No => Change::LooseScript { name, sql },
        }
    };
    let undo = if let Some(down) = &migration.down {
        Undo::apply(vec![change(down)])
    } else {
        planned.findings.push(Finding::about(Code::T024, migration.name.as_str(), "there is no down.sql"));
        Undo::Impossible { because: format!("the migration {} has no down.sql", migration.name) }
    };
    let what = format!("migration/{}", migration.name);
    planned.step(&Place { phase, subject: None, what: &what }, "a migration of the application", vec![change(&migration.up)], undo);
}

/// Column and guard appear in one transaction: no row can slip in between without a tenant.
fn column(input: &PlanInput<'_>, target: &Target, planned: &mut Planned) {
    let table = &target.table;
    let column = input.column().clone();
    let add = |default| Change::AddColumn { table: table.clone(), column: column.clone(), ty: input.ty(), default };
    let drop = Change::DropColumn { table: table.clone(), column: column.clone() };
    let (why, changes, undo) = match input.strategies.of(table).strategy {
        Strategy::Constant(key) => {
            ("nullable tenant column; its default covers existing and new rows without writing any", vec![add(Some(key))], vec![drop])
        }
        strategy @ (Strategy::Majority(_) | Strategy::Striped | Strategy::Present) => {
            let guards = guards(input, target);
            let (why, mut changes) = match strategy {
                // Existing rows read the default, new ones get what the guard finds.
                Strategy::Majority(key) => (
                    "nullable tenant column; its default covers most rows without writing any, a guard those written during the run",
                    vec![add(Some(key)), Change::SetDefault { table: table.clone(), column: column.clone(), default: ColumnDefault::None }],
                ),
                _ => ("nullable tenant column, with a guard that covers rows written during the run", vec![add(None)]),
            };
            changes.extend(guards.iter().cloned().map(Change::CreateGuard));
            let mut undo: Vec<Change> = guards.iter().map(drop_guard).collect();
            undo.push(drop);
            (why, changes, undo)
        }
    };
    let place = Place { phase: Phase::Expand, subject: Some(table), what: "column" };
    planned.step(&place, why, changes, Undo::apply(undo));
}

/// The guards of a table: a trigger on a partitioned table covers its partitions, inheritance children need their own.
pub(super) fn guards(input: &PlanInput<'_>, target: &Target) -> Vec<GuardSpec> {
    let mut sources = target.sources.clone();
    sources.extend(target.orphans.clone().map(TenantSource::Literal));
    let family = input.catalog.family(&target.table).into_iter().filter(|member| !member.is_partition);
    family
        .map(|member| GuardSpec {
            table: member.name.clone(),
            function: guard_function(&member.name),
            column: input.column().clone(),
            ty: input.ty(),
            sources: sources.clone(),
        })
        .collect()
}

pub(super) fn drop_guard(guard: &GuardSpec) -> Change {
    Change::DropGuard { table: guard.table.clone(), function: guard.function.clone() }
}

fn guard_function(table: &QualifiedName) -> QualifiedName {
    QualifiedName::new(crate::journal::schema_name(), Ident::derived(&[&table.schema, &table.name], "guard"))
}

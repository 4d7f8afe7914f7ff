//! Where policies learn the tenant from, and how they ask.

use super::Phase;
use super::expand::membership;
use super::rls::{Both, SCHEMA};
use crate::config::{ChosenFrom, Context, FormWish, UserFrom};
use crate::plan::{Code, Finding, Place, PlanInput, Planned, Undo};
use crate::sql::change::{PolicyKind, PolicySpec};
use crate::sql::policy::{ChosenSource, ContextSpec, MembershipContext, PolicyForm, UserSource};
use crate::sql::{Change, Ident, QualifiedName};

/// So many rows make a wrong estimate expensive.
const LARGE: i64 = 100_000;
/// A tenant with this share of the rows, in percent, is no average one.
const DOMINANT: i64 = 50;

/// The context that the configuration asks for.
pub(crate) fn spec(input: &PlanInput<'_>) -> ContextSpec {
    let rls = &input.config.rls;
    match rls.context {
        Context::Setting => ContextSpec::Setting { name: rls.setting().to_owned() },
        Context::SupabaseJwt => ContextSpec::SupabaseJwt { claim: rls.claim().to_owned() },
        Context::Signed => ContextSpec::Signed { name: rls.setting().to_owned() },
        // Without a table of memberships there is a blocker, and nothing of the plan is run.
        Context::Membership => of_memberships(input).unwrap_or_default(),
    }
}

fn of_memberships(input: &PlanInput<'_>) -> Option<ContextSpec> {
    let rls = &input.config.rls;
    let wish = rls.memberships();
    let table = membership(input, input.config.memberships.as_ref()?).ok()?;
    Some(ContextSpec::Membership(MembershipContext {
        table: table.table,
        user_column: table.user_column,
        user_ty: table.users_key_ty,
        tenant_column: table.tenant_column,
        status: wish.status.clone().map(|column| (column, wish.active().to_owned())),
        user: match wish.user {
            UserFrom::Setting => UserSource::Setting(wish.user_setting().to_owned()),
            UserFrom::AuthUid => UserSource::AuthUid,
        },
        chosen: match wish.chosen {
            ChosenFrom::Setting => ChosenSource::Setting(rls.setting().to_owned()),
            ChosenFrom::Claim => ChosenSource::Claim(rls.claim().to_owned()),
        },
        tenants: wish.tenants,
    }))
}

/// The functions of the context, in a schema that the application may look into.
pub(super) fn plan(input: &PlanInput<'_>, planned: &mut Planned) {
    let Ok(schema) = Ident::new(SCHEMA) else { return };
    if input.catalog.schemas.contains_key(&schema) {
        planned.findings.push(Finding::about(Code::T014, SCHEMA, "the schema exists"));
    }
    let context = spec(input);
    check(input, &context, planned);
    let why = match &context {
        ContextSpec::Setting { name } => format!("tenancy.set_tenant() and tenancy.current_tenant_id(), by the setting {name}"),
        ContextSpec::SupabaseJwt { claim } => format!("tenancy.current_tenant_id(), by app_metadata.{claim} of the token"),
        ContextSpec::Membership(spec) => format!("tenancy.current_tenant_id() and tenancy.my_tenant_ids(), by {}", spec.table.plain()),
        ContextSpec::Signed { name } => {
            format!("tenancy.sign() and tenancy.current_tenant_id(), by the setting {name}; the server makes up the key")
        }
    };
    let ty = input.ty();
    let mut both = Both::default();
    both.push(Change::CreateSchema { schema: schema.clone() }, Change::DropSchema { schema: schema.clone() });
    both.push(Change::CreateContext { ty, context: context.clone() }, Change::DropContext { ty, context });
    for role in input.config.rls.app_roles.iter().chain(&input.config.rls.read_roles) {
        both.push(
            Change::GrantSchemaUsage { schema: schema.clone(), role: role.clone() },
            Change::RevokeSchemaUsage { schema: schema.clone(), role: role.clone() },
        );
    }
    planned.step(&Place { phase: Phase::Rls, subject: None, what: "context" }, why, both.forward, Undo::apply(both.back.into()));
}

/// What the context reads must be there, and readable.
fn check(input: &PlanInput<'_>, context: &ContextSpec, planned: &mut Planned) {
    let auth = Ident::new("auth").ok().and_then(|schema| input.catalog.schemas.get(&schema));
    let mut needs = |function: &str| {
        let there = auth.is_some_and(|auth| auth.functions.iter().any(|name| name.plain() == function));
        if !there {
            planned.findings.push(Finding::about(Code::T060, "[rls]", format!("there is no function auth.{function}()")));
        }
    };
    match context {
        ContextSpec::Setting { .. } | ContextSpec::Signed { .. } => {}
        ContextSpec::SupabaseJwt { .. } => needs("jwt"),
        ContextSpec::Membership(spec) => {
            if spec.user == UserSource::AuthUid {
                needs("uid");
            }
            if matches!(spec.chosen, ChosenSource::Claim(_)) {
                needs("jwt");
            }
            check_memberships(input, spec, planned);
        }
    }
}

fn check_memberships(input: &PlanInput<'_>, spec: &MembershipContext, planned: &mut Planned) {
    let table = input.catalog.table(&spec.table);
    if let Some((column, _)) = &spec.status {
        // A table that is new here may get the column by a migration.
        let missing = table.map_or(input.migrations.expand.is_empty(), |table| table.column(column).is_none());
        if missing {
            planned.found(Code::T060, &spec.table, format!("there is no column {}", column.plain()));
        }
    }
    if !input.catalog.server.bypass_rls && table.is_some_and(|table| table.rls_forced) {
        let detail = format!("row-level security is forced, and binds {}", input.catalog.server.role.plain());
        planned.found(Code::T061, &spec.table, detail);
    }
}

/// A policy of a table, as the context and the table's tenants advise.
pub(super) fn policy(input: &PlanInput<'_>, table: &QualifiedName, column: &Ident, named: (Ident, PolicyKind)) -> PolicySpec {
    let (name, kind) = named;
    let (form, _) = form(input, table);
    PolicySpec { table: table.clone(), name, kind, column: column.clone(), ty: input.ty(), context: spec(input), form }
}

/// How the policies of a table ask for the tenant, and why, where there is something to say.
pub(super) fn form(input: &PlanInput<'_>, table: &QualifiedName) -> (PolicyForm, Option<String>) {
    let top = top(input, table);
    match input.config.tables.get(&top).map(|config| config.policy_form).unwrap_or_default() {
        FormWish::Bare => (PolicyForm::Bare, Some("policies ask directly, as the configuration says".into())),
        FormWish::Wrapped => (PolicyForm::Wrapped, None),
        // Measured: to ask for each row costs a large tenant more than the joins that a wrong estimate chooses.
        FormWish::Auto => {
            let reason = dominant(input, &top).filter(|_| spec(input).allows_bare()).map(|(tenant, percent)| {
                format!("policies ask once per query: the planner will not know that {tenant} has {percent} % of the rows")
            });
            (PolicyForm::Wrapped, reason)
        }
    }
}

/// The tenant that has most rows of a large table, and its share in percent; only where an index led by the tenant is built.
fn dominant(input: &PlanInput<'_>, table: &QualifiedName) -> Option<(String, i64)> {
    input.present().find(|target| target.table == *table)?;
    let expected = input.audit.expected(table, input.tenants);
    let rows: i64 = expected.values().sum();
    let (tenant, most) = expected.into_iter().max_by_key(|(_, rows)| *rows)?;
    // Of one tenant alone there is nothing to choose between.
    (rows >= LARGE && most < rows && most * 100 >= rows * DOMINANT).then(|| (tenant, most * 100 / rows))
}

/// The table that the configuration knows: a partition's topmost parent.
fn top(input: &PlanInput<'_>, table: &QualifiedName) -> QualifiedName {
    let parent = input.catalog.table(table).and_then(|table| table.parents.first());
    parent.map_or_else(|| table.clone(), |parent| top(input, parent))
}

/// Where one user sees several tenants, rows must stay with theirs.
pub(super) fn keep(both: &mut Both, input: &PlanInput<'_>, table: &QualifiedName, column: &Ident) {
    // A trigger of a partitioned table is one of its partitions too.
    let inherits = input.catalog.table(table).is_some_and(|table| table.is_partition);
    if spec(input).several().is_some() && !inherits {
        let (table, column) = (table.clone(), column.clone());
        both.push(Change::KeepTenant { table: table.clone(), column }, Change::ReleaseTenant { table });
    }
}

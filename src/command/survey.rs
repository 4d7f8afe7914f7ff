//! What `check`, `plan` and `run` do first: read, resolve, audit, plan. Nothing of it stays in the database.

use diesel::QueryableByName;
use diesel::pg::PgConnection;
use diesel::sql_types::Text;

use super::Context;
use crate::app_migration::{AppMigration, Migrations};
use crate::catalog::Catalog;
use crate::check::{Owners, Registry, Subject, VerifyError};
use crate::config::Config;
use crate::db::Database;
use crate::error::Error;
use crate::plan::{Code, Finding, Plan, PlanInput, Strategies, StrategyWish, build};
use crate::progress::{Event, Reporter};
use crate::rule::{Audit, Resolved, TenantSet, audit, resolve};
use crate::sql::policy::ContextSpec;
use crate::sql::{KeyType, map, registry};

/// A plan with the connection that holds its staged maps.
pub(super) struct Survey {
    /// The plan.
    pub plan: Plan,
    conn: PgConnection,
    resolved: Resolved,
}

#[derive(QueryableByName)]
struct ExistingTenant {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    slug: String,
}

/// Makes the plan.
pub(super) fn survey(cx: &Context<'_>, db: &Database, config: &Config, wish: StrategyWish) -> Result<Survey, Error> {
    let report = cx.ui.reporter();
    let mut conn = db.connect_dedicated()?;
    let catalog = Catalog::load(&mut conn, &config.schemas)?;
    let strange = strange(&mut conn, config)?;
    let tenants = if strange.is_empty() { tenants(&mut conn, config, &catalog)? } else { TenantSet::build(config, &catalog, &[])? };
    let migrations = migrations(config)?;
    let mut resolved = resolve(&catalog, config, &tenants);
    resolved.findings.extend(strange);
    let audit = if can_be_audited(&resolved) {
        let mut told = |what: &str| report.event(&Event::Note { text: what.to_owned() });
        audit(&mut conn, &catalog, &resolved, &tenants, &config.tenants.column, &mut told)?
    } else {
        Audit::default()
    };
    let strategies = Strategies::choose(&resolved, &catalog, &audit, tenants.ty, wish);
    let plan = build(&PlanInput {
        catalog: &catalog,
        config,
        tenants: &tenants,
        resolved: &resolved,
        audit: &audit,
        migrations: &migrations,
        strategies: &strategies,
    });
    finish(&*report);
    Ok(Survey { plan, conn, resolved })
}

fn finish(report: &dyn Reporter) {
    report.suspend(&mut || {});
}

impl Survey {
    /// Keeps the staged maps for the run, in the journal's schema.
    pub(super) fn keep_maps(&mut self) -> Result<(), Error> {
        for spec in &self.resolved.maps {
            map::keep_map(&spec.staged).run_script(&mut self.conn)?;
        }
        Ok(())
    }

    /// The connection that holds the staged maps.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}

/// Rules that name what is not there cannot be asked about rows, and other people's rows cannot be asked at all.
fn can_be_audited(resolved: &Resolved) -> bool {
    use Code::{T002, T003, T004, T005, T006, T063};
    !resolved.findings.iter().any(|finding| matches!(finding.code, T002 | T003 | T004 | T005 | T006 | T063))
}

/// Tables of the configuration whose owners nothing vouches for: `init` may have taken over a stranger's. Asked before a row is read.
fn strange(conn: &mut PgConnection, config: &Config) -> Result<Vec<Finding>, Error> {
    let rules = config.tables.iter().filter(|(_, table)| table.scope.is_none());
    let subject = Subject {
        schemas: config.schemas.iter().cloned().collect(),
        column: config.tenants.column.clone(),
        ty: KeyType::Text,
        registry: Some(Registry { table: config.tenants.table.clone(), key: config.tenants.key.clone() }),
        tables: rules.map(|(name, _)| name.clone()).collect(),
        membership: config.memberships.as_ref().map(|memberships| memberships.table.clone()),
        shared: Vec::new(),
        app_roles: config.rls.app_roles.clone(),
        read_roles: config.rls.read_roles.clone(),
        trusted_roles: config.rls.trusted_roles.clone(),
        trusted_owners: config.rls.trusted_owners.clone(),
        context: ContextSpec::default(),
        owners: Owners::Bound,
        accepted: Vec::new(),
        found: None,
    };
    let rows = subject.doubtful(conn).map_err(VerifyError::from)?;
    Ok(rows.into_iter().map(|row| Finding::about(Code::T063, &row.object, row.detail)).collect())
}

fn tenants(conn: &mut PgConnection, config: &Config, catalog: &Catalog) -> Result<TenantSet, Error> {
    let table = &config.tenants.table;
    let mut existing = Vec::new();
    let columns = [&config.tenants.key, &config.tenants.slug];
    if catalog.table(table).is_some_and(|table| columns.iter().all(|column| table.column(column).is_some())) {
        let rows: Vec<ExistingTenant> = registry::tenants(table, columns[0], columns[1]).rows(conn)?;
        existing = rows.into_iter().map(|row| (row.key, row.slug)).collect();
    }
    Ok(TenantSet::build(config, catalog, &existing)?)
}

fn migrations(config: &Config) -> Result<Migrations, Error> {
    let read = |folder: &Option<String>| folder.as_ref().map(|folder| AppMigration::read(&config.file(folder))).transpose();
    Ok(Migrations { expand: read(&config.expand.migrations)?.unwrap_or_default(), rls: read(&config.rls.migrations)?.unwrap_or_default() })
}

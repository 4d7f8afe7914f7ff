//! `tenantize verify --tenant-column`: what there is to verify in a database that no run has made.

use diesel::PgConnection;

use crate::check::{ContextWish, DiscoverOptions, Discovery, Fact, Source};
use crate::cli::{AuditArgs, ContextName, VerifyArgs};
use crate::error::Error;
use crate::sql::Ident;
use crate::ui::Ui;

/// Reads from the database what was not said, and tells it.
pub(super) fn discover(ui: &Ui, conn: &mut PgConnection, args: &VerifyArgs, column: &Ident) -> Result<Discovery, Error> {
    let discovery = Discovery::load(conn, &options(args, column)?)?;
    let said = |fact: &Fact| format!("{}: {} ({})", fact.what, fact.is, fact.because);
    let facts: Vec<String> = discovery.facts.iter().map(said).collect();
    ui.say(&format!("looked at {}", facts.join("; ")));
    let guessed = discovery.facts.iter().filter(|fact| fact.source == Source::Guessed);
    let options: Vec<&str> = guessed.map(|fact| fact.option.as_str()).collect();
    if !options.is_empty() {
        ui.say(&format!("part of this is guessed; say otherwise with {}", options.join(", ")));
    }
    Ok(discovery)
}

fn options(args: &VerifyArgs, column: &Ident) -> Result<DiscoverOptions, Error> {
    let (args, settings) = (&args.audit, args.attack.set.clone());
    let public = || Ident::new("public").map(|public| vec![public]);
    let schemas = if args.schema.is_empty() { public().map_err(|error| Error::Other(error.to_string()))? } else { args.schema.clone() };
    Ok(DiscoverOptions {
        column: column.clone(),
        schemas,
        registry: args.registry.clone(),
        membership: args.membership.clone(),
        shared: args.shared.clone(),
        app_roles: args.app_role.clone(),
        read_roles: args.read_role.clone(),
        trusted_roles: args.trusted_role.clone(),
        trusted_owners: args.trusted_owner.clone(),
        context: context(args)?,
        settings,
    })
}

fn context(args: &AuditArgs) -> Result<ContextWish, Error> {
    let usage = |message: &str, hint: &str| Err(Error::Usage { message: message.into(), hint: hint.into() });
    let path = args.claim.as_ref().map(|claim| claim.split('.').map(str::to_owned).collect::<Vec<_>>());
    match (args.context, &args.setting, path) {
        (Some(ContextName::SupabaseJwt), Some(_), _) => usage("a token has claims, no setting", "say --claim PATH"),
        (Some(ContextName::Setting), _, Some(_)) => usage("a setting has no claims", "say --context supabase-jwt"),
        (Some(ContextName::Setting), None, None) => usage("which setting holds the tenant is not said", "say --setting NAME"),
        (_, Some(name), _) if !name.contains('.') => usage("the name of a setting holds a dot", "write it like app.tenant_id"),
        (_, Some(name), _) => Ok(ContextWish::Setting(name.clone())),
        (_, None, Some(path)) => Ok(ContextWish::Jwt(Some(path))),
        (Some(ContextName::SupabaseJwt), None, None) => Ok(ContextWish::Jwt(None)),
        (None, None, None) => Ok(ContextWish::Guess),
    }
}

//! Whom a session claims to be: the settings that make it a tenant, nobody, or somebody who does not exist.

mod found;

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::{Value, json};

use crate::check::Subject;
use crate::sql::policy::persona::{active_member, other_user, revoked_member, sign_tenant};
use crate::sql::policy::{ChosenSource, ContextSpec, MembershipContext, Tenants, UserSource};
use crate::sql::{KeyType, Statement, TenantKey};

/// Settings of a session: name and value.
pub type Settings = Vec<(String, String)>;

/// Whom a session claims to be.
#[derive(Clone, Copy, Debug)]
pub enum Persona<'a> {
    /// A tenant.
    Tenant(&'a TenantKey),
    /// Nobody: the settings are there and empty, as a pooled connection leaves them behind.
    Empty,
    /// A text that is no key, and that would end a carelessly composed statement.
    Garbage,
    /// A tenant that does not exist.
    Unknown,
}

const GARBAGE: &str = "x' OR '1'='1";
/// What Supabase tells of the token they have checked.
const CLAIMS: &str = "request.jwt.claims";
/// So long the token of an attacker is valid.
const LIFETIME: &str = "15 minutes";
/// A token that has ended when it is used.
const INSTANT: &str = "1 microsecond";
const NOBODY: &str = "5f0e4d0c-0000-4000-8000-6e6f626f6479";

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Text)]
    text: String,
}

/// The settings that make a session this persona; none when nobody can be it, as a tenant without members.
///
/// # Errors
///
/// When the administrator's session cannot find somebody who belongs to the tenant.
pub fn settings(admin: &mut PgConnection, subject: &Subject, persona: Persona<'_>) -> QueryResult<Option<Settings>> {
    if let Some(found) = &subject.found {
        return found::settings(admin, subject, found, persona);
    }
    let text = match persona {
        Persona::Tenant(key) => key.text.clone(),
        Persona::Empty => String::new(),
        Persona::Garbage => GARBAGE.to_owned(),
        Persona::Unknown => unknown_tenant(subject.ty).text,
    };
    match (&subject.context, persona) {
        (ContextSpec::Setting { name }, _) => Ok(Some(vec![(name.clone(), text)])),
        (ContextSpec::SupabaseJwt { claim }, persona) => Ok(Some(vec![(CLAIMS.to_owned(), token(persona, claim, &text))])),
        (ContextSpec::Membership(spec), Persona::Tenant(key)) => member(admin, spec, key),
        (ContextSpec::Membership(spec), Persona::Unknown) => {
            let somebody = ask(admin, &other_user(spec, &unknown_tenant(subject.ty)))?;
            Ok(Some(of_user(spec, &somebody.unwrap_or_else(|| NOBODY.to_owned()), &text)))
        }
        (ContextSpec::Membership(spec), _) => Ok(Some(of_user(spec, &text, &text))),
        (ContextSpec::Signed { name }, Persona::Tenant(_) | Persona::Unknown) => {
            let token = ask(admin, &sign_tenant(&TenantKey { ty: subject.ty, text }, LIFETIME))?;
            Ok(token.map(|token| vec![(name.clone(), token)]))
        }
        (ContextSpec::Signed { name }, _) => Ok(Some(vec![(name.clone(), text)])),
    }
}

/// Those who would be the victim and are not: what each context must refuse besides strangers. Name and settings.
///
/// # Errors
///
/// When the administrator's session cannot ask who is a member, or cannot sign.
pub fn impostors(admin: &mut PgConnection, subject: &Subject, victim: &TenantKey) -> QueryResult<Vec<(&'static str, Settings)>> {
    match &subject.context {
        ContextSpec::Setting { .. } => Ok(Vec::new()),
        ContextSpec::SupabaseJwt { claim } => Ok(forged_claims(claim, &victim.text)),
        ContextSpec::Membership(spec) => false_members(admin, spec, victim),
        ContextSpec::Signed { name } => false_tokens(admin, name, victim),
    }
}

fn ask(admin: &mut PgConnection, question: &Statement) -> QueryResult<Option<String>> {
    Ok(question.rows::<One>(admin)?.into_iter().next().map(|row| row.text))
}

fn token(persona: Persona<'_>, claim: &str, tenant: &str) -> String {
    match persona {
        Persona::Empty => String::new(),
        _ => json!({ "role": "authenticated", "app_metadata": { claim: tenant } }).to_string(),
    }
}

/// Claims that anybody can write, or that are not where the tenant is looked for.
fn forged_claims(claim: &str, victim: &str) -> Vec<(&'static str, Settings)> {
    let as_settings = |claims: Value| vec![(CLAIMS.to_owned(), claims.to_string())];
    vec![
        ("the tenant in user_metadata", as_settings(json!({ "user_metadata": { claim: victim }, "app_metadata": {} }))),
        ("the tenant beside app_metadata", as_settings(json!({ claim: victim, "app_metadata": null }))),
        ("the tenant in a list", as_settings(json!({ "app_metadata": [{ claim: victim }] }))),
    ]
}

/// Somebody with this tenant, if possible with no other; several tenants at once are tried by somebody who has just one.
fn member(admin: &mut PgConnection, spec: &MembershipContext, tenant: &TenantKey) -> QueryResult<Option<Settings>> {
    let only = ask(admin, &active_member(spec, tenant, Tenants::One))?;
    if let (Some(user), Tenants::Several) = (&only, spec.tenants) {
        return Ok(Some(of_user(spec, user, "")));
    }
    let user = match only {
        Some(user) => Some(user),
        None => ask(admin, &active_member(spec, tenant, Tenants::Several))?,
    };
    Ok(user.map(|user| of_user(spec, &user, &tenant.text)))
}

fn of_user(spec: &MembershipContext, user: &str, tenant: &str) -> Settings {
    let mut settings = Vec::new();
    let mut claims = serde_json::Map::new();
    match &spec.user {
        UserSource::Setting(name) => settings.push((name.clone(), user.to_owned())),
        UserSource::AuthUid => {
            claims.insert("sub".into(), json!(user));
        }
    }
    match &spec.chosen {
        ChosenSource::Setting(name) => settings.push((name.clone(), tenant.to_owned())),
        ChosenSource::Claim(claim) => {
            claims.insert("app_metadata".into(), json!({ claim: tenant }));
        }
    }
    if !claims.is_empty() {
        settings.push((CLAIMS.to_owned(), Value::Object(claims).to_string()));
    }
    settings
}

/// Users who choose a tenant they do not belong to, or no longer.
fn false_members(admin: &mut PgConnection, spec: &MembershipContext, victim: &TenantKey) -> QueryResult<Vec<(&'static str, Settings)>> {
    let mut found = Vec::new();
    if let Some(user) = ask(admin, &other_user(spec, victim))? {
        found.push(("a user of another tenant", of_user(spec, &user, &victim.text)));
    }
    if let Some(user) = revoked_member(spec, victim).map(|question| ask(admin, &question)).transpose()?.flatten() {
        found.push(("a user who was a member", of_user(spec, &user, &victim.text)));
    }
    found.push(("a tenant without a user", of_user(spec, "", &victim.text)));
    Ok(found)
}

/// Tokens that nobody has signed like that.
fn false_tokens(admin: &mut PgConnection, name: &str, victim: &TenantKey) -> QueryResult<Vec<(&'static str, Settings)>> {
    let of = |token: String| vec![(name.to_owned(), token)];
    let mut found = vec![("a tenant without a signature", of(victim.text.clone()))];
    if let Some(expired) = ask(admin, &sign_tenant(victim, INSTANT))? {
        found.push(("a signature that has expired", of(expired)));
    }
    let stranger = unknown_tenant(victim.ty);
    if let Some(token) = ask(admin, &sign_tenant(&stranger, LIFETIME))? {
        found.push(("the signature of another tenant", of(token.replace(&stranger.text, &victim.text))));
        let head: String = token.split('|').take(2).collect::<Vec<_>>().join("|");
        found.push(("a signature for another time", of(format!("{head}|99999999999|{}", victim.text))));
    }
    Ok(found)
}

/// A key that no tenant has.
#[must_use]
pub(super) fn unknown_tenant(ty: KeyType) -> TenantKey {
    let text = match ty {
        KeyType::Uuid => "5f0e4d0c-0000-4000-8000-7465616e6174",
        KeyType::Bigint | KeyType::Int => "-1987654321",
        KeyType::Text => "tenantize-nobody",
    };
    TenantKey { ty, text: text.into() }
}

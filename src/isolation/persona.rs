//! Whom a session claims to be: the settings that make it a tenant, nobody, or somebody who does not exist.

use diesel::prelude::*;

use crate::check::Subject;
use crate::sql::policy::ContextSpec;
use crate::sql::{KeyType, TenantKey};

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

/// The settings that make a session this persona; none when nobody can be it, as a tenant without members.
///
/// # Errors
///
/// When the administrator's session cannot find somebody who belongs to the tenant.
pub fn settings(_admin: &mut PgConnection, subject: &Subject, persona: Persona<'_>) -> QueryResult<Option<Settings>> {
    let text = match persona {
        Persona::Tenant(key) => key.text.clone(),
        Persona::Empty => String::new(),
        Persona::Garbage => GARBAGE.to_owned(),
        Persona::Unknown => unknown_tenant(subject.ty).text,
    };
    Ok(match &subject.context {
        ContextSpec::Setting { name } => Some(vec![(name.clone(), text)]),
    })
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

//! Personas in a database that no plan has made: settings whose values hold places for a tenant and a user.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{GARBAGE, Persona, Settings, unknown_tenant};
use crate::check::{Found, Subject, TENANT, fill};
use crate::sql::KeyType;
use crate::sql::check::member;

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Text)]
    text: String,
}

/// The settings of a persona; none for a tenant without a user, where one is needed.
pub(super) fn settings(admin: &mut PgConnection, subject: &Subject, found: &Found, persona: Persona<'_>) -> QueryResult<Option<Settings>> {
    let stranger = || unknown_tenant(KeyType::Uuid).text;
    let (tenant, user) = match persona {
        Persona::Empty => return Ok(Some(found.settings.iter().map(|(name, _)| (name.clone(), String::new())).collect())),
        Persona::Tenant(key) => match &found.member {
            None => (key.text.clone(), String::new()),
            Some(column) => {
                let users: Vec<One> = member(&column.table, &subject.column, &column.column, key).rows(admin)?;
                match users.into_iter().next() {
                    Some(user) => (key.text.clone(), user.text),
                    None => return Ok(None),
                }
            }
        },
        // A user who is no user would be refused first, and nothing would be learnt of the tenant.
        Persona::Garbage if found.settings.iter().any(|(_, value)| value.contains(TENANT)) => (GARBAGE.to_owned(), stranger()),
        Persona::Garbage => (GARBAGE.to_owned(), GARBAGE.to_owned()),
        Persona::Unknown => (unknown_tenant(subject.ty).text, stranger()),
    };
    Ok(Some(found.settings.iter().map(|(name, value)| (name.clone(), fill(value, &tenant, &user))).collect()))
}

//! The session's tenant, as SQL: the one place that knows how a policy learns it.

use serde::{Deserialize, Serialize};

use super::{Ident, KeyType};

/// The setting that holds the tenant of a transaction.
pub const SETTING: &str = "app.tenant_id";

/// Where policies learn the tenant from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "context", rename_all = "kebab-case")]
pub enum ContextSpec {
    /// A setting of the transaction.
    Setting {
        /// Its name.
        name: String,
    },
}

impl Default for ContextSpec {
    fn default() -> Self {
        Self::Setting { name: SETTING.to_owned() }
    }
}

/// The tenant of the session; null without one, an error for text that is no key.
fn current(ty: KeyType) -> String {
    let text = format!("NULLIF(pg_catalog.current_setting('{SETTING}', true), '')");
    if ty == KeyType::Text { text } else { format!("{text}::{ty}") }
}

/// The condition that a row belongs to the session's tenant.
///
/// The sub-select makes PostgreSQL ask for the setting once per query and not once per row.
#[must_use]
pub fn own_tenant(column: &Ident, ty: KeyType) -> String {
    format!("{column} = (SELECT {})", current(ty))
}

/// The functions of the schema `tenancy` that the application uses.
pub(super) fn context_functions(ty: KeyType) -> String {
    format!(
        "CREATE FUNCTION tenancy.current_tenant_id() RETURNS {ty} LANGUAGE sql STABLE PARALLEL SAFE\n  RETURN {};\n\
         CREATE FUNCTION tenancy.set_tenant(tenant {ty}) RETURNS void LANGUAGE sql VOLATILE\n  \
         BEGIN ATOMIC\n    SELECT pg_catalog.set_config('{SETTING}', tenant::text, true);\n  END",
        current(ty)
    )
}

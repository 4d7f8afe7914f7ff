//! The session's tenant, as SQL: the one place that knows how policies learn it.

mod functions;
mod membership;
pub mod persona;
mod signed;

use serde::{Deserialize, Serialize};

pub use functions::{context_functions, create_context, drop_context};

use super::{Ident, KeyType, QualifiedName, Text};

/// The setting that holds the tenant of a transaction, unless the operator names another.
pub const SETTING: &str = "app.tenant_id";

/// The trigger that keeps rows with their tenant. Triggers fire in the order of their names: it sees what others have set.
pub const KEEP_TRIGGER: &str = "zz_tenancy_keep";

/// Where policies learn the tenant from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "context", rename_all = "kebab-case")]
pub enum ContextSpec {
    /// A setting of the transaction.
    Setting {
        /// Its name.
        name: String,
    },
    /// A claim of the token that Supabase has checked, in the part that only the server writes: `app_metadata`.
    SupabaseJwt {
        /// The claim's name.
        claim: String,
    },
    /// The memberships of the user, as they are now.
    Membership(MembershipContext),
    /// A setting whose value is signed and expires.
    Signed {
        /// Its name.
        name: String,
    },
}

/// How the tenant follows from memberships.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipContext {
    /// The table of memberships.
    pub table: QualifiedName,
    /// Its column for the user.
    pub user_column: Ident,
    /// That column's type.
    pub user_ty: String,
    /// Its column for the tenant.
    pub tenant_column: Ident,
    /// The column that says whether a membership counts, and the text it then holds.
    pub status: Option<(Ident, String)>,
    /// Who the user is.
    pub user: UserSource,
    /// Which of its tenants the user works for.
    pub chosen: ChosenSource,
    /// How many tenants a query may see.
    pub tenants: Tenants,
}

/// Where the user's key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserSource {
    /// This setting of the transaction.
    Setting(String),
    /// Supabase's `auth.uid()`.
    AuthUid,
}

/// Where the chosen tenant comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChosenSource {
    /// This setting of the transaction.
    Setting(String),
    /// This claim in `app_metadata`.
    Claim(String),
}

/// How many tenants a query of one user may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tenants {
    /// The chosen one, or the only one.
    #[default]
    One,
    /// All of the user's, unless one is chosen.
    Several,
}

/// How a policy asks for the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyForm {
    /// In a sub-select: once per query, and the planner takes every tenant for an average one.
    #[default]
    Wrapped,
    /// Directly: the planner knows the tenant's share, and a scan without index asks for each row.
    Bare,
}

impl Default for ContextSpec {
    fn default() -> Self {
        Self::Setting { name: SETTING.to_owned() }
    }
}

impl ContextSpec {
    /// Whether the planner may evaluate the context while it plans: it cannot, where a function reads tables with rights of its own.
    #[must_use]
    pub fn allows_bare(&self) -> bool {
        matches!(self, Self::Setting { .. } | Self::SupabaseJwt { .. })
    }

    /// The memberships, where one user may see rows of several tenants at once.
    #[must_use]
    pub fn several(&self) -> Option<&MembershipContext> {
        match self {
            Self::Membership(spec) if spec.tenants == Tenants::Several => Some(spec),
            _ => None,
        }
    }

    /// The settings that decide for which tenant a session speaks: nobody may set them beforehand.
    #[must_use]
    pub fn settings(&self) -> Vec<&str> {
        const CLAIMS: [&str; 3] = ["request.jwt.claims", "request.jwt.claim", "request.jwt.claim.sub"];
        match self {
            Self::Setting { name } | Self::Signed { name } => vec![name],
            Self::SupabaseJwt { .. } => CLAIMS.to_vec(),
            Self::Membership(spec) => {
                let mut names = Vec::new();
                if let UserSource::Setting(name) = &spec.user {
                    names.push(name.as_str());
                }
                if let ChosenSource::Setting(name) = &spec.chosen {
                    names.push(name);
                }
                if spec.user == UserSource::AuthUid || matches!(spec.chosen, ChosenSource::Claim(_)) {
                    names.extend(CLAIMS);
                }
                names
            }
        }
    }
}

/// The condition that a row belongs to the session's tenant.
///
/// Fence and allow have the same text: PostgreSQL then asks it once (it merges equal conditions of policies).
#[must_use]
pub fn own_tenant(context: &ContextSpec, form: PolicyForm, column: &Ident, ty: KeyType) -> String {
    // `= ANY (ARRAY(…))` can use an index; `IN (SELECT …)` cannot.
    if context.several().is_some() {
        return format!("{column} = ANY (ARRAY(SELECT tenancy.my_tenant_ids()))");
    }
    let current = current(context, ty);
    match form {
        PolicyForm::Bare if context.allows_bare() => format!("{column} = {current}"),
        PolicyForm::Wrapped | PolicyForm::Bare => format!("{column} = (SELECT {current})"),
    }
}

/// The tenant of the session; null without one, an error for text that is no key.
///
/// Without a function where it can be: nobody can open every table by replacing one.
fn current(context: &ContextSpec, ty: KeyType) -> String {
    match context {
        ContextSpec::Setting { name } => setting(name, ty.sql()),
        ContextSpec::SupabaseJwt { claim } => self::claim(claim, ty.sql()),
        ContextSpec::Membership(_) | ContextSpec::Signed { .. } => "tenancy.current_tenant_id()".to_owned(),
    }
}

/// A setting of the transaction; empty, as a pooled connection leaves it behind, is the same as none.
fn setting(name: &str, ty: &str) -> String {
    cast(format!("NULLIF(pg_catalog.current_setting({}, true), '')", Text(name)), ty)
}

/// A claim that only the server can write; users change their `user_metadata` themselves.
fn claim(name: &str, ty: &str) -> String {
    cast(format!("NULLIF(auth.jwt() -> 'app_metadata' ->> {}, '')", Text(name)), ty)
}

fn cast(text: String, ty: &str) -> String {
    if ty == "text" { text } else { format!("{text}::{ty}") }
}

/// Keeps rows of a table with their tenant.
pub(in crate::sql) fn keep_tenant(table: &QualifiedName, column: &Ident) -> String {
    format!(
        "CREATE TRIGGER {KEEP_TRIGGER} BEFORE UPDATE ON {table} FOR EACH ROW\n  WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) \
         EXECUTE FUNCTION tenancy.keep_tenant()"
    )
}

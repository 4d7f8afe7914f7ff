//! Where policies learn the tenant from, as `[rls]` says it.

use serde::{Deserialize, Serialize};

use super::{Config, FormWish, RlsConfig};
use crate::sql::Ident;
use crate::sql::policy::{SETTING, Tenants};

/// The setting that holds the user, unless the operator names another.
const USER_SETTING: &str = "app.user_id";
/// The claim that holds the tenant, unless the operator names another.
const CLAIM: &str = "tenant_id";

/// Where policies learn the tenant from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// A setting, set in each transaction.
    #[default]
    Setting,
    /// A claim of the token that Supabase has checked.
    SupabaseJwt,
    /// The user's memberships, as they are now.
    Membership,
    /// A setting whose value is signed and expires.
    Signed,
}

/// How the tenant follows from memberships.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipRls {
    /// Who the user is.
    #[serde(default)]
    pub user: UserFrom,
    /// The setting that holds the user's key.
    pub user_setting: Option<String>,
    /// Which of its tenants the user works for.
    #[serde(default)]
    pub chosen: ChosenFrom,
    /// How many tenants a query may see.
    #[serde(default)]
    pub tenants: Tenants,
    /// The column of the membership table that says whether a membership counts.
    pub status: Option<Ident>,
    /// What it then holds.
    pub active: Option<String>,
}

/// Where the user's key comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserFrom {
    /// A setting.
    #[default]
    Setting,
    /// Supabase's `auth.uid()`.
    AuthUid,
}

/// Where the chosen tenant comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChosenFrom {
    /// A setting.
    #[default]
    Setting,
    /// A claim in `app_metadata`.
    Claim,
}

impl MembershipRls {
    /// The setting that holds the user's key.
    #[must_use]
    pub fn user_setting(&self) -> &str {
        self.user_setting.as_deref().unwrap_or(USER_SETTING)
    }

    /// What the status of a membership that counts is.
    #[must_use]
    pub fn active(&self) -> &str {
        self.active.as_deref().unwrap_or("active")
    }
}

impl RlsConfig {
    /// The setting that holds the tenant.
    #[must_use]
    pub fn setting(&self) -> &str {
        self.setting.as_deref().unwrap_or(SETTING)
    }

    /// The claim that holds the tenant.
    #[must_use]
    pub fn claim(&self) -> &str {
        self.claim.as_deref().unwrap_or(CLAIM)
    }

    /// How the tenant follows from memberships.
    #[must_use]
    pub fn memberships(&self) -> MembershipRls {
        self.membership.clone().unwrap_or_default()
    }

    fn reads_claim(&self) -> bool {
        match self.context {
            Context::SupabaseJwt => true,
            Context::Membership => self.memberships().chosen == ChosenFrom::Claim,
            Context::Setting | Context::Signed => false,
        }
    }
}

/// What contradicts itself in `[rls]`.
pub(super) fn validate(config: &Config) -> Result<(), String> {
    let rls = &config.rls;
    let memberships = rls.memberships();
    if let Some(role) = rls.trusted_roles.iter().find(|role| rls.app_roles.contains(role) || rls.read_roles.contains(role)) {
        return Err(format!("[rls]: {} is in trusted_roles and is the application's", role.plain()));
    }
    if rls.context == Context::Membership && config.memberships.is_none() {
        return Err("[rls]: context = \"membership\" needs the section [memberships]".into());
    }
    if rls.context != Context::Membership && rls.membership.is_some() {
        return Err("[rls.membership] is read by context = \"membership\" alone".into());
    }
    if rls.claim.is_some() && !rls.reads_claim() {
        return Err("[rls]: nothing reads `claim` in this context".into());
    }
    if rls.setting.is_some() && rls.reads_claim() {
        return Err("[rls]: nothing reads `setting` in this context".into());
    }
    if memberships.user_setting.is_some() && memberships.user == UserFrom::AuthUid {
        return Err("[rls.membership]: nothing reads `user_setting` beside user = \"auth-uid\"".into());
    }
    if memberships.active.is_some() && memberships.status.is_none() {
        return Err("[rls.membership]: `active` needs `status`".into());
    }
    if let Some((table, _)) = config.tables.iter().find(|(_, table)| table.policy_form == FormWish::Bare)
        && matches!(rls.context, Context::Membership | Context::Signed)
    {
        let reason = "this context reads a table with rights of its own, and would do so for each row";
        return Err(format!("[tables.\"{}\"]: policy_form = \"bare\": {reason}", table.plain()));
    }
    for (key, name) in [("setting", rls.setting()), ("user_setting", memberships.user_setting())] {
        if !is_setting(name) {
            return Err(format!("[rls]: {key} = \"{name}\" is no name of a setting: it must be like app.tenant_id"));
        }
    }
    if rls.setting().eq_ignore_ascii_case(memberships.user_setting()) && rls.context == Context::Membership {
        return Err("[rls]: one setting cannot hold both the tenant and the user".into());
    }
    Ok(())
}

/// Names that PostgreSQL accepts for settings it does not know: at least two simple names with dots between them.
fn is_setting(name: &str) -> bool {
    let simple = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    name.len() <= Ident::MAX_BYTES && name.contains('.') && name.split('.').all(simple)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Config, ConfigError};
    use crate::sql::policy::Tenants;

    const HEAD: &str = "version = 1\n[tenants]\ntable = \"public.tenants\"\ndefault = { slug = \"a\" }\n";
    const MEMBERS: &str = "[memberships]\ntable = \"public.m\"\nusers = \"public.users\"\n";

    fn parse(rls: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("tenantize.toml"), &format!("{HEAD}{rls}"))
    }

    #[test]
    fn every_context_is_read_with_plain_defaults() {
        for context in ["setting", "supabase-jwt", "signed"] {
            let config = parse(&format!("[rls]\ncontext = \"{context}\"\n")).unwrap();
            assert_eq!((config.rls.setting(), config.rls.claim()), ("app.tenant_id", "tenant_id"));
        }
        let config = parse(&format!("{MEMBERS}[rls]\ncontext = \"membership\"\n[rls.membership]\ntenants = \"several\"\n")).unwrap();
        assert_eq!(config.rls.memberships().tenants, Tenants::Several);
        assert_eq!(config.rls.memberships().user_setting(), "app.user_id");
    }

    #[test]
    fn what_nothing_reads_is_refused() {
        for (rls, part) in [
            ("[rls]\ncontext = \"membership\"\n", "needs the section"),
            ("[rls]\n[rls.membership]\n", "alone"),
            ("[rls]\nclaim = \"org\"\n", "`claim`"),
            ("[rls]\ncontext = \"supabase-jwt\"\nsetting = \"a.b\"\n", "`setting`"),
            ("[rls]\nsetting = \"tenant\"\n", "no name of a setting"),
            ("[rls]\nsetting = \"app.x'y\"\n", "no name of a setting"),
            ("[rls]\napp_roles = [\"a\"]\ntrusted_roles = [\"a\"]\n", "trusted_roles"),
        ] {
            let error = parse(rls).unwrap_err();
            assert!(error.to_string().contains(part), "{rls}: {error}");
        }
        let both = format!("{MEMBERS}[rls]\ncontext = \"membership\"\nsetting = \"app.user_id\"\n");
        assert!(parse(&both).unwrap_err().to_string().contains("both"));
    }

    #[test]
    fn a_misspelt_context_names_the_nearest() {
        let error = parse("[rls]\ncontext = \"singed\"\n").unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("did you mean `signed`?"), "{error}");
        let error = parse(&format!("{MEMBERS}[rls]\ncontext = \"membership\"\n[rls.membership]\nstatsu = \"s\"\n")).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("did you mean `status`?"), "{error}");
    }
}

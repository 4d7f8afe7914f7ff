//! What the operator decides about the attacks.

use std::num::NonZeroUsize;
use std::time::Duration;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::persona::{Persona, Settings, settings, unknown_tenant};
use crate::check::Subject;
use crate::sql::TenantKey;

/// What the operator decides about the attacks.
#[derive(Clone, Debug, Default)]
pub struct AttackOptions {
    /// Whether attacks may write before they are undone.
    pub reach: Reach,
    /// After so long no attack is begun.
    pub time_budget: Option<Duration>,
    /// Settings that the application makes besides the tenant; `{tenant}` in a value stands for the tenant's key.
    pub settings: Settings,
    /// Which tenants attack each other.
    pub pairs: Pairs,
}

/// Whether attacks may write before they are undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// They read and write.
    #[default]
    Everything,
    /// They only read, in a transaction that is read-only.
    ReadOnly,
}

/// Which tenants attack each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// So many pairs of those with most rows in each relation.
    Most(NonZeroUsize),
    /// These two.
    Chosen {
        /// Who attacks: a key, or a slug of the registry.
        me: String,
        /// Whose rows are attacked.
        victim: String,
    },
}

impl Default for Pairs {
    fn default() -> Self {
        Self::Most(NonZeroUsize::MIN)
    }
}

impl AttackOptions {
    /// The settings that make a session this persona; none when nobody can be it.
    pub(super) fn persona(&self, admin: &mut PgConnection, subject: &Subject, persona: Persona<'_>) -> QueryResult<Option<Settings>> {
        let Some(mut all) = settings(admin, subject, persona)? else { return Ok(None) };
        let text = match persona {
            Persona::Tenant(key) => key.text.clone(),
            Persona::Empty => String::new(),
            Persona::Garbage => "x' OR '1'='1".into(),
            Persona::Unknown => unknown_tenant(subject.ty).text,
        };
        all.extend(self.settings.iter().map(|(name, value)| (name.clone(), value.replace(TENANT, &text))));
        Ok(Some(all))
    }

    /// The settings of a session that names no tenant.
    pub(super) fn nobody(&self) -> Settings {
        self.settings.iter().filter(|(_, value)| !value.contains(TENANT)).cloned().collect()
    }
}

const TENANT: &str = "{tenant}";

/// Two tenants of a relation and their rows in it.
pub(super) type Pair = [(TenantKey, i64); 2];

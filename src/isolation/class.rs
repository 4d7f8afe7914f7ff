//! What attacks try.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an attack tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// What the application must be able to do; without it the attacks would prove nothing.
    Control,
    /// To read rows of another tenant.
    Select,
    /// To read or write them by the client protocol.
    Copy,
    /// To write new rows for another tenant.
    Insert,
    /// To change rows of another tenant, or to give rows away.
    Update,
    /// To delete rows of another tenant.
    Delete,
    /// To take over a row that is in the way of a new one.
    Upsert,
    /// To come without a tenant, with one that is none, or with two.
    Context,
    /// To reference a row of another tenant, or to learn whether it exists.
    Fk,
    /// To learn from a unique key what another tenant has.
    Unique,
    /// To get around the policies.
    Ddl,
    /// To list or change tenants, or to become a member of one.
    Registry,
    /// To read rows of another tenant through a view.
    View,
    /// To read them through a function.
    Function,
    /// To read or move counters that all tenants share.
    Sequence,
    /// To become more than the application's role is.
    Role,
}

impl Class {
    /// All, in the order of reports.
    pub const ALL: [Self; 16] = [
        Self::Control,
        Self::Select,
        Self::Copy,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Upsert,
        Self::Context,
        Self::Fk,
        Self::Unique,
        Self::Ddl,
        Self::Registry,
        Self::View,
        Self::Function,
        Self::Sequence,
        Self::Role,
    ];

    /// The name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Select => "select",
            Self::Copy => "copy",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Upsert => "upsert",
            Self::Context => "context",
            Self::Fk => "fk",
            Self::Unique => "unique",
            Self::Ddl => "ddl",
            Self::Registry => "registry",
            Self::View => "view",
            Self::Function => "function",
            Self::Sequence => "sequence",
            Self::Role => "role",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

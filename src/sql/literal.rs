//! Values and types as they appear in statements that cannot carry bind parameters.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text constant; `Display` writes it quoted for SQL under `standard_conforming_strings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

/// The types a registry's key, and so a tenant column, can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// 16 bytes; what the tool proposes.
    Uuid,
    /// 8 bytes.
    Bigint,
    /// 4 bytes.
    Int,
    /// A natural key, such as a slug.
    Text,
}

impl KeyType {
    /// Recognises the name that PostgreSQL's `format_type` gives.
    #[must_use]
    pub fn from_sql(name: &str) -> Option<Self> {
        match name {
            "uuid" => Some(Self::Uuid),
            "bigint" => Some(Self::Bigint),
            "integer" => Some(Self::Int),
            "text" => Some(Self::Text),
            _ if name.starts_with("character varying") => Some(Self::Text),
            _ => None,
        }
    }

    /// The type's name in SQL.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Bigint => "bigint",
            Self::Int => "integer",
            Self::Text => "text",
        }
    }

    /// Whether `text` is a value of this type.
    #[must_use]
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Uuid => uuid::Uuid::parse_str(text).is_ok(),
            Self::Bigint => text.parse::<i64>().is_ok(),
            Self::Int => text.parse::<i32>().is_ok(),
            Self::Text => !text.is_empty() && !text.contains('\0'),
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sql())
    }
}

/// The key of one tenant; `Display` writes it as a typed constant for SQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TenantKey {
    /// The registry's key type.
    pub ty: KeyType,
    /// The value in PostgreSQL's own spelling.
    pub text: String,
}

impl TenantKey {
    /// The value for messages and reports.
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", Text(&self.text), self.ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_keys_are_typed() {
        assert_eq!(Text("O'Hara").to_string(), "'O''Hara'");
        let key = TenantKey { ty: KeyType::Bigint, text: "7".into() };
        assert_eq!(key.to_string(), "'7'::bigint");
        assert_eq!(KeyType::from_sql("character varying(20)"), Some(KeyType::Text));
        assert!(!KeyType::Int.accepts("3000000000"));
    }
}

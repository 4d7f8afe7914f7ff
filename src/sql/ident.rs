//! Names that cannot be written unquoted or too long.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A PostgreSQL identifier of 1 to 63 bytes.
///
/// `Display` writes it quoted, ready for SQL. Use [`Ident::plain`] in messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ident(Box<str>);

/// Why a text cannot be an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentError {
    /// Nothing between the quotes.
    #[error("a name must not be empty")]
    Empty,
    /// PostgreSQL would cut it silently.
    #[error("the name `{0}` is longer than 63 bytes")]
    TooLong(String),
    /// PostgreSQL cannot store a NUL byte in a name.
    #[error("a name must not hold a NUL byte")]
    Nul,
    /// A table was written without its schema.
    #[error("`{0}` must be written with its schema, like `public.{0}`")]
    NoSchema(String),
    /// A quote was opened and never closed, or text follows it.
    #[error("`{0}` is not a name: its quotes do not match")]
    Quotes(String),
}

impl Ident {
    /// The longest name that PostgreSQL keeps (`NAMEDATALEN` - 1).
    pub const MAX_BYTES: usize = 63;

    /// Accepts any text that PostgreSQL would keep unchanged between double quotes.
    pub fn new(name: impl Into<Box<str>>) -> Result<Self, IdentError> {
        let name = name.into();
        if name.is_empty() {
            return Err(IdentError::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(IdentError::TooLong(name.into()));
        }
        if name.contains('\0') {
            return Err(IdentError::Nul);
        }
        Ok(Self(name))
    }

    /// Joins parts and a suffix by `_`; when the result is too long the middle is cut and a digest keeps it unique.
    #[must_use]
    pub fn derived(parts: &[&Ident], suffix: &str) -> Self {
        let mut whole = String::new();
        for part in parts {
            whole.push_str(part.plain());
            whole.push('_');
        }
        whole.push_str(suffix);
        if whole.len() <= Self::MAX_BYTES {
            return Self(whole.into());
        }
        let digest = hex(&Sha256::digest(whole.as_bytes())[..4]);
        let tail = format!("_{digest}_{suffix}");
        let mut keep = Self::MAX_BYTES.saturating_sub(tail.len());
        while !whole.is_char_boundary(keep) {
            keep -= 1;
        }
        Self(format!("{}{tail}", &whole[..keep]).into())
    }

    /// The name without quotes, for messages.
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.0
    }
}

/// Writes bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl TryFrom<String> for Ident {
    type Error = IdentError;

    fn try_from(name: String) -> Result<Self, IdentError> {
        Self::new(name)
    }
}

impl From<Ident> for String {
    fn from(name: Ident) -> Self {
        name.0.into()
    }
}

/// `schema.name`, always with its schema.
///
/// `Display` writes it quoted, ready for SQL. As text (configuration, journal, messages) it is
/// `schema.name`, with double quotes around a part that holds a dot or a quote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QualifiedName {
    /// The schema.
    pub schema: Ident,
    /// The relation, function or type in it.
    pub name: Ident,
}

impl QualifiedName {
    /// Puts a name into a schema.
    #[must_use]
    pub fn new(schema: Ident, name: Ident) -> Self {
        Self { schema, name }
    }

    /// The name for messages, the configuration and the journal.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("{}.{}", plain_part(&self.schema), plain_part(&self.name))
    }
}

fn plain_part(part: &Ident) -> String {
    if part.plain().contains(['.', '"']) { part.to_string() } else { part.plain().to_owned() }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl FromStr for QualifiedName {
    type Err = IdentError;

    fn from_str(text: &str) -> Result<Self, IdentError> {
        let (schema, rest) = take_part(text, text)?;
        let Some(rest) = rest.strip_prefix('.') else {
            return Err(IdentError::NoSchema(text.to_owned()));
        };
        let (name, rest) = take_part(rest, text)?;
        if !rest.is_empty() {
            return Err(IdentError::Quotes(text.to_owned()));
        }
        Ok(Self { schema: Ident::new(schema)?, name: Ident::new(name)? })
    }
}

/// Takes one part: up to the first dot, or a whole `"…"` with doubled quotes inside.
fn take_part<'a>(text: &'a str, whole: &str) -> Result<(String, &'a str), IdentError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let mut part = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            part.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            chars.next();
            part.push('"');
        } else {
            return Ok((part, &quoted[at + 1..]));
        }
    }
    Err(IdentError::Quotes(whole.to_owned()))
}

impl TryFrom<String> for QualifiedName {
    type Error = IdentError;

    fn try_from(text: String) -> Result<Self, IdentError> {
        text.parse()
    }
}

impl From<QualifiedName> for String {
    fn from(name: QualifiedName) -> Self {
        name.plain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_one_identifier() {
        let name = Ident::new(r#"order"; drop"#).unwrap();
        assert_eq!(name.to_string(), r#""order""; drop""#);
    }

    #[test]
    fn names_of_63_bytes_are_kept_and_of_64_refused() {
        assert!(Ident::new("é".repeat(31) + "x").is_ok());
        assert_eq!(Ident::new("x".repeat(64)), Err(IdentError::TooLong("x".repeat(64))));
        assert_eq!(Ident::new(""), Err(IdentError::Empty));
    }

    #[test]
    fn derived_names_never_exceed_63_bytes_and_stay_different() {
        let long = Ident::new("é".repeat(31)).unwrap();
        let a = Ident::derived(&[&long, &Ident::new("a").unwrap()], "tenant_fkey");
        let b = Ident::derived(&[&long, &Ident::new("b").unwrap()], "tenant_fkey");
        assert!(a.plain().len() <= 63 && a.plain().ends_with("_tenant_fkey"), "{a}");
        assert_ne!(a, b);
    }

    #[test]
    fn qualified_names_survive_text_and_back() {
        for text in ["public.orders", r#"public."a.b""#, r#""we""ird"."x y""#, "public.Größe 🦀"] {
            let name: QualifiedName = text.parse().unwrap();
            assert_eq!(name.plain().parse::<QualifiedName>().unwrap(), name, "{text}");
        }
        assert!(matches!("orders".parse::<QualifiedName>(), Err(IdentError::NoSchema(_))));
        assert!(matches!(r#"public."x"#.parse::<QualifiedName>(), Err(IdentError::Quotes(_))));
    }
}

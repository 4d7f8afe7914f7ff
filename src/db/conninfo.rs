//! The two spellings of a connection, a `postgresql://` URL and libpq's `key=value` list, as one ordered list of parameters.
//!
//! libpq reads both, but it repeats pieces of a malformed one in its messages. Reading them here first means that
//! a password with a stray `@` is refused by a message of ours that does not hold it.

use thiserror::Error;

/// Why a connection text cannot be used. No variant holds a part of a value, which could be a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Neither flag, environment, `.env` nor configuration names a database.
    #[error("no database given")]
    Missing,
    /// The flag or the configuration is there, but empty.
    #[error("the database URL is empty")]
    Empty,
    /// Another scheme than that of `PostgreSQL`.
    #[error("{scheme}:// is not a PostgreSQL URL")]
    Scheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// Neither URL nor `key=value` list.
    #[error("the database URL has neither postgresql:// nor key=value")]
    NotAUrl,
    /// A character of the user or password that must be percent-encoded is not.
    #[error("the database URL has an unencoded @ after the user")]
    Unencoded,
    /// A port that is not a number.
    #[error("the port of the database URL is not a number")]
    Port,
    /// A `[` without its `]`.
    #[error("the IPv6 address of the database URL has no closing bracket")]
    Bracket,
    /// A `%` without two hexadecimal digits after it, or one that does not decode to UTF-8.
    #[error("the database URL has a % that is no valid percent-encoding")]
    Percent,
    /// A NUL byte, literal or encoded.
    #[error("the database URL holds a NUL byte")]
    Nul,
    /// A query parameter or list element that is not `key=value`.
    #[error("a parameter of the database URL is not key=value")]
    Parameter,
    /// A quoted value of a `key=value` list that does not end.
    #[error("a quoted value of the database URL does not end")]
    Quote,
    /// `sslrootcert=system` with an `sslmode` that does not check the host.
    #[error("sslmode={sslmode} is too weak for sslrootcert=system")]
    WeakSslMode {
        /// The mode asked for.
        sslmode: String,
    },
    /// GSSAPI encryption is required, but the libpq built in has none.
    #[error("gssencmode=require needs a libpq with GSSAPI, and the one built in has none")]
    NoGssapi,
}

impl UrlError {
    /// Says what to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Missing | Self::Empty => {
                "give --database-url, set DATABASE_URL (also in .env), or write database_url in tenantize.toml".into()
            }
            Self::Scheme { .. } | Self::NotAUrl => "write it as postgresql://user@host/database".into(),
            Self::Unencoded | Self::Port | Self::Percent => "in user and password write @ as %40, : as %3A, / as %2F and % as %25".into(),
            Self::Bracket => "write an IPv6 address as [::1]".into(),
            Self::Nul | Self::Parameter | Self::Quote => "compare it with the connection strings libpq describes".into(),
            Self::WeakSslMode { .. } => "use sslmode=verify-full, or name a file in sslrootcert".into(),
            Self::NoGssapi => "build with --no-default-features to use the system's libpq".into(),
        }
    }
}

/// Connection parameters in the order given, each name once.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads either spelling.
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.contains('\0') {
            return Err(UrlError::Nul);
        }
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        if let Some(rest) = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
            return Self::from_url(rest);
        }
        match text.split_once("://") {
            Some((scheme, _)) if is_scheme(scheme) => Err(UrlError::Scheme { scheme: scheme.into() }),
            _ if text.contains('=') => Self::from_list(text),
            _ => Err(UrlError::NotAUrl),
        }
    }

    /// The value of a parameter that is there and not empty: libpq treats an empty one as absent.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// Sets a parameter; the last one given wins, as in libpq.
    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some(entry) => entry.1 = value,
            None => self.0.push((key.into(), value)),
        }
    }

    /// Takes parameters away.
    pub(super) fn forget(&mut self, keys: &[&str]) {
        self.0.retain(|(name, _)| !keys.contains(&name.as_str()));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The list spelling, every value quoted.
    pub(super) fn to_list(&self) -> String {
        let quote = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
        let items: Vec<String> = self.iter().map(|(key, value)| format!("{key}='{}'", quote(value))).collect();
        items.join(" ")
    }

    fn from_url(rest: &str) -> Result<Self, UrlError> {
        let mut params = Self::default();
        let rest = match rest.find(['@', '/']) {
            Some(at) if rest[at..].starts_with('@') => {
                let (user, password) = rest[..at].split_once(':').map_or((&rest[..at], None), |(u, p)| (u, Some(p)));
                params.set_some("user", &decode(user)?);
                params.set_some("password", &decode(password.unwrap_or_default())?);
                &rest[at + 1..]
            }
            _ => rest,
        };
        let (path, query) = rest.split_once('?').map_or((rest, ""), |(path, query)| (path, query));
        let (hosts, dbname) = path.split_once('/').unwrap_or((path, ""));
        if path.contains('@') {
            return Err(UrlError::Unencoded);
        }
        params.set_hosts(hosts)?;
        params.set_some("dbname", &decode(dbname)?);
        for item in query.split('&').filter(|item| !item.is_empty()) {
            let (key, value) = item.split_once('=').ok_or(UrlError::Parameter)?;
            if value.contains('=') {
                return Err(UrlError::Parameter);
            }
            match (decode(key)?.as_str(), decode(value)?) {
                // The spelling of JDBC, which libpq accepts too.
                ("ssl", value) if value == "true" => params.set("sslmode", "require"),
                (key, value) => params.set(key, value),
            }
        }
        Ok(params)
    }

    fn set_hosts(&mut self, text: &str) -> Result<(), UrlError> {
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        for item in text.split(',') {
            let (host, port) = if let Some(bracketed) = item.strip_prefix('[') {
                let (host, rest) = bracketed.split_once(']').ok_or(UrlError::Bracket)?;
                (host, rest.strip_prefix(':').unwrap_or(rest))
            } else {
                item.split_once(':').unwrap_or((item, ""))
            };
            if !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(UrlError::Port);
            }
            hosts.push(decode(host)?);
            ports.push(port);
        }
        if hosts.iter().any(|host| !host.is_empty()) {
            self.set("host", hosts.join(","));
        }
        if ports.iter().any(|port| !port.is_empty()) {
            self.set("port", ports.join(","));
        }
        Ok(())
    }

    fn set_some(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.set(key, value);
        }
    }

    fn from_list(text: &str) -> Result<Self, UrlError> {
        let mut params = Self::default();
        let mut chars = text.chars().peekable();
        loop {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            if chars.peek().is_none() {
                return Ok(params);
            }
            let mut key = String::new();
            while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_whitespace()) {
                key.push(c);
            }
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            if key.is_empty() || chars.next() != Some('=') {
                return Err(UrlError::Parameter);
            }
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            params.set(&key, list_value(&mut chars)?);
        }
    }
}

/// Reads a value of a `key=value` list: bare up to a space, or in single quotes; a backslash takes the next character as it is.
fn list_value(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, UrlError> {
    let quoted = chars.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match chars.next() {
            Some('\'') if quoted => return Ok(value),
            Some(c) if !quoted && c.is_whitespace() => return Ok(value),
            Some('\\') => value.extend(chars.next()),
            Some(c) => value.push(c),
            None if quoted => return Err(UrlError::Quote),
            None => return Ok(value),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (digit(), digit()) {
            (Some(0), Some(0)) => return Err(UrlError::Nul),
            (Some(high), Some(low)) => bytes.push(high * 16 + low),
            _ => return Err(UrlError::Percent),
        }
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Percent)
}

/// Percent-encodes everything that could end a part of a URL.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '*' | '$') {
            out.push(c);
        } else {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                out.push('%');
                out.extend(char::from_digit(u32::from(byte >> 4), 16).map(|d| d.to_ascii_uppercase()));
                out.extend(char::from_digit(u32::from(byte & 15), 16).map(|d| d.to_ascii_uppercase()));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> String {
        Params::parse(text).unwrap().to_list()
    }

    #[test]
    fn a_plain_url_becomes_parameters() {
        assert_eq!(
            list("postgres://app:secret@db:5433/shop?sslmode=require"),
            "user='app' password='secret' host='db' port='5433' dbname='shop' sslmode='require'"
        );
    }

    #[test]
    fn percent_encoded_specials_in_the_password_are_decoded() {
        assert_eq!(list("postgresql://app:p%40s%3As%2Fw%25d@db/shop"), "user='app' password='p@s:s/w%d' host='db' dbname='shop'");
    }

    #[test]
    fn several_hosts_keep_their_ports() {
        assert_eq!(list("postgresql://a:1,b,c:3/shop"), "host='a,b,c' port='1,,3' dbname='shop'");
    }

    #[test]
    fn an_ipv6_host_loses_its_brackets() {
        assert_eq!(list("postgresql://app@[::1]:5432/shop"), "user='app' host='::1' port='5432' dbname='shop'");
        assert_eq!(Params::parse("postgresql://[::1/shop").err(), Some(UrlError::Bracket));
    }

    #[test]
    fn a_socket_directory_is_given_encoded_or_as_a_parameter() {
        assert_eq!(list("postgresql://%2Ftmp%2Fx/shop"), "host='/tmp/x' dbname='shop'");
        assert_eq!(list("postgresql:///shop?host=/tmp/x"), "dbname='shop' host='/tmp/x'");
    }

    #[test]
    fn a_list_knows_quotes_and_backslashes() {
        assert_eq!(
            list(r"host = db user=app password='it\'s \\ a b' dbname=x\ y"),
            r"host='db' user='app' password='it\'s \\ a b' dbname='x y'"
        );
        assert_eq!(Params::parse("password='open").err(), Some(UrlError::Quote));
        assert_eq!(Params::parse("host=a user").err(), Some(UrlError::Parameter));
    }

    #[test]
    fn an_unencoded_password_is_refused_without_repeating_it() {
        for (url, expected) in [
            ("postgres://app:p@ss@db/shop", UrlError::Unencoded),
            ("postgres://app:p/ss@db/shop", UrlError::Unencoded),
            ("postgres://app:pass@db:ss@/shop", UrlError::Unencoded),
            ("postgres://app@db:pass/shop", UrlError::Port),
            ("postgres://app:p%ss@db/shop", UrlError::Percent),
            ("postgres://app:p%00@db/shop", UrlError::Nul),
        ] {
            let error = Params::parse(url).err().unwrap();
            assert_eq!(error, expected, "{url}");
            assert!(!error.to_string().contains("ss@"), "{error}");
        }
    }

    #[test]
    fn foreign_schemes_and_bare_words_are_refused() {
        assert_eq!(Params::parse("mysql://db/shop").err(), Some(UrlError::Scheme { scheme: "mysql".into() }));
        assert_eq!(Params::parse("shop").err(), Some(UrlError::NotAUrl));
        assert_eq!(Params::parse(" ").err(), Some(UrlError::Empty));
    }

    #[test]
    fn encoding_is_the_inverse_of_decoding() {
        let nasty = "p@s:s/w%d?&=# ü'\\";
        assert_eq!(decode(&encode(nasty)).unwrap(), nasty);
        assert_eq!(encode("p@s:s/w%d"), "p%40s%3As%2Fw%25d");
    }
}

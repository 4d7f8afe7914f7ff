//! The address of a database: where it comes from, how libpq gets it, and how people may see it.

use std::fmt;
use std::path::PathBuf;

use super::conninfo::{Params, UrlError, encode};
use super::surroundings::{Libpq, Surroundings};

/// Parameters whose value nobody may see.
const SECRETS: [&str; 5] = ["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"];

/// What keeps an idle connection alive through firewalls, and notices a dead one; only what the operator did not set.
const DEFAULTS: [(&str, &str, &str); 5] = [
    ("connect_timeout", "PGCONNECT_TIMEOUT", "10"),
    ("keepalives_idle", "", "30"),
    ("keepalives_interval", "", "10"),
    ("keepalives_count", "", "3"),
    ("tcp_user_timeout", "", "60000"),
];

/// Where a database URL was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlSource {
    /// `--database-url`.
    Flag,
    /// The variable `DATABASE_URL`.
    Environment,
    /// `DATABASE_URL` of this `.env` file.
    DotEnv(PathBuf),
    /// The configuration file.
    Config,
}

/// The address of a database, with its password.
///
/// It has no `Display`, so it cannot reach a message by accident; show [`DatabaseUrl::redacted`].
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    params: Params,
}

impl DatabaseUrl {
    /// Reads a `postgresql://` URL or a `key=value` list.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Ok(Self { params: Params::parse(text)? })
    }

    /// Takes the first of flag, `DATABASE_URL`, `.env` and configuration, and says which it was.
    ///
    /// An empty flag is an error, because falling through to another database could change the wrong one.
    pub fn resolve(flag: Option<&str>, surroundings: &Surroundings, config: Option<&str>) -> Result<(Self, UrlSource), UrlError> {
        let dotenv = || surroundings.dotenv_url().map(|(path, text)| (text, UrlSource::DotEnv(path.into())));
        let (text, source) = flag
            .map(|text| (text, UrlSource::Flag))
            .or_else(|| surroundings.variable("DATABASE_URL").map(|text| (text, UrlSource::Environment)))
            .or_else(dotenv)
            .or_else(|| config.map(|text| (text, UrlSource::Config)))
            .ok_or(UrlError::Missing)?;
        Ok((Self::parse(text)?, source))
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.params.set("dbname", name);
        other
    }

    /// The same database as another user.
    #[must_use]
    pub fn with_login(&self, user: &str, password: &str) -> Self {
        let mut other = self.clone();
        other.params.set("user", user);
        other.params.set("password", password);
        other
    }

    /// The name of the database, when the address has one.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.params.get("dbname")
    }

    /// The name of the user, when the address has one.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.params.get("user")
    }

    /// The address as people may see it.
    #[must_use]
    pub fn redacted(&self) -> RedactedUrl {
        RedactedUrl(redact(&self.params))
    }

    /// What libpq is given, with the traps of a libpq built in taken care of. Holds the password.
    pub fn connection_string(&self) -> Result<String, UrlError> {
        self.connection_string_in(&Surroundings::of_process())
    }

    /// The same for other surroundings than those of the process.
    pub fn connection_string_in(&self, surroundings: &Surroundings) -> Result<String, UrlError> {
        let mut params = self.params.clone();
        if surroundings.libpq == Libpq::Bundled {
            refuse_gssapi(&params, surroundings)?;
            trust_the_machine(&mut params, surroundings)?;
            find_the_socket(&mut params, surroundings);
        }
        // A service file may set them, and what is written here would win over it.
        if given(&params, surroundings, "service", "PGSERVICE").is_none() {
            for (key, variable, value) in DEFAULTS {
                if given(&params, surroundings, key, variable).is_none() {
                    params.set(key, value);
                }
            }
        }
        Ok(params.to_list())
    }

    /// What one of PostgreSQL's own programs is given: the connection without secrets, for its command line, which
    /// everybody on the machine can read, and the password, for `PGPASSWORD`.
    pub fn for_program(&self) -> Result<(String, Option<String>), UrlError> {
        let mut open = self.clone();
        open.params.forget(&SECRETS);
        Ok((open.connection_string()?, self.params.get("password").map(str::to_owned)))
    }

    /// Takes the secrets of this address out of a message that somebody else wrote.
    #[must_use]
    pub fn scrub(&self, message: &str) -> String {
        let visible = |secret: &str| self.params.iter().any(|(key, value)| !SECRETS.contains(&key) && value == secret);
        let mut clean = message.to_owned();
        for secret in SECRETS.into_iter().filter_map(|key| self.params.get(key)).filter(|secret| !visible(secret)) {
            clean = clean.replace(secret, "***").replace(&encode(secret), "***");
        }
        clean
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.redacted())
    }
}

/// A database URL without its secrets: `postgres://app:***@db/shop`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct RedactedUrl(String);

impl fmt::Display for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a parameter, or of the variable libpq reads in its place.
fn given<'a>(params: &'a Params, surroundings: &'a Surroundings, key: &str, variable: &str) -> Option<&'a str> {
    params.get(key).or_else(|| surroundings.variable(variable))
}

fn refuse_gssapi(params: &Params, surroundings: &Surroundings) -> Result<(), UrlError> {
    match given(params, surroundings, "gssencmode", "PGGSSENCMODE") {
        Some("require") => Err(UrlError::NoGssapi),
        _ => Ok(()),
    }
}

/// Replaces `sslrootcert=system` by the file in which this machine keeps its certificates.
///
/// A vendored OpenSSL looks for them under its own prefix and finds none. The mode that `system` implies in libpq
/// stays implied: with a file, libpq would fall back to `prefer` and check nothing.
fn trust_the_machine(params: &mut Params, surroundings: &Surroundings) -> Result<(), UrlError> {
    let told = surroundings.variable("SSL_CERT_FILE").or_else(|| surroundings.variable("SSL_CERT_DIR"));
    let (Some("system"), None, Some(file)) = (given(params, surroundings, "sslrootcert", "PGSSLROOTCERT"), told, &surroundings.authorities)
    else {
        return Ok(());
    };
    match given(params, surroundings, "sslmode", "PGSSLMODE") {
        None | Some("verify-full") => {}
        Some(weak) => return Err(UrlError::WeakSslMode { sslmode: weak.into() }),
    }
    let file = file.to_string_lossy().into_owned();
    params.set("sslmode", "verify-full");
    params.set("sslrootcert", file);
    Ok(())
}

fn find_the_socket(params: &mut Params, surroundings: &Surroundings) {
    let named = [("host", "PGHOST"), ("hostaddr", "PGHOSTADDR"), ("service", "PGSERVICE")]
        .into_iter()
        .any(|(key, variable)| given(params, surroundings, key, variable).is_some());
    if let (false, Some(directory)) = (named, &surroundings.socket_directory) {
        params.set("host", directory.to_string_lossy().into_owned());
    }
}

fn redact(params: &Params) -> String {
    let host = params.get("host").unwrap_or_default();
    let in_authority = !host.contains('/');
    let mut url = String::from("postgres://");
    if let Some(user) = params.get("user") {
        url.push_str(&encode(user));
    }
    if params.get("password").is_some() {
        url.push_str(":***");
    }
    if params.get("user").or(params.get("password")).is_some() {
        url.push('@');
    }
    if in_authority {
        url.push_str(&authority(host, params.get("port").unwrap_or_default()));
    }
    url.push('/');
    url.push_str(&encode(params.get("dbname").unwrap_or_default()));
    let shown_above = |key: &str| matches!(key, "user" | "password" | "dbname") || (in_authority && matches!(key, "host" | "port"));
    for (index, (key, value)) in params.iter().filter(|(key, _)| !shown_above(key)).enumerate() {
        let value = if SECRETS.contains(&key) { "***".into() } else { encode(value).replace("%2F", "/") };
        url.push(if index == 0 { '?' } else { '&' });
        url.push_str(&encode(key));
        url.push('=');
        url.push_str(&value);
    }
    url
}

fn authority(hosts: &str, ports: &str) -> String {
    let mut ports = ports.split(',');
    // One port serves all hosts.
    let only = if hosts.contains(',') { None } else { ports.clone().next() };
    let sockets: Vec<String> = hosts
        .split(',')
        .map(|host| {
            let host = if host.contains(':') { format!("[{host}]") } else { encode(host) };
            match only.or_else(|| ports.next()).unwrap_or_default() {
                "" => host,
                port => format!("{host}:{port}"),
            }
        })
        .collect();
    sockets.join(",")
}

#[cfg(test)]
mod tests;

//! A database of its own for each test.

use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use diesel::connection::SimpleConnection;
use sha2::{Digest, Sha256};
use url::Url;

use super::cluster;

/// Any number, as long as nobody else takes it: admits one builder of templates at a time.
const TEMPLATE_LOCK: i64 = 7_264_911_540;

/// A database that exists as long as this value, with the roles that were made for it.
pub(crate) struct TestDb {
    name: String,
    roles: Mutex<Vec<String>>,
}

impl TestDb {
    /// Makes a database that holds what the SQL text `fixture` makes. The text is run once per server, then copied.
    pub(crate) fn new(fixture: &str) -> Self {
        let template = format!("tpl_{}", &tenantize::sql::hex(&Sha256::digest(fixture))[..16]);
        let db = Self::unborn();
        if let Err(missing) = db.copy(&template) {
            assert!(missing.contains("does not exist"), "{missing}");
            build(&template, fixture);
            db.copy(&template).unwrap();
        }
        db
    }

    /// Makes a database without anything in it.
    pub(crate) fn empty() -> Self {
        let db = Self::unborn();
        db.copy("template0").unwrap();
        db
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address for the superuser.
    pub(crate) fn url(&self) -> String {
        cluster().url(&self.name)
    }

    /// Returns the address for `role`, which must be allowed to log in. Any password is right.
    pub(crate) fn url_as(&self, role: &str) -> String {
        let mut url = Url::parse(&self.url()).unwrap();
        url.set_username(role).unwrap();
        url.set_password(Some("anything")).unwrap();
        url.to_string()
    }

    /// Makes a role that cannot log in, named after `purpose` and this database, and returns its name.
    pub(crate) fn role(&self, purpose: &str) -> String {
        let role = format!("{}_{purpose}", self.name);
        cluster().admin(&[format!("DROP ROLE IF EXISTS {role}"), format!("CREATE ROLE {role} NOLOGIN")]).unwrap();
        self.roles.lock().unwrap().push(role.clone());
        role
    }

    /// Runs `sql` as psql reads it and returns what it prints: rows of values separated by `|`.
    pub(crate) fn psql(&self, sql: &str) -> String {
        self.try_psql(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// Runs `sql` up to its first error, which is returned.
    pub(crate) fn try_psql(&self, sql: &str) -> Result<String, String> {
        psql_at(&self.url(), sql)
    }

    /// Runs `sql` in a session of `role`, which must be allowed to log in.
    pub(crate) fn try_psql_as(&self, role: &str, sql: &str) -> Result<String, String> {
        psql_at(&self.url_as(role), sql)
    }

    /// Runs `sql` and returns the one number it prints.
    pub(crate) fn scalar_i64(&self, sql: &str) -> i64 {
        let printed = self.psql(sql);
        printed.parse().unwrap_or_else(|_| panic!("not one number: {printed:?}\n{sql}"))
    }

    fn unborn() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t_{}_{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Self { name, roles: Mutex::default() }
    }

    fn copy(&self, template: &str) -> Result<(), String> {
        // the default since 15 writes every page into the WAL
        let strategy = if cluster().version() >= 150_000 { "STRATEGY file_copy" } else { "" };
        let name = &self.name;
        // a process of the same number may have died here before
        let forget = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        cluster().admin(&[forget, format!("CREATE DATABASE {name} TEMPLATE {template} {strategy}")])
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // the database first: with it goes everything in it that its roles own
        let mut statements = vec![format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)];
        for role in self.roles.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner) {
            statements.extend([format!("DROP OWNED BY {role}"), format!("DROP ROLE {role}")]);
        }
        let dropped = cluster().admin(&statements);
        assert!(dropped.is_ok() || thread::panicking(), "{dropped:?}");
    }
}

/// Makes the template under another name first, so that nobody copies half of it.
fn build(template: &str, fixture: &str) {
    let mut lock = cluster().connect().unwrap();
    lock.batch_execute(&format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).unwrap();
    let known = cluster().admin(&[format!("ALTER DATABASE {template} WITH IS_TEMPLATE true")]);
    if known.is_ok() {
        return;
    }
    let draft = format!("{template}_draft");
    let forget = format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)");
    cluster().admin(&[forget, format!("CREATE DATABASE {draft} TEMPLATE template0")]).unwrap();
    psql_at(&cluster().url(&draft), fixture).unwrap_or_else(|error| panic!("the fixture does not load: {error}"));
    let close = format!("ALTER DATABASE {draft} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false");
    cluster().admin(&[close, format!("ALTER DATABASE {draft} RENAME TO {template}")]).unwrap();
}

/// Runs `sql` up to its first error, at any address.
pub(crate) fn psql_at(url: &str, sql: &str) -> Result<String, String> {
    let done = cluster().tool("psql", &["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"], sql);
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).trim_end_matches('\n').to_owned())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

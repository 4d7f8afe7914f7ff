//! Encryption, passwords and everything else that needs a server on a network.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use nix::unistd::{Gid, Uid, chown};
use tempfile::TempDir;
use tenantize::db::{ConnectError, Database, DatabaseUrl, SessionSettings, Surroundings};
use tenantize::server::{Server, ServerOptions};

const HBA: &str = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// A server on 127.0.0.1 that asks for passwords and has a certificate for `localhost` by an authority of its own.
pub(crate) struct Net {
    server: Server,
    port: u16,
    files: TempDir,
}

impl Net {
    pub(crate) fn start() -> Self {
        let files = tempfile::Builder::new().prefix("tnz-tls-").permissions(Permissions::from_mode(0o755)).tempdir_in("/tmp").unwrap();
        let hba = files.path().join("pg_hba.conf");
        fs::write(&hba, HBA).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", port.to_string()),
            ("hba_file", hba.display().to_string()),
            ("max_connections", "10".to_owned()),
            ("superuser_reserved_connections", "3".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let server = Server::start(&ServerOptions { settings, ..ServerOptions::default() }).unwrap();
        let net = Self { server, port, files };
        net.admin().batch_execute("CREATE ROLE app LOGIN PASSWORD 'hunter2/@:%'").unwrap();
        net
    }

    /// Makes an authority and a certificate of it, and lets the server use them.
    fn with_certificate(self) -> Self {
        self.openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority -keyout ca.key -out ca.crt");
        self.openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr");
        fs::write(self.file("san"), "subjectAltName=DNS:localhost\n").unwrap();
        self.openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt");
        let owner = fs::metadata(self.server.directory()).unwrap();
        let key = self.file("server.key");
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        chown(&key, Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid()))).unwrap();
        let mut admin = self.admin();
        for (name, value) in [("ssl_cert_file", self.file("server.crt")), ("ssl_key_file", key), ("ssl", "on".into())] {
            admin.batch_execute(&format!("ALTER SYSTEM SET {name} = '{}'", value.display())).unwrap();
        }
        admin.batch_execute("SELECT pg_reload_conf()").unwrap();
        let begun = Instant::now();
        while !self.speaks_tls() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the server does not take its certificate");
            std::thread::sleep(Duration::from_millis(20));
        }
        self
    }

    fn speaks_tls(&self) -> bool {
        diesel::select(sql::<Bool>("current_setting('ssl')::bool")).get_result(&mut self.admin()).unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(self.files.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn admin(&self) -> PgConnection {
        let directory = self.server.directory().display();
        PgConnection::establish(&format!("host={directory} port={} user=postgres dbname=postgres", self.port)).unwrap()
    }

    fn url(&self, host: &str, parameters: &str) -> DatabaseUrl {
        let text = format!("postgres://app:hunter2%2F%40%3A%25@{host}:{}/postgres?{parameters}", self.port);
        DatabaseUrl::parse(&text).unwrap()
    }
}

fn connect(url: &DatabaseUrl) -> Result<Database, ConnectError> {
    Database::connect(url, &SessionSettings::default(), 1)
}

fn said(error: &ConnectError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

fn is_encrypted(conn: &mut PgConnection) -> bool {
    diesel::select(sql::<Bool>("(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())")).get_result(conn).unwrap()
}

#[test]
fn a_wrong_password_is_named_as_such_and_shown_nowhere() {
    let net = Net::start();
    connect(&net.url("127.0.0.1", "")).unwrap();
    let error = connect(&net.url("127.0.0.1", "").with_login("app", "wr0ng")).unwrap_err();
    assert!(matches!(error, ConnectError::Login { .. }), "{error:?}");
    assert!(!format!("{error} {error:?} {} {}", said(&error), error.hint()).contains("wr0ng"), "{error:?}");
    let error = connect(&DatabaseUrl::parse(&format!("host=127.0.0.1 port={} user=app dbname=postgres", net.port)).unwrap()).unwrap_err();
    assert!(matches!(error, ConnectError::Login { .. }), "{error:?}");
}

#[test]
fn a_full_server_and_one_without_tls_are_named() {
    let net = Net::start();
    let error = connect(&net.url("127.0.0.1", "sslmode=require")).unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");

    let taken: Vec<_> =
        (0..7).map_while(|_| PgConnection::establish(&net.url("127.0.0.1", "").connection_string().unwrap()).ok()).collect();
    let error = connect(&net.url("127.0.0.1", "")).unwrap_err();
    assert!(matches!(error, ConnectError::TooManyConnections { .. }), "{error:?}");
    drop(taken);
}

#[test]
fn verify_full_takes_the_right_host_of_the_right_authority_only() {
    let net = Net::start().with_certificate();
    let trusted = format!("sslmode=verify-full&sslrootcert={}", net.file("ca.crt").display());
    let db = connect(&net.url("localhost", &trusted)).unwrap();
    assert!(is_encrypted(&mut db.get().unwrap()));

    let error = connect(&net.url("127.0.0.1", &trusted)).unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }) && said(&error).contains("does not match host name"), "{error:?}");
}

#[test]
fn the_system_store_is_what_this_machine_trusts() {
    let net = Net::start().with_certificate();
    let url = net.url("localhost", "sslrootcert=system");
    let trusting = |file: &Path| {
        let surroundings = Surroundings::default().trusting(file);
        PgConnection::establish(&url.connection_string_in(&surroundings).unwrap())
    };
    assert!(is_encrypted(&mut trusting(&net.file("ca.crt")).unwrap()));

    // the machine does not know our authority, but it has some: the failure is about trust, not about a missing file
    let error = connect(&url).unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }) && said(&error).contains("certificate verify failed"), "{error:?}");

    let weak = connect(&net.url("localhost", "sslrootcert=system&sslmode=require")).unwrap_err();
    // by us, or by libpq when SSL_CERT_FILE tells OpenSSL where to look
    assert!(format!("{weak} {}", said(&weak)).contains("weak"), "{weak:?}");
}

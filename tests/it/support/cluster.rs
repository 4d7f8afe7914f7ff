//! The one server of a test run.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Integer;
use diesel::{Connection, PgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};
use tenantize::server::{self, Installation, ServerOptions, SharedServer};
use url::Url;

use super::sheltered;

/// The gap between two test processes; nextest runs each test in its own.
const LINGER: Duration = Duration::from_secs(5);
/// No test runs for an hour: what is that old was left behind by a process that died.
const SWEEP: &str = include_str!("sweep.sql");

pub(crate) struct Cluster {
    installation: Installation,
    address: Address,
}

enum Address {
    Ours(SharedServer),
    Given(Url),
}

/// Returns the server that all tests of this run share, and starts it when it is the first to ask.
///
/// Without `PostgreSQL` on the machine the tests fail with the message what to install; they are never skipped.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = Cluster::open();
        cluster.sweep();
        cluster
    })
}

impl Cluster {
    fn open() -> Self {
        let installation = Installation::find(None).unwrap_or_else(|error| panic!("{error}"));
        let address = if let Ok(given) = std::env::var("TENANTIZE_TEST_URL") {
            Address::Given(Url::parse(&given).expect("TENANTIZE_TEST_URL is a URL"))
        } else {
            let options = ServerOptions { linger: LINGER, ..ServerOptions::default() };
            let server = server::shared(&state_file(&installation), &options);
            Address::Ours(server.unwrap_or_else(|error| panic!("{error}")))
        };
        Self { installation, address }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        match &self.address {
            Address::Ours(server) => server.url(database),
            Address::Given(url) => {
                let mut url = url.clone();
                url.set_path(database);
                url.to_string()
            }
        }
    }

    /// Runs statements on the database `postgres`, each in its own transaction.
    pub(crate) fn admin(&self, statements: &[String]) -> Result<(), String> {
        let mut conn = self.connect()?;
        statements.iter().try_for_each(|statement| conn.batch_execute(statement)).map_err(|error| error.to_string())
    }

    pub(crate) fn connect(&self) -> Result<PgConnection, String> {
        PgConnection::establish(&self.url("postgres")).map_err(|error| error.to_string())
    }

    /// Returns the server's version as a number, such as 150018.
    pub(crate) fn version(&self) -> i32 {
        static VERSION: OnceLock<i32> = OnceLock::new();
        *VERSION.get_or_init(|| {
            let version = sql::<Integer>("current_setting('server_version_num')::integer");
            diesel::select(version).get_result(&mut self.connect().unwrap()).unwrap()
        })
    }

    /// Runs a program of `PostgreSQL`'s own with `input`, for example psql.
    pub(crate) fn tool(&self, name: &str, arguments: &[&str], input: &str) -> Output {
        let program = self.installation.tool(name).unwrap_or_else(|| panic!("{name} is missing; install PostgreSQL's client programs"));
        // a file, not a pipe: a program that prints before it has read all would wait for us, and we for it
        let mut stdin = tempfile::tempfile().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        stdin.rewind().unwrap();
        sheltered(program).args(arguments).stdin(stdin).output().unwrap_or_else(|error| panic!("cannot run {name}: {error}"))
    }

    fn sweep(&self) {
        let swept = self.tool("psql", &["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url("postgres")], SWEEP);
        assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    }
}

/// Servers of different programs or users must not meet: neither could use the other's.
fn state_file(installation: &Installation) -> PathBuf {
    let identity = format!("{} {}", installation.bin.display(), nix::unistd::geteuid());
    let digest = tenantize::sql::hex(&Sha256::digest(identity));
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pg-{}-{}.state", installation.version, &digest[..8]))
}

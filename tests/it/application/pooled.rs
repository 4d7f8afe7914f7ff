//! The programs of the page in other languages, and all of them behind `PgBouncer`: run by `scripts/snippets`.

use std::env;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use url::Url;

use super::{Page, Shop, programs};
use crate::support::sheltered;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snippets");
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/application");

/// Where `scripts/snippets` has put Python's and Node's packages.
fn installed() -> PathBuf {
    env::var_os("TENANTIZE_SNIPPETS").map(PathBuf::from).expect("run scripts/snippets, which installs what this test needs")
}

/// A server or a pooler, by its socket.
struct Place {
    name: &'static str,
    directory: PathBuf,
    port: u16,
}

impl Place {
    /// Where the tests' own server listens.
    fn server(shop: &Shop) -> Self {
        let url = Url::parse(&shop.scenario.db().url()).unwrap();
        let directory = url.host_str().unwrap().replace("%2F", "/").replace("%2f", "/");
        Self { name: "directly", directory: directory.into(), port: url.port().unwrap_or(5432) }
    }

    fn url(&self, shop: &Shop, login: &str) -> String {
        let (database, directory) = (shop.scenario.db().name(), self.directory.display());
        format!("postgresql:///{database}?host={directory}&port={}&user={}", self.port, shop.role(login))
    }

    fn connect(&self, shop: &Shop) -> PgConnection {
        PgConnection::establish(&self.url(shop, "shop_login")).unwrap()
    }

    /// Runs a program of the page, which finds its way by the environment.
    fn run(&self, shop: &Shop, language: &str, command: &mut Command) -> String {
        // numbers of orders are taken once
        let mark = format!("{language} {}", self.name);
        let out = command
            .env("PGHOST", &self.directory)
            .env("PGPORT", self.port.to_string())
            .env("PGDATABASE", shop.scenario.db().name())
            .env("PGUSER", shop.role("shop_login"))
            .env("JOBS", shop.role("shop_jobs"))
            .env("ACME", &shop.acme)
            .env("GLOBEX", &shop.globex)
            .env("MARK", mark)
            .output()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{} {command:?}\n{said}", self.name);
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }
}

/// A `PgBouncer` of our own, with one connection to the server; ended when dropped.
struct Bouncer {
    place: Place,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Bouncer {
    /// Starts it with the settings of the page, and these.
    fn start(shop: &Shop, name: &'static str, more: &str) -> Self {
        let program = env::var_os("TENANTIZE_PGBOUNCER").expect("run scripts/snippets, which finds or builds a PgBouncer");
        let server = Place::server(shop);
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let directory = folder.path().to_owned();
        let logins = ["shop_login", "shop_jobs"].map(|login| format!("\"{}\" \"\"\n", shop.role(login)));
        fs::write(directory.join("users.txt"), logins.concat()).unwrap();
        let page = Page::read();
        let settings = page.shows("pgbouncer.ini");
        let ini = format!(
            "[databases]\n* = host={} port={}\n{settings}{more}\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {directory}\n\
             auth_type = trust\nauth_file = {directory}/users.txt\ndefault_pool_size = 1\nlogfile = {directory}/log\n",
            server.directory.display(),
            server.port,
            directory = directory.display(),
        );
        fs::write(directory.join("pgbouncer.ini"), ini).unwrap();
        let mut command = Command::new(program);
        command.arg("-q").arg(directory.join("pgbouncer.ini")).stdout(Stdio::null()).stderr(Stdio::piped());
        // It does not run as root, and whoever it runs as must reach the server's socket.
        let owner = fs::metadata(&server.directory).unwrap();
        if nix::unistd::geteuid().is_root() {
            command.uid(owner.uid()).gid(owner.gid());
            for file in [directory.clone(), directory.join("users.txt"), directory.join("pgbouncer.ini")] {
                chown(file, Some(owner.uid()), Some(owner.gid())).unwrap();
            }
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut child = command.spawn().unwrap();
        let begun = Instant::now();
        let socket = directory.join(".s.PGSQL.6432");
        while !socket.exists() {
            if child.try_wait().unwrap().is_some() || begun.elapsed() > Duration::from_secs(10) {
                let mut said = String::new();
                let _ = child.kill();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("PgBouncer does not start: {said}{}", fs::read_to_string(directory.join("log")).unwrap_or_default());
            }
            sleep(Duration::from_millis(20));
        }
        Self { place: Place { name, directory, port: 6432 }, child, _folder: folder }
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Process {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// Orders that a client sees without naming a tenant.
fn orders(conn: &mut PgConnection) -> i64 {
    diesel::sql_query("SELECT count(*) AS number FROM orders").get_result::<Number>(conn).unwrap().number
}

fn process(conn: &mut PgConnection) -> i32 {
    diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result::<Process>(conn).unwrap().pid
}

diesel::table! { orders (id) { id -> BigInt, } }

/// A query that Diesel prepares, under a name that each client chooses alike.
fn prepared(conn: &mut PgConnection) -> QueryResult<i64> {
    orders::table.filter(orders::id.gt(0)).count().get_result(conn)
}

fn set_tenant(conn: &mut PgConnection, tenant: &str) {
    conn.batch_execute(&format!("SELECT tenancy.set_tenant('{tenant}')")).unwrap();
}

/// The programs of the page, all of them, at one address.
fn run_programs(shop: &Shop, place: &Place) {
    let installed = installed();
    for (from, name) in [(DOCS, "tenants.mjs"), (TESTS, "pg_shop.mjs")] {
        fs::copy(Path::new(from).join(name), installed.join(name)).unwrap();
    }
    let mut python = sheltered(installed.join("venv/bin/python"));
    python.args(["-B", &format!("{TESTS}/psycopg_shop.py")]).env("PYTHONPATH", DOCS);
    tell(place, &place.run(shop, "Python", &mut python));
    let mut node = sheltered("node");
    node.arg(installed.join("pg_shop.mjs"));
    tell(place, &place.run(shop, "Node.js", &mut node));
}

#[expect(clippy::print_stdout, reason = "what was shown is the purpose of scripts/snippets")]
fn tell(place: &Place, what: &str) {
    println!("{}: {what}", place.name);
}

#[test]
#[ignore = "needs Python, Node.js and PgBouncer: scripts/snippets"]
fn the_programs_do_what_the_page_says_directly_and_through_pgbouncer() {
    let shop = Shop::new();
    shop.follow(&Page::read());
    run_programs(&shop, &Place::server(&shop));
    let bouncer = Bouncer::start(&shop, "through PgBouncer", "");
    run_programs(&shop, &bouncer.place);
    let [url, jobs] = ["shop_login", "shop_jobs"].map(|login| bouncer.place.url(&shop, login));
    programs::diesel(&url, &jobs, [&shop.acme, &shop.globex]);
    tell(&bouncer.place, "Diesel: the same");
}

#[test]
#[ignore = "needs Python, Node.js and PgBouncer: scripts/snippets"]
fn two_clients_on_one_connection_of_pgbouncer() {
    let shop = Shop::new();
    shop.follow(&Page::read());
    let bouncer = Bouncer::start(&shop, "through PgBouncer", "");
    let place = &bouncer.place;
    let [mut a, mut b] = [(), ()].map(|()| place.connect(&shop));
    assert_eq!(process(&mut a), process(&mut b), "both are served by one process of the server");

    a.batch_execute("BEGIN").unwrap();
    set_tenant(&mut a, &shop.acme);
    let of_acme = orders(&mut a);
    a.batch_execute("COMMIT").unwrap();
    assert!(of_acme > 0 && orders(&mut b) == 0);
    tell(place, &format!("set_tenant in a transaction, acme sees {of_acme} orders; another client afterwards 0"));

    a.batch_execute("BEGIN").unwrap();
    set_tenant(&mut a, &shop.acme);
    a.batch_execute("SELECT 1 / 0").unwrap_err();
    a.batch_execute("ROLLBACK").unwrap();
    assert_eq!(orders(&mut b), 0);
    tell(place, "the same with an error in the middle; another client afterwards 0");

    a.batch_execute(&format!("SET app.tenant_id = '{}'", shop.acme)).unwrap();
    let leaked = orders(&mut b);
    assert_eq!(leaked, of_acme, "the trap is no trap any more: the page is wrong");
    tell(place, &format!("THE TRAP: SET without LOCAL; another client, which named no tenant, sees {leaked} orders of acme"));
    a.batch_execute("RESET app.tenant_id").unwrap();
}

#[test]
#[ignore = "needs Python, Node.js and PgBouncer: scripts/snippets"]
fn prepared_statements_behind_pgbouncer() {
    let shop = Shop::new();
    shop.follow(&Page::read());
    for (name, more, works) in
        [("through PgBouncer", "", true), ("through PgBouncer with max_prepared_statements = 0", "max_prepared_statements = 0\n", false)]
    {
        let bouncer = Bouncer::start(&shop, name, more);
        let [mut a, mut b] = [(), ()].map(|()| bouncer.place.connect(&shop));
        assert_eq!(process(&mut a), process(&mut b));
        assert_eq!(prepared(&mut a).unwrap(), 0);
        match prepared(&mut b) {
            Ok(rows) => assert!(works && rows == 0, "{name}: {rows}"),
            Err(error) => {
                assert!(!works && error.to_string().contains("already exists"), "{name}: {error}");
                tell(&bouncer.place, &format!("a statement of two clients: {error}"));
                continue;
            }
        }
        let (mut seen, mut clients) = (Vec::new(), [a, b]);
        for (client, tenant) in [(0, &shop.acme), (1, &shop.globex), (0, &shop.globex), (1, &shop.acme)] {
            let client = &mut clients[client];
            client.batch_execute("BEGIN").unwrap();
            set_tenant(client, tenant);
            seen.push(prepared(client).unwrap());
            client.batch_execute("COMMIT").unwrap();
        }
        assert!(seen[0] != seen[1] && seen[0] == seen[3] && seen[1] == seen[2], "{seen:?}");
        tell(&bouncer.place, &format!("one prepared statement of two clients for acme and globex in turn: {seen:?} orders"));
    }
}

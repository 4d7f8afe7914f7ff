//! What the program says when it is given something wrong: one error, its cure, and nothing written.

mod config;
mod connection;
mod csv;
mod life;
mod names;
mod output;
mod rights;
mod rows;

use std::fs;

use tempfile::TempDir;
use url::Url;

use crate::support::{Cli, Output, TestDb, cluster};

/// In every address that these tests give; must never be seen again.
const SECRET: &str = "hunter2-do-not-show";

const SHOP: &str = "
    CREATE TABLE users (id bigint PRIMARY KEY, email text);
    CREATE TABLE projects (id bigint PRIMARY KEY, owner_id bigint REFERENCES users, name text);
    CREATE TABLE plans (code text PRIMARY KEY);
    INSERT INTO users SELECT n, n || '@example.com' FROM generate_series(1, 6) AS n;
    INSERT INTO projects SELECT n, n % 6 + 1, 'p' || n FROM generate_series(1, 12) AS n;
    INSERT INTO plans VALUES ('free');
";

const CONFIG: &str = r#"version = 1

[tenants]
table = "public.tenants"
default = { slug = "default", name = "Default" }
csv = "tenants.csv"

[tables."public.users"]
tenant = { csv = "users.csv", key = "id", otherwise = "default" }

[tables."public.projects"]
tenant = { parent = "public.users" }

[tables."public.plans"]
scope = "shared"
"#;

/// A database with a configuration that is right, until a test makes it wrong.
struct Case {
    db: TestDb,
    dir: TempDir,
}

impl Case {
    fn new() -> Self {
        Self::of(SHOP)
    }

    fn of(fixture: &str) -> Self {
        let case = Self { db: TestDb::new(fixture), dir: TempDir::new().unwrap() };
        case.file("tenantize.toml", CONFIG);
        case.file("tenants.csv", "slug,name\nacme,Acme\nglobex,Globex\n");
        case.file("users.csv", "id,tenant\n1,acme\n2,globex\n");
        case
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    /// Replaces a part of the configuration.
    fn config(&self, from: &str, to: &str) {
        let text = self.read("tenantize.toml");
        assert!(text.contains(from), "{from} is not in\n{text}");
        self.file("tenantize.toml", text.replacen(from, to, 1));
    }

    fn url(&self) -> String {
        with_secret(&self.db.url())
    }

    fn cli(&self, command: &str) -> Cli {
        self.cli_at(&self.url(), command)
    }

    fn cli_at(&self, url: &str, command: &str) -> Cli {
        Cli::new().args(command.split(' ')).args(["--color", "never"]).env("DATABASE_URL", url).dir(self.dir.path())
    }

    /// Makes a login that may do nothing yet.
    fn login(&self, purpose: &str) -> String {
        let role = self.db.role(purpose);
        self.db.psql(&format!("ALTER ROLE {role} LOGIN"));
        role
    }

    fn url_of(&self, role: &str) -> String {
        with_secret(&self.db.url_as(role))
    }

    /// Runs a command that must succeed.
    fn accepts(&self, command: &str) -> Output {
        let output = self.cli(command).run();
        assert!(output.ok(), "{output}");
        no_secret(&output);
        output
    }

    /// Runs a command that must end with `code`, one error that holds all `parts`, and an unchanged database.
    fn refuses(&self, command: &str, code: i32, parts: &[&str]) -> Output {
        self.refuses_at(&self.url(), command, code, parts)
    }

    fn refuses_at(&self, url: &str, command: &str, code: i32, parts: &[&str]) -> Output {
        let before = self.content();
        let output = self.cli_at(url, command).run();
        refused(&output, code, parts);
        assert_eq!(self.content(), before, "{output}");
        output
    }

    /// `check` and `run` are both stopped by a finding, with the cure that its code promises.
    fn blocked(&self, code: &str, parts: &[&str]) {
        self.blocked_at(&self.url(), code, parts);
    }

    fn blocked_at(&self, url: &str, code: &str, parts: &[&str]) {
        let label = format!("error[{code}]");
        let mut all = vec![label.as_str(), "remedy:", "blocker", "hint: resolve each blocker"];
        all.extend(parts);
        for command in ["check", "run --yes"] {
            self.refuses_at(url, command, 3, &all);
        }
    }

    /// Everything that the database holds, with our schemas if there are any.
    fn content(&self) -> String {
        let dump = cluster().tool("pg_dump", &["-d", &self.db.url()], "");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let text = String::from_utf8(dump.stdout).unwrap();
        let lasting = |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        text.lines().filter(lasting).collect::<Vec<_>>().join("\n")
    }
}

fn with_secret(url: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    url.set_password(Some(SECRET)).unwrap();
    url.into()
}

fn no_secret(output: &Output) {
    assert!(!output.stdout.contains(SECRET) && !output.stderr.contains(SECRET), "the password is shown: {output}");
}

/// One error with its cure, the code that is documented, and no password.
fn refused(output: &Output, code: i32, parts: &[&str]) {
    assert_eq!(output.code(), Some(code), "{output}");
    assert_eq!(output.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "not one error: {output}");
    assert_eq!(output.stderr.lines().filter(|line| line.starts_with("hint: ")).count(), 1, "not one cure: {output}");
    let both = format!("{}{}", output.stdout, output.stderr);
    for part in parts {
        assert!(both.contains(part), "`{part}` is not said: {output}");
    }
    assert!(!both.contains("panicked"), "{output}");
    no_secret(output);
}

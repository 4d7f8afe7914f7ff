//! Every finding of the planner has a pair: a case that raises it, and its cure, after which it is gone.

use std::collections::BTreeSet;
use std::fs;

use tempfile::TempDir;
use tenantize::plan::CATALOGUE;

use crate::support::{Cli, TestDb};

const SHOP: &str = "
    CREATE TABLE users (id bigint PRIMARY KEY, email text CONSTRAINT users_email_key UNIQUE);
    CREATE TABLE projects (id bigint PRIMARY KEY, owner_id bigint REFERENCES users, name text);
    CREATE TABLE plans (code text PRIMARY KEY);
    INSERT INTO users SELECT n, n || '@example.com' FROM generate_series(1, 6) AS n;
    INSERT INTO projects SELECT n, n % 6 + 1, 'p' || n FROM generate_series(1, 12) AS n;
";

const CONFIG: &str = r#"version = 1

[tenants]
table = "public.tenants"
default = { slug = "default", name = "Default" }

[rls]
app_roles = ["{app}"]

[tables."public.plans"]
scope = "shared"

[tables."public.projects"]
tenant = { parent = "public.users" }

[tables."public.users"]
tenant = { csv = "users.csv", key = "id", otherwise = "default" }
unique = { users_email_key = "global" }
"#;

/// What is done to the database and to the configuration: SQL, and a text that is replaced by another.
struct Change {
    sql: &'static str,
    config: (&'static str, &'static str),
}

const fn sql(sql: &'static str) -> Change {
    Change { sql, config: ("", "") }
}

const fn config(from: &'static str, to: &'static str) -> Change {
    Change { sql: "", config: (from, to) }
}

const END: &str = "unique = { users_email_key = \"global\" }\n";
const WITH_EXTRA: &str = "unique = { users_email_key = \"global\" }\n[tables.\"public.extra\"]\nscope = \"shared\"\n";
const WITH_TENANT: &str = "unique = { users_email_key = \"global\" }\n[tables.\"public.extra\"]\ntenant = \"default\"\n";
const PER_TENANT: &str = "unique = { users_email_key = \"per-tenant\" }\n";
const RLS: &str = "[rls]\n";

/// A code, what raises it, and what cures it.
const PAIRS: &[(&str, Change, Change)] = &[
    ("T001", sql("CREATE TABLE extra (id int PRIMARY KEY)"), config(END, WITH_EXTRA)),
    ("T002", config(END, WITH_EXTRA), sql("CREATE TABLE extra (id int PRIMARY KEY)")),
    (
        "T003",
        Change { sql: "CREATE VIEW extra AS SELECT 1 AS id", config: (END, WITH_TENANT) },
        config("tenant = \"default\"", "scope = \"ignored\""),
    ),
    ("T005", sql("ALTER TABLE users ADD tenant_id uuid"), sql("ALTER TABLE users DROP tenant_id")),
    (
        "T006",
        config("parent = \"public.users\"", "parent = \"public.plans\""),
        config("parent = \"public.plans\"", "parent = \"public.users\""),
    ),
    ("T007", config(", otherwise = \"default\" }", " }"), config("key = \"id\" }", "key = \"id\" }\norphans = \"default\"")),
    ("T011", sql("ALTER ROLE {app} BYPASSRLS"), sql("ALTER ROLE {app} NOBYPASSRLS")),
    (
        "T013",
        Change { sql: "CREATE TABLE extra (id int PRIMARY KEY, email text REFERENCES users (email))", config: (END, PER_TENANT) },
        config(PER_TENANT, END),
    ),
    ("T014", sql("CREATE SCHEMA tenancy"), sql("DROP SCHEMA tenancy")),
    (
        "T015",
        sql("ALTER TABLE projects DROP CONSTRAINT projects_pkey; CREATE PUBLICATION p FOR TABLE projects"),
        sql("ALTER TABLE projects REPLICA IDENTITY FULL"),
    ),
    ("T020", sql("ALTER TABLE projects DROP CONSTRAINT projects_pkey"), sql("ALTER TABLE projects ADD PRIMARY KEY (id)")),
    ("T022", config("[rls]", "on_delete = \"cascade\"\n[rls]"), config("on_delete = \"cascade\"", "on_delete = \"restrict\"")),
    (
        "T023",
        config("[rls]", "[memberships]\ntable = \"public.members\"\nusers = \"public.users\"\nrole = \"owner\"\n[rls]"),
        config("role = \"owner\"", "role = \"member\""),
    ),
    (
        "T025",
        config(END, ""),
        config("otherwise = \"default\" }\n", "otherwise = \"default\" }\nunique = { users_email_key = \"global\" }\n"),
    ),
    (
        "T026",
        Change { sql: "CREATE VIEW seen AS SELECT id FROM users", config: (RLS, "[rls]\nviews = \"keep\"\n") },
        sql("DROP VIEW seen; CREATE VIEW seen AS SELECT code FROM plans"),
    ),
    ("T027", sql("CREATE POLICY old ON users USING (id > 0)"), sql("DROP POLICY old ON users; CREATE POLICY old ON plans USING (true)")),
    ("T029", config(END, PER_TENANT), config(PER_TENANT, END)),
    ("T031", sql("ALTER TABLE plans ADD author bigint REFERENCES users"), sql("ALTER TABLE plans DROP author")),
    ("T032", config("[\"{app}\"]", "[]"), config("app_roles = []", "app_roles = [\"{app}\"]")),
    (
        "T033",
        sql(
            "CREATE INDEX i ON projects (name); SET allow_system_table_mods = on; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
        ),
        sql("DROP INDEX i"),
    ),
    ("T034", config(RLS, "[backup]\nmethod = \"off\"\n[rls]\n"), config("\"off\"", "\"tables\"")),
    (
        "T035",
        config(", otherwise = \"default\" }", " }\norphans = \"quarantine\""),
        config(" }\norphans = \"quarantine\"", ", otherwise = \"default\" }"),
    ),
    (
        "T036",
        config(
            "tenant = { parent = \"public.users\" }",
            "tenant = { sql = \"(SELECT u.tenant_id FROM public.users AS u WHERE u.id = t.owner_id)\" }",
        ),
        config(
            "tenant = { sql = \"(SELECT u.tenant_id FROM public.users AS u WHERE u.id = t.owner_id)\" }",
            "tenant = { parent = \"public.users\" }",
        ),
    ),
    (
        "T037",
        sql(
            "CREATE TABLE tenants (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), slug text UNIQUE NOT NULL, name text); GRANT INSERT ON tenants TO {app}",
        ),
        sql("REVOKE INSERT ON tenants FROM {app}"),
    ),
    ("T043", sql("CREATE RULE r AS ON DELETE TO users DO ALSO NOTHING"), sql("DROP RULE r ON users")),
    (
        "T044",
        sql("CREATE SEQUENCE s OWNED BY users.id; GRANT SELECT, USAGE ON SEQUENCE s TO {app}"),
        sql("REVOKE SELECT ON SEQUENCE s FROM {app}"),
    ),
    (
        "T045",
        sql("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {app}"),
        sql("ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM {app}"),
    ),
    ("T046", sql("CREATE POLICY old ON users USING (true)"), sql("ALTER POLICY old ON users USING (id > 0)")),
    (
        "T047",
        sql("CREATE POLICY old ON users USING (id = current_setting('app.u')::bigint)"),
        sql("ALTER POLICY old ON users USING (id = NULLIF(current_setting('app.u', true), '')::bigint)"),
    ),
    (
        "T048",
        sql("ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY old ON users USING (id > 0)"),
        sql("ALTER POLICY old ON users TO {other}"),
    ),
    ("T049", sql("GRANT UPDATE ON plans TO {app}"), sql("REVOKE UPDATE ON plans FROM {app}")),
    (
        "T050",
        Change { sql: "GRANT SELECT ON plans TO {app}", config: ("scope = \"shared\"", "scope = \"ignored\"") },
        sql("REVOKE SELECT ON plans FROM {app}"),
    ),
    (
        "T051",
        sql("CREATE PROCEDURE reset() LANGUAGE plpgsql AS 'BEGIN TRUNCATE projects; END'"),
        sql("CREATE OR REPLACE PROCEDURE reset() LANGUAGE plpgsql AS 'BEGIN DELETE FROM projects; END'"),
    ),
    ("T052", sql("SELECT 1"), config("\"global\"", "\"per-tenant\"")),
    ("T053", sql("CREATE INDEX i ON projects (lower(name))"), sql("DROP INDEX i; CREATE INDEX i ON projects (name)")),
    (
        "T056",
        sql("CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.users'"),
        sql("ALTER FUNCTION f() SECURITY INVOKER"),
    ),
    ("T057", sql("GRANT CREATE ON SCHEMA public TO {other}"), sql("REVOKE CREATE ON SCHEMA public FROM {other}")),
];

/// Codes whose pair is in another file, because it needs another login, a file, a server or a run.
const ELSEWHERE: &[(&str, &str)] = &[
    ("T004", "bad_input/rights.rs"),
    ("T008", "bad_input/rows.rs"),
    ("T009", "bad_input/rights.rs"),
    ("T010", "bad_input/csv.rs"),
    ("T012", "bad_input/rights.rs"),
    ("T021", "bad_input/rights.rs"),
    ("T024", "bad_input/life.rs"),
    ("T028", "bad_input/csv.rs"),
    ("T040", "around.rs"),
    ("T041", "around.rs"),
    ("T042", "around.rs"),
    ("T054", "around.rs"),
];

/// Codes that no test raises, and why.
const UNRAISED: &[(&str, &str)] = &[("T055", "the extension pg_cron is not on the test's server")];

struct Case {
    db: TestDb,
    dir: TempDir,
    names: [(&'static str, String); 2],
}

impl Case {
    fn new() -> Self {
        let (db, dir) = (TestDb::new(SHOP), TempDir::new().unwrap());
        let names = [("{app}", db.role("app")), ("{other}", db.role("other"))];
        let case = Self { db, dir, names };
        fs::write(case.dir.path().join("users.csv"), "id,tenant\n1,default\n").unwrap();
        fs::write(case.dir.path().join("tenantize.toml"), case.named(CONFIG)).unwrap();
        case.db.psql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        case
    }

    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (mark, name)| text.replace(mark, name))
    }

    fn apply(&self, code: &str, change: &Change) {
        self.db.psql(&self.named(change.sql));
        let file = self.dir.path().join("tenantize.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (from, to) = (self.named(change.config.0), self.named(change.config.1));
        assert!(text.contains(&from), "{code}: {from} is not in\n{text}");
        if !from.is_empty() {
            fs::write(&file, text.replacen(&from, &to, 1)).unwrap();
        }
    }

    fn codes(&self) -> BTreeSet<String> {
        let output = Cli::new().args(["check", "--format", "json"]).env("DATABASE_URL", self.db.url()).dir(self.dir.path()).run();
        let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
        json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn each_is_raised_by_its_cause_and_gone_with_its_cure() {
    let mut wrong = Vec::new();
    for (code, cause, cure) in PAIRS {
        let case = Case::new();
        case.apply(code, cause);
        let found = case.codes();
        if !found.contains(*code) {
            wrong.push(format!("{code} is not raised: {found:?}"));
        }
        case.apply(code, cure);
        let found = case.codes();
        if found.contains(*code) {
            wrong.push(format!("{code} is not cured: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_code_has_a_pair_or_says_why_not() {
    let here: BTreeSet<&str> = PAIRS.iter().map(|(code, ..)| *code).collect();
    for (code, file) in ELSEWHERE {
        let text = fs::read_to_string(format!("{}/tests/it/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(text.contains(&format!("\"{code}\"")) || text.contains(&format!("[{code}]")), "{file} says nothing of {code}");
    }
    let known: BTreeSet<&str> = here.iter().copied().chain(ELSEWHERE.iter().chain(UNRAISED).map(|(code, _)| *code)).collect();
    // T060 and above are of the contexts, and tested with them.
    let all: Vec<String> = CATALOGUE.iter().map(|kind| kind.code.to_string()).filter(|code| code.as_str() < "T060").collect();
    let missing: Vec<&String> = all.iter().filter(|code| !known.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "no pair: {missing:?}");
    let gone: Vec<&&str> = known.iter().filter(|code| !all.contains(&(**code).to_string())).collect();
    assert!(gone.is_empty(), "no such code: {gone:?}");
}

//! A system of the fixtures, with the program at work on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tenantize::config::Config;

use super::cli::Output;
use super::{Cli, TestDb, cluster};

/// Rows per tenant, by slug.
pub(crate) type PerTenant = BTreeMap<String, i64>;

/// A database made from `tests/fixtures/<name>/before.sql`, with the configuration beside it.
pub(crate) struct Scenario {
    db: TestDb,
    folder: TempDir,
    config: Config,
    // after the database: while it exists, its rights hold the roles
    roles: Roles,
}

/// Everything in a database but the journal, in an order that does not depend on where rows lie.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) schema: String,
    pub(crate) data: String,
}

/// Roles belong to the server: each database has its own, and they go after it.
struct Roles {
    app: String,
    readonly: String,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Copies a fixture, with these roles in its configuration; returns the copy and the SQL that makes the database.
pub(crate) fn fixture_folder(name: &str, app: &str, readonly: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture(name), folder.path());
    let file = folder.path().join("tenantize.toml");
    let template = fs::read_to_string(&file).unwrap();
    fs::write(&file, template.replace("{{app}}", app).replace("{{readonly}}", readonly)).unwrap();
    let before = fs::read_to_string(folder.path().join("before.sql")).unwrap();
    (folder, before)
}

impl Scenario {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, "")
    }

    /// The same with more SQL at the end of `before.sql`.
    pub(crate) fn with(name: &str, sql: &str) -> Self {
        let before = fs::read_to_string(fixture(name).join("before.sql")).unwrap();
        let db = TestDb::new(&format!("{before}\n{sql}"));
        let roles = Roles { app: format!("{}_app", db.name()), readonly: format!("{}_readonly", db.name()) };
        roles.drop();
        let (folder, _) = fixture_folder(name, &roles.app, &roles.readonly);
        let file = folder.path().join("tenantize.toml");
        let config = Config::load(&file).unwrap();
        Self { db, folder, config, roles }
    }

    pub(crate) fn db(&self) -> &TestDb {
        &self.db
    }

    /// A file of the scenario's own copy of the fixture.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Prepares a call of the program for this database.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Cli {
        self.cli_at(&self.db.url(), arguments)
    }

    /// The same by another address.
    pub(crate) fn cli_at(&self, url: &str, arguments: &[&str]) -> Cli {
        let connection = ["--progress", "plain", "--database-url", url];
        Cli::new().dir(self.folder.path()).args(arguments).args(connection).arg("--config").arg(self.file("tenantize.toml"))
    }

    /// Calls the program, which must succeed.
    pub(crate) fn tenantize(&self, arguments: &[&str]) -> Output {
        let output = self.cli(arguments).run();
        assert!(output.ok(), "{output}");
        output
    }

    /// Calls the program, which must fail with this code.
    pub(crate) fn refused(&self, code: i32, arguments: &[&str]) -> Output {
        let output = self.cli(arguments).run();
        assert_eq!(output.code(), Some(code), "{output}");
        output
    }

    pub(crate) fn run(&self) {
        self.tenantize(&["run", "--yes"]);
    }

    /// Returns the state of the newest run in the journal.
    pub(crate) fn state(&self) -> String {
        self.db.psql("SELECT state FROM tenantize.runs ORDER BY id DESC LIMIT 1")
    }

    /// Returns what the database holds. What differs between two runs of the same plan, names of roles and the time, is left out.
    pub(crate) fn content(&self) -> Content {
        let strip = |text: String| {
            let text = text.replace(&self.roles.app, "app").replace(&self.roles.readonly, "readonly");
            text.lines().map(without_time).collect::<Vec<_>>().join("\n")
        };
        // the keys that a sequence has handed out are gone for good
        let name = &self.config.tenants.table;
        let sequence = format!("SELECT pg_catalog.setval('{}.{}_", name.schema.plain(), name.name.plain());
        let data = strip(self.db.dump_data());
        let data: Vec<&str> = data.lines().filter(|line| !line.starts_with(&sequence)).collect();
        Content { schema: strip(self.db.dump_schema()), data: data.join("\n") }
    }

    /// The tables whose rows get a tenant: as text and as SQL.
    fn tables(&self) -> impl Iterator<Item = (String, String)> {
        let targets = self.config.tables.iter().filter(|(_, table)| table.scope.is_none());
        targets.map(|(name, _)| (name.plain(), name.to_string()))
    }

    /// Returns how many rows each tenant has in each table. Every row must have a tenant that exists.
    pub(crate) fn rows_per_tenant(&self) -> BTreeMap<String, PerTenant> {
        let tenants = &self.config.tenants;
        let (registry, key, slug, column) = (&tenants.table, &tenants.key, &tenants.slug, &tenants.column);
        let mut found = BTreeMap::new();
        for (plain, table) in self.tables() {
            let counts = self.db.psql(&format!(
                "SELECT count(*), r.{slug} FROM {table} AS t LEFT JOIN {registry} AS r ON r.{key} = t.{column} GROUP BY r.{slug}"
            ));
            let split = |line: &str| line.split_once('|').map(|(rows, slug)| (slug.to_owned(), rows.parse().unwrap()));
            let counts: PerTenant = counts.lines().filter_map(split).collect();
            assert!(!counts.contains_key(""), "{plain} has rows without a tenant: {counts:?}");
            found.insert(plain, counts);
        }
        found
    }

    /// Returns count and hash of every table of the application, without the tenant column.
    ///
    /// The registry is left out: it gets rows.
    pub(crate) fn other_columns(&self) -> String {
        let tables = self.db.psql(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema$|tenantize|tenancy$)' ORDER BY 1",
        );
        let (registry, column) = (&self.config.tenants.table, self.config.tenants.column.plain().replace('\'', "''"));
        let created = self.config.memberships.as_ref().map(|memberships| memberships.table.to_string());
        let unquoted = |name: &str| name.replace('"', "");
        let ours =
            |table: &&str| unquoted(table) != unquoted(&registry.to_string()) && created.as_deref().map(unquoted) != Some(unquoted(table));
        let hash = |table: &str| {
            let label = table.replace('\'', "''");
            format!(
                "SELECT '{label}', count(*), sum(hashtextextended((to_jsonb(t) - '{column}')::text, 0)::numeric) FROM ONLY {table} AS t;\n"
            )
        };
        self.db.psql(&tables.lines().filter(ours).map(hash).collect::<String>())
    }

    /// Asserts that the journal's counters are exact: every row that was there has been written once.
    ///
    /// Holds for tables to which nobody has written meanwhile.
    pub(crate) fn assert_counters_are_exact(&self) {
        assert_eq!(self.db.psql(DIFFERENT_COUNTERS), "", "counters of the journal");
        assert_eq!(self.db.psql(DIFFERENT_STEPS), "", "rows of the journal's steps");
    }
}

/// Chunks that did not write each row of their table once.
const DIFFERENT_COUNTERS: &str = r#"
    SELECT f.relation, f.rows, x.rows
    FROM (SELECT relation, sum(rows_done) AS rows FROM tenantize.fill_chunks GROUP BY relation) AS f
    LEFT JOIN (
      SELECT n.nspname, c.relname,
        (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM ONLY %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::bigint AS rows
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema$|tenantize|tenancy$)'
    ) AS x ON replace(f.relation, '"', '') = replace(x.nspname || '.' || x.relname, '"', '')
    WHERE f.rows IS DISTINCT FROM x.rows
"#;

/// Steps that say something else than their chunks.
const DIFFERENT_STEPS: &str = "
    SELECT s.step_id, s.state, s.rows_done, sum(c.rows_done)
    FROM tenantize.steps AS s JOIN tenantize.fill_chunks AS c USING (run_id, step_id)
    GROUP BY s.run_id, s.step_id HAVING s.rows_done IS DISTINCT FROM sum(c.rows_done) OR bool_or(c.state <> 'done')
";

impl Content {
    /// Asserts that this is the same as `other`, and shows the lines that differ.
    #[track_caller]
    pub(crate) fn assert_same_as(&self, other: &Self, when: &str) {
        let differences = [difference(&other.schema, &self.schema), difference(&other.data, &self.data)].concat();
        assert!(differences.is_empty(), "{when}: - is expected, + is there\n{}", differences.join("\n"));
    }
}

/// Lines that one text has and the other has not.
fn difference(expected: &str, found: &str) -> Vec<String> {
    if expected == found {
        return Vec::new();
    }
    let count = |text: &str, sign: i32, lines: &mut BTreeMap<String, i32>| {
        for line in text.lines() {
            *lines.entry(line.to_owned()).or_default() += sign;
        }
    };
    let mut lines = BTreeMap::new();
    count(expected, -1, &mut lines);
    count(found, 1, &mut lines);
    let changed = lines.into_iter().filter(|(_, times)| *times != 0);
    let mut changed: Vec<String> = changed.map(|(line, times)| format!("{} {line}", if times < 0 { '-' } else { '+' })).collect();
    if changed.is_empty() {
        let first = expected.lines().zip(found.lines()).find(|(a, b)| a != b);
        changed.push(format!("the same lines in another order, from here on: {first:?}"));
    }
    changed.truncate(60);
    changed
}

/// Replaces moments with fractions of a second: the fixtures have none, so they tell when the test ran.
fn without_time(line: &str) -> String {
    let shape = |field: &str| {
        let digits: String = field.chars().take(20).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        digits == "0000-00-00 00:00:00."
    };
    let fields = line.split('\t').map(|field| if shape(field) { "<now>" } else { field });
    fields.collect::<Vec<_>>().join("\t")
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Roles {
    fn drop(&self) {
        let gone = [&self.app, &self.readonly].map(|role| format!("DROP ROLE IF EXISTS {role}"));
        let dropped = cluster().admin(&gone);
        assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        Self::drop(self);
    }
}

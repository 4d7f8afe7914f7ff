//! The usual ways to give every row of `items` its tenant.

use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::args::{Keys, Rule};
use crate::stage::{ELSEWHERE, OTHER, Stage, TENANT};

const BATCH: i64 = 1000;
const PAGES: i64 = 1000;

#[derive(QueryableByName)]
struct Batch {
    #[diesel(sql_type = Nullable<Text>)]
    last: Option<String>,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// `SET … [FROM …] WHERE` of an `UPDATE`, so that only what chooses the rows is to be added.
fn update(rule: Rule) -> String {
    match rule {
        Rule::Literal => format!("UPDATE items AS i SET tenant_id = '{TENANT}' WHERE"),
        Rule::Derived | Rule::Most => "UPDATE items AS i SET tenant_id = o.tenant_id FROM owners AS o WHERE o.id = i.owner_id AND".into(),
    }
}

/// The column, and for a derived rule the tenants of the parents.
pub(crate) fn prepare(stage: &Stage, rule: Rule) {
    stage.connect("work").batch_execute("ALTER TABLE items ADD COLUMN tenant_id uuid").unwrap();
    prepare_parents(stage, rule);
}

pub(crate) fn prepare_parents(stage: &Stage, rule: Rule) {
    let tenant = match rule {
        Rule::Literal => return,
        Rule::Derived => format!("ALTER TABLE owners ADD COLUMN tenant_id uuid DEFAULT '{TENANT}'"),
        Rule::Most => format!(
            "ALTER TABLE owners ADD COLUMN tenant_id uuid; UPDATE owners SET tenant_id = CASE WHEN {ELSEWHERE} THEN '{OTHER}' ELSE '{TENANT}' END::uuid"
        ),
    };
    let mut conn = stage.connect("work");
    conn.batch_execute(&tenant).unwrap();
    conn.batch_execute("VACUUM ANALYZE owners").unwrap();
}

pub(crate) fn one_update(stage: &Stage, rule: Rule) {
    stage.connect("work").batch_execute(&format!("{} i.tenant_id IS NULL", update(rule))).unwrap();
}

/// Page ranges, each visited once; workers share the table.
pub(crate) fn ctid_ranges(stage: &Stage, rule: Rule, workers: i64) {
    let pages = pages(stage);
    share(workers, |worker| {
        let mut conn = stage.connect("work");
        for first in (pages * worker / workers..pages * (worker + 1) / workers).step_by(usize::try_from(PAGES).unwrap()) {
            let end = (first + PAGES).min(pages * (worker + 1) / workers);
            let range = format!("i.ctid >= '({first},0)' AND i.ctid < '({end},0)' AND i.tenant_id IS NULL");
            conn.batch_execute(&format!("{} {range}", update(rule))).unwrap();
        }
    });
}

/// Batches of 1000 rows in the order of the primary key; workers share the keys.
pub(crate) fn keyset(stage: &Stage, rule: Rule, workers: i64, keys: Keys) {
    let rows = number(stage, "SELECT count(*) AS number FROM items");
    let bound = |worker: i64| {
        let query = format!("SELECT id::text AS last, 1::bigint AS rows FROM items ORDER BY id OFFSET {} LIMIT 1", rows * worker / workers);
        (worker > 0 && worker < workers)
            .then(|| diesel::sql_query(query).get_result::<Batch>(&mut stage.connect("work")).unwrap().last)
            .flatten()
    };
    let bounds: Vec<Option<String>> = (0..=workers).map(bound).collect();
    share(workers, |worker| {
        let at = usize::try_from(worker).unwrap();
        let end = bounds[at + 1].as_ref().map_or_else(String::new, |end| format!("AND id < '{end}'::{}", keys.name()));
        let (mut last, mut from) = (bounds[at].clone(), ">=");
        let mut conn = stage.connect("work");
        loop {
            let begin = last.as_ref().map_or_else(|| "true".into(), |last| format!("id {from} '{last}'::{}", keys.name()));
            let query = format!(
                "WITH batch AS (SELECT id FROM items WHERE {begin} {end} ORDER BY id LIMIT {BATCH}),
                      done AS ({} i.id IN (SELECT id FROM batch) RETURNING i.id)
                 SELECT (SELECT id::text FROM batch ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM done) AS rows",
                update(rule)
            );
            let batch: Batch = diesel::sql_query(query).get_result(&mut conn).unwrap();
            if batch.rows == 0 {
                return;
            }
            (last, from) = (batch.last, ">");
        }
    });
}

/// A new table in place of the old one, with its indexes and its foreign key: nobody may write meanwhile.
pub(crate) fn rewrite(stage: &Stage, rule: Rule) {
    let tenant = match rule {
        Rule::Literal => format!("SELECT i.*, '{TENANT}'::uuid AS tenant_id FROM items_before AS i"),
        Rule::Derived | Rule::Most => "SELECT i.*, o.tenant_id FROM items_before AS i JOIN owners AS o ON o.id = i.owner_id".into(),
    };
    let script = format!(
        "BEGIN; ALTER TABLE items RENAME TO items_before; CREATE TABLE items AS {tenant};
         ALTER TABLE items ADD PRIMARY KEY (id); CREATE INDEX ON items (owner_id); CREATE INDEX ON items (created_at);
         ALTER TABLE items ADD FOREIGN KEY (owner_id) REFERENCES owners; DROP TABLE items_before; COMMIT"
    );
    stage.connect("work").batch_execute(&script).unwrap();
}

/// Where the peer's program is: named, beside the results, or on the path.
pub(crate) fn find_reshape() -> Option<PathBuf> {
    let named = std::env::var_os("RESHAPE").map(PathBuf::from);
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/reshape");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.into_iter().chain([installed]).chain(std::env::split_paths(&path).map(|folder| folder.join("reshape")));
    found.into_iter().find(|file| file.is_file())
}

/// A peer's whole start of a migration that adds the column: column, triggers, and its backfill by primary key.
pub(crate) fn reshape(stage: &Stage, rule: Rule, program: &Path) {
    let up = match rule {
        Rule::Literal => format!("up = \"'{TENANT}'::uuid\""),
        Rule::Derived | Rule::Most => {
            "[actions.up]\ntable = \"owners\"\nvalue = \"owners.tenant_id\"\nwhere = \"items.owner_id = owners.id\"\n".to_owned()
        }
    };
    let (before, after) = if rule == Rule::Literal { (up.as_str(), "") } else { ("", up.as_str()) };
    let column = "[actions.column]\nname = \"tenant_id\"\ntype = \"UUID\"";
    let migration = format!("[[actions]]\ntype = \"add_column\"\ntable = \"items\"\n{before}\n{column}\n{after}\n");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("migrations")).unwrap();
    std::fs::write(folder.path().join("migrations/1_tenant.toml"), migration).unwrap();
    let mut command = Command::new(program);
    command.args(["migration", "start", "--url", &stage.url("work")]).current_dir(folder.path());
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

pub(crate) fn pages(stage: &Stage) -> i64 {
    number(stage, "SELECT pg_relation_size('items') / 8192 AS number")
}

pub(crate) fn number(stage: &Stage, query: &str) -> i64 {
    diesel::sql_query(query).get_result::<Number>(&mut stage.connect("work")).unwrap().number
}

fn share(workers: i64, work: impl Fn(i64) + Sync) {
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let work = &work;
            scope.spawn(move || work(worker));
        }
    });
}

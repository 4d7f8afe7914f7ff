//! The forms of a policy where one tenant has nine rows of ten.

use diesel::connection::SimpleConnection as _;
use tenantize::sql::policy::{ContextSpec, PolicyForm};

use crate::stage::{Stage, best_decile, sample};

const ROUNDS: usize = 8;
const FIXTURE: &str = "
    CREATE TABLE items (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, created_at timestamptz NOT NULL, body text NOT NULL);
    INSERT INTO items SELECT n, md5('t' || CASE WHEN n % 10 = 0 THEN (n / 10) % 99 + 1 ELSE 0 END)::uuid,
      now() - n * interval '1 second', repeat(md5(n::text), 3) FROM generate_series(1, 200000) AS n;
    CREATE INDEX ON items (tenant_id, created_at);
    CREATE UNIQUE INDEX ON items (tenant_id, id);
    CREATE TABLE parts (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, item_id bigint NOT NULL, quantity int NOT NULL);
    INSERT INTO parts SELECT n, i.tenant_id, i.id, n % 7
    FROM generate_series(1, 400000) AS n JOIN items AS i ON i.id = 1 + (n::bigint * 7919) % 200000;
    CREATE INDEX ON parts (tenant_id, item_id);
    GRANT SELECT ON items, parts TO app;";
const QUERIES: [(&str, &str); 4] = [
    ("count", "SELECT count(*) FROM items"),
    ("read all", "SELECT count(body) FROM items"),
    ("last 20", "SELECT id FROM items ORDER BY created_at DESC LIMIT 20"),
    ("join", "SELECT count(*), sum(p.quantity) FROM items AS i JOIN parts AS p ON p.item_id = i.id WHERE i.body <> ''"),
];

pub(crate) fn run() {
    let mut stage = Stage::new(FIXTURE);
    let tenants = [("of the large tenant, 180,000 rows", "t0"), ("of a small one, 202 rows", "t5")];
    let forms = [PolicyForm::Wrapped, PolicyForm::Bare];
    let mut samples = vec![vec![[Vec::new(), Vec::new()]; QUERIES.len()]; tenants.len()];
    for _ in 0..ROUNDS {
        for (place, form) in forms.into_iter().enumerate() {
            stage.fence(&["items", "parts"], &ContextSpec::default(), form);
            for ((_, tenant), samples) in tenants.iter().zip(&mut samples) {
                let key = stage.text(&format!("SELECT md5('{tenant}')::uuid::text AS text"));
                let mut conn = stage.app(&[("app.tenant_id".into(), key)]);
                for ((_, query), samples) in QUERIES.iter().zip(samples) {
                    sample(1, || conn.batch_execute(query).unwrap());
                    samples[place].extend(sample(4, || conn.batch_execute(query).unwrap()));
                }
            }
        }
    }
    println!(
        "PostgreSQL {}, one tenant with 90 % of 200,000 and 400,000 rows; best decile of {ROUNDS} interleaved rounds, ms",
        stage.version()
    );
    println!("| query | wrapped | bare |\n|---|---|---|");
    for ((whose, _), samples) in tenants.iter().zip(&mut samples) {
        for ((name, _), samples) in QUERIES.iter().zip(samples) {
            let [wrapped, bare] = samples.each_mut().map(|samples| best_decile(samples) / 1000.0);
            println!("| {name} {whose} | {wrapped:.2} | {bare:.2} ({:.2}×) |", bare / wrapped);
        }
    }
}

//! Row-level security beside a query that names its tenant itself.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use tenantize::sql::policy::{ChosenSource, ContextSpec, MembershipContext, PolicyForm, Tenants, UserSource};
use uuid::Uuid;

use crate::stage::{Stage, best_decile, ident, public, sample};

const ROUNDS: usize = 16;
const FIXTURE: &str = "
    CREATE TABLE items (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, created_at timestamptz NOT NULL, body text NOT NULL);
    INSERT INTO items SELECT n, md5('t' || n % 100)::uuid, now() - n * interval '1 second', repeat(md5(n::text), 3)
    FROM generate_series(1, 200000) AS n;
    CREATE INDEX ON items (tenant_id, created_at);
    CREATE TABLE memberships (user_id bigint, tenant_id uuid, role text NOT NULL, PRIMARY KEY (user_id, tenant_id));
    INSERT INTO memberships SELECT n, md5('t' || n % 100)::uuid, 'member' FROM generate_series(1, 10000) AS n;
    GRANT SELECT ON items TO app;";

diesel::table! {
    items (id) {
        id -> BigInt,
        tenant_id -> Uuid,
        created_at -> Timestamptz,
        body -> Text,
    }
}

/// One line of the table.
struct Line {
    name: &'static str,
    /// None: no policies, the query says `WHERE tenant_id = …` itself.
    policy: Option<(ContextSpec, PolicyForm)>,
    settings: Vec<(String, String)>,
    samples: [Vec<f64>; 4],
}

fn membership(tenants: Tenants) -> ContextSpec {
    ContextSpec::Membership(MembershipContext {
        table: public("memberships"),
        user_column: ident("user_id"),
        user_ty: "bigint".into(),
        tenant_column: ident("tenant_id"),
        status: None,
        user: UserSource::Setting("app.user_id".into()),
        chosen: ChosenSource::Setting("app.tenant_id".into()),
        tenants,
    })
}

fn lines(tenant: Uuid) -> Vec<Line> {
    let line = |name, policy, settings: &[(&str, &str)]| Line {
        name,
        policy,
        settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        samples: Default::default(),
    };
    let key = tenant.to_string();
    let claims = format!(r#"{{"sub":"{tenant}","role":"authenticated","exp":1790000000,"app_metadata":{{"tenant_id":"{tenant}"}}}}"#);
    let (setting, jwt) = (ContextSpec::default(), ContextSpec::SupabaseJwt { claim: "tenant_id".into() });
    let signed = ContextSpec::Signed { name: "app.tenant_id".into() };
    let (wrapped, bare) = (PolicyForm::Wrapped, PolicyForm::Bare);
    vec![
        line("off, WHERE tenant_id = …", None, &[]),
        line("setting, wrapped", Some((setting.clone(), wrapped)), &[("app.tenant_id", &key)]),
        line("setting, bare", Some((setting, bare)), &[("app.tenant_id", &key)]),
        line("supabase-jwt, wrapped", Some((jwt.clone(), wrapped)), &[("request.jwt.claims", &claims)]),
        line("supabase-jwt, bare", Some((jwt, bare)), &[("request.jwt.claims", &claims)]),
        line("membership, one tenant", Some((membership(Tenants::One), wrapped)), &[("app.user_id", "7"), ("app.tenant_id", &key)]),
        line("membership, several", Some((membership(Tenants::Several), wrapped)), &[("app.user_id", "7"), ("app.tenant_id", "")]),
        line("signed", Some((signed, wrapped)), &[]),
    ]
}

pub(crate) fn run() {
    let mut stage = Stage::new(FIXTURE);
    let tenant: Uuid = stage.text("SELECT md5('t7')::uuid::text AS text").parse().unwrap();
    let mut lines = lines(tenant);
    for _ in 0..ROUNDS {
        for line in &mut lines {
            round(&mut stage, line, tenant);
        }
    }
    println!(
        "PostgreSQL {}, 200,000 rows, 100 tenants, index (tenant_id, created_at); best decile of {ROUNDS} interleaved rounds, µs",
        stage.version()
    );
    println!("| context | row by key, prepared | row by key, simple | last 20 | count own |\n|---|---|---|---|---|");
    let best: Vec<[f64; 4]> = lines.iter_mut().map(|line| line.samples.each_mut().map(|samples| best_decile(samples))).collect();
    for (line, figures) in lines.iter().zip(&best) {
        let cells: Vec<String> = figures.iter().zip(&best[0]).map(|(figure, off)| format!("{figure:.0} ({:.2}×)", figure / off)).collect();
        println!("| {} | {} |", line.name, cells.join(" | "));
    }
}

/// The four queries in a new session; their first calls, which plan, do not count.
fn round(stage: &mut Stage, line: &mut Line, tenant: Uuid) {
    use items::dsl;
    let tables = ["items"];
    let mut settings = line.settings.clone();
    match &line.policy {
        None => stage.open(&tables),
        Some((context, form)) => {
            stage.fence(&tables, context, *form);
            if let ContextSpec::Signed { name } = context {
                settings.push((name.clone(), stage.text(&format!("SELECT tenancy.sign('{tenant}', '1 hour') AS text"))));
            }
        }
    }
    let own = line.policy.is_none();
    let mut conn = stage.app(&settings);
    let simple =
        format!("SELECT body FROM items WHERE id = 100007{}", if own { format!(" AND tenant_id = '{tenant}'") } else { String::new() });
    let by_key = |conn: &mut PgConnection| -> String {
        let query = dsl::items.find(100_007).select(dsl::body);
        if own { query.filter(dsl::tenant_id.eq(tenant)).get_result(conn).unwrap() } else { query.get_result(conn).unwrap() }
    };
    let last = |conn: &mut PgConnection| -> Vec<String> {
        let query = dsl::items.select(dsl::body).order(dsl::created_at.desc()).limit(20);
        if own { query.filter(dsl::tenant_id.eq(tenant)).load(conn).unwrap() } else { query.load(conn).unwrap() }
    };
    let count = |conn: &mut PgConnection| -> i64 {
        let query = dsl::items.count();
        if own { query.filter(dsl::tenant_id.eq(tenant)).get_result(conn).unwrap() } else { query.get_result(conn).unwrap() }
    };
    assert_eq!((count(&mut conn), last(&mut conn).len(), by_key(&mut conn).len()), (2000, 20, 96), "{}", line.name);
    for (samples, (times, query)) in line.samples.iter_mut().zip::<[(usize, &dyn Fn(&mut PgConnection)); 4]>([
        (400, &|conn| assert!(!by_key(conn).is_empty())),
        (400, &|conn| conn.batch_execute(&simple).unwrap()),
        (100, &|conn| assert!(!last(conn).is_empty())),
        (60, &|conn| assert!(count(conn) > 0)),
    ]) {
        sample(20, || query(&mut conn));
        samples.extend(sample(times, || query(&mut conn)));
    }
}

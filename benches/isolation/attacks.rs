//! How long a verification takes on many tables, 100 or as many as an argument says: attacks per class, and seconds.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use tenantize::check::{Owners, Registry, Subject, VerifyFormat, VerifyOptions, verify};
use tenantize::db::{Database, DatabaseUrl, SessionSettings};
use tenantize::isolation::Class;
use tenantize::server::{Server, ServerOptions};
use tenantize::sql::policy::ContextSpec;
use tenantize::sql::{Ident, KeyType, QualifiedName};

const SCHEMA: &str = include_str!("attacks.sql");

pub(super) fn run() {
    let tables = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(100);
    let server = Server::start(&ServerOptions::default()).unwrap();
    let mut conn = PgConnection::establish(&server.url("postgres")).unwrap();
    conn.batch_execute("CREATE ROLE bench_app").unwrap();
    conn.batch_execute(&format!("SET tenantize.tables = {tables}; {}", SCHEMA.replace("$app", "bench_app"))).unwrap();
    let db = Database::connect(&DatabaseUrl::parse(&server.url("postgres")).unwrap(), &SessionSettings::default(), 2).unwrap();
    let verification = verify(&db, &subject(tables), None, &VerifyOptions::default(), &mut |_| {}).unwrap();
    assert!(verification.passed(), "{}", verification.render(VerifyFormat::Text));
    let mut counts: BTreeMap<Class, usize> = BTreeMap::new();
    for attack in &verification.attacks {
        *counts.entry(attack.class).or_default() += 1;
    }
    println!("PostgreSQL {}, {tables} tables\n| class | attacks |\n|---|---|", server.version());
    for (class, count) in &counts {
        println!("| {class} | {count} |");
    }
    let seconds = |ms: u64| std::time::Duration::from_millis(ms).as_secs_f64();
    println!(
        "\n{} attacks in {:.1} s, {} checks in {:.1} s",
        verification.attacks.len(),
        seconds(verification.attacks_ms),
        verification.checks.len(),
        seconds(verification.checks_ms)
    );
}

fn ident(name: &str) -> Ident {
    Ident::new(name).unwrap()
}

fn subject(tables: usize) -> Subject {
    let public = |name: &str| QualifiedName::new(ident("public"), ident(name));
    Subject {
        schemas: [ident("public")].into(),
        column: ident("tenant_id"),
        ty: KeyType::Uuid,
        registry: Some(Registry { table: public("tenants"), key: ident("id") }),
        tables: (1..=tables).map(|n| public(&format!("items_{n}"))).collect(),
        membership: None,
        shared: Vec::new(),
        app_roles: vec![ident("bench_app")],
        read_roles: Vec::new(),
        trusted_roles: Vec::new(),
        context: ContextSpec::default(),
        owners: Owners::Bound,
        accepted: Vec::new(),
        trusted_owners: Vec::new(),
        found: None,
    }
}

//! Five published plans for tenants in PostgreSQL, with their own policies, functions and grants: the verification finds what is wrong with each.
//!
//! `tests/seeds/README.md` is made from what it finds: `UPDATE_DOCS=1 cargo test --test it seeds::`.

mod facts;

use tenantize::check::{ContextWish, DiscoverOptions, Discovery, Verdict, Verification, VerifyFormat, VerifyOptions, verify};
use tenantize::db::{Database, DatabaseUrl, SessionSettings};
use tenantize::sql::{Ident, QualifiedName};

use crate::support::TestDb;

/// A plan as it was published.
struct Seed {
    name: &'static str,
    schema: &'static str,
    rows: &'static str,
    policies: &'static str,
    /// The roles whose names stand in `policies` after a `$`.
    roles: &'static [&'static str],
    column: &'static str,
    in_schema: &'static str,
    membership: Option<&'static str>,
    claim: Option<&'static str>,
}

macro_rules! seed {
    ($name:literal) => {
        Seed {
            name: $name,
            schema: concat!(include_str!("../seeds/auth.sql"), include_str!(concat!("../seeds/", $name, "/schema.sql"))),
            rows: include_str!(concat!("../seeds/", $name, "/rows.sql")),
            policies: include_str!(concat!("../seeds/", $name, "/policies.sql")),
            ..PLAIN
        }
    };
}

const PLAIN: Seed = Seed {
    name: "",
    schema: "",
    rows: "",
    policies: "",
    roles: &["app_role"],
    column: "tenant_id",
    in_schema: "public",
    membership: None,
    claim: None,
};

const SEEDS: [Seed; 5] = [
    Seed { roles: &["app_role", "readonly_role"], membership: Some("public.user_tenant_membership"), ..seed!("cin7-playground") },
    Seed {
        roles: &["authenticated", "service_role", "anon"],
        membership: Some("public.tenant_members"),
        claim: Some("tenant_id"),
        ..seed!("supabase-infrastructure")
    },
    Seed { column: "organization_id", in_schema: "platform", ..seed!("studio-platform") },
    Seed { column: "account_id", roles: &["authenticated", "anon"], membership: Some("public.account_users"), ..seed!("data-catalog") },
    seed!("vanilla-saas"),
];

fn seed(name: &str) -> &'static Seed {
    SEEDS.iter().find(|seed| seed.name == name).unwrap()
}

impl Seed {
    /// A database with the tables, the rows and the policies.
    fn database(&self) -> TestDb {
        let db = TestDb::new(&format!("{}\n{}", self.schema, self.rows));
        db.psql(&self.with_roles(&db, self.policies));
        db
    }

    fn with_roles(&self, db: &TestDb, sql: &str) -> String {
        let mut sql = sql.to_owned();
        for role in self.roles {
            let name = db.role(role);
            if *role == "service_role" {
                db.psql(&format!("ALTER ROLE {name} BYPASSRLS"));
            }
            sql = sql.replace(&format!("${role}"), &name);
        }
        sql
    }

    fn options(&self) -> DiscoverOptions {
        let table = |name: &str| name.parse::<QualifiedName>().unwrap();
        DiscoverOptions {
            column: Ident::new(self.column).unwrap(),
            schemas: vec![Ident::new(self.in_schema).unwrap()],
            registry: None,
            membership: self.membership.map(table),
            shared: Vec::new(),
            app_roles: Vec::new(),
            read_roles: Vec::new(),
            trusted_roles: Vec::new(),
            trusted_owners: Vec::new(),
            context: self.claim.map_or(ContextWish::Guess, |claim| ContextWish::Jwt(Some(vec![claim.to_owned()]))),
            settings: Vec::new(),
        }
    }

    fn discover(&self, db: &TestDb) -> Discovery {
        Discovery::load(&mut open(db).connect_dedicated().unwrap(), &self.options()).unwrap()
    }

    fn verify(&self, db: &TestDb) -> Verification {
        let Discovery { subject, facts } = self.discover(db);
        let mut verification = verify(&open(db), &subject, None, &VerifyOptions::default(), &mut |_| {}).unwrap();
        verification.looked_at = facts;
        verification
    }
}

fn open(db: &TestDb) -> Database {
    Database::connect(&DatabaseUrl::parse(&db.url()).unwrap(), &SessionSettings::default(), 2).unwrap()
}

/// Asserts that every fact is found by each that is said to find it.
fn assert_found(name: &str) -> (TestDb, Verification) {
    let (seed, facts) = (seed(name), facts::of(name));
    let db = seed.database();
    let verification = seed.verify(&db);
    for fact in facts {
        for (by, object) in fact.by {
            let found = finds(&verification, by, object);
            assert!(found > 0, "{name}: {by} does not find on {object}: {}\n{}", fact.what, verification.render(VerifyFormat::Text));
        }
    }
    assert!(!verification.passed());
    (db, verification)
}

/// How often a check names an object, or a class of attacks reaches a relation.
fn finds(verification: &Verification, by: &str, object: &str) -> usize {
    let is_check = by.starts_with('T');
    let checks = verification.checks.iter().filter(|check| is_check && check.id == by && check.verdict != Verdict::Pass);
    let evidence = checks.flat_map(|check| &check.evidence).filter(|evidence| evidence.object.contains(object));
    let failed = verification.attacks.iter().filter(|attack| !is_check && attack.fails());
    evidence.count() + failed.filter(|attack| attack.class.name() == by && attack.relation == object).count()
}

#[test]
fn cin7_playground() {
    assert_found("cin7-playground");
}

#[test]
fn supabase_infrastructure() {
    assert_found("supabase-infrastructure");
}

#[test]
fn studio_platform() {
    assert_found("studio-platform");
}

#[test]
fn data_catalog() {
    assert_found("data-catalog");
}

#[test]
fn vanilla_saas_before_and_after_its_last_step() {
    let (db, before) = assert_found("vanilla-saas");
    for table in ["public.ai_engines", "public.engine_executions", "public.ai_workflows"] {
        assert!(finds(&before, "T101", table) > 0 && finds(&before, "select", table) > 0, "{table} is open until the last step");
    }
    db.psql(include_str!("../seeds/vanilla-saas/enhanced.sql"));
    let after = seed("vanilla-saas").verify(&db);
    assert_eq!(finds(&after, "T101", "public."), 0, "{}", after.render(VerifyFormat::Text));
    assert_eq!(finds(&after, "select", "public.ai_engines"), 0, "{}", after.render(VerifyFormat::Text));
}

#[test]
fn the_page_names_every_fact_and_what_finds_it() {
    let page = page();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds/README.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "tests/seeds/README.md is not what is asserted; write it again with: UPDATE_DOCS=1 cargo test --test it seeds::"
    );
}

fn page() -> String {
    let mut page = String::from(facts::HEAD);
    for seed in &SEEDS {
        let facts = facts::of(seed.name);
        let found = facts.iter().filter(|fact| !fact.by.is_empty()).count();
        let head = [
            format!("\n## {}\n", seed.name),
            format!("{found} of {} facts are found.\n", facts.len()),
            "| fact | found by |\n| --- | --- |".into(),
        ];
        page.push_str(&(head.join("\n") + "\n"));
        for fact in facts {
            let mut by: Vec<String> =
                fact.by.iter().map(|(by, _)| if by.starts_with('T') { (*by).to_owned() } else { format!("attack: {by}") }).collect();
            by.dedup();
            let by = if by.is_empty() { fact.because.to_owned() } else { by.join(", ") };
            page.push_str(&["| ", fact.what, " | ", &by, " |\n"].concat());
        }
    }
    page
}

//! Each class of attacks finds what it is there for.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use tenantize::check::{Verdict, Verification, VerifyError, VerifyFormat, VerifyOptions, verify};
use tenantize::db::{Database, DatabaseUrl, SessionSettings};
use tenantize::isolation::{AttackOptions, AttackResult, Class, Means, Pairs, Reach};
use tenantize::plan::KeptKey;
use tenantize::sql::Ident;

use super::scene::{Scene, TENANT_A, TENANT_B};
use super::{assert_caught, broken, caught};

const OWN: &str = "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)";
/// What a tidy application has besides its tables.
const TIDY: &str = "
    CREATE FUNCTION own_files() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.files';
    CREATE FUNCTION release() RETURNS text LANGUAGE sql IMMUTABLE RETURN '4.2';
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO $app;
    DO $$ BEGIN IF current_setting('server_version_num')::int >= 150000 THEN
      CREATE VIEW file_list WITH (security_invoker = true) AS SELECT * FROM files;
      CREATE VIEW file_names WITH (security_invoker = true) AS SELECT name FROM files;
      CREATE VIEW file_sum WITH (security_invoker = true) AS SELECT count(*), sum(size) FROM files;
      GRANT SELECT ON file_list, file_names, file_sum TO $app;
    END IF; END $$;";

fn of(class: Class, verification: &Verification) -> Vec<&AttackResult> {
    verification.attacks.iter().filter(|attack| attack.class == class).collect()
}

fn with(attacks: AttackOptions) -> VerifyOptions {
    VerifyOptions { attacks, ..VerifyOptions::default() }
}

fn connect(scene: &Scene) -> Database {
    Database::connect(&DatabaseUrl::parse(&scene.db.url()).unwrap(), &SessionSettings::default(), 2).unwrap()
}

#[test]
fn every_class_attacks_and_a_tidy_database_withstands_all() {
    let (_scene, verification) = broken(TIDY);
    let text = verification.render(VerifyFormat::Text);
    let odd: Vec<_> = verification.attacks.iter().filter(|attack| attack.verdict != Verdict::Pass).collect();
    assert!(odd.is_empty(), "{odd:#?}\n{text}");
    let mut counts: BTreeMap<Class, usize> = BTreeMap::new();
    for attack in &verification.attacks {
        *counts.entry(attack.class).or_default() += 1;
    }
    // Before PostgreSQL 15 a tidy database has no view that the application may read.
    let views = crate::support::cluster().version() >= 150_000;
    let missing: Vec<Class> =
        Class::ALL.into_iter().filter(|class| !counts.contains_key(class) && (views || *class != Class::View)).collect();
    assert!(missing.is_empty(), "{missing:?} tried nothing\n{text}");
    assert!(verification.passed(), "{text}");
}

#[test]
fn what_a_copy_carries_out_and_in() {
    assert_caught("ALTER TABLE files DISABLE ROW LEVEL SECURITY", &["copy", "upsert"]);
    let (_scene, verification) = broken("ALTER TABLE files DISABLE ROW LEVEL SECURITY");
    let copies = of(Class::Copy, &verification);
    let of_files: Vec<_> = copies.iter().filter(|attack| attack.relation == "public.files").map(|attack| attack.verdict).collect();
    assert_eq!(of_files, [Verdict::Leak, Verdict::Leak], "{copies:#?}");
    assert!(copies.iter().filter(|attack| attack.relation != "public.files").all(|attack| attack.verdict == Verdict::Pass), "{copies:#?}");
}

const SIMPLE_KEY: &str = "ALTER TABLE files DROP CONSTRAINT files_tenant_id_project_id_fkey; \
                          ALTER TABLE files ADD CONSTRAINT simple FOREIGN KEY (project_id) REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED";

#[test]
fn a_foreign_key_that_forgets_the_tenant() {
    assert_caught(SIMPLE_KEY, &["T505", "fk"]);
    let (_scene, verification) = broken(SIMPLE_KEY);
    let names: Vec<&str> =
        of(Class::Fk, &verification).into_iter().filter(|attack| attack.fails()).map(|attack| attack.name.as_str()).collect();
    assert!(names.contains(&"references a row of another by simple") && names.contains(&"learns by simple which rows exist"), "{names:?}");
}

#[test]
fn a_foreign_key_that_only_an_insert_reaches() {
    assert_caught(&format!("{SIMPLE_KEY}; REVOKE UPDATE ON files FROM $app"), &["fk"]);
}

#[test]
fn a_foreign_key_that_the_plan_accepts_is_known() {
    let mut scene = Scene::new();
    scene.db.psql(SIMPLE_KEY);
    scene.plan.kept_keys.push(KeptKey { table: "public.files".parse().unwrap(), name: Ident::new("simple").unwrap() });
    let verification = scene.verify();
    let known: Vec<_> = of(Class::Fk, &verification).into_iter().filter(|attack| attack.name.contains("simple")).collect();
    assert!(!known.is_empty() && known.iter().all(|attack| attack.verdict == Verdict::Inconclusive), "{known:#?}");
    assert!(known[0].detail.starts_with("known: the plan says"), "{known:#?}");
}

const GLOBAL_KEY: &str =
    "ALTER TABLE users DROP CONSTRAINT users_tenant_id_email_key; ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email)";

#[test]
fn a_unique_key_that_tells_what_others_have() {
    assert_caught(GLOBAL_KEY, &["unique"]);
    let scene = Scene::new();
    scene.db.psql(GLOBAL_KEY);
    let mut subject = scene.subject();
    subject.accepted.push(("public.users".parse().unwrap(), "users_email_key".into()));
    let verification = verify(&connect(&scene), &subject, Some(&scene.plan), &VerifyOptions::default(), &mut |_| {}).unwrap();
    assert!(of(Class::Unique, &verification).iter().any(|attack| attack.verdict == Verdict::Inconclusive), "the operator said so");
    assert!(verification.attacks.iter().all(|attack| !attack.fails()), "{}", verification.render(VerifyFormat::Text));
}

#[test]
fn a_plan_that_remembers_a_tenant() {
    // PostgreSQL believes the function and asks it once per plan, not once per query.
    let (_scene, verification) = broken(
        "CREATE FUNCTION fixed() RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS \
           'BEGIN RETURN NULLIF(current_setting(''app.tenant_id'', true), '''')::uuid; END';
         DROP POLICY tenancy_fence ON files; DROP POLICY tenancy_allow ON files;
         CREATE POLICY tenancy_fence ON files AS RESTRICTIVE USING (tenant_id = fixed());
         CREATE POLICY tenancy_allow ON files TO $app USING (tenant_id = fixed())",
    );
    let failing: Vec<_> =
        of(Class::Context, &verification).into_iter().filter(|attack| attack.fails()).map(|attack| &attack.name).collect();
    assert!(failing.iter().any(|name| *name == "runs the victim's generic plan"), "{failing:?}");
    assert!(failing.iter().all(|name| name.contains("plan") || name.contains("prepared")), "nothing else sees it: {failing:?}");
}

#[test]
fn views_and_what_they_show() {
    assert_caught("CREATE VIEW all_files AS SELECT * FROM files; GRANT SELECT ON all_files TO $app", &["view"]);
    assert_caught("CREATE VIEW names AS SELECT name FROM files; GRANT SELECT ON names TO $app", &["view"]);
    assert_caught("CREATE MATERIALIZED VIEW all_names AS SELECT name FROM files; GRANT SELECT ON all_names TO $app", &["view"]);
    assert_caught(
        "CREATE VIEW inner_view AS SELECT * FROM files; CREATE VIEW total AS SELECT count(*) FROM inner_view; GRANT SELECT ON total TO $app",
        &["view"],
    );
}

#[test]
fn functions_and_what_they_answer() {
    assert_caught(
        "CREATE FUNCTION total() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.files'",
        &["function"],
    );
    assert_caught(
        "CREATE FUNCTION owners() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT DISTINCT tenant_id FROM public.files'",
        &["function"],
    );
    let (scene, verification) = broken(
        "CREATE FUNCTION of_project(bigint) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM files WHERE project_id = $1';
         CREATE FUNCTION burns() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT nextval(''files_id_seq'')'",
    );
    let found: Vec<_> = of(Class::Function, &verification).into_iter().map(|attack| (attack.relation.as_str(), attack.verdict)).collect();
    assert_eq!(found, [("public.burns()", Verdict::Inconclusive), ("public.of_project()", Verdict::Inconclusive)]);
    assert_eq!(scene.db.scalar_i64("SELECT last_value FROM files_id_seq"), 90, "it was not called");
}

#[test]
fn counters_of_all_tenants() {
    assert_caught("GRANT UPDATE ON SEQUENCE files_id_seq TO $app", &["sequence"]);
    let (_scene, verification) = broken("GRANT SELECT ON SEQUENCE files_id_seq TO $app");
    assert!(of(Class::Sequence, &verification).iter().any(|attack| attack.verdict == Verdict::Inconclusive));
    assert!(verification.passed(), "{}", verification.render(VerifyFormat::Text));
}

#[test]
fn tenants_that_change_tenants() {
    assert_caught(
        "CREATE POLICY w ON tenants TO $app USING (id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)); \
         GRANT UPDATE ON tenants TO $app",
        &["registry"],
    );
}

#[test]
fn a_member_who_makes_itself_a_member_of_another() {
    assert_caught(
        &format!(
            "DROP POLICY tenancy_fence ON memberships; DROP POLICY tenancy_allow ON memberships;
             CREATE POLICY m ON memberships TO $app USING ({OWN} OR user_id = 1) WITH CHECK (true)"
        ),
        &["registry", "insert"],
    );
}

#[test]
fn roles_that_are_more_than_they_should_be() {
    assert_caught("GRANT pg_read_all_data TO $app", &["role"]);
    assert_caught("GRANT CREATE ON SCHEMA public TO $app", &["role"]);
    assert_caught("GRANT pg_read_server_files TO $app", &["role"]);
}

#[test]
fn rights_that_change_the_table_itself() {
    assert_caught("GRANT TRIGGER ON files TO $app", &["ddl"]);
    assert_caught("GRANT SELECT ON files TO $app WITH GRANT OPTION", &["ddl"]);
}

#[test]
fn a_role_that_only_reads_and_writes() {
    let mut scene = Scene::new();
    let reader = scene.db.role("reader");
    scene.db.psql(&format!("GRANT SELECT ON files TO {reader}; CREATE POLICY reads ON files FOR SELECT TO {reader} USING ({OWN})"));
    scene.plan.read_roles.push(Ident::new(reader.as_str()).unwrap());
    let verification = scene.verify();
    assert!(verification.attacks.iter().all(|attack| !attack.fails()), "{}", verification.render(VerifyFormat::Text));
    assert_eq!(verification.attackers.len(), 2);
    scene.db.psql(&format!("GRANT INSERT ON files TO {reader}; CREATE POLICY writes ON files FOR INSERT TO {reader} WITH CHECK ({OWN})"));
    let verification = scene.verify();
    let failing: Vec<_> = verification.attacks.iter().filter(|attack| attack.fails()).collect();
    assert!(failing.iter().any(|attack| attack.role == reader && attack.name == "inserts although it only reads"), "{failing:#?}");
}

#[test]
fn rows_are_written_where_a_tenant_has_none() {
    let scene = Scene::new();
    let verification = scene.verify();
    let drafts: Vec<_> = verification.attacks.iter().filter(|attack| attack.relation == "public.drafts").collect();
    let reads: Vec<_> = drafts.iter().filter(|attack| attack.name == "reads rows of others").collect();
    assert!(reads.len() == 2 && reads.iter().all(|attack| attack.detail == "0 rows; a row was written for the attack"), "{reads:#?}");
    assert_eq!(scene.db.scalar_i64("SELECT count(*) FROM drafts"), 0);
    // Rows that nobody can find are found all the same.
    assert_caught("DROP POLICY tenancy_fence ON drafts; CREATE POLICY open ON drafts FOR SELECT USING (true)", &["select"]);
}

#[test]
fn no_time_proves_nothing() {
    let scene = Scene::new();
    let verification = scene.verify_with(&with(AttackOptions { time_budget: Some(Duration::ZERO), ..AttackOptions::default() }));
    let late = verification.attacks.iter().filter(|attack| attack.detail.starts_with("out of time")).count();
    assert!(late > 100 && !verification.passed(), "{}", verification.render(VerifyFormat::Text));
    assert!(verification.attacks.iter().filter(|attack| attack.detail.starts_with("out of time")).all(AttackResult::fails));
    let verification = scene.verify_with(&with(AttackOptions { time_budget: Some(Duration::from_mins(10)), ..AttackOptions::default() }));
    assert!(verification.passed(), "{}", verification.render(VerifyFormat::Text));
}

#[test]
fn what_only_reads_writes_nothing() {
    let scene = Scene::new();
    let options = with(AttackOptions { reach: Reach::ReadOnly, ..AttackOptions::default() });
    let verification = scene.verify_with(&options);
    let text = verification.render(VerifyFormat::Text);
    assert!(verification.passed(), "{text}");
    assert_eq!(verification.attackers[0].means, Means::Login, "a role is no data\n{text}");
    assert!(text.contains("isolation is proven for what reads; writes were not tried"), "{text}");
    assert!(verification.attacks.iter().all(|attack| !attack.statement.starts_with("INSERT")), "{text}");
    assert!(of(Class::Select, &verification).len() > 20, "{text}");
    scene.db.psql("ALTER TABLE files DISABLE ROW LEVEL SECURITY");
    assert!(caught(&scene.verify_with(&options)).is_superset(&["select", "copy", "context"].map(str::to_owned).into()));
}

#[test]
fn settings_of_the_application_are_made_for_every_tenant() {
    let scene = Scene::new();
    scene.db.psql("CREATE POLICY user_too ON files AS RESTRICTIVE USING (current_setting('app.who', true) = 'user of ' || tenant_id)");
    let without = scene.verify();
    assert!(without.attacks.iter().any(|attack| attack.verdict == Verdict::Unproven && attack.relation == "public.files"));
    let settings = vec![("app.who".to_owned(), "user of {tenant}".to_owned())];
    let verification = scene.verify_with(&with(AttackOptions { settings, ..AttackOptions::default() }));
    assert!(verification.attacks.iter().all(|attack| !attack.fails()), "{}", verification.render(VerifyFormat::Text));
}

#[test]
fn tenants_can_be_chosen() {
    let scene = Scene::new();
    let chosen = |me: &str, victim: &str| {
        let pairs = Pairs::Chosen { me: me.into(), victim: victim.into() };
        let options = with(AttackOptions { pairs, ..AttackOptions::default() });
        verify(&connect(&scene), &scene.subject(), Some(&scene.plan), &options, &mut |_| {})
    };
    let verification = chosen("b", TENANT_A).unwrap();
    let controls: Vec<_> = of(Class::Control, &verification).into_iter().map(|attack| attack.me.clone().unwrap()).collect();
    assert!(!controls.is_empty() && controls.iter().all(|me| me == TENANT_B), "{controls:?}");
    assert!(verification.passed(), "{}", verification.render(VerifyFormat::Text));
    assert!(matches!(chosen("b", "nobody"), Err(VerifyError::NoTenant(name)) if name == "nobody"));
}

#[test]
fn more_pairs_are_more_attacks() {
    let scene = Scene::new();
    scene.db.psql(
        "INSERT INTO tenants SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, 't' || n, 't' FROM generate_series(1, 2) AS n;
         INSERT INTO users (email, tenant_id) SELECT slug, id FROM tenants WHERE slug LIKE 't_'",
    );
    let count = |n| {
        let pairs = Pairs::Most(NonZeroUsize::new(n).unwrap());
        scene.verify_with(&with(AttackOptions { pairs, ..AttackOptions::default() })).attacks.len()
    };
    assert!(count(2) > count(1));
}

#[test]
fn the_login_works_where_passwords_are_kept_as_md5() {
    let scene = Scene::new();
    scene.db.psql(&format!("ALTER DATABASE {} SET password_encryption = 'md5'", scene.db.name()));
    assert_eq!(scene.verify().attackers[0].means, Means::Login);
}

#[test]
fn what_may_stay_behind_is_told() {
    let (_scene, verification) = broken(
        "CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''files_id_seq''); RETURN NEW; END';
         CREATE TRIGGER numbered BEFORE UPDATE ON files FOR EACH ROW EXECUTE FUNCTION number()",
    );
    assert!(verification.notes.iter().any(|note| note.contains("the trigger numbered calls number")), "{:?}", verification.notes);
    assert!(verification.render(VerifyFormat::Text).contains("  note: "), "{}", verification.render(VerifyFormat::Text));
}

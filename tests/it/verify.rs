//! The verification passes a database as the phases leave it, and catches each defect on its own.

mod attacks;
mod hostile;
mod pgtap;
pub(crate) mod scene;
mod statements;

use std::collections::BTreeSet;

use tenantize::check::{Severity, Verdict, Verification, VerifyFormat, VerifyOptions, promises, run};
use tenantize::db::DatabaseUrl;
use tenantize::isolation::Means;
use tenantize::phase::Phase;

use scene::{Scene, TENANT_A, TENANT_B};

/// Ids of checks and names of classes that fail.
fn caught(verification: &Verification) -> BTreeSet<String> {
    let failing = verification.checks.iter().filter(|check| check.verdict != Verdict::Pass);
    // Of how old the server is no scene can say anything.
    let checks = failing.map(|check| check.id.clone()).filter(|id| !["T704", "T707"].contains(&id.as_str()));
    let attacks = verification.attacks.iter().filter(|attack| attack.fails()).map(|attack| attack.class.name().to_owned());
    checks.chain(attacks).collect()
}

/// Breaks a database with `sql`, in which `$app` stands for the application's role.
fn broken(sql: &str) -> (Scene, Verification) {
    let scene = Scene::new();
    scene.db.psql(&sql.replace("$app", &scene.app));
    let verification = scene.verify();
    (scene, verification)
}

#[track_caller]
fn assert_caught(sql: &str, expected: &[&str]) {
    let (_scene, verification) = broken(sql);
    let caught = caught(&verification);
    let missing: Vec<_> = expected.iter().filter(|id| !caught.contains(**id)).collect();
    assert!(missing.is_empty(), "{missing:?} did not catch it, {caught:?} did\n{}", verification.render(VerifyFormat::Text));
    assert!(!verification.passed(), "{}", verification.render(VerifyFormat::Text));
}

#[test]
fn a_database_as_the_phases_leave_it_passes() {
    let scene = Scene::new();
    let verification = scene.verify();
    let text = verification.render(VerifyFormat::Text);
    assert!(verification.passed(), "{text}");
    assert_eq!(caught(&verification), BTreeSet::new(), "{text}");
    let attacks = verification.attacks_totals();
    assert!(attacks.all > 200, "{text}");
    assert_eq!(attacks.count(Verdict::Inconclusive), 0, "{text}");
    assert_eq!(attacks.count(Verdict::Unproven), 0, "{text}");
    assert_eq!(verification.comparison_totals().count(Verdict::Pass), 3, "{text}");
    assert_eq!(verification.attackers[0].means, Means::Login, "{text}");
}

#[test]
fn nothing_is_left_of_an_attack() {
    let scene = Scene::new();
    let (schema, data) = (scene.db.dump_schema(), scene.db.dump_data());
    scene.verify();
    assert_eq!(scene.db.dump_schema(), schema);
    assert_eq!(scene.db.dump_data(), data, "rows and sequences are where they were");
    let probes = format!(
        "SELECT count(*) FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member JOIN pg_roles AS g ON g.oid = m.roleid \
         WHERE r.rolname LIKE 'tenantize_probe_%' AND g.rolname = '{}'",
        scene.app
    );
    assert_eq!(scene.db.scalar_i64(&probes), 0);
}

#[test]
fn security_off_on_one_table() {
    assert_caught("ALTER TABLE files DISABLE ROW LEVEL SECURITY", &["T101", "select", "update", "delete", "context", "insert"]);
}

#[test]
fn no_fence_and_an_open_policy() {
    assert_caught(
        "DROP POLICY tenancy_fence ON files; CREATE POLICY extra ON files USING (true)",
        &["T216", "T202", "select", "delete", "context"],
    );
}

#[test]
fn an_open_policy_behind_the_fence_leaks_nothing() {
    let (_scene, verification) = broken("CREATE POLICY extra ON files USING (true)");
    assert!(verification.passed(), "{}", verification.render(VerifyFormat::Text));
}

#[test]
fn a_check_that_lets_rows_out() {
    let own = "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)";
    assert_caught(
        &format!(
            "DROP POLICY tenancy_fence ON files; DROP POLICY tenancy_allow ON files;
             CREATE POLICY tenancy_fence ON files AS RESTRICTIVE USING ({own}) WITH CHECK (true);
             CREATE POLICY tenancy_allow ON files TO $app USING ({own}) WITH CHECK (true)"
        ),
        &["T216", "T202", "insert", "update"],
    );
}

#[test]
fn an_application_that_bypasses_policies() {
    assert_caught("ALTER ROLE $app BYPASSRLS", &["T601"]);
}

#[test]
fn a_partition_without_security() {
    assert_caught("ALTER TABLE events_2025 DISABLE ROW LEVEL SECURITY", &["T106", "select"]);
}

#[test]
fn a_partition_that_came_later() {
    assert_caught(
        &format!(
            "CREATE TABLE events_2027 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
             INSERT INTO events (tenant_id, at) VALUES ('{TENANT_A}', '2027-02-01'), ('{TENANT_B}', '2027-02-01');
             GRANT SELECT ON events_2027 TO $app"
        ),
        &["T106", "select"],
    );
}

#[test]
fn an_open_registry() {
    assert_caught("ALTER TABLE tenants DISABLE ROW LEVEL SECURITY", &["T109", "select"]);
}

#[test]
fn a_registry_that_the_application_writes() {
    assert_caught(
        "DROP POLICY tenancy_fence ON tenants; CREATE POLICY w ON tenants TO $app USING (true); GRANT INSERT, UPDATE, DELETE ON tenants TO $app",
        &["T109", "T216", "insert", "delete"],
    );
}

#[test]
fn an_owner_who_is_not_bound() {
    assert_caught("ALTER TABLE files NO FORCE ROW LEVEL SECURITY", &["T102"]);
}

#[test]
fn a_row_without_a_tenant() {
    assert_caught("ALTER TABLE files ALTER tenant_id DROP NOT NULL; UPDATE files SET tenant_id = NULL WHERE id = 1", &["T801", "T501"]);
}

#[test]
fn a_reference_across_tenants() {
    assert_caught(
        &format!(
            "ALTER TABLE files DROP CONSTRAINT files_tenant_id_project_id_fkey;
             ALTER TABLE files ADD FOREIGN KEY (project_id) REFERENCES projects (id);
             UPDATE files SET tenant_id = '{TENANT_B}' WHERE id = 1"
        ),
        &["T802", "T505"],
    );
}

#[test]
fn a_key_that_postgresql_believes_and_the_rows_break() {
    let (_scene, verification) = broken(&format!(
        "SET session_replication_role = replica; UPDATE files SET project_id = 999 WHERE id = 1; \
         UPDATE users SET tenant_id = '00000000-0000-4000-8000-00000000dead' WHERE id = 1; -- {TENANT_A}"
    ));
    let found = caught(&verification);
    assert!(found.is_superset(&["T803".to_owned(), "T807".to_owned()].into()), "{found:?}");
    let dangling = verification.checks.iter().find(|check| check.id == "T807" && check.verdict == Verdict::Fail).unwrap();
    assert!(dangling.evidence[0].detail.starts_with("1 rows reference a row that is not there"), "{dangling:?}");
}

#[test]
fn a_tenant_as_default() {
    assert_caught(&format!("ALTER TABLE files ALTER tenant_id SET DEFAULT '{TENANT_A}'"), &["T510", "control"]);
}

#[test]
fn an_application_that_owns_a_table() {
    assert_caught("ALTER TABLE files OWNER TO $app", &["T112", "T602"]);
}

#[test]
fn a_session_without_a_tenant_that_sees_all() {
    let open = "current_setting('app.tenant_id', true) IS NULL OR current_setting('app.tenant_id', true) = '' \
                OR tenant_id::text = current_setting('app.tenant_id', true)";
    assert_caught(
        &format!(
            "DROP POLICY tenancy_fence ON files; DROP POLICY tenancy_allow ON files;
             CREATE POLICY tenancy_fence ON files AS RESTRICTIVE USING ({open});
             CREATE POLICY tenancy_allow ON files TO $app USING ({open})"
        ),
        &["T216", "context"],
    );
}

#[test]
fn a_right_to_truncate() {
    assert_caught("GRANT TRUNCATE ON users, files, projects TO $app", &["T603", "ddl"]);
}

#[test]
fn a_view_with_its_owners_rights() {
    assert_caught("CREATE VIEW all_files AS SELECT * FROM files; GRANT SELECT ON all_files TO $app", &["T401"]);
}

#[test]
fn a_view_with_the_rights_of_whoever_asks_is_fine() {
    let (scene, verification) = broken(
        "DO $$ BEGIN IF current_setting('server_version_num')::int >= 150000 THEN
           CREATE VIEW own_files WITH (security_invoker = true) AS SELECT * FROM files;
           GRANT SELECT ON own_files TO $app;
         END IF; END $$",
    );
    assert!(verification.passed(), "{}", verification.render(VerifyFormat::Text));
    drop(scene);
}

#[test]
fn a_materialized_view() {
    assert_caught("CREATE MATERIALIZED VIEW all_files AS SELECT * FROM files; GRANT SELECT ON all_files TO $app", &["T402"]);
}

#[test]
fn copies_that_the_application_reads() {
    assert_caught("CREATE TABLE files_backup AS SELECT * FROM files; GRANT SELECT ON files_backup TO $app", &["T110", "T107"]);
    assert_caught("GRANT SELECT ON ALL TABLES IN SCHEMA tenantize_backup TO $app", &["T110"]);
}

#[test]
fn policies_that_do_not_cover_a_command() {
    assert_caught(
        "DROP POLICY tenancy_allow ON files;
         CREATE POLICY tenancy_allow ON files FOR SELECT TO $app USING (tenant_id = tenancy.current_tenant_id())",
        &["T105", "control"],
    );
    assert_caught("DROP POLICY tenancy_allow ON files", &["T103", "control"]);
}

#[test]
fn a_tenant_that_is_set_beforehand() {
    assert_caught(&format!("ALTER ROLE $app SET app.tenant_id = '{TENANT_A}'"), &["T304"]);
    let scene = Scene::new();
    scene.db.psql(&format!("ALTER DATABASE {} SET app.tenant_id = '{TENANT_A}'", scene.db.name()));
    let verification = scene.verify();
    assert!(
        caught(&verification).is_superset(&["T304".to_owned(), "context".to_owned()].into()),
        "{}",
        verification.render(VerifyFormat::Text)
    );
}

#[test]
fn leftovers_of_a_failed_step() {
    assert_caught("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'files_tenant_id_idx'::regclass", &["T511"]);
    assert_caught("ALTER TABLE files ADD CONSTRAINT c CHECK (id > 0) NOT VALID", &["T506"]);
}

#[test]
fn a_column_of_another_type() {
    assert_caught(
        "ALTER TABLE notes ADD COLUMN x int; DROP TABLE notes CASCADE; CREATE TABLE notes (id int PRIMARY KEY, tenant_id text)",
        &["T509", "T101", "T501"],
    );
}

#[test]
fn rights_for_everyone_are_a_warning() {
    let (_scene, verification) = broken("GRANT SELECT ON files TO PUBLIC; ALTER TABLE notes DROP CONSTRAINT notes_tenant_id_fkey");
    let found: Vec<_> = verification.checks.iter().filter(|check| check.verdict != Verdict::Pass).collect();
    assert!(found.iter().all(|check| check.severity == Severity::Warning), "{found:?}");
    assert_eq!(caught(&verification), ["T502".to_owned(), "T605".to_owned()].into());
    assert!(verification.passed());
}

#[test]
fn what_the_application_wrote_meanwhile_is_named_and_not_judged() {
    let (_scene, verification) = broken(
        "DELETE FROM notes WHERE id = 1; UPDATE notes SET body = 'changed' WHERE id = 2; \
         INSERT INTO notes (id, tenant_id, body) SELECT 900 + id, tenant_id, 'new' FROM notes WHERE id <= 3",
    );
    let notes = verification.comparison.iter().find(|comparison| comparison.table == "public.notes").unwrap();
    assert_eq!((notes.verdict, notes.missing, notes.added, notes.changed), (Verdict::Inconclusive, Some(1), Some(2), Some(1)));
    assert!(notes.detail.starts_with("1 missing, for example 1; 2 added, for example 902; 1 changed, for example 2"), "{}", notes.detail);
    assert!(caught(&verification).contains("T804"), "the counts differ from the prediction");
    assert!(verification.passed());
}

#[test]
fn a_filtered_connection_does_not_pass_for_nothing() {
    let scene = Scene::new();
    let owner = scene.db.role("owner");
    scene.db.psql(&format!(
        "ALTER ROLE {owner} LOGIN; GRANT USAGE ON SCHEMA tenancy, tenantize_backup TO {owner};
         GRANT SELECT ON ALL TABLES IN SCHEMA public, tenantize_backup TO {owner}"
    ));
    let verification = scene.verify_as(&owner, &VerifyOptions::default());
    let verification = verification.map(|verification| caught(&verification));
    assert!(verification.as_ref().map_or(true, |caught| caught.contains("T800")), "{verification:?}");
}

#[test]
fn the_applications_own_login_attacks_when_it_is_given() {
    let scene = Scene::new();
    let login = scene.db.role("login");
    scene.db.psql(&format!("ALTER ROLE {login} LOGIN; GRANT {} TO {login}", scene.app));
    let url = DatabaseUrl::parse(&scene.db.url_as(&login)).unwrap();
    let verification = scene.verify_with(&VerifyOptions { app_url: Some(url), ..VerifyOptions::default() });
    assert!(verification.passed(), "{}", verification.render(VerifyFormat::Text));
    assert_eq!((verification.attackers[0].means, &verification.attackers[0].role), (Means::Given, &login));
}

/// A role of the tool that cannot make a login.
fn tool_without_logins(scene: &Scene, attributes: &str) -> String {
    let tool = scene.db.role("tool");
    scene.db.psql(&format!(
        "ALTER ROLE {tool} LOGIN {attributes}; GRANT {} TO {tool}; GRANT USAGE ON SCHEMA tenancy, tenantize_backup TO {tool};
         GRANT SELECT ON ALL TABLES IN SCHEMA public, tenantize_backup TO {tool}; REVOKE SELECT ON ALL TABLES IN SCHEMA tenantize_backup FROM {tool}",
        scene.app
    ));
    tool
}

#[test]
fn without_the_right_to_make_a_login_the_role_of_a_weak_tool_is_set() {
    let scene = Scene::new();
    let tool = tool_without_logins(&scene, "");
    scene.db.psql(&format!(
        "DO $$ DECLARE t text; BEGIN
           FOR t IN SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') LOOP
             EXECUTE format('ALTER TABLE %s OWNER TO {tool}', t);
             EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', t);
           END LOOP;
         END $$"
    ));
    let verification = scene.verify_as(&tool, &VerifyOptions::default()).unwrap();
    let text = verification.render(VerifyFormat::Text);
    assert_eq!(verification.attackers[0].means, Means::SetRole, "{text}");
    assert!(verification.attackers[0].note.is_some());
    assert!(text.contains("no login could be made"), "{text}");
}

#[test]
fn the_role_of_a_strong_tool_is_never_set() {
    let scene = Scene::new();
    let tool = tool_without_logins(&scene, "BYPASSRLS");
    let verification = scene.verify_as(&tool, &VerifyOptions::default()).unwrap();
    let text = verification.render(VerifyFormat::Text);
    assert!(verification.attackers.is_empty() && !verification.passed(), "{text}");
    assert_eq!(verification.attacks_totals().count(Verdict::Unproven), 1, "{text}");
    assert!(text.contains("no login could be made") && text.contains("--app-url"), "{text}");
}

#[test]
fn an_application_without_a_role_is_unproven() {
    let mut scene = Scene::new();
    scene.plan.app_roles.clear();
    let verification = scene.verify();
    assert!(!verification.passed());
    assert_eq!(verification.attacks_totals().count(Verdict::Unproven), 1);
}

#[test]
fn names_that_need_quotes_and_keys_that_are_text() {
    let scene = Scene::quoted();
    let verification = scene.verify_with(&VerifyOptions::default());
    let text = verification.render(VerifyFormat::Text);
    assert_eq!(caught(&verification), BTreeSet::new(), "{text}");
    assert!(verification.passed(), "{text}");
    scene.db.psql(r#"DROP POLICY tenancy_fence ON "My.App"."Order ""1"""; CREATE POLICY p ON "My.App"."Order ""1""" USING (true)"#);
    let caught = caught(&scene.verify_with(&VerifyOptions::default()));
    assert!(caught.is_superset(&["T216", "T202", "select"].map(str::to_owned).into()), "{caught:?}");
}

#[test]
fn a_login_that_a_killed_verification_left_behind_is_swept() {
    let scene = Scene::new();
    let left = format!("tenantize_probe_{}", scene.db.name());
    let young = format!("{left}_young");
    scene.db.psql(&format!("CREATE ROLE {left} LOGIN VALID UNTIL '2020-01-01'; CREATE ROLE {young} VALID UNTIL '2099-01-01'"));
    scene.verify();
    let there = |role: &str| scene.db.scalar_i64(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'"));
    let found = (there(&left), there(&young));
    scene.db.psql(&format!("DROP ROLE {young}"));
    assert_eq!(found, (0, 1), "only what nobody can be using is dropped");
}

#[test]
fn programs_read_json_and_csv() {
    let (_scene, verification) = broken("ALTER TABLE files DISABLE ROW LEVEL SECURITY");
    let json: serde_json::Value = serde_json::from_str(&verification.render(VerifyFormat::Json)).unwrap();
    assert_eq!((json["v"].as_i64(), json["passed"].as_bool()), (Some(1), Some(false)));
    assert!(json["totals"]["attacks"]["by_verdict"]["LEAK"].as_i64().unwrap() > 5);
    let csv = verification.render(VerifyFormat::Csv);
    assert!(csv.contains("check,FAIL,T101,public.files,"), "{csv}");
    assert!(csv.contains("attack,LEAK,select,public.files,reads rows of others,"), "{csv}");
    let text = verification.render(VerifyFormat::Text);
    let first = text.lines().nth(3).unwrap();
    assert!(first.contains("FAIL") && first.contains("T101"), "what fails comes first\n{text}");
    assert!(text.contains("remedy: ALTER TABLE … ENABLE ROW LEVEL SECURITY"), "{text}");
}

#[test]
fn every_phase_keeps_its_promise_and_a_broken_one_is_noticed() {
    let scene = Scene::new();
    let mut conn = scene.connect();
    let mut failing = |phase| -> Vec<String> {
        let results = run(&mut conn, &promises(&scene.plan, phase), &mut |_| {}).unwrap();
        assert!(!results.is_empty(), "{phase} promises nothing");
        results.into_iter().filter(|result| result.verdict != Verdict::Pass).map(|result| result.id).collect()
    };
    for phase in Phase::ALL {
        assert_eq!(failing(phase), Vec::<String>::new(), "{phase}");
    }
    for (sql, phase, id) in [
        ("ALTER TABLE tenantize_backup.public_notes_copy RENAME TO gone", Phase::Backup, "T891"),
        ("ALTER TABLE drafts ALTER tenant_id DROP DEFAULT", Phase::Expand, "T893"),
        ("ALTER TABLE files ALTER tenant_id DROP NOT NULL; UPDATE files SET tenant_id = NULL WHERE id = 2", Phase::Backfill, "T801"),
        ("ALTER TABLE drafts DROP COLUMN tenant_id CASCADE", Phase::Expand, "T892"),
        ("ALTER TABLE files ADD CONSTRAINT c CHECK (id > 0) NOT VALID", Phase::Constraints, "T506"),
        ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY", Phase::Rls, "T101"),
    ] {
        scene.db.psql(sql);
        let failing = failing(phase);
        assert!(failing.contains(&id.to_owned()), "{sql}: {failing:?}");
    }
}

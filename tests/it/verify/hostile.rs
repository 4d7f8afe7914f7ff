//! Objects of a role without rights, made to run code as whoever verifies.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tenantize::check::{Subject, Verdict, VerifyFormat, VerifyOptions, verify};
use tenantize::db::{Database, DatabaseUrl, SessionSettings};
use tenantize::isolation::selftest::{CopyWish, SelfTestOptions, self_test};
use tenantize::isolation::{AttackOptions, Class, Means, Reach};
use tenantize::sql::Ident;

use super::scene::Scene;

/// The file that [`hostile`]'s function writes: what a transaction has done is gone when it is rolled back, a file is not.
fn loot(scene: &Scene) -> PathBuf {
    std::env::temp_dir().join(format!("{}_loot", scene.db.name()))
}

/// A role that may create objects, and a function of hers that writes a file when it runs as a superuser or can become one.
fn hostile(scene: &Scene, sql: &str) -> String {
    let mallory = scene.db.role("mallory");
    scene.db.psql(&format!(
        "GRANT USAGE, CREATE ON SCHEMA public TO {mallory};
         GRANT SELECT ON public.files TO {mallory};
         SET ROLE {mallory};
         CREATE FUNCTION public.grab() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN
           PERFORM set_config('role', 'none', true);
           IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
             EXECUTE $$COPY (SELECT 'loot') TO '{}'$$;
           END IF;
           RETURN current_user;
         END $f$;
         {}
         RESET ROLE;",
        loot(scene).display(),
        sql.replace("$app", &scene.app)
    ));
    mallory
}

fn assert_untouched(scene: &Scene) {
    assert!(!loot(scene).exists(), "it ran as a superuser");
}

/// The function works where it is called by a superuser: otherwise its silence would say nothing.
fn assert_armed(scene: &Scene) {
    scene.db.psql("SELECT public.grab()");
    assert!(loot(scene).exists());
    drop(std::fs::remove_file(loot(scene)));
}

const VIEW: &str =
    "CREATE VIEW public.bait AS SELECT public.grab() AS g, (SELECT count(*) FROM public.files) AS n; GRANT SELECT ON public.bait TO $app;";
const OUTER: &str = "CREATE VIEW public.around AS SELECT n FROM public.bait WHERE g IS NOT NULL; GRANT SELECT ON public.around TO $app;";

#[test]
fn a_view_of_a_stranger_is_not_read_with_the_tools_rights() {
    let scene = Scene::new();
    let mallory = hostile(&scene, VIEW);
    // One of a superuser that reads hers, and one that calls her function.
    scene.db.psql(&OUTER.replace("$app", &scene.app));
    scene.db.psql(&format!("CREATE VIEW direct AS SELECT name, grab() AS g FROM files; GRANT SELECT ON direct TO {}", scene.app));
    scene.db.psql(&format!("GRANT EXECUTE ON FUNCTION grab() TO {}", scene.app));
    let verification = scene.verify();
    let text = verification.render(VerifyFormat::Text);
    assert_untouched(&scene);
    assert_armed(&scene);
    let reason = format!("it belongs to {mallory}: it is not read with the tool's rights");
    for view in ["public.bait", "public.around", "public.direct"] {
        let open = |attack: &&tenantize::isolation::AttackResult| attack.relation == view && attack.detail.contains(&reason);
        let found = verification.attacks.iter().find(open);
        assert_eq!(found.map(|attack| attack.verdict), Some(Verdict::Inconclusive), "{view}\n{text}");
    }
}

#[test]
fn a_function_cannot_become_the_tool() {
    let scene = Scene::new();
    hostile(&scene, "GRANT EXECUTE ON FUNCTION public.grab() TO $app;");
    for reach in [Reach::Everything, Reach::ReadOnly] {
        let options = VerifyOptions { attacks: AttackOptions { reach, ..AttackOptions::default() }, ..VerifyOptions::default() };
        let verification = scene.verify_with(&options);
        assert_eq!(verification.attackers[0].means, Means::Login);
        assert_untouched(&scene);
    }
    // A login that may not connect, as where pg_hba.conf refuses it.
    scene.db.psql(&format!("ALTER DATABASE {} CONNECTION LIMIT 0", scene.db.name()));
    let verification = scene.verify();
    let text = verification.render(VerifyFormat::Text);
    assert!(verification.attackers.is_empty() && !verification.passed() && text.contains("--app-url"), "{text}");
    assert_untouched(&scene);
    assert_armed(&scene);
}

#[test]
fn what_sleeps_is_cut_off() {
    let scene = Scene::new();
    hostile(
        &scene,
        "CREATE VIEW public.slow AS SELECT pg_sleep(600) IS NULL AS x, (SELECT count(*) FROM public.files) AS n; GRANT SELECT ON public.slow TO $app;",
    );
    let started = Instant::now();
    let verification = scene.verify();
    let slow: Vec<_> =
        verification.attacks.iter().filter(|attack| attack.class == Class::View && attack.relation == "public.slow").collect();
    assert!(!slow.is_empty(), "{}", verification.render(VerifyFormat::Text));
    assert!(slow.iter().any(|attack| attack.verdict == Verdict::Inconclusive && attack.detail.contains("timeout")), "{slow:#?}");
    assert!(started.elapsed() < Duration::from_mins(5), "it slept");
}

/// A table that runs the function when a scan of it is planned.
const LURE: &str = "CREATE FUNCTION public.lure(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
    CREATE TABLE public.lures (id int PRIMARY KEY, tenant_id uuid NOT NULL);
    CREATE INDEX ON public.lures ((id + public.lure(1)));
    CREATE OR REPLACE FUNCTION public.lure(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.grab(); RETURN $1; END';
    GRANT SELECT ON public.lures TO $app;";

#[test]
fn a_table_of_a_stranger_is_not_read() {
    let scene = Scene::new();
    let mallory = hostile(&scene, LURE);
    let mut conn = scene.connect();
    let mut subject = scene.subject();
    subject.add_later_tables(&mut conn, &[]).unwrap();
    assert!(subject.tables.iter().any(|table| table.plain() == "public.lures"));
    let db = Database::connect(&DatabaseUrl::parse(&scene.db.url()).unwrap(), &SessionSettings::default(), 2).unwrap();
    let verified = |subject: &Subject| verify(&db, subject, None, &VerifyOptions::default(), &mut |_| {}).unwrap();
    let verification = verified(&subject);
    assert_untouched(&scene);
    let failing: Vec<_> = verification.checks.iter().filter(|check| check.id == "T112").flat_map(|check| &check.evidence).collect();
    assert!(failing.len() == 1 && failing[0].object == "public.lures" && failing[0].detail.contains(&mallory), "{failing:?}");
    assert!(!verification.passed() && !verification.attacks.is_empty(), "the other tables are verified");
    // Neither is it copied, nor written into a script.
    let refused = self_test(&db, &subject, &SelfTestOptions { copy: CopyWish::Sample, ..SelfTestOptions::default() }, &mut |_| {});
    assert!(refused.unwrap_err().to_string().contains("T112 public.lures"));
    assert_untouched(&scene);
    // A registry of a stranger: nothing is known of tenants then.
    scene.db.psql(&format!("ALTER TABLE public.tenants OWNER TO {mallory}"));
    let verification = verified(&Subject { named: Vec::new(), ..subject.clone() });
    assert!(!verification.passed());
    assert_untouched(&scene);
    // The trap is one.
    subject.trusted_roles.push(Ident::new(mallory.as_str()).unwrap());
    verified(&subject);
    assert!(loot(&scene).exists(), "the table is harmless");
    drop(std::fs::remove_file(loot(&scene)));
}

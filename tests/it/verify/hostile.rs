//! Objects of a role without rights, made to run code as whoever verifies.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tenantize::catalog::Catalog;
use tenantize::check::{Found, Subject, Verdict, VerifyFormat, VerifyOptions, verify};
use tenantize::db::{Database, DatabaseUrl, SessionSettings};
use tenantize::isolation::selftest::{CopyWish, SelfTestOptions, self_test};
use tenantize::isolation::{AttackOptions, Class, Means, Reach};
use tenantize::sql::Ident;

use super::scene::Scene;
use crate::support::Cli;

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
    // One that comes back after the owners were asked is not among the tables that are read.
    scene.db.psql("ALTER TABLE public.lures RENAME TO hidden");
    let readable = subject.readable(&mut conn).unwrap();
    scene.db.psql("ALTER TABLE public.hidden RENAME TO lures");
    let mut catalog = Catalog::load(&mut conn, &[Ident::new("public").unwrap()]).unwrap();
    let left = subject.only(&readable, &mut catalog);
    assert_eq!((left.tables.len(), catalog.tables.keys().any(|name| name.plain() == "public.lures")), (subject.tables.len() - 1, false));
    // A registry of a stranger: nothing is known of tenants then.
    scene.db.psql(&format!("ALTER TABLE public.tenants OWNER TO {mallory}"));
    assert!(!verified(&subject).passed());
    assert_untouched(&scene);
    // The trap is one.
    subject.trusted_owners.push(Ident::new(mallory.as_str()).unwrap());
    verified(&subject);
    assert!(loot(&scene).exists(), "the table is harmless");
    drop(std::fs::remove_file(loot(&scene)));
}

#[test]
fn owners_are_vouched_for() {
    let scene = Scene::new();
    let (owner, member, other) = (scene.db.role("owner"), scene.db.role("member"), scene.db.role("other"));
    let mut conn = scene.connect();
    let mut found = |subject: &Subject| -> Vec<String> { subject.doubtful(&mut conn).unwrap().into_iter().map(|row| row.object).collect() };
    let mut subject = scene.subject();
    scene.db.psql(&format!("GRANT {owner} TO {member}; ALTER TABLE files OWNER TO {owner}; ALTER TABLE events_2025 OWNER TO {member}"));
    assert_eq!(found(&subject), ["public.events_2025", "public.files"]);
    subject.trusted_owners = vec![Ident::new(owner.as_str()).unwrap()];
    assert_eq!(found(&subject), [""; 0], "a member can do what the owner can");
    scene.db.psql(&format!("ALTER TABLE notes OWNER TO {other}"));
    assert_eq!(found(&subject), ["public.notes"]);
    // One owner of everything.
    subject.tables.retain(|table| table.plain() == "public.files");
    (subject.registry, subject.membership, subject.trusted_owners) = (None, None, Vec::new());
    subject.shared.clear();
    assert_eq!(found(&subject), [""; 0]);
    subject.found = Some(Found { settings: Vec::new(), member: None });
    assert_eq!(found(&subject), [""; 0]);
    scene.db.psql("GRANT CREATE ON SCHEMA public TO PUBLIC");
    assert_eq!(found(&subject), ["public.files"], "it may be a stranger's");
}

#[test]
fn a_stranger_writes_nothing_into_a_copy() {
    let scene = Scene::new();
    hostile(
        &scene,
        "CREATE FUNCTION public.lure(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
         CREATE TABLE public.whole (id int) PARTITION BY RANGE (id);
         CREATE TABLE public.one (id int, CHECK (public.lure(1) = 1), CHECK (id > 0));
         ALTER TABLE public.whole ATTACH PARTITION public.one FOR VALUES FROM (0) TO (10);
         CREATE OR REPLACE FUNCTION public.lure(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.grab(); RETURN $1; END'",
    );
    let db = Database::connect(&DatabaseUrl::parse(&scene.db.url()).unwrap(), &SessionSettings::default(), 2).unwrap();
    let options = SelfTestOptions { copy: CopyWish::Sample, ..SelfTestOptions::default() };
    let refused = self_test(&db, &scene.subject(), &options, &mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("public.one") && refused.contains("--trusted-owner"), "{refused}");
    assert_untouched(&scene);
    assert_armed(&scene);
}

#[test]
fn a_strangers_table_in_the_configuration_is_not_audited() {
    let scene = Scene::before();
    let mallory = hostile(&scene, LURE);
    let dir = tempfile::TempDir::new().unwrap();
    let cli =
        |arguments: &[&str]| Cli::new().args(arguments.iter().copied()).args(["--database-url", &scene.db.url()]).dir(dir.path()).run();
    assert_eq!(cli(&["init"]).code(), Some(0));
    let config = std::fs::read_to_string(dir.path().join("tenantize.toml")).unwrap();
    assert!(config.contains("public.lures"), "{config}");
    for command in [&["check"][..], &["check", "--measure"], &["plan"]] {
        let output = cli(command);
        let text = format!("{}{}", output.stdout, output.stderr);
        assert!(text.contains("T063") && text.contains(&mallory), "{text}");
        assert_untouched(&scene);
    }
    assert_armed(&scene);
}

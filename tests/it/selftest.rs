//! The self-test: every mutant of the catalogue is noticed by a check or an attack, and nothing of it is left.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use tenantize::check::VerifyFormat;
use tenantize::db::{Database, DatabaseUrl, SessionSettings};
use tenantize::exec::StopFlag;
use tenantize::isolation::selftest::{CopyKind, CopyWish, Outcome, SelfTest, SelfTestError, SelfTestOptions, SelfTestProgress, self_test};

use crate::support::psql_at;
use crate::verify::scene::Scene;

/// Of each family a few, for everyday; `TENANTIZE_SELFTEST=full` tries them all.
const SHORT: [&str; 13] = [
    "security-off",
    "partition-new",
    "registry-open",
    "policy-open",
    "policy-open-behind-fence",
    "fence-permissive",
    "policy-default-tenant",
    "policy-or",
    "view-chain",
    "key-simple",
    "row-dangling",
    "right-truncate",
    "role-becomes-bypass-late",
];

fn run(scene: &Scene, options: &SelfTestOptions) -> Result<SelfTest, SelfTestError> {
    let db = Database::connect(&DatabaseUrl::parse(&scene.db.url()).unwrap(), &SessionSettings::default(), 1).unwrap();
    self_test(&db, &scene.subject(), options, &mut |_| {})
}

fn only(names: &[&str]) -> SelfTestOptions {
    SelfTestOptions { only: names.iter().map(|name| (*name).to_owned()).collect(), ..SelfTestOptions::default() }
}

/// Databases and roles that name themselves after a self-test of this process' scene: its roles are members of the scene's.
fn left(scene: &Scene) -> String {
    scene.db.psql(&format!(
        "SELECT m.member::regrole::text FROM pg_auth_members AS m WHERE m.roleid = '{app}'::regrole
         UNION ALL SELECT r.rolname::text FROM pg_shdepend AS d JOIN pg_roles AS r ON r.oid = d.refobjid
         WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND r.rolname LIKE 'tenantize_%'",
        app = scene.app
    ))
}

#[test]
#[expect(clippy::print_stdout, reason = "the table of who notices what is the result")]
fn no_mutant_is_missed() {
    let full = std::env::var("TENANTIZE_SELFTEST").is_ok_and(|wish| wish == "full");
    let options = if full { SelfTestOptions::default() } else { only(&SHORT) };
    let scene = Scene::new();
    let (schema, data) = (scene.db.dump_schema(), scene.db.dump_data());
    let result = run(&scene, &options).unwrap();
    let text = result.render(VerifyFormat::Text);
    println!("{text}");
    assert_eq!(result.missed().count(), 0, "{text}");
    let made: BTreeMap<_, _> = result.trials.iter().map(|trial| (trial.outcome, &trial.because)).collect();
    assert!(result.applicable() >= if full { 100 } else { SHORT.len() }, "{made:?}\n{text}");
    let strange = result.trials.iter().filter_map(|trial| trial.because.as_ref()).find(|because| because.contains("cannot be made"));
    assert_eq!(strange, None, "a mutant that the scene has everything for is a broken mutant\n{text}");
    assert_eq!(result.copy, CopyKind::Whole);
    assert_eq!((scene.db.dump_schema(), scene.db.dump_data()), (schema, data), "the source is as it was");
    assert_eq!(left(&scene), "");
}

#[test]
fn a_sample_is_enough_and_whoever_is_connected_stays() {
    let scene = Scene::new();
    let _application = scene.connect();
    let result = run(&scene, &only(&["security-off", "key-simple", "partition-off", "row-across"])).unwrap();
    let text = result.render(VerifyFormat::Text);
    assert_eq!(result.copy, CopyKind::Sample, "{text}");
    assert_eq!((result.missed().count(), result.applicable()), (0, 4), "{text}");
    assert!(result.trials.iter().all(|trial| trial.outcome == Outcome::Both || trial.outcome == Outcome::Checks), "{text}");
    assert_eq!(left(&scene), "");
}

#[test]
fn a_database_that_does_not_pass_is_told_and_not_broken() {
    let scene = Scene::new();
    scene.db.psql("ALTER TABLE files DISABLE ROW LEVEL SECURITY");
    let error = run(&scene, &only(&["security-off"])).unwrap_err();
    assert!(matches!(&error, SelfTestError::Baseline(text) if text.contains("T101")), "{error}");
    assert_eq!(tenantize::error::Error::from(error).code(), 4);
    assert_eq!(left(&scene), "");
}

#[test]
fn a_stop_between_two_mutants_leaves_nothing() {
    let scene = Scene::new();
    let db = Database::connect(&DatabaseUrl::parse(&scene.db.url()).unwrap(), &SessionSettings::default(), 1).unwrap();
    let stop = StopFlag::default();
    let options = SelfTestOptions { stop: stop.clone(), copy: CopyWish::Auto, ..only(&["security-off", "force-off"]) };
    let mut tried = 0;
    let stopped = self_test(&db, &scene.subject(), &options, &mut |event| {
        if let SelfTestProgress::Tried(_) = event {
            tried += 1;
            stop.raise();
        }
    });
    assert!(matches!(stopped, Err(SelfTestError::Stopped)), "{stopped:?}");
    assert_eq!(tried, 1);
    assert_eq!(left(&scene), "");
}

/// Looks from another database, again and again: how often a copy was there, and how often PUBLIC could connect to one.
fn watch(maintenance: &str, prefix: &str, over: &AtomicBool) -> (usize, usize) {
    let sql = format!(
        "SELECT count(*) FILTER (WHERE datname LIKE '%_copy') || ' ' ||
           count(*) FILTER (WHERE datconnlimit <> 0 AND has_database_privilege('public', oid, 'CONNECT'))
         FROM pg_database WHERE starts_with(datname, '{prefix}')"
    );
    let mut seen = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let counts = psql_at(maintenance, &sql).unwrap();
        let (copies, open) = counts.trim().split_once(' ').unwrap();
        seen = (seen.0 + copies.parse::<usize>().unwrap(), seen.1 + open.parse::<usize>().unwrap());
    }
    seen
}

#[test]
fn nobody_else_connects_to_a_copy() {
    for copy in [CopyWish::Auto, CopyWish::Sample] {
        let scene = Scene::new();
        let login = scene.db.role("login");
        scene.db.psql(&format!("ALTER ROLE {login} LOGIN; GRANT {} TO {login}", scene.app));
        scene.db.try_psql_as(&login, "SELECT 1").unwrap();
        let at = |user: &str, database: &str| {
            let mut url = url::Url::parse(&if user.is_empty() { scene.db.url() } else { scene.db.url_as(user) }).unwrap();
            url.set_path(database);
            url.to_string()
        };
        let maintenance = at("", "postgres");
        let of_source = format!(
            "SELECT application_name FROM pg_stat_activity WHERE datname = '{}' AND application_name LIKE 'tenantize_selftest_%'",
            scene.db.name()
        );
        let db = Database::connect(&DatabaseUrl::parse(&scene.db.url()).unwrap(), &SessionSettings::default(), 1).unwrap();
        let options = SelfTestOptions { copy, ..only(&["security-off", "force-off", "policy-open"]) };
        let over = AtomicBool::new(false);
        let mut refused = Vec::new();
        let (tell, told) = std::sync::mpsc::channel::<String>();
        let (copies, open) = std::thread::scope(|scope| {
            let (flag, from) = (&over, maintenance.clone());
            let watcher = scope.spawn(move || watch(&from, &told.recv().unwrap(), flag));
            let done = self_test(&db, &scene.subject(), &options, &mut |event| {
                if let SelfTestProgress::Started(_) = event {
                    let prefix = psql_at(&maintenance, &of_source).unwrap();
                    refused.push(psql_at(&at(&login, &format!("{prefix}base")), "SELECT 1").unwrap_err());
                    tell.send(prefix).unwrap();
                }
            });
            over.store(true, Ordering::Relaxed);
            drop(tell);
            done.unwrap();
            watcher.join().unwrap()
        });
        assert!(refused[0].contains("permission denied for database"), "{refused:?}");
        assert!(copies > 0 && open == 0, "{copies} times there was a copy, {open} times it was open");
    }
}

#[test]
fn what_a_killed_self_test_left_behind_is_swept() {
    let scene = Scene::new();
    let name = |second: i64| format!("tenantize_selftest_{second}_{:08x}_base", std::process::id());
    let now = scene.db.scalar_i64("SELECT extract(epoch FROM now())::bigint");
    let (old, young) = (name(now - 660), name(now));
    for name in [&old, &young] {
        scene.db.psql(&format!("CREATE DATABASE {name} TEMPLATE template0"));
        scene.db.psql(&format!("CREATE ROLE {name}"));
    }
    run(&scene, &only(&["force-off"])).unwrap();
    let there = |name: &str| {
        scene.db.scalar_i64(&format!(
            "SELECT (SELECT count(*) FROM pg_database WHERE datname = '{name}') + (SELECT count(*) FROM pg_roles WHERE rolname = '{name}')"
        ))
    };
    assert_eq!((there(&old), there(&young)), (0, 2), "what is young may belong to somebody else's self-test");
    psql_at(&scene.db.url(), &format!("DROP DATABASE {young}")).unwrap();
    psql_at(&scene.db.url(), &format!("DROP ROLE {young}")).unwrap();
}

//! The script for pgTAP is green on a database as the phases leave it, and red on a broken one.

use tenantize::catalog::Catalog;
use tenantize::check::pgtap;
use tenantize::sql::Ident;

use super::scene::Scene;
use crate::support::install_pgtap;

/// What a run of the script prints.
fn tap(scene: &Scene) -> Vec<String> {
    install_pgtap(&scene.db, &scene.app);
    let schemas: Vec<Ident> = scene.subject().schemas.into_iter().collect();
    let script = pgtap(&scene.subject(), &Catalog::load(&mut scene.connect(), &schemas).unwrap());
    scene.db.psql(&script).lines().map(str::to_owned).collect()
}

/// The tests that failed.
fn failed(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| line.starts_with("not ok ")).collect()
}

#[test]
fn every_test_passes_on_a_sound_database_and_nothing_is_left() {
    let scene = Scene::new();
    let (schema, data) = (scene.db.dump_schema(), scene.db.dump_data());
    let lines = tap(&scene);
    let text = lines.join("\n");
    let planned: usize = lines.iter().find_map(|line| line.strip_prefix("1..")?.parse().ok()).unwrap();
    let passed = lines.iter().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(passed, planned, "{text}");
    assert!(planned > 100, "{text}");
    let skipped: Vec<&String> = lines.iter().filter(|line| line.contains("# SKIP")).collect();
    assert!(!skipped.is_empty(), "a table without rows of two tenants is skipped\n{text}");
    assert!(skipped.iter().all(|line| ["public.drafts", "public.notes"].iter().any(|table| line.contains(table))), "{skipped:#?}");
    scene.db.psql("DROP EXTENSION IF EXISTS pgtap; DROP SCHEMA tap CASCADE");
    assert_eq!(scene.db.dump_schema(), schema);
    assert_eq!(scene.db.dump_data(), data);
}

#[test]
fn a_table_without_security_turns_checks_and_attacks_red() {
    let scene = Scene::new();
    scene.db.psql("ALTER TABLE files DISABLE ROW LEVEL SECURITY");
    let lines = tap(&scene);
    let failed = failed(&lines);
    let expected =
        ["T101: ", "sees no row of another", "updates no row of another", "inserts no row for another", "without a tenant sees nothing"];
    for title in expected {
        assert!(failed.iter().any(|line| line.contains(title)), "{title} is green\n{}", lines.join("\n"));
    }
    assert!(failed.iter().all(|line| line.contains("public.files") || line.contains("[catalog]")), "{failed:#?}");
}

#[test]
fn a_right_to_truncate_is_red() {
    let scene = Scene::new();
    scene.db.psql(&format!("GRANT TRUNCATE ON memberships TO {}", scene.app));
    let lines = tap(&scene);
    assert!(
        failed(&lines).iter().any(|line| line.contains("public.memberships") && line.contains("nobody truncates")),
        "{}",
        lines.join("\n")
    );
}

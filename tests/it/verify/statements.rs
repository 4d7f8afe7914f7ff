//! What is asked of statements and rows beyond one query of the catalog: T806, T901, T902.

use tenantize::check::{Verdict, Verification, some};

use super::broken;
use super::scene::Scene;

const OWN: &str = "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)";

/// The evidence of a check: object and detail of each row.
fn evidence(verification: &Verification, id: &str) -> Vec<String> {
    let found = verification.checks.iter().filter(|check| check.id == id && check.verdict == Verdict::Fail);
    found.flat_map(|check| &check.evidence).map(|evidence| format!("{}: {}", evidence.object, evidence.detail)).collect()
}

fn page(code: &str, heading: &str) -> String {
    let path = format!("{}/docs/findings/{code}.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let block = text.split_once(&format!("## {heading}\n\n```sql\n")).and_then(|(_, rest)| rest.split_once("\n```"));
    block.unwrap_or_else(|| panic!("{path} has no example")).0.replace("\"app\"", "$app")
}

#[test]
fn the_examples_of_the_pages_are_found_and_their_harmless_relatives_are_not() {
    for code in ["T806", "T901", "T902"] {
        let (_scene, found) = broken(&page(code, "Found"));
        let evidence_found = evidence(&found, code);
        assert!(
            !evidence_found.is_empty() && evidence_found.iter().all(|row| row.starts_with("public.notes")),
            "{code}: {evidence_found:?}"
        );
        let (_scene, harmless) = broken(&page(code, "Not found"));
        assert_eq!(evidence(&harmless, code), Vec::<String>::new(), "{code}");
    }
}

#[test]
fn a_policy_that_reads_what_the_application_may_not_is_found() {
    let (_scene, verification) = broken(
        "CREATE TABLE blocked (id int); CREATE POLICY not_blocked ON notes AS RESTRICTIVE FOR SELECT USING (id NOT IN (SELECT b.id FROM blocked AS b))",
    );
    let found = evidence(&verification, "T901");
    assert!(found[0].contains("permission denied for table blocked (42501)"), "{found:?}");
    assert!(!verification.passed());
}

#[test]
fn a_condition_that_an_index_takes_over_is_not_asked_row_by_row() {
    let bare = OWN.replace("(SELECT ", "(");
    let policies = format!(
        "DROP POLICY tenancy_fence ON files; DROP POLICY tenancy_allow ON files;
         CREATE POLICY tenancy_fence ON files AS RESTRICTIVE USING ({bare}); CREATE POLICY tenancy_allow ON files TO $app USING ({bare});"
    );
    let (_scene, with_index) = broken(&policies);
    assert_eq!(evidence(&with_index, "T902"), Vec::<String>::new());
    let (_scene, without) = broken(&format!("{policies} DROP INDEX files_tenant_id_idx"));
    let found = evidence(&without, "T902");
    assert!(found.len() == 1 && found[0].starts_with("public.files: DELETE, SELECT, UPDATE: "), "{found:?}");
    assert!(without.passed(), "slow is not open");
}

#[test]
fn an_old_release_of_the_server_is_found() {
    let scene = Scene::new();
    let check = some(&scene.subject(), &["T704"]).remove(0);
    let at = |number: &str| {
        let query = check.query.text().replace("current_setting('server_version_num')", &format!("'{number}'"));
        scene.db.psql(&format!("SET search_path = pg_catalog, pg_temp; {query}"))
    };
    for (old, new) in [("140018", "140019"), ("150013", "150014"), ("160009", "160010"), ("170005", "170006")] {
        assert!(at(old).contains("known holes"), "{old}");
        assert_eq!(at(new), "", "{new}");
    }
    assert_eq!(at("180000"), "");
}

#[test]
fn a_function_of_the_application_is_called_for_every_row_unless_it_is_wrapped() {
    let function = "CREATE FUNCTION mine(uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END'; GRANT EXECUTE ON FUNCTION mine TO $app;";
    let (_scene, verification) =
        broken(&format!("{function} CREATE POLICY members ON notes AS RESTRICTIVE FOR SELECT USING (mine(tenant_id))"));
    let found = evidence(&verification, "T902");
    assert!(found.len() == 1 && found[0].starts_with("public.notes: SELECT: "), "{found:?}");
}

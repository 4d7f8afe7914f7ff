//! Rows and tables that do not fit the rules.

use super::Case;

#[test]
fn rows_without_a_tenant_are_counted_and_named() {
    let case = Case::new();
    case.db.psql("INSERT INTO projects VALUES (100, NULL, 'a'), (101, NULL, 'b')");
    case.blocked("T007", &["public.projects", "2 rows, for example", "100", "101", "orphans = \"default\""]);
    case.config(", otherwise = \"default\"", "");
    case.blocked("T007", &["public.users", "4 rows, for example", "remedy: extend the rule"]);
}

#[test]
fn orphans_that_go_where_the_operator_says_do_not_stop_the_run() {
    let case = Case::new();
    case.db.psql("INSERT INTO projects VALUES (100, NULL, 'a')");
    for place in ["default", "quarantine"] {
        case.file("tenantize.toml", super::CONFIG);
        case.config("{ parent = \"public.users\" }", &format!("{{ parent = \"public.users\" }}\norphans = \"{place}\""));
        let check = case.accepts("check");
        assert!(check.stdout.contains("note[T035]"), "{check}");
    }
}

#[test]
fn a_reference_between_two_tenants_is_named() {
    let case = Case::new();
    case.db.psql(
        "CREATE TABLE links (id bigint PRIMARY KEY, owner_id bigint REFERENCES users, project_id bigint REFERENCES projects);
         INSERT INTO links VALUES (7, 1, 6), (8, 1, 1)",
    );
    let text = case.read("tenantize.toml") + "\n[tables.\"public.links\"]\ntenant = { parent = \"public.users\" }\n";
    case.file("tenantize.toml", text);
    // project 6 belongs to user 1, project 1 to user 2
    case.blocked("T008", &["public.links", "links_project_id_fkey: 1 row would differ from public.projects, for example", "8"]);
}

#[test]
fn a_tenant_column_that_is_there_must_be_declared_complete_and_of_the_right_type() {
    let registry = "CREATE TABLE tenants (id uuid PRIMARY KEY, slug text UNIQUE NOT NULL, name text);";
    for (column, code, part) in [
        ("uuid", "T005", "tenant_id exists, and a rule would fill it"),
        ("bigint", "T005", "tenant_id is of type bigint, the registry's key is uuid"),
    ] {
        let case = Case::new();
        case.db.psql(&format!("{registry} ALTER TABLE projects ADD tenant_id {column}"));
        case.blocked(code, &["public.projects", part, "tenant = \"column\""]);
    }
    for (values, rows) in [("", 12), ("UPDATE projects SET tenant_id = (SELECT id FROM tenants) WHERE id <= 6", 6)] {
        let case = Case::new();
        let tenant = "INSERT INTO tenants VALUES ('00000000-0000-0000-0000-000000000001', 'default', 'Default')";
        case.db.psql(&format!("{registry} {tenant}; ALTER TABLE projects ADD tenant_id uuid; {values}"));
        case.config("{ parent = \"public.users\" }", "\"column\"");
        case.blocked("T007", &["public.projects", &format!("{rows} rows, for example")]);
    }
}

#[test]
fn a_published_table_without_an_identity_cannot_be_filled() {
    let case = Case::new();
    case.db.psql("ALTER TABLE projects DROP CONSTRAINT projects_pkey; CREATE PUBLICATION everything FOR TABLE projects");
    case.blocked("T015", &["public.projects", "it is published and has no replica identity", "REPLICA IDENTITY"]);
    case.db.psql("ALTER TABLE projects REPLICA IDENTITY FULL");
    let check = case.accepts("check");
    assert!(check.stdout.contains("warning[T020]") || !check.stdout.contains("T015"), "{check}");
}

#[test]
fn what_reads_or_references_tenants_from_outside_is_told() {
    let case = Case::new();
    case.db.psql(
        "CREATE VIEW active AS SELECT name FROM projects; CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM projects; GRANT SELECT ON summary TO PUBLIC;
         ALTER TABLE plans ADD author bigint REFERENCES users",
    );
    let check = case.accepts("check");
    for part in [
        "public.active: view reads",
        "a view over public.projects",
        "security_invoker",
        "warning[T042]: public.summary",
        "warning[T031]: public.plans",
        "plans_author_fkey references public.users, whose rows belong to tenants",
    ] {
        assert!(check.stdout.contains(part), "{part}: {check}");
    }
}

#[test]
fn names_of_any_kind_run_through_check_and_plan() {
    let long = "x".repeat(63);
    for name in ["with space", "Mixed\"Quote", "semi;colon--", "back\\slash", "日本語", "🦀 crab", "select", "a.b", "it's", &long] {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let case = Case::new();
        case.db.psql(&format!(
            "CREATE TABLE {quoted} (id bigint PRIMARY KEY, {quoted} text UNIQUE, owner bigint REFERENCES users);
             CREATE TABLE child (id bigint PRIMARY KEY, up bigint NOT NULL REFERENCES {quoted});
             INSERT INTO {quoted} VALUES (1, 'a', 1), (2, 'b', 2); INSERT INTO child VALUES (1, 1), (2, 2);"
        ));
        let key = format!("public.{quoted}").replace('\\', "\\\\").replace('"', "\\\"");
        let rules = "indexes = [\"tenant_id, owner\"]";
        let tables = format!(
            "\n[tables.\"{key}\"]\ntenant = {{ parent = \"public.users\" }}\n{rules}\n[tables.\"public.child\"]\ntenant = {{ parent = \"{key}\" }}\n"
        );
        case.file("tenantize.toml", case.read("tenantize.toml") + &tables);
        let before = case.content();
        for command in ["check", "plan --full", "plan --format json", "plan --format sql --strategy batched"] {
            case.accepts(command);
        }
        assert_eq!(case.content(), before, "{name}");
        case.accepts("run --yes --progress none");
        let moved = format!("SELECT count(DISTINCT tenant_id) FROM {quoted}");
        assert_eq!(case.db.scalar_i64(&moved), 2, "{name}");
        case.accepts("rollback --yes --progress none");
    }
}

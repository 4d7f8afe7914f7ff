//! A configuration that says what cannot be, or names what is not there.

use super::Case;

#[test]
fn a_configuration_that_is_missing_can_be_written_by_init() {
    let case = Case::new();
    case.refuses("check --config other.toml", 2, &["cannot read other.toml", "tenantize init"]);
}

#[test]
fn a_configuration_that_exists_is_not_overwritten() {
    let case = Case::new();
    let before = case.read("tenantize.toml");
    case.refuses("init", 2, &["tenantize.toml exists and is not overwritten", "--stdout"]);
    assert_eq!(case.read("tenantize.toml"), before);
    case.refuses("init --stdout --registry public.nothing", 2, &["there is no table public.nothing", "--registry"]);
    case.refuses("init --stdout --registry nothing", 2, &["schema"]);
}

#[test]
fn a_misspelt_key_names_the_nearest_valid_one() {
    for (from, to, nearest) in [
        ("csv = \"tenants.csv\"", "cvs = \"tenants.csv\"", "did you mean `csv`?"),
        ("scope =", "scoop =", "did you mean `scope`?"),
        ("[tenants]", "[tenant]", "did you mean `tenants`?"),
        ("otherwise =", "otherwize =", "did you mean `otherwise`?"),
        ("\"shared\"", "\"sharde\"", "did you mean `shared`?"),
    ] {
        let case = Case::new();
        case.config(from, to);
        case.refuses("run --yes", 2, &["tenantize.toml is not a valid configuration", nearest]);
    }
}

#[test]
fn contradictions_in_the_configuration_say_what_to_correct() {
    for (from, to, part) in [
        ("version = 1", "version = 2", "version 2 is not known; this program reads version 1"),
        ("version = 1\n", "", "version"),
        ("version = 1", "version = 1\nschemas = []", "schemas must name at least one schema"),
        ("scope = \"shared\"", "scope = \"shared\"\ntenant = \"default\"", "[tables.\"public.plans\"]: has both"),
        ("scope = \"shared\"", "", "[tables.\"public.plans\"]: has neither"),
        ("public.plans", "plans", "schema"),
        ("key = \"id\", ", "", "a csv rule needs `key`"),
        ("slug = \"default\"", "slug = \"\"", "a tenant needs a slug"),
        ("table = \"public.tenants\"", "table = \"public.users\"", "there is no column `slug`"),
    ] {
        let case = Case::new();
        case.config(from, to);
        case.refuses("run --yes", 2, &[part]);
    }
}

#[test]
fn a_table_that_is_not_there_or_not_classified_stops_the_run() {
    let case = Case::new();
    case.config("public.plans", "public.planz");
    case.blocked("T002", &["public.planz", "correct the name"]);
    case.blocked("T001", &["public.plans", "tenantize init"]);
}

#[test]
fn a_rule_that_names_what_is_not_there_stops_the_run() {
    for (from, to, part) in [
        ("otherwise = \"default\"", "otherwise = \"nobody\"", "there is no tenant `nobody`"),
        ("key = \"id\"", "key = \"nr\"", "there is no column `nr`"),
        ("parent = \"public.users\"", "parent = \"public.teams\"", "the parent public.teams is not in [tables]"),
        ("parent = \"public.users\"", "parent = \"public.plans\"", "the parent public.plans has no tenants"),
        ("parent = \"public.users\"", "parent = \"public.users\", via = [\"nr\"]", "there is no column `nr`"),
        (
            "{ parent = \"public.users\" }",
            "{ parent = \"public.users\" }\nunique = { nothing = \"per-tenant\" }",
            "there is no unique key `nothing`",
        ),
        ("{ parent = \"public.users\" }", "{ parent = \"public.users\" }\nindexes = [\"tenant_id, nr\"]", "there is no column `nr`"),
        ("{ parent = \"public.users\" }", "{ sql = \"select 1 +\" }", "the expression of the rule fails"),
        ("{ parent = \"public.users\" }", "{ sql = \"'6e0e0000-0000-0000-0000-000000000000'::uuid\" }", "which does not exist"),
        ("{ parent = \"public.users\" }", "\"column\"", "there is no column tenant_id"),
    ] {
        let case = Case::new();
        case.config(from, to);
        case.blocked("T006", &[part, "remedy: correct the rule"]);
    }
}

#[test]
fn a_parent_with_two_keys_asks_which_and_one_without_asks_for_columns() {
    let case = Case::new();
    case.db.psql("ALTER TABLE projects ADD editor_id bigint REFERENCES users");
    case.blocked("T006", &["several foreign keys lead to public.users; say which by `via = [\"column\"]`"]);
    case.db.psql("ALTER TABLE projects DROP editor_id, DROP CONSTRAINT projects_owner_id_fkey");
    case.blocked("T006", &["no foreign key leads to public.users; say `via = [\"column\"]`"]);
    case.config("parent = \"public.users\"", "parent = \"public.users\", via = [\"owner_id\"]");
    case.accepts("check");
}

#[test]
fn what_holds_no_rows_cannot_hold_tenants() {
    let case = Case::new();
    case.db.psql("CREATE VIEW everyone AS SELECT * FROM users");
    case.config(
        "public.plans\"]\nscope = \"shared\"",
        "public.plans\"]\nscope = \"shared\"\n[tables.\"public.everyone\"]\ntenant = \"default\"",
    );
    case.blocked("T003", &["public.everyone", "it is a view"]);
}

#[test]
fn migrations_are_read_before_anything_is_written() {
    let case = Case::new();
    case.config("[tables.\"public.users\"]", "[expand]\nmigrations = \"db\"\n\n[tables.\"public.users\"]");
    case.refuses("run --yes", 2, &["cannot read db", "correct `migrations`"]);
    case.file("db/readme.txt", "");
    case.refuses("run --yes", 2, &["db holds no migration"]);
    case.file("db/001_extra.sql", "CREATE TABLE extra (id int);\nCOMMIT;\n");
    case.refuses("run --yes", 2, &["001_extra.sql", "`COMMIT` ends the transaction", "one transaction"]);
}

#[test]
fn an_unknown_example_lists_the_known_ones() {
    let case = Case::new();
    case.refuses("demo no-such-system", 2, &["there is no example `no-such-system`", "cin7-playground"]);
    case.refuses("demo --scale 0", 2, &["a scale of 0 is not possible"]);
    case.refuses("demo --scale nan", 2, &["is not possible"]);
}

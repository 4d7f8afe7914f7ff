//! Names that the plan needs and somebody else has.

use super::Case;

#[test]
fn schemas_that_we_would_create_must_not_be_there() {
    for (schema, part) in [("tenancy", "the schema exists"), ("tenantize_backup", "tenantize clean --backups")] {
        let case = Case::new();
        case.db.psql(&format!("CREATE SCHEMA {schema}"));
        case.blocked("T014", &[schema, part, "drop or rename the object"]);
    }
}

#[test]
fn a_schema_called_tenantize_that_is_not_ours_is_left_alone() {
    let case = Case::new();
    case.db.psql("CREATE SCHEMA tenantize; CREATE TABLE tenantize.precious (id int)");
    case.blocked("T014", &["tenantize", "holds something other than a journal"]);
    case.refuses("clean --yes", 2, &["there is no journal in this database"]);
    case.accepts("clean --yes --backups");
    assert_eq!(case.db.scalar_i64("SELECT count(*) FROM tenantize.precious"), 0);
}

#[test]
fn every_kind_of_object_that_the_plan_creates_is_looked_for() {
    for (make, part) in [
        ("CREATE INDEX projects_tenant_id_idx ON projects (name)", "creates the index public.projects_tenant_id_idx"),
        ("CREATE SEQUENCE users_tenant_id_id_key", "creates the index public.users_tenant_id_id_key"),
        ("CREATE VIEW projects_tenant_id_idx AS SELECT 1", "creates the index public.projects_tenant_id_idx"),
        ("ALTER TABLE projects ADD CONSTRAINT projects_tenant_id_check CHECK (id > 0)", "the constraint projects_tenant_id_check exists"),
        ("ALTER TABLE users ADD CONSTRAINT users_tenant_id_fkey CHECK (id > 0)", "the constraint users_tenant_id_fkey exists"),
        (
            "ALTER TABLE projects ADD CONSTRAINT projects_tenant_id_owner_id_fkey UNIQUE (name)",
            "the constraint projects_tenant_id_owner_id_fkey exists",
        ),
        (
            "CREATE POLICY tenancy_fence ON projects USING (true); ALTER TABLE projects ENABLE ROW LEVEL SECURITY",
            "the policy tenancy_fence exists",
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
             CREATE TRIGGER zz_tenantize_guard BEFORE INSERT ON projects FOR EACH ROW EXECUTE FUNCTION f()",
            "the trigger zz_tenantize_guard exists",
        ),
    ] {
        let case = Case::new();
        case.db.psql(make);
        case.blocked("T014", &["name is taken", part]);
    }
}

#[test]
fn two_names_of_the_plan_that_become_one_are_found() {
    let case = Case::new();
    case.db
        .psql("CREATE TABLE projects_tenant_id (id bigint PRIMARY KEY); CREATE TABLE tenants (id uuid PRIMARY KEY, slug text, name text)");
    let text = case.read("tenantize.toml").replace("default = {", "column = \"tenant_id\"\ndefault = {");
    case.file("tenantize.toml", text + "\n[tables.\"public.projects_tenant_id\"]\nscope = \"shared\"\n");
    case.accepts("check");
    case.db.psql("ALTER TABLE projects_tenant_id RENAME TO projects_tenant_id_idx");
    case.config("projects_tenant_id", "projects_tenant_id_idx");
    case.blocked("T014", &["creates the index public.projects_tenant_id_idx, a relation of that name exists"]);
}

#[test]
fn a_key_that_becomes_per_tenant_keeps_its_name() {
    let case = Case::new();
    case.db.psql("ALTER TABLE projects ADD CONSTRAINT projects_name_key UNIQUE (name)");
    case.config("{ parent = \"public.users\" }", "{ parent = \"public.users\" }\nunique = { projects_name_key = \"per-tenant\" }");
    case.accepts("check");
    case.db.psql("CREATE INDEX projects_projects_name_key_tenant ON plans (code)");
    case.blocked("T014", &["projects_projects_name_key_tenant"]);
}

#[test]
fn a_registry_in_a_schema_that_is_not_there_or_not_listed_is_named() {
    let case = Case::new();
    case.config("public.tenants", "crm.tenants");
    case.blocked("T002", &["crm.tenants", "there is no schema crm"]);
    case.db.psql("CREATE SCHEMA crm; CREATE TABLE crm.tenants (id uuid PRIMARY KEY)");
    case.blocked("T014", &["creates the relation crm.tenants"]);
}

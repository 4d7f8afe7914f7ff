//! Roles that may not do what the plan needs, and roles that may do too much.

use super::Case;

/// A shop whose tables belong to `owner`, who may create schemas.
fn owned_by(case: &Case, owner: &str) {
    let tables: Vec<String> = ["users", "projects", "plans"].iter().map(|table| format!("ALTER TABLE {table} OWNER TO {owner};")).collect();
    let name = case.db.name();
    case.db.psql(&format!("{} GRANT CREATE ON DATABASE {name} TO {owner}; GRANT ALL ON SCHEMA public TO {owner}", tables.concat()));
}

#[test]
fn a_table_of_another_role_is_named_with_its_owner() {
    let case = Case::new();
    let (mine, other) = (case.login("mine"), case.db.role("other"));
    owned_by(&case, &mine);
    case.db.psql(&format!("ALTER TABLE projects OWNER TO {other}"));
    let parts = ["public.projects", &format!("it belongs to {other}"), "run as the owner"];
    case.blocked_at(&case.url_of(&mine), "T004", &parts);
    // a member of the owner may do what the owner may
    case.db.psql(&format!("GRANT {other} TO {mine}"));
    case.db.psql(&format!("GRANT SET ON PARAMETER session_replication_role TO {mine}"));
    let check = case.cli_at(&case.url_of(&mine), "check").run();
    assert!(check.ok() && !check.stdout.contains("T004"), "{check}");
}

#[test]
fn a_partition_and_a_registry_of_another_role_are_named_too() {
    let case = Case::new();
    let (mine, other) = (case.login("mine"), case.db.role("other"));
    case.db.psql(
        "CREATE TABLE events (id bigint, user_id bigint REFERENCES users, at date) PARTITION BY RANGE (at);
         CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
         CREATE TABLE tenants (id uuid PRIMARY KEY, slug text UNIQUE, name text)",
    );
    case.file("tenantize.toml", case.read("tenantize.toml") + "\n[tables.\"public.events\"]\ntenant = { parent = \"public.users\" }\n");
    owned_by(&case, &mine);
    case.db.psql(&format!(
        "ALTER TABLE events OWNER TO {mine}; ALTER TABLE events_old OWNER TO {other};
         ALTER TABLE tenants OWNER TO {other}; GRANT ALL ON tenants TO {mine}"
    ));
    case.blocked_at(&case.url_of(&mine), "T004", &["public.events_old", "public.tenants", &format!("it belongs to {other}")]);
}

#[test]
fn rights_that_steps_need_are_asked_for_before() {
    let case = Case::new();
    let (mine, app) = (case.login("mine"), format!("{}_app", case.db.name()));
    owned_by(&case, &mine);
    case.config("[tables.\"public.users\"]", &format!("[rls]\napp_roles = [\"{app}\"]\n\n[tables.\"public.users\"]"));
    let url = case.url_of(&mine);
    case.blocked_at(&url, "T012", &[&app, "the role is missing, and the connected role may not create it", "grant the right"]);
    let app = case.db.role("app");
    case.db.psql(&format!("REVOKE CREATE ON DATABASE {} FROM {mine}", case.db.name()));
    case.blocked_at(&url, "T012", &[&mine, "it may not create schemas in this database"]);
    case.db.psql(&format!("GRANT CREATE ON DATABASE {} TO {mine}; REVOKE ALL ON SCHEMA public FROM {mine}, PUBLIC", case.db.name()));
    case.db.psql(&format!("GRANT USAGE ON SCHEMA public TO {mine}"));
    case.blocked_at(
        &url,
        "T012",
        &["it may not create tables and indexes in the schema public", &format!("it may not grant {app} the use of the schema public")],
    );
    case.db.psql(&format!(
        "GRANT ALL ON SCHEMA public TO {mine}, {app}; ALTER TABLE plans OWNER TO postgres; GRANT SELECT ON plans TO {mine}"
    ));
    case.blocked_at(&url, "T012", &[&format!("it may not grant {app} rights on public.plans")]);
    case.db.psql(&format!("GRANT SELECT ON plans TO {app}"));
    let check = case.cli_at(&url, "check").run();
    assert!(check.ok(), "{check}");
}

#[test]
fn a_run_as_a_plain_owner_goes_through_and_back() {
    let case = Case::new();
    let mine = case.login("mine");
    owned_by(&case, &mine);
    let (before, url) = (case.content(), case.url_of(&mine));
    let check = case.cli_at(&url, "check").run();
    assert!(check.ok() && check.stdout.contains("warning[T021]"), "{check}");
    assert!(!case.accepts("check").stdout.contains("T021"), "a superuser sees all rows under FORCE");
    for command in ["run --yes", "rollback --yes", "clean --yes --backups"] {
        let output = case.cli_at(&url, command).run();
        assert!(output.ok(), "{output}");
        super::no_secret(&output);
    }
    let after = case.content();
    // Rows may lie in another order: the fill has written some of them.
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&after), sorted(&before));
}

#[test]
fn triggers_that_would_fire_ask_for_a_right_or_a_decision() {
    let case = Case::new();
    case.db.psql(
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email = upper(NEW.email); RETURN NEW; END';
         CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()",
    );
    let mine = case.login("mine");
    owned_by(&case, &mine);
    let url = case.url_of(&mine);
    case.blocked_at(&url, "T009", &["public.users", "touched", "GRANT SET ON PARAMETER session_replication_role"]);
    // the superuser may suppress them
    case.accepts("check");
    case.config("otherwise = \"default\" }", "otherwise = \"default\" }\ntriggers = \"fire\"");
    let check = case.cli_at(&url, "check").run();
    assert!(check.ok() && !check.stdout.contains("T009"), "{check}");
    // a trigger that fires even in a replica cannot be suppressed by anybody
    case.config("triggers = \"fire\"", "triggers = \"suppress\"");
    case.db.psql("ALTER TABLE users ENABLE ALWAYS TRIGGER touched");
    case.blocked("T009", &["a trigger is enabled ALWAYS or for replicas"]);
}

#[test]
fn an_application_role_that_policies_do_not_bind_is_refused() {
    for (make, part) in [
        ("ALTER ROLE {app} BYPASSRLS", "it can act as {app}"),
        ("ALTER ROLE {app} SUPERUSER", "it can act as {app}"),
        ("ALTER TABLE projects OWNER TO {app}", "it can act as {app}, who owns tables"),
        ("CREATE ROLE {app}_boss BYPASSRLS; GRANT {app}_boss TO {app}", "it can act as {app}_boss"),
    ] {
        let case = Case::new();
        let app = case.db.role("app");
        case.config("[tables.\"public.users\"]", &format!("[rls]\napp_roles = [\"{app}\"]\n\n[tables.\"public.users\"]"));
        case.accepts("check");
        case.db.psql(&make.replace("{app}", &app));
        case.blocked("T011", &[&part.replace("{app}", &app), "name another role in [rls] app_roles"]);
        case.db.psql(&format!("DROP ROLE IF EXISTS {app}_boss"));
    }
}

//! What lies around the tables: views, sequences, rights on tables that come later. Each is changed, and given back as it was.

use crate::support::Scenario;

/// A fixture whose roles exist before the run and have rights already.
struct Around {
    scenario: Scenario,
    app: String,
}

impl Around {
    /// `{app}` and `{reader}` in `sql` stand for the roles of the application, `{other}` for one that is none of its.
    fn new(fixture: &str, sql: &str) -> Self {
        let scenario = Scenario::new(fixture);
        let name = scenario.db().name().to_owned();
        let (app, reader, other) = (format!("{name}_app"), format!("{name}_readonly"), scenario.db().role("other"));
        let around = Self { scenario, app };
        let roles = format!("CREATE ROLE {} LOGIN; CREATE ROLE {reader}; GRANT USAGE ON SCHEMA public TO PUBLIC;", around.app);
        let sql = sql.replace("{app}", &around.app).replace("{reader}", &reader).replace("{other}", &other);
        around.scenario.db().psql(&format!("{roles}{sql}"));
        around
    }

    /// What `check` says about a code: subjects and details.
    fn findings(&self, code: &str) -> Vec<String> {
        let output = self.scenario.cli(&["check", "--format", "json"]).run();
        let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
        let text = |value: &serde_json::Value| value.as_str().unwrap().replace(&self.app, "app");
        let of_code = json["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code);
        of_code.map(|finding| format!("{}: {}", text(&finding["subject"]), text(&finding["detail"]))).collect()
    }

    /// Runs a statement as the application in the tenant with this slug.
    fn ask(&self, slug: &str, sql: &str) -> Result<String, String> {
        let key = self.scenario.db().psql(&format!("SELECT id FROM tenants WHERE slug = '{slug}'"));
        self.scenario.db().try_psql_as(&self.app, &format!("SET app.tenant_id = '{key}'; {sql}"))
    }

    fn psql(&self, sql: &str) -> String {
        self.scenario.db().psql(&sql.replace("{app}", &self.app))
    }

    /// Forward and back: what was before is there again, rights in their order too.
    fn there_and_back(&self) {
        let before = self.scenario.content();
        self.scenario.run();
        self.scenario.tenantize(&["rollback", "--yes"]);
        self.scenario.content().assert_same_as(&before, "forward and back");
    }
}

const VIEWS: &str = "
    CREATE VIEW totals WITH (security_barrier = true, security_invoker = false) AS SELECT user_id, sum(total) FROM orders GROUP BY user_id;
    CREATE VIEW nested WITH (check_option = cascaded) AS SELECT * FROM open_orders WHERE number <> 'N0';
    CREATE VIEW plain AS SELECT code FROM products;
    CREATE SCHEMA reports; CREATE VIEW reports.orders AS SELECT count(*) FROM orders;
    GRANT USAGE ON SCHEMA reports TO {app};
    GRANT SELECT ON open_orders, totals, nested, plain, reports.orders TO {app}, {reader};
    CREATE MATERIALIZED VIEW stored AS SELECT id, number FROM orders;
    CREATE MATERIALIZED VIEW stored_again AS SELECT count(*) FROM nested;
    GRANT SELECT ON stored TO PUBLIC; GRANT SELECT (id), SELECT (number) ON stored TO {reader};
    GRANT SELECT ON stored_again TO {app} WITH GRANT OPTION;
    GRANT SELECT ON stored_again TO {other};
";

#[test]
fn views_read_with_the_rights_of_whoever_asks_and_go_back_to_what_they_were() {
    let around = Around::new("shop", VIEWS);
    if !has_invoker() {
        return assert_eq!(around.findings("T026").len(), 4);
    }
    around.there_and_back();
    around.scenario.run();
    for (view, rows) in [("open_orders", "200"), ("nested", "199"), ("totals", "20"), ("plain", "7"), ("reports.orders", "1")] {
        assert_eq!(around.ask("acme", &format!("SELECT count(*) FROM {view}")).unwrap(), rows, "{view}");
    }
    assert_eq!(around.ask("acme", "SELECT * FROM reports.orders").unwrap(), "200", "counted by acme");
    for view in ["stored", "stored_again"] {
        let refused = around.ask("acme", &format!("SELECT * FROM {view}")).unwrap_err();
        assert!(refused.contains("permission denied"), "{refused}");
    }
}

/// PostgreSQL 14 has no `security_invoker`.
fn has_invoker() -> bool {
    crate::support::cluster().version() >= 150_000
}

#[test]
fn a_view_stays_where_its_reader_would_be_refused() {
    if !has_invoker() {
        return;
    }
    let around = Around::new(
        "shop",
        "CREATE VIEW seen AS SELECT o.id, j.at FROM orders AS o, journal_of_changes AS j; GRANT SELECT ON seen TO {app};
         CREATE VIEW others AS SELECT id FROM orders; GRANT SELECT ON others TO {other};
         CREATE VIEW fine AS SELECT o.id, p.code FROM orders AS o, products AS p; GRANT SELECT ON fine TO {app};",
    );
    let told = around.findings("T041");
    let other = format!("{}_other", around.scenario.db().name());
    assert_eq!(
        told,
        [
            format!("public.others: {other} may not read public.orders"),
            "public.seen: it stays as it is: app may not read public.journal_of_changes".into()
        ]
    );
    let changed = around.findings("T040");
    assert!(changed.iter().any(|told| told.starts_with("public.fine")) && !changed.iter().any(|told| told.starts_with("public.seen")));
    around.psql("GRANT SELECT ON journal_of_changes TO {app}");
    assert_eq!(around.findings("T041").len(), 1, "with the right it is changed");
    around.there_and_back();
}

#[test]
fn views_are_kept_where_the_configuration_says_so() {
    let around = Around::new("shop", VIEWS);
    let file = around.scenario.file("tenantize.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("[rls]", "[rls]\nviews = \"keep\"")).unwrap();
    assert_eq!(around.findings("T026").len(), 6);
    assert_eq!(around.findings("T040").len() + around.findings("T042").len(), 0);
}

#[test]
fn sequences_are_drawn_from_and_no_more() {
    let around = Around::new(
        "shop",
        "CREATE TABLE tickets (id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users);
         GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {app}; GRANT SELECT ON SEQUENCE tickets_id_seq TO PUBLIC;
         GRANT USAGE ON SEQUENCE users_id_seq TO {reader};",
    );
    let file = around.scenario.file("tenantize.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config + "\n[tables.\"public.tickets\"]\ntenant = { parent = \"public.users\" }\n").unwrap();
    assert_eq!(around.findings("T044").last().unwrap(), "public.users_id_seq: taken: SELECT, UPDATE from app");
    around.there_and_back();
    around.scenario.run();
    let user = around.ask("acme", "SELECT min(id) FROM users").unwrap();
    around.ask("acme", &format!("INSERT INTO tickets (user_id) VALUES ({user})")).unwrap();
    for statement in ["SELECT last_value FROM tickets_id_seq", "SELECT setval('users_id_seq', 1)", "SELECT last_value FROM orders_id_seq"] {
        assert!(around.ask("acme", statement).unwrap_err().contains("permission denied"), "{statement}");
    }
}

#[test]
fn tables_of_the_future_are_closed_until_somebody_opens_them() {
    let around = Around::new(
        "shop",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {app};
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC, {other};
         ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {reader} WITH GRANT OPTION;
         ALTER DEFAULT PRIVILEGES FOR ROLE {other} IN SCHEMA public GRANT INSERT, SELECT ON TABLES TO {app};
         CREATE SCHEMA elsewhere; ALTER DEFAULT PRIVILEGES IN SCHEMA elsewhere GRANT SELECT ON TABLES TO {app};",
    );
    let told = around.findings("T045");
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(told.iter().filter(|told| told.ends_with("the run takes it away")).count(), 4, "{told:?}");
    around.there_and_back();
    around.scenario.run();
    around.psql("CREATE TABLE later (id int); INSERT INTO later VALUES (1)");
    assert!(around.ask("acme", "SELECT * FROM later").unwrap_err().contains("permission denied"));
    let rights = around
        .psql("SELECT count(*) FROM pg_default_acl AS a JOIN pg_namespace AS n ON n.oid = a.defaclnamespace WHERE n.nspname = 'elsewhere'");
    assert_eq!(rights, "1", "another schema's are nobody's business");
}

#[test]
fn a_rule_is_told() {
    let around =
        Around::new("shop", "CREATE RULE log AS ON INSERT TO orders DO ALSO INSERT INTO journal_of_changes VALUES ('orders', now())");
    assert_eq!(around.findings("T043").len(), 1);
}

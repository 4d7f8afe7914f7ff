//! What lies around the tables: views, sequences, rights on tables that come later. Each is changed, and given back as it was.

use std::fs;

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
        let invoker = if has_invoker() { ", security_invoker = false" } else { "" };
        let sql = sql.replace("{invoker}", invoker).replace("{app}", &around.app).replace("{reader}", &reader).replace("{other}", &other);
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

    /// Vouches for `{other}`, who owns tables.
    fn trust_other(&self) {
        let file = self.scenario.file("tenantize.toml");
        let config = fs::read_to_string(&file).unwrap();
        let other = format!("[rls]\ntrusted_owners = [\"{}_other\"]\n", self.scenario.db().name());
        fs::write(&file, config.replacen("[rls]\n", &other, 1)).unwrap();
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
    CREATE VIEW totals WITH (security_barrier = true{invoker}) AS SELECT user_id, sum(total) FROM orders GROUP BY user_id;
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
fn the_application_creates_nothing_where_names_are_looked_up() {
    let around = Around::new(
        "shop",
        "GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT CREATE ON SCHEMA public TO {reader}; ALTER TABLE coupons OWNER TO {other};
         CREATE SCHEMA elsewhere; GRANT CREATE ON SCHEMA elsewhere TO {app};",
    );
    around.trust_other();
    let told = around.findings("T058");
    assert!(told.len() == 1 && told[0].contains("_readonly, everyone may create there"), "{told:?}");
    assert!(told[0].contains("the run takes it away; ") && told[0].ends_with("_other keeps it"), "{told:?}");
    around.there_and_back();
    around.scenario.run();
    assert!(around.ask("acme", "CREATE TABLE public.t ()").unwrap_err().contains("permission denied"));
    let may = "SELECT string_agg(r, ' ' ORDER BY r) FROM (SELECT regexp_replace(rolname, '^.*_', '') AS r FROM pg_roles
       WHERE NOT rolsuper AND rolname LIKE current_database() || '\\_%' AND has_schema_privilege(oid, 'public', 'CREATE')) AS s";
    assert_eq!(around.psql(may), "other");
    assert_eq!(around.psql("SELECT has_schema_privilege('{app}', 'elsewhere', 'CREATE')"), "t", "another schema's are nobody's business");
}

#[test]
fn a_right_to_create_that_could_not_be_given_back_as_it_was_stays_and_is_told() {
    let around = Around::new(
        "shop",
        "GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT CREATE ON SCHEMA public TO {app} WITH GRANT OPTION;
         GRANT CREATE ON SCHEMA public TO {other} WITH GRANT OPTION;
         SET ROLE {other}; GRANT CREATE ON SCHEMA public TO {reader}; RESET ROLE;",
    );
    let told: Vec<String> = around.findings("T058").iter().map(|told| told.replace(around.scenario.db().name(), "db")).collect();
    assert_eq!(
        told,
        [
            "public: everyone may create there; the run takes it away; db_other keeps it",
            "public: app may create there; it stays: it may be passed on",
            "public: db_readonly may create there; it stays: db_other granted it",
        ]
    );
    let rights = "SELECT string_agg(right_of::text, ' ' ORDER BY right_of::text) FROM pg_namespace, unnest(nspacl) AS right_of WHERE nspname = 'public'";
    let before = around.psql(rights);
    around.there_and_back();
    assert_eq!(around.psql(rights), before);
}

#[test]
fn only_owners_of_tables_with_a_tenant_are_given_the_right_to_create_by_name() {
    let around = Around::new(
        "shop",
        "GRANT CREATE ON SCHEMA public TO PUBLIC; CREATE ROLE {other}_b; CREATE ROLE {other}_c IN ROLE {app};
         ALTER TABLE coupons OWNER TO {other}; CREATE TABLE not_ours (); ALTER TABLE not_ours OWNER TO {other}_b; ALTER TABLE orders OWNER TO {other}_c;",
    );
    let told = around.findings("T058");
    assert!(told.len() == 1 && told[0].contains("everyone may create there; the run takes it away; "), "{told:?}");
    assert!(told[0].ends_with("_other keeps it") && told[0].matches("other").count() == 1, "{told:?}");
}

#[test]
fn a_rule_is_told() {
    let around =
        Around::new("shop", "CREATE RULE log AS ON INSERT TO orders DO ALSO INSERT INTO journal_of_changes VALUES ('orders', now())");
    assert_eq!(around.findings("T043").len(), 1);
}

#[test]
fn a_table_whose_own_policies_choose_the_rows_is_fenced_and_not_widened() {
    let around = Around::new(
        "shop",
        "ALTER TABLE coupons ENABLE ROW LEVEL SECURITY;
         CREATE POLICY even ON coupons FOR SELECT TO PUBLIC USING (id % 2 = 0);
         CREATE POLICY own ON coupons FOR UPDATE TO {app} USING (owner_id = current_setting('app.person')::bigint);
         GRANT SELECT, DELETE ON coupons TO {app}; GRANT UPDATE ON coupons TO PUBLIC;
         ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY all_of_them ON users USING (true);",
    );
    assert_eq!(around.findings("T048")[0], "public.coupons: app may SELECT, UPDATE; DELETE is taken, no policy lets it");
    assert_eq!(around.findings("T046"), ["public.users: all_of_them: USING (true)"]);
    assert!(around.findings("T047")[0].starts_with("public.coupons: own: it fails where the setting is missing"));
    around.there_and_back();
    around.scenario.run();
    assert_eq!(
        around.ask("acme", "SELECT count(*), count(*) FILTER (WHERE id % 2 = 0) FROM coupons").unwrap(),
        "10|10",
        "half of acme's 20"
    );
    assert!(around.ask("acme", "DELETE FROM coupons").unwrap_err().contains("permission denied"));
    let mine = around
        .psql("SELECT min(owner_id) FROM coupons AS c JOIN tenants AS t ON t.id = c.tenant_id WHERE t.slug = 'acme' AND c.id % 2 = 0");
    let changed = "WITH changed AS (UPDATE coupons SET code = 'X' || id RETURNING 1) SELECT count(*) FROM changed";
    assert_eq!(around.ask("acme", &format!("SET app.person = {mine}; {changed}")).unwrap(), "1", "its own, as before");
    assert_eq!(around.ask("globex", &format!("SET app.person = {mine}; {changed}")).unwrap(), "0", "not from another tenant");
}

#[test]
fn statements_that_get_another_answer_are_found_in_functions() {
    let around = Around::new(
        "shop",
        "CREATE FUNCTION place(text) RETURNS void LANGUAGE sql AS $$
           INSERT INTO orders (user_id, number) VALUES (1, $1) ON CONFLICT (number) DO NOTHING $$;
         CREATE FUNCTION by_name(text) RETURNS void LANGUAGE sql AS $$
           INSERT INTO orders (user_id, number) VALUES (1, $1) ON CONFLICT ON CONSTRAINT orders_number_key DO NOTHING $$;
         CREATE FUNCTION load() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY order_lines FROM '/tmp/x'; END $$;
         CREATE FUNCTION unload() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY order_lines TO '/tmp/x'; END $$;
         CREATE PROCEDURE reset() LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'TRUNCATE public.users CASCADE'; END $$;
         CREATE FUNCTION revenue() RETURNS numeric LANGUAGE sql SECURITY DEFINER AS $$ SELECT sum(total) FROM orders $$;
         CREATE FUNCTION catalogue() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM products $$;
         CREATE FUNCTION closed() RETURNS numeric LANGUAGE sql SECURITY DEFINER AS $$ SELECT sum(total) FROM orders $$;
         REVOKE EXECUTE ON FUNCTION closed() FROM PUBLIC;
         CREATE FUNCTION empty() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM orders $$;
         ALTER FUNCTION empty() OWNER TO {other};",
    );
    let of_functions = |code| around.findings(code).into_iter().filter(|told| told.contains("function")).collect::<Vec<_>>();
    assert_eq!(of_functions("T029"), ["public.orders: ON CONFLICT (number): function public.place(IN text)".replace("IN text", "text")]);
    let refused = of_functions("T051");
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains("COPY FROM") && refused[0].ends_with("public.load()"), "{refused:?}");
    assert!(refused[1].contains("TRUNCATE") && refused[1].ends_with("public.reset()"), "{refused:?}");
    let definers = around.findings("T056");
    assert_eq!(definers.len(), 2, "{definers:?}");
    assert!(definers[0].starts_with("public.empty()") && definers[0].ends_with("whom policies bind and none lets in"), "{definers:?}");
    assert!(definers[1].starts_with("public.revenue()") && definers[1].ends_with("whom no policy binds"), "{definers:?}");
    // what is told is true
    around.scenario.run();
    assert!(around.ask("acme", "SELECT place('N1')").unwrap_err().contains("no unique or exclusion constraint"));
    let denied = around.ask("acme", "COPY order_lines FROM STDIN").unwrap_err();
    assert!(denied.contains("COPY FROM not supported with row-level security"), "{denied}");
    assert!(around.ask("acme", "CALL reset()").unwrap_err().contains("permission denied"));
    assert!(around.ask("acme", "SELECT empty()").unwrap_err().contains("permission denied"));
}

#[test]
fn what_is_open_without_policies_is_told() {
    let around = Around::new("shop", "GRANT INSERT, SELECT ON products TO {app}; GRANT SELECT ON journal_of_changes TO PUBLIC");
    assert_eq!(around.findings("T049"), ["public.products: app may INSERT; type: REVOKE INSERT ON public.products FROM app"]);
    assert_eq!(around.findings("T050").len(), 1);
    assert_eq!(around.findings("T052"), ["public.users: users_email_key UNIQUE (email): tenantize.toml says so"]);
    around.psql("REVOKE INSERT ON products FROM {app}; REVOKE SELECT ON journal_of_changes FROM PUBLIC");
    assert_eq!(around.findings("T049").len() + around.findings("T050").len(), 0);
}

#[test]
fn an_application_that_connects_as_the_owner_is_named() {
    let around = Around::new("shop", "ALTER ROLE {other} LOGIN; ALTER TABLE orders OWNER TO {other}");
    let none = around.findings("T054");
    let owner = format!("{}_other", around.scenario.db().name());
    assert!(!none.iter().any(|told| told.contains(&owner)), "{none:?}");
    let mut url = url::Url::parse(&around.scenario.db().url_as(&owner)).unwrap();
    url.query_pairs_mut().append_pair("application_name", "puma");
    let _open: diesel::PgConnection = diesel::Connection::establish(url.as_str()).unwrap();
    let told = around.findings("T054");
    assert!(told.contains(&format!("{owner}: puma (1 now): it owns public.orders, and under FORCE it sees no rows")), "{told:?}");
}

#[test]
fn an_index_that_dies_under_policies_is_named_and_measured() {
    let around = Around::new(
        "shop",
        "ALTER TABLE orders ADD words tsvector, ADD tags jsonb, ADD price numeric;
         UPDATE orders SET words = to_tsvector('simple', 'order ' || number), tags = jsonb_build_object('n', number), price = id;
         CREATE INDEX by_words ON orders USING gin (words); CREATE INDEX by_tags ON orders USING gin (tags jsonb_path_ops);
         CREATE INDEX by_price ON orders (price); CREATE INDEX by_lower ON orders (lower(number)) WHERE total > 0;
         CREATE INDEX by_pattern ON orders (number text_pattern_ops); CREATE INDEX by_day ON orders (updated_at);
         CREATE FUNCTION own(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
         CREATE INDEX by_own ON orders (own(number)); ANALYZE orders;",
    );
    let told = around.findings("T053");
    let expected =
        ["by_lower: lower()", "by_own: own()", "by_pattern: ~~ (textlike)", "by_price: = (numeric_eq)", "by_tags: ", "by_words: "];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(&format!("public.orders: {expected}")), "{told}");
    }
    let before = around.scenario.content();
    let output = around.scenario.cli(&["check", "--measure", "--format", "json"]).run();
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    let measured = json["measured"].as_array().unwrap();
    assert_eq!(measured.len(), 6);
    for cost in measured {
        if cost["index"] == "by_own" {
            assert!(cost["not_measured"]["because"].as_str().unwrap().contains("public.own()"), "{cost}");
        } else {
            let ms = |side: &str| cost["milliseconds"][side].as_f64().unwrap_or_else(|| panic!("{cost}"));
            assert!(ms("before") > 0.0 && ms("after") > 0.0, "{cost}");
        }
    }
    around.scenario.content().assert_same_as(&before, "measured");
    // Other tests have logins of the same kind at the same time: of those that are there now, none stays.
    let there = around.psql("SELECT string_agg(quote_literal(rolname), ',') FROM pg_roles WHERE rolname LIKE 'tenantize_probe%'");
    let there = if there.is_empty() { "''".to_owned() } else { there };
    let left = format!("SELECT count(*) FROM pg_roles WHERE rolname IN ({there})");
    let begun = std::time::Instant::now();
    while around.psql(&left) != "0" {
        assert!(begun.elapsed() < std::time::Duration::from_mins(1), "a login is left behind: {there}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

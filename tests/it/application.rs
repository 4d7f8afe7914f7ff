//! What the documentation tells application teams, done as it is written there.

mod page;
mod pooled;
mod programs;
mod recipe;

use std::fs;

use crate::support::{Scenario, cluster};
use page::{Block, Page};

/// The Diesel snippet, compiled as it stands in the documentation.
#[path = "../../docs/application/tenants.rs"]
#[expect(unreachable_pub, reason = "it is written for a crate of its own")]
mod tenants;

/// A small shop with three tenants, after a run, and the roles of the documentation.
struct Shop {
    scenario: Scenario,
    context: &'static str,
    acme: String,
    globex: String,
}

/// Roles that the blocks of the page make.
const MADE: [&str; 5] = ["login", "lookup", "jobs", "admin", "signer"];
/// What Supabase has in every database.
const AUTH: &str = "
    CREATE SCHEMA auth;
    CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (auth.jwt() ->> 'sub')::uuid $$;
";

impl Shop {
    fn new() -> Self {
        Self::of("setting", "--until=rls")
    }

    /// A shop whose policies learn the tenant from `context`, run as far as `until` says.
    fn of(context: &'static str, until: &str) -> Self {
        let scenario = Scenario::with("shop", if context == "supabase-jwt" { AUTH } else { "" });
        let mut shop = Self { scenario, context, acme: String::new(), globex: String::new() };
        shop.configure(|text| text.replace("[rls]\n", &format!("[rls]\ncontext = \"{context}\"\n")));
        if context == "membership" {
            shop.configure(|text| text + "\n[memberships]\ntable = \"public.memberships\"\nusers = \"public.users\"\n");
        }
        shop.scenario.db().psql(&shop.role("CREATE ROLE shop_app"));
        shop.scenario.tenantize(&["run", "--yes", until]);
        // known to the database of the test, which drops them
        let _made = MADE.map(|purpose| shop.scenario.db().role(purpose));
        // The trigger on orders writes there, with the rights of whoever fires it.
        shop.scenario.db().psql(&shop.role("GRANT INSERT ON journal_of_changes TO shop_app"));
        let key = |slug: &str| shop.scenario.db().psql(&format!("SELECT id FROM tenants WHERE slug = '{slug}'"));
        (shop.acme, shop.globex) = (key("acme"), key("globex"));
        shop
    }

    /// Changes `tenantize.toml`.
    fn configure(&self, change: impl FnOnce(String) -> String) {
        let file = self.scenario.file("tenantize.toml");
        fs::write(&file, change(fs::read_to_string(&file).unwrap())).unwrap();
    }

    /// A token for acme, in the context that wants one.
    fn token(&self) -> String {
        if self.context == "signed" {
            self.scenario.db().psql(&format!("SELECT tenancy.sign('{}', '1 hour')", self.acme))
        } else {
            String::new()
        }
    }

    /// Roles belong to the server, so each test has its own.
    fn role(&self, name: &str) -> String {
        name.replace("shop_", &format!("{}_", self.scenario.db().name()))
    }

    fn url(&self, actor: &str) -> String {
        let db = self.scenario.db();
        let login = match actor {
            "owner" => return db.url(),
            "application" => "shop_login",
            "jobs" => "shop_jobs",
            "admin" => "shop_admin",
            "signer" => "shop_signer",
            other => panic!("nobody is called {other}"),
        };
        db.url_as(&self.role(login))
    }

    /// Runs a block in a session of its own and returns what is different from what its comments say.
    fn differences(&self, block: &Block) -> Vec<String> {
        let statements = block.statements();
        let mut script = String::new();
        for statement in &statements {
            script.extend([&statement.text, "\n\\echo @@ :SQLSTATE :ROW_COUNT\n"]);
        }
        let names = [("acme", &self.acme), ("globex", &self.globex), ("token", &self.token())];
        let [acme, globex, token] = names.map(|(name, value)| format!("{name}={value}"));
        let url = self.url(block.actor());
        let arguments = ["-XAtq", "-d", &url, "-v", &acme, "-v", &globex, "-v", &token, "-v", "ON_ERROR_ROLLBACK=on"];
        let done = cluster().tool("psql", &arguments, &self.role(&script));
        let printed = String::from_utf8_lossy(&done.stdout);
        let ended: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("@@ ")).collect();
        assert_eq!(ended.len(), statements.len(), "{}{printed}{}", block.text, String::from_utf8_lossy(&done.stderr));
        let wrong = statements.iter().zip(ended).filter(|(statement, ended)| !statement.expects(ended));
        let said = String::from_utf8_lossy(&done.stderr);
        wrong.map(|(statement, ended)| format!("line {}: {}\n  ended with {ended}\n{said}", statement.line, statement.text)).collect()
    }

    /// Runs all blocks of the page for the shop's context, which make the roles and functions that it speaks of.
    fn follow(&self, page: &Page) {
        let version = cluster().version() / 10_000;
        let ours = page.sql().filter(|block| block.context() == self.context && block.since() <= version);
        let login = page.block_with("CREATE ROLE shop_login");
        let blocks: Vec<&Block> = if self.context == "setting" { ours.collect() } else { std::iter::once(login).chain(ours).collect() };
        self.do_blocks(&blocks);
    }

    fn do_blocks(&self, blocks: &[&Block]) {
        let made = MADE.iter().map(|purpose| format!("shop_{purpose}"));
        let made = made.filter(|role| blocks.iter().any(|block| block.text.contains(&format!("CREATE ROLE {role}"))));
        cluster().admin(&made.map(|role| format!("DROP ROLE {}", self.role(&role))).collect::<Vec<_>>()).unwrap();
        let wrong: Vec<String> = blocks.iter().flat_map(|block| self.differences(block)).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn every_block_of_the_page_does_what_it_says() {
    let page = Page::read();
    assert!(page.sql().count() > 25, "the search finds nothing");
    let shop = Shop::new();
    shop.follow(&page);
    let trusted = "trusted_roles = [\"shop_admin\", \"shop_lookup\"]";
    assert!(page.text.contains(trusted));
    shop.configure(|text| format!("{}\n{}", text.replace("[rls]\n", &format!("[rls]\n{}\n", shop.role(trusted))), page.shows_toml()));
    let verification = shop.scenario.cli(&["verify"]).run();
    assert!(verification.ok(), "{verification}");
}

#[test]
fn the_files_beside_the_page_are_the_ones_it_shows() {
    let page = Page::read();
    for name in ["tenants.rs", "tenants.py", "tenants.mjs"] {
        let file = page::beside(name);
        assert!(page.shows(name) == file, "docs/application.md does not show docs/application/{name} as it is");
    }
}

#[test]
fn the_page_holds_in_every_context() {
    let page = Page::read();
    for context in ["signed", "membership", "supabase-jwt"] {
        assert!(page.sql().any(|block| block.context() == context), "{context}");
        Shop::of(context, "--until=rls").follow(&page);
    }
}

#[test]
fn people_sign_in_before_and_after_the_fences_go_up() {
    let page = Page::read();
    let shop = Shop::of("setting", "--until=constraints");
    shop.do_blocks(&["CREATE ROLE shop_login", "CREATE ROLE shop_lookup"].map(|words| page.block_with(words)));
    let db = shop.scenario.db();
    db.psql(&shop.role("GRANT SELECT ON users TO shop_app"));
    let sign_in = || {
        let sql = "SELECT public.tenant_of_login('user1@example.com')";
        db.try_psql_as(&shop.role("shop_login"), sql).unwrap()
    };
    assert_eq!(sign_in(), shop.acme, "before");
    shop.scenario.tenantize(&["resume"]);
    assert_eq!(sign_in(), shop.acme, "after");
    let own = db.try_psql_as(&shop.role("shop_login"), "SELECT id FROM users WHERE email = 'user1@example.com'").unwrap();
    assert_eq!(own, "", "without the function nobody is found");
}

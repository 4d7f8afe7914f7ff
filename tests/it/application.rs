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
    acme: String,
    globex: String,
}

/// Roles that the blocks of the page make.
const MADE: [&str; 4] = ["login", "lookup", "jobs", "admin"];

impl Shop {
    fn new() -> Self {
        let scenario = Scenario::new("shop");
        scenario.run();
        // known to the database of the test, which drops them
        let _made = MADE.map(|purpose| scenario.db().role(purpose));
        // The trigger on orders writes there, with the rights of whoever fires it.
        scenario.db().psql(&format!("GRANT INSERT ON journal_of_changes TO {}_app", scenario.db().name()));
        let key = |slug: &str| scenario.db().psql(&format!("SELECT id FROM tenants WHERE slug = '{slug}'"));
        let (acme, globex) = (key("acme"), key("globex"));
        Self { scenario, acme, globex }
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
        let (acme, globex) = (format!("acme={}", self.acme), format!("globex={}", self.globex));
        let url = self.url(block.actor());
        let arguments = ["-XAtq", "-d", &url, "-v", &acme, "-v", &globex, "-v", "ON_ERROR_ROLLBACK=on"];
        let done = cluster().tool("psql", &arguments, &self.role(&script));
        let printed = String::from_utf8_lossy(&done.stdout);
        let ended: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("@@ ")).collect();
        assert_eq!(ended.len(), statements.len(), "{}{printed}{}", block.text, String::from_utf8_lossy(&done.stderr));
        let wrong = statements.iter().zip(ended).filter(|(statement, ended)| !statement.expects(ended));
        let said = String::from_utf8_lossy(&done.stderr);
        wrong.map(|(statement, ended)| format!("line {}: {}\n  ended with {ended}\n{said}", statement.line, statement.text)).collect()
    }

    /// Adds to `tenantize.toml`.
    fn declare(&self, more: &str) {
        let file = self.scenario.file("tenantize.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}\n{more}")).unwrap();
    }

    /// Runs all blocks of the page, which make the roles and functions that it speaks of.
    fn follow(&self, page: &Page) {
        cluster().admin(&MADE.map(|purpose| format!("DROP ROLE {}", self.role(&format!("shop_{purpose}"))))).unwrap();
        let version = cluster().version() / 10_000;
        let blocks = page.sql().filter(|block| block.since() <= version);
        let wrong: Vec<String> = blocks.flat_map(|block| self.differences(block)).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn every_block_of_the_page_does_what_it_says() {
    let page = Page::read();
    assert!(page.sql().count() > 25, "the search finds nothing");
    let shop = Shop::new();
    shop.follow(&page);
    shop.declare(page.shows_toml());
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

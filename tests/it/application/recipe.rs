//! A table that came later: with all of the recipe `verify` stays green, and it tells of each part that is left out.

use std::collections::BTreeSet;

use super::{Page, Shop};
use crate::support::cluster;

/// How a part of the recipe is left out.
enum Cut {
    /// The statement that begins so.
    Statement(&'static str),
    /// The text, with what stands in its place.
    Text(&'static str, &'static str),
}
use Cut::{Statement, Text};

/// Parts of the recipe by the name they have on the page.
const PARTS: [(&str, Cut); 14] = [
    ("`NOT NULL` of the tenant column", Text("tenant_id uuid NOT NULL DEFAULT", "tenant_id uuid DEFAULT")),
    ("its `DEFAULT`", Text("uuid NOT NULL DEFAULT tenancy.current_tenant_id()", "uuid NOT NULL")),
    ("its `REFERENCES tenants`", Text("REFERENCES tenants ON DELETE RESTRICT", "")),
    ("the tenant in the foreign key", Text("(tenant_id, order_id) REFERENCES orders (tenant_id, id)", "(order_id) REFERENCES orders (id)")),
    ("`ENABLE ROW LEVEL SECURITY`", Statement("ALTER TABLE invoices ENABLE")),
    ("`FORCE ROW LEVEL SECURITY`", Statement("ALTER TABLE invoices FORCE")),
    ("`tenancy_fence`", Statement("CREATE POLICY tenancy_fence ON invoices")),
    ("`tenancy_allow`", Statement("CREATE POLICY tenancy_allow ON invoices")),
    ("the list of rights (`GRANT ALL`)", Text("SELECT, INSERT, UPDATE, DELETE ON invoices", "ALL ON invoices")),
    ("`GRANT`", Statement("GRANT SELECT, INSERT, UPDATE, DELETE ON invoices")),
    ("`ENABLE` on a partition", Statement("ALTER TABLE visits_2027 ENABLE")),
    ("`FORCE` on a partition", Statement("ALTER TABLE visits_2027 FORCE")),
    ("`tenancy_fence` on a partition", Statement("CREATE POLICY tenancy_fence ON visits_2027")),
    ("`security_invoker` of a view", Text("WITH (security_invoker = true)", "")),
];

/// Rows of both tenants, so that there is something to steal.
const ROWS: &str = "
    INSERT INTO invoices (tenant_id, order_id, number) SELECT tenant_id, id, number FROM orders;
    INSERT INTO visits (tenant_id, at, page) SELECT tenant_id, '2027-01-02', number FROM orders";
const FORGET: &str = "DROP TABLE IF EXISTS invoices, visits CASCADE; DROP SEQUENCE IF EXISTS reminder_numbers";

/// Makes the tables of the recipe, all of it but one part.
fn follow_without(shop: &Shop, page: &Page, part: Option<&Cut>) {
    let (mut script, mut cuts) = (String::new(), 0);
    let blocks = ["CREATE TABLE invoices", "CREATE TABLE visits", "CREATE VIEW due"].map(|words| page.block_with(words));
    for block in blocks.into_iter().filter(|block| block.since() <= cluster().version() / 10_000) {
        for statement in block.statements() {
            let text = match part {
                Some(Statement(start)) if statement.text.starts_with(start) => String::new(),
                Some(Text(from, to)) if cuts == 0 => statement.text.replace(from, to),
                _ => statement.text.clone(),
            };
            cuts += usize::from(text != statement.text);
            script.extend([&text, "\n"]);
        }
    }
    assert_eq!(cuts, usize::from(part.is_some()), "{script}");
    shop.scenario.db().psql(&shop.role(&format!("{FORGET};{script}{ROWS}")));
}

/// Asks `verify`; returns the codes of checks and the classes of attacks that found something, and its whole answer.
fn found(shop: &Shop) -> (BTreeSet<String>, String) {
    let out = shop.scenario.cli(&["verify", "--format", "json"]).run();
    let answer: serde_json::Value = serde_json::from_str(&out.stdout).unwrap_or_else(|_| panic!("{out}"));
    let found = |layer: &str, name: &str| {
        let results = answer["verification"][layer].as_array().unwrap().iter();
        let bad = results.filter(|result| matches!(result["verdict"].as_str().unwrap(), "FAIL" | "LEAK"));
        bad.map(|result| result[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = [found("checks", "id"), found("attacks", "class")].concat();
    (all.into_iter().collect(), out.stderr)
}

/// The rows of the page's last table: the part, and what finds that it is missing.
fn promised(page: &Page) -> Vec<(String, BTreeSet<String>)> {
    let (_, table) = page.text.split_once("| left out | found by |\n").expect("the page has the table");
    let rows = table.lines().skip(1).map_while(|line| line.strip_prefix("| ")?.split_once(" | "));
    let names = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_name(word)).map(str::to_owned).collect();
    rows.map(|(part, finders)| (part.to_owned(), names(finders))).collect()
}

/// A code of a check, or a class of attacks.
fn is_name(word: &str) -> bool {
    let code = word.strip_prefix('T').is_some_and(|digits| digits.len() == 3 && digits.chars().all(|c| c.is_ascii_digit()));
    code || ["control", "select", "insert", "update", "delete", "context", "ddl"].contains(&word)
}

#[test]
fn verify_tells_of_each_part_of_the_recipe_that_is_left_out() {
    let page = Page::read();
    let shop = Shop::new();
    let promised = promised(&page);
    assert_eq!(promised.len(), PARTS.len(), "{promised:?}");
    // what is told of the shop itself is told without these tables too
    let (before, _) = found(&shop);
    follow_without(&shop, &page, None);
    let (all, said) = found(&shop);
    assert_eq!(all, before, "{said}");
    let mut wrong = Vec::new();
    for (part, finders) in promised {
        let (_, cut) = PARTS.iter().find(|(name, _)| *name == part).unwrap_or_else(|| panic!("no part is called {part}"));
        if part.contains("view") && cluster().version() < 150_000 {
            continue;
        }
        follow_without(&shop, &page, Some(cut));
        let found: BTreeSet<String> = found(&shop).0.difference(&before).cloned().collect();
        // what finds it is told, all of it if the page says that nothing does
        if !found.is_superset(&finders) || finders.is_empty() != found.is_empty() {
            wrong.push(format!("{part}: the page says {finders:?}, verify {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! Every check of the catalogue has a page in `docs/findings`, and its examples are true: what is to be found is found, the nearest
//! harmless relative is not. All of it happens in transactions that are rolled back.
//!
//! After an intended change of the catalogue: `UPDATE_DOCS=1 cargo test --test it pages::`, then look at `git diff`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tenantize::catalog::Catalog;
use tenantize::check::{Check, Kind, Severity, Verdict, When, catalogue, compare, data_checks, promises, run, some};
use tenantize::phase::Phase;
use tenantize::sql::Ident;

use crate::support::cluster;
use crate::verify::scene::Scene;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings");
/// Checks that find something in the scene as it is, none of them an error.
const FIND_SOMETHING: &[&str] = &["T512"];
/// No statement makes a server older, T806 is asked of invalid indexes alone, and plans are made by a session of the application:
/// `verify::statements` tries these.
const ELSEWHERE: &[&str] = &["T704", "T806", "T901", "T902"];

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}.md")
}

fn read(name: &str) -> Result<String, String> {
    fs::read_to_string(path(name)).map_err(|error| format!("docs/findings/{name}.md: {error}"))
}

fn updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

fn when(kind: &Kind) -> &'static str {
    match kind.when {
        When::Before => "before a run",
        When::Run => "during a run",
        When::After => "after a run",
        When::Always => "always",
    }
}

/// What the catalogue says of a check, as the head of its page.
fn head(kind: &Kind) -> String {
    format!(
        "# {}: {}\n\n{:?}, {}.\n\n**If it does not hold:** {}\n\n**What to do:** {}\n\n",
        kind.id,
        kind.claim,
        kind.severity,
        when(kind),
        kind.effect,
        kind.remedy
    )
}

/// A page without its head: what people wrote.
fn body(page: &str) -> &str {
    let remedy = page.split_once("\n**What to do:**").map(|(_, rest)| rest);
    remedy.and_then(|rest| rest.split_once("\n\n")).map_or(page, |(_, body)| body.trim_start_matches('\n'))
}

fn families() -> Vec<(char, &'static str)> {
    vec![
        ('1', "row-level security"),
        ('2', "what the policies say"),
        ('3', "functions"),
        ('4', "views, rules, foreign tables, triggers"),
        ('5', "columns, keys, indexes"),
        ('6', "roles and rights"),
        ('7', "the server and what surrounds it"),
        ('8', "the rows"),
        ('9', "the queries of the application"),
    ]
}

fn of_family(family: char) -> impl Iterator<Item = &'static Kind> {
    catalogue().filter(move |kind| kind.id[1..].starts_with(family))
}

/// The tables of all checks, as the index shows them.
fn index() -> String {
    let mut text = String::from(
        "## Checks\n\nWhat `tenantize verify` and the end of each phase ask; what it means is told in [verify.md](../verify.md). Each must hold. \
         The examples on the pages are run by a test.\n",
    );
    for (family, name) in families() {
        if of_family(family).next().is_none() {
            continue;
        }
        let _ = writeln!(text, "\n### T{family}: {name}\n\n| code | severity | when | must hold |\n| --- | --- | --- | --- |");
        for kind in of_family(family) {
            let severity = format!("{:?}", kind.severity).to_lowercase();
            let _ = writeln!(text, "| [{0}]({0}.md) | {severity} | {1} | {2} |", kind.id, when(kind), kind.claim.replace('|', "\\|"));
        }
    }
    text
}

#[test]
fn every_check_has_a_page_that_says_what_the_catalogue_says() {
    let mut wrong = Vec::new();
    for kind in catalogue() {
        match read(kind.id) {
            Err(missing) => wrong.push(missing),
            Ok(page) if page.starts_with(&head(kind)) => {}
            Ok(page) if updating() => fs::write(path(kind.id), head(kind) + body(&page)).unwrap(),
            Ok(_) => wrong.push(format!("{}: the head of the page is not what the catalogue says", kind.id)),
        }
    }
    let known: BTreeSet<&str> = catalogue().map(|kind| kind.id).collect();
    let names = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    wrong.extend(names.filter_map(|name| {
        let code = name.strip_suffix(".md")?;
        let stray = code.starts_with('T') && !code.starts_with("T0") && !known.contains(code);
        stray.then(|| format!("docs/findings/{name}: no check has this code"))
    }));
    assert!(wrong.is_empty(), "write the heads again with UPDATE_DOCS=1:\n{}", wrong.join("\n"));
}

#[test]
fn the_index_lists_every_check() {
    let page = read("README").unwrap();
    let findings = page.split("## Checks\n").next().unwrap().trim_end();
    let whole = format!("{findings}\n\n{}", index());
    if updating() {
        fs::write(path("README"), &whole).unwrap();
    }
    assert!(read("README").unwrap() == whole, "docs/findings/README.md does not list what there is; write it again with UPDATE_DOCS=1");
}

/// An SQL block of a page.
struct Example {
    found: bool,
    nr: usize,
    /// The words behind `sql`: `version>=15`, `version<15`, `scene=before`.
    terms: Vec<String>,
    sql: String,
}

impl Example {
    fn name(&self) -> String {
        format!("{} {}", if self.found { "Found" } else { "Not found" }, self.nr)
    }

    fn fits(&self, version: i32) -> Result<bool, String> {
        let number = |text: &str| text.parse::<i32>().map_err(|_| format!("`{text}` is no version"));
        for term in &self.terms {
            let fits = match term.strip_prefix("version") {
                None if term == "scene=before" => true,
                None => return Err(format!("`{term}` means nothing here")),
                Some(rest) if rest.starts_with(">=") => version >= number(&rest[2..])?,
                Some(rest) if rest.starts_with('<') => version < number(&rest[1..])?,
                Some(rest) => return Err(format!("`version{rest}` means nothing here")),
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The SQL blocks below `## Found` and `## Not found`.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let (mut found, mut open) = (None, false);
    for line in page.lines() {
        if open && line == "```" {
            open = false;
        } else if open {
            let example = examples.last_mut().unwrap();
            example.sql.push_str(line);
            example.sql.push('\n');
        } else if let Some(title) = line.strip_prefix("## ") {
            found = [("Found", true), ("Not found", false)].into_iter().find(|(name, _)| title == *name).map(|(_, found)| found);
        } else if let (Some(found), Some(terms)) = (found, line.strip_prefix("```sql")) {
            let nr = 1 + examples.iter().filter(|example| example.found == found).count();
            let terms = terms.split_whitespace().map(str::to_owned).collect();
            examples.push(Example { found, nr, terms, sql: String::new() });
            open = true;
        }
    }
    examples
}

/// Both scenes, and what a check says of them.
struct Stage {
    after: Scene,
    before: Scene,
}

impl Stage {
    fn scene(&self, kind: &Kind, example: Option<&Example>) -> &Scene {
        let before = example.is_some_and(|example| example.terms.iter().any(|term| term == "scene=before"));
        if before || kind.when == When::Before { &self.before } else { &self.after }
    }
}

fn checks(conn: &mut PgConnection, scene: &Scene, kind: &Kind) -> Vec<Check> {
    let subject = scene.subject();
    let catalog = some(&subject, &[kind.id]);
    if !catalog.is_empty() {
        return catalog;
    }
    let asked = |checks: Vec<Check>| checks.into_iter().filter(|check| check.id == kind.id).collect::<Vec<_>>();
    let rows = asked(data_checks(&subject, Some(&scene.plan), &catalog_of(conn)));
    if !rows.is_empty() {
        return rows;
    }
    Phase::ALL.into_iter().map(|phase| asked(promises(&scene.plan, phase))).find(|checks| !checks.is_empty()).unwrap_or_default()
}

fn catalog_of(conn: &mut PgConnection) -> Catalog {
    Catalog::read(conn, &[Ident::new("public").unwrap()]).unwrap()
}

/// What a check finds; an error of the server is none.
fn ask(conn: &mut PgConnection, scene: &Scene, kind: &Kind) -> Result<BTreeSet<String>, String> {
    if kind.id == "T805" {
        let catalog = catalog_of(conn);
        let compared = compare(conn, &scene.plan, &catalog, &mut |_| {}).map_err(|error| error.to_string())?;
        let differ = compared.into_iter().filter(|comparison| comparison.verdict != Verdict::Pass);
        return Ok(differ.map(|comparison| format!("{}: {}", comparison.table, comparison.detail)).collect());
    }
    let checks = checks(conn, scene, kind);
    if checks.is_empty() {
        return Err("nothing asks it".into());
    }
    let judged: Vec<Verdict> = checks.iter().map(|check| check.rows_mean).collect();
    let mut found = BTreeSet::new();
    for (result, rows_mean) in run(conn, &checks, &mut |_| {}).map_err(|error| error.to_string())?.into_iter().zip(judged) {
        if result.verdict != Verdict::Pass && (result.verdict != rows_mean || result.found == 0) {
            return Err(format!("the server refuses it: {:?}", result.evidence));
        }
        found.extend(result.evidence.iter().map(|row| format!("{}: {}", row.object, row.detail)));
    }
    Ok(found)
}

/// Runs `sql` as a person with every right would, asks, and undoes everything.
fn ask_after(conn: &mut PgConnection, scene: &Scene, kind: &Kind, sql: &str) -> Result<BTreeSet<String>, String> {
    let sql = sql.replace("\"app\"", &format!("\"{}\"", scene.app));
    conn.batch_execute("BEGIN; SET LOCAL search_path = public").unwrap();
    let made = if sql.is_empty() { Ok(()) } else { conn.batch_execute(&sql) };
    let made = made.map_err(|error| format!("the example does not run: {error}"));
    let found = made.and_then(|()| {
        conn.batch_execute("SET LOCAL search_path = pg_catalog, pg_temp").map_err(|error| error.to_string())?;
        ask(conn, scene, kind)
    });
    conn.batch_execute("ROLLBACK").unwrap();
    found
}

fn problems(stage: &Stage, kind: &Kind, page: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let scene = stage.scene(kind, None);
    let untouched = ask_after(&mut scene.connect(), scene, kind, "");
    match &untouched {
        Err(refused) => problems.push(format!("untouched: {refused}")),
        Ok(found) if found.is_empty() => {}
        Ok(found) if kind.severity == Severity::Error || !FIND_SOMETHING.contains(&kind.id) => {
            problems.push(format!("it finds something in the untouched scene: {found:?}"));
        }
        Ok(_) => {}
    }
    let examples = examples(page);
    for found in [true, false] {
        if !examples.iter().any(|example| example.found == found) {
            problems.push(format!("no SQL block below `## {}`", if found { "Found" } else { "Not found" }));
        }
    }
    for example in examples {
        match example.fits(cluster().version() / 10_000) {
            Ok(true) => problems.extend(problem(stage.scene(kind, Some(&example)), kind, &example)),
            Ok(false) => {}
            Err(term) => problems.push(format!("{}: {term}", example.name())),
        }
    }
    problems
}

fn problem(scene: &Scene, kind: &Kind, example: &Example) -> Option<String> {
    let mut conn = scene.connect();
    let before = ask_after(&mut conn, scene, kind, "").unwrap_or_default();
    match (example.found, ask_after(&mut conn, scene, kind, &example.sql)) {
        (_, Err(refused)) => Some(format!("{}: {refused}", example.name())),
        (true, Ok(now)) if now.is_subset(&before) => Some(format!("{}: it finds nothing", example.name())),
        (false, Ok(now)) if !now.is_subset(&before) => {
            Some(format!("{}: it finds {:?}", example.name(), now.difference(&before).collect::<Vec<_>>()))
        }
        _ => None,
    }
}

/// Everything that is wrong with the examples of a family, at once.
fn assert_family(family: char) {
    let stage = Stage { after: Scene::new(), before: Scene::before() };
    let mut wrong = Vec::new();
    for kind in of_family(family).filter(|kind| !ELSEWHERE.contains(&kind.id)) {
        let found = read(kind.id).map_or_else(|missing| vec![missing], |page| problems(&stage, kind, &page));
        wrong.extend(found.into_iter().map(|problem| format!("{}: {problem}", kind.id)));
    }
    assert!(wrong.is_empty(), "{} problems\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn examples_of_row_security() {
    assert_family('1');
}

#[test]
fn examples_of_policies() {
    assert_family('2');
}

#[test]
fn examples_of_functions() {
    assert_family('3');
}

#[test]
fn examples_of_views() {
    assert_family('4');
}

#[test]
fn examples_of_keys() {
    assert_family('5');
}

#[test]
fn examples_of_rights() {
    assert_family('6');
}

#[test]
fn examples_of_the_server() {
    assert_family('7');
}

#[test]
fn examples_of_rows() {
    assert_family('8');
}

#[test]
fn examples_of_queries() {
    assert_family('9');
}

#[test]
fn a_page_is_read_as_its_people_wrote_it() {
    let page = "# T1: x\n\nError, always.\n\n**If it does not hold:** a\n\n**What to do:** b\n\nProse.\n\n## Found\n\n```sql version>=15\nA;\nB;\n```\n\n```sql\nC;\n```\n\n## Not found\n\n```sql scene=before\nD;\n```\n";
    assert!(body(page).starts_with("Prose.\n"));
    let read: Vec<(String, String)> = examples(page).iter().map(|example| (example.name(), example.sql.clone())).collect();
    let expected = [("Found 1", "A;\nB;\n"), ("Found 2", "C;\n"), ("Not found 1", "D;\n")];
    assert_eq!(read, expected.map(|(name, sql)| (name.to_owned(), sql.to_owned())));
    let first = &examples(page)[0];
    assert_eq!((first.fits(14), first.fits(15)), (Ok(false), Ok(true)));
    assert!(Example { terms: vec!["versoin>=15".into()], ..examples(page).remove(0) }.fits(15).is_err());
}

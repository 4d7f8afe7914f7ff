//! The house rules that can be read from the source.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Cli, TestDb};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A source file without its tests.
struct Source {
    path: String,
    whole: String,
    code: String,
}

/// All files of a kind below a folder, in order.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let below = |path: PathBuf| if path.is_dir() { files(&path, extension) } else { vec![path] };
    entries.into_iter().flat_map(below).filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn sources() -> Vec<Source> {
    let read = |path: PathBuf| {
        let whole = fs::read_to_string(&path).unwrap();
        let (code, helpers) = without_tests(&whole);
        let folder =
            if path.ends_with("mod.rs") || path.ends_with("lib.rs") { path.parent().unwrap().to_owned() } else { path.with_extension("") };
        let helpers: Vec<PathBuf> = helpers.iter().map(|name| folder.join(format!("{name}.rs"))).collect();
        (Source { path: path.strip_prefix(ROOT).unwrap().display().to_string(), whole, code }, helpers)
    };
    let (mut sources, helpers): (Vec<Source>, Vec<Vec<PathBuf>>) = files(&Path::new(ROOT).join("src"), "rs").into_iter().map(read).unzip();
    assert!(sources.len() > 80, "the search finds nothing");
    for source in &mut sources {
        if helpers.iter().flatten().any(|path| path.ends_with(&source.path)) {
            source.code.clear();
        }
    }
    sources
}

/// The text with each item under `#[cfg(test)]` as empty lines, and the names of modules that are tests as a whole.
fn without_tests(text: &str) -> (String, Vec<String>) {
    let (mut code, mut modules, mut indent) = (String::new(), Vec::new(), None);
    for line in text.lines() {
        let (spaces, words) = line.split_at(line.len() - line.trim_start().len());
        match indent {
            None if words == "#[cfg(test)]" => indent = Some(spaces),
            None => code.push_str(line),
            Some(outer) if spaces == outer && words.ends_with(';') => {
                modules.extend(words.strip_prefix("mod ").map(|name| name.trim_end_matches(';').to_owned()));
                indent = None;
            }
            Some(outer) if spaces == outer && words == "}" => indent = None,
            Some(_) => {}
        }
        code.push('\n');
    }
    (code, modules)
}

/// The lines of code, without comments, of files that are not tests.
fn code_lines(sources: &[Source]) -> impl Iterator<Item = (&str, usize, &str)> {
    sources
        .iter()
        .flat_map(|source| source.code.lines().zip(1..).map(|(line, number)| (source.path.as_str(), number, line)))
        .filter(|(_, _, line)| !line.trim_start().starts_with("//"))
}

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn what_plans_never_sees_a_connection() {
    let pure = |path: &str| {
        let folder = ["src/plan", "src/phase", "src/sql/", "src/config", "src/rule/propose"].iter().any(|folder| path.starts_with(folder));
        let file = ["src/catalog/model.rs", "src/catalog/graph.rs", "src/rule/resolve.rs", "src/rule/tenants.rs"].contains(&path);
        (folder || file) && path != "src/sql/statement.rs"
    };
    let sources = sources();
    let found: Vec<String> = sources
        .iter()
        .filter(|source| pure(&source.path) && source.whole.contains("PgConnection"))
        .map(|source| source.path.clone())
        .collect();
    assert_none("these files decide and must not act", &found);
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source.whole.lines().count(), &source.path))
        .filter(|(lines, _)| *lines > 400)
        .map(|(lines, path)| format!("{path}: {lines}"))
        .collect();
    assert_none("split these files by noun", &long);
}

#[test]
fn nothing_panics_or_forgets_outside_of_tests() {
    let sources = sources();
    let found: Vec<String> = code_lines(&sources)
        .filter(|(_, _, line)| {
            [".unwrap()", "HashMap", "HashSet", "todo!(", "unimplemented!(", "unreachable!(", "panic!(", "println!(", "dbg!("]
                .iter()
                .any(|word| line.contains(word))
        })
        .map(|(path, number, line)| format!("{path}:{number}: {}", line.trim()))
        .collect();
    assert_none("these lines belong into a test, or nowhere", &found);
}

#[test]
fn sql_is_composed_where_it_is_quoted() {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ALTER ", "DROP ", "SET ", "GRANT ", "REVOKE ", "COPY ", "VACUUM "];
    let sources = sources();
    let lines: Vec<(&str, usize, &str)> = code_lines(&sources).filter(|(path, _, _)| !path.starts_with("src/sql/")).collect();
    let starts = |text: &str| verbs.iter().any(|verb| text.starts_with(verb));
    let found: Vec<String> = lines
        .iter()
        .zip(lines.iter().skip(1))
        .filter(|((_, _, line), (_, _, next))| {
            let same = line.split_once("format!(\"").is_some_and(|(_, text)| starts(text));
            same || (line.ends_with("format!(") && next.trim_start().strip_prefix('"').is_some_and(starts))
        })
        .map(|((path, number, line), _)| format!("{path}:{number}: {}", line.trim()))
        .collect();
    assert_none("move these statements into src/sql", &found);
}

#[test]
fn nobody_but_main_ends_the_process() {
    let sources = sources();
    let found: Vec<String> = code_lines(&sources)
        .filter(|(_, _, line)| line.contains("process::exit"))
        .map(|(path, number, _)| format!("{path}:{number}"))
        .collect();
    assert_none("return an error instead", &found);
}

#[test]
fn tests_are_told_from_code() {
    let text = "use a;\n#[cfg(test)]\nmod helpers;\n#[cfg(test)]\nfn f() {\n    x.unwrap();\n}\ncode();\n#[cfg(test)]\nmod tests {\n    y.unwrap();\n}\n";
    let (code, modules) = without_tests(text);
    assert_eq!(code.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>(), ["use a;", "code();"]);
    assert_eq!(modules, ["helpers"]);
}

/// A plan of the playground, made by the built program as often as asked.
#[test]
fn the_same_input_gives_the_same_plan() {
    let example = Path::new(ROOT).join("examples/cin7-playground");
    let before = fs::read_to_string(example.join("before.sql")).unwrap();
    let seed = "SET tenantize.scale = '0.001';\n".to_owned() + &fs::read_to_string(example.join("seed.sql")).unwrap();
    let db = TestDb::new(&format!("{before}\n{seed}"));
    let dir = tempfile::TempDir::new().unwrap();
    copy(&example, dir.path());
    let owners = fs::read_to_string(example.join("owners.sql")).unwrap();
    let owners = db.psql(&format!("SELECT o.id || ',' || o.tenant FROM ({}) AS o", owners.trim().trim_end_matches(';')));
    fs::write(dir.path().join("owners.csv"), format!("id,tenant\n{owners}\n")).unwrap();
    let plan = || {
        let output = Cli::new().args(["plan", "--format", "json", "--database-url", &db.url()]).dir(dir.path()).run();
        assert!(output.ok(), "{output}");
        output.stdout
    };
    let (first, second) = (plan(), plan());
    assert!(first == second, "two plans of one database differ");
    let id = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(id(&first).len(), 64, "a SHA-256");
    assert_eq!(id(&first), id(&second));
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

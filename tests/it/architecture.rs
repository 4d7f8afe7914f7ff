//! The house rules that can be read from the source.

use std::fs;
use std::path::{Path, PathBuf};

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
        let code = whole.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
        Source { path: path.strip_prefix(ROOT).unwrap().display().to_string(), whole, code }
    };
    let sources: Vec<Source> = files(&Path::new(ROOT).join("src"), "rs").into_iter().map(read).collect();
    assert!(sources.len() > 80, "the search finds nothing");
    sources
}

/// The lines of code, without comments, of files that are not tests.
fn code_lines(sources: &[Source]) -> impl Iterator<Item = (&str, usize, &str)> {
    let code = sources.iter().filter(|source| !source.path.ends_with("/tests.rs") && !source.path.contains("/tests/"));
    code.flat_map(|source| source.code.lines().zip(1..).map(|(line, number)| (source.path.as_str(), number, line)))
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
    let found: Vec<String> = code_lines(&sources)
        .filter(|(path, _, _)| !path.starts_with("src/sql/"))
        .filter(|(_, _, line)| {
            let text = line.split_once("format!(\"").map(|(_, text)| text);
            text.is_some_and(|text| verbs.iter().any(|verb| text.starts_with(verb)))
        })
        .map(|(path, number, line)| format!("{path}:{number}: {}", line.trim()))
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

//! pgTAP for a test database.

use std::fs;
use std::path::PathBuf;

use super::TestDb;

/// Where packages put the files of extensions.
const PLACES: [&str; 6] = [
    "/usr/share/postgresql/*/extension",
    "/usr/pgsql-*/share/extension",
    "/usr/share/pgsql/extension",
    "/usr/local/share/postgresql*/extension",
    "/opt/homebrew/share/postgresql@*/extension",
    "/usr/local/pgsql*/share/extension",
];

/// Puts pgTAP into the schema `tap`, for `role` to use. It is plain SQL: a server without it is given the files of another.
///
/// Without pgTAP on the machine the test fails with the message what to install; it is never skipped.
pub(crate) fn install_pgtap(db: &TestDb, role: &str) {
    db.psql(&format!("CREATE SCHEMA tap; GRANT USAGE ON SCHEMA tap TO {role}"));
    if db.try_psql("CREATE EXTENSION pgtap SCHEMA tap").is_err() {
        let file = script().unwrap_or_else(|| {
            panic!("pgTAP is missing: run scripts/setup, or install it (Debian: postgresql-15-pgtap, of your server's version; others: https://pgtap.org)")
        });
        db.psql(&format!("SET search_path = tap;\n{}", fs::read_to_string(file).unwrap()));
    }
}

/// The newest complete script, such as `pgtap--1.2.0.sql`; those with two versions only lead from one to the other.
fn script() -> Option<PathBuf> {
    let folders = PLACES.iter().flat_map(|place| expand(place));
    let files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().map(|entry| entry.path());
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    files
        .filter(|path| {
            name(path).starts_with("pgtap--") && path.extension().is_some_and(|end| end == "sql") && name(path).matches("--").count() == 1
        })
        .max_by_key(name)
}

/// The folders that a path with one `*` stands for.
fn expand(place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once('*') else { return vec![place.into()] };
    let (folder, start) = before.rsplit_once('/').unwrap();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(start)).map(|name| PathBuf::from(format!("{folder}/{name}{after}"))).collect()
}

//! Ways to break isolation on purpose: what `verify --self-test` does to a copy of the database.
//!
//! A mutant is text with names in braces, which are filled with quoted names of the database. A mutant whose names the
//! database does not have cannot be made there.

mod function;
mod key;
mod policy;
mod right;
mod row_security;
mod view;

use std::collections::BTreeMap;

use super::{Ident, KeyType, QualifiedName, Statement, TenantKey, Text};

/// One way to break isolation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// Its stable name.
    pub name: &'static str,
    /// The mistake that it stands for.
    pub simulates: &'static str,
    sql: &'static str,
}

/// The mutants of one family: name, what it simulates, the script.
macro_rules! mutants {
    ($($name:literal $simulates:literal $sql:literal;)*) => {
        pub(super) static MUTANTS: &[super::Mutant] = &[$(super::Mutant { name: $name, simulates: $simulates, sql: $sql }),*];
    };
}
use mutants;

/// Every mutant, in the order in which they are tried.
pub fn catalogue() -> impl Iterator<Item = &'static Mutant> {
    let families = [row_security::MUTANTS, policy::MUTANTS, function::MUTANTS, view::MUTANTS, key::MUTANTS, right::MUTANTS];
    families.into_iter().flatten()
}

/// What the names in braces stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// A name without schema.
    pub fn ident(&mut self, name: &str, ident: &Ident) {
        self.put(name, ident.to_string());
    }

    /// Several names without schema, with commas.
    pub fn idents(&mut self, name: &str, idents: &[Ident]) {
        self.put(name, super::source::list(idents));
    }

    /// A relation or function; `{name_text}` is its quoted name as a text constant.
    pub fn relation(&mut self, name: &str, relation: &QualifiedName) {
        self.put(&format!("{name}_text"), Text(&relation.to_string()).to_string());
        self.put(name, relation.to_string());
    }

    /// The key of a tenant; `{name_text}` is the same as a text constant.
    pub fn tenant(&mut self, name: &str, key: &TenantKey) {
        self.put(&format!("{name}_text"), Text(key.plain()).to_string());
        self.put(name, key.to_string());
    }

    /// The type of the tenant column.
    pub fn key_type(&mut self, name: &str, ty: KeyType) {
        self.put(name, ty.to_string());
    }

    /// A setting of the session, such as `app.tenant_id`; `{name_text}` is its name as a text constant.
    pub fn setting(&mut self, name: &str, setting: &str) {
        let parts: Vec<String> = setting.split('.').filter_map(|part| Ident::new(part).ok()).map(|part| part.to_string()).collect();
        self.put(&format!("{name}_text"), Text(setting).to_string());
        self.put(name, parts.join("."));
    }

    /// An expression as PostgreSQL itself has written it.
    pub fn expression(&mut self, name: &str, written: &str) {
        self.put(name, written.to_owned());
    }

    fn put(&mut self, name: &str, text: String) {
        self.0.insert(name.to_owned(), text);
    }
}

impl Mutant {
    /// The script that breaks the copy; the name that is missing where the database has nothing of the kind.
    pub fn script(&self, names: &Names) -> Result<Statement, &'static str> {
        let mut sql = String::new();
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => sql.push_str(text),
                Piece::Name(name) => sql.push_str(names.0.get(name).ok_or(name)?),
            }
        }
        Ok(Statement::new(sql))
    }

    /// The names in braces.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.pieces().into_iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name),
            Piece::Text(_) => None,
        })
    }

    fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = self.sql;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            pieces.extend([Piece::Text(text), Piece::Name(name)]);
            rest = after;
        }
        pieces.push(Piece::Text(rest));
        pieces
    }
}

enum Piece {
    Text(&'static str),
    Name(&'static str),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_say_what_they_simulate() {
        let all: Vec<&Mutant> = catalogue().collect();
        let names: BTreeSet<&str> = all.iter().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() >= 80, "{}", all.len());
        for mutant in all {
            assert!(mutant.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", mutant.name);
            assert!(!mutant.simulates.ends_with('.') && mutant.simulates.len() > 10, "{}", mutant.name);
        }
    }

    #[test]
    fn a_hostile_name_stays_a_name_and_a_missing_one_is_told() {
        let mutant = Mutant { name: "x", simulates: "y", sql: "ALTER TABLE {table} OWNER TO {app}; SELECT {table_text}" };
        let mut names = Names::default();
        names.relation("table", &r#"public."o'""; drop""#.parse().unwrap());
        assert_eq!(mutant.script(&names), Err("app"));
        names.ident("app", &Ident::new("a").unwrap());
        let script = mutant.script(&names).unwrap();
        insta::assert_snapshot!(script.text(), @r#"ALTER TABLE "public"."o'""; drop" OWNER TO "a"; SELECT '"public"."o''""; drop"'"#);
    }
}

//! What the text of a function or statement says, as far as its words tell. Nothing here runs it.

use super::QualifiedName;

/// A statement as words: names in lower case unless they were quoted, marks one by one; without comments.
///
/// Quotes of texts are left out and their contents kept: a statement may be composed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Splits a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut words = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (word, after) = if let Some(comment) = rest.strip_prefix("--") {
                (None, comment.split_once('\n').map_or("", |(_, after)| after))
            } else if let Some(comment) = rest.strip_prefix("/*") {
                (None, comment.split_once("*/").map_or("", |(_, after)| after))
            } else if let Some(quoted) = rest.strip_prefix('"') {
                name(quoted)
            } else if is_word(first) {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                (Some(rest[..end].to_lowercase()), &rest[end..])
            } else {
                let mark = (!first.is_whitespace() && first != '\'').then(|| first.to_string());
                (mark, &rest[first.len_utf8()..])
            };
            words.extend(word);
            rest = after;
        }
        Self(words)
    }

    /// Whether a word is there.
    #[must_use]
    pub fn say(&self, word: &str) -> bool {
        self.0.iter().any(|own| own == word)
    }

    /// Whether the words name a relation, with or without its schema.
    #[must_use]
    pub fn mention(&self, name: &QualifiedName) -> bool {
        self.say(name.name.plain())
    }

    /// The columns of each `ON CONFLICT (…)`; an expression stands with its first word.
    #[must_use]
    pub fn conflict_targets(&self) -> Vec<Vec<String>> {
        let starts = self.0.windows(3).enumerate().filter(|(_, words)| words[0] == "on" && words[1] == "conflict" && words[2] == "(");
        starts.map(|(at, _)| columns(&self.0[at + 3..])).collect()
    }

    /// Whether the words copy rows into a relation: `COPY … FROM`.
    #[must_use]
    pub fn copy_into(&self, name: &QualifiedName) -> bool {
        self.after("copy").any(|words| {
            let Some(mut rest) = skip_name(words, name) else { return false };
            if rest.first().is_some_and(|word| word == "(") {
                rest = rest.iter().position(|word| word == ")").map_or(&[], |end| &rest[end + 1..]);
            }
            rest.first().is_some_and(|word| word == "from")
        })
    }

    /// Whether the words empty a relation: `TRUNCATE`.
    #[must_use]
    pub fn truncate(&self, name: &QualifiedName) -> bool {
        self.after("truncate").any(|mut words| {
            while words.first().is_some_and(|word| word == "table" || word == "only" || word == ",") {
                words = &words[1..];
            }
            // A list of tables, each with or without its schema.
            let end = words.iter().position(|word| [";", "restart", "continue", "cascade", "restrict"].contains(&word.as_str()));
            let list = &words[..end.unwrap_or(words.len())];
            list.split(|word| word == ",").any(|one| skip_name(one, name).is_some())
        })
    }

    fn after<'a>(&'a self, verb: &'a str) -> impl Iterator<Item = &'a [String]> {
        self.0.iter().enumerate().filter(move |(_, word)| *word == verb).map(|(at, _)| &self.0[at + 1..])
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// A quoted name after its first quote, and what follows.
fn name(quoted: &str) -> (Option<String>, &str) {
    let mut name = String::new();
    let mut rest = quoted;
    while let Some((part, after)) = rest.split_once('"') {
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return (Some(name), after),
        }
    }
    (None, "")
}

/// The first words of a list up to the bracket that ends it.
fn columns(words: &[String]) -> Vec<String> {
    let (mut depth, mut columns, mut first) = (0, Vec::new(), true);
    for word in words {
        match word.as_str() {
            ")" if depth == 0 => break,
            ")" => depth -= 1,
            "(" => depth += 1,
            "," if depth == 0 => first = true,
            _ if first => {
                columns.push(word.clone());
                first = false;
            }
            _ => {}
        }
    }
    columns
}

/// What follows a relation's name, if the words begin with it.
fn skip_name<'a>(words: &'a [String], name: &QualifiedName) -> Option<&'a [String]> {
    let plain = name.name.plain();
    match words {
        [schema, dot, table, rest @ ..] if dot == "." => (schema == name.schema.plain() && table == plain).then_some(rest),
        [table, rest @ ..] => (table == plain).then_some(rest),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> QualifiedName {
        text.parse().unwrap()
    }

    #[test]
    fn a_target_of_on_conflict_is_read_and_others_are_not() {
        let words =
            Words::of("INSERT INTO users(email) VALUES($1) ON  CONFLICT (lower(email), \"Kind\" DESC) DO NOTHING -- on conflict (x)");
        assert_eq!(words.conflict_targets(), [["lower", "Kind"]]);
        assert!(Words::of("… ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING").conflict_targets().is_empty());
        assert!(Words::of("/* on conflict (a) */ on conflict do nothing").conflict_targets().is_empty());
    }

    #[test]
    fn rows_are_copied_into_a_table_and_not_out_of_it() {
        let users = table("public.users");
        for yes in [
            "COPY users FROM STDIN",
            "copy public.users (id, email) from '/x'",
            "EXECUTE 'COPY users FROM PROGRAM ''x'''",
            "COPY \"users\"(id)FROM stdin",
        ] {
            assert!(Words::of(yes).copy_into(&users), "{yes}");
        }
        for no in [
            "COPY users TO STDOUT",
            "COPY other.users FROM STDIN",
            "COPY (SELECT 1 FROM users) TO STDOUT",
            "SELECT copy FROM users",
            "-- COPY users FROM x",
        ] {
            assert!(!Words::of(no).copy_into(&users), "{no}");
        }
    }

    #[test]
    fn a_table_is_emptied_by_name_also_in_a_list() {
        let orders = table("shop.orders");
        for yes in ["TRUNCATE orders", "truncate table only shop.orders restart identity", "TRUNCATE a, shop.orders CASCADE"] {
            assert!(Words::of(yes).truncate(&orders), "{yes}");
        }
        for no in ["TRUNCATE public.orders", "truncate lines; select * from orders", "DELETE FROM orders"] {
            assert!(!Words::of(no).truncate(&orders), "{no}");
        }
    }
}

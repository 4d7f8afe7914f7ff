//! The pages as data: their fenced blocks, and what they promise.

use std::fs;
use std::path::Path;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

/// `docs/application.md`, and `docs/new-tables.md`, which goes on where it ends.
pub(super) struct Page {
    pub(super) text: String,
    blocks: Vec<Block>,
}

/// What stands between two fences.
pub(super) struct Block {
    /// Language, then who runs it or which file it is.
    info: String,
    /// The first line within, counted from the start of the first page.
    line: usize,
    pub(super) text: String,
}

/// One statement of a block, with what its comment says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) line: usize,
    pub(super) text: String,
    outcome: Outcome,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Fine,
    Rows(u64),
    Fails(String),
}

/// A file of `docs/application`.
pub(super) fn beside(name: &str) -> String {
    fs::read_to_string(Path::new(DOCS).join("application").join(name)).unwrap()
}

impl Page {
    pub(super) fn read() -> Self {
        let text: String = ["application.md", "new-tables.md"].map(|name| fs::read_to_string(Path::new(DOCS).join(name)).unwrap()).concat();
        let (mut blocks, mut open) = (Vec::new(), None::<Block>);
        for (line, number) in text.lines().zip(1..) {
            match (&mut open, line.strip_prefix("```")) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => block.text.extend([line, "\n"]),
                (None, Some(info)) => open = Some(Block { info: info.to_owned(), line: number + 1, text: String::new() }),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "a block is not closed");
        Self { text, blocks }
    }

    pub(super) fn sql(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.info.starts_with("sql"))
    }

    /// The block of this file.
    pub(super) fn shows(&self, file: &str) -> &str {
        let found = self.blocks.iter().find(|block| block.info.split_once(' ').is_some_and(|(_, name)| name == file));
        &found.unwrap_or_else(|| panic!("no block is called {file}")).text
    }

    /// What the page adds to `tenantize.toml`.
    pub(super) fn shows_toml(&self) -> &str {
        &self.blocks.iter().find(|block| block.info == "toml").unwrap().text
    }

    /// The block with these words in it.
    pub(super) fn block_with(&self, words: &str) -> &Block {
        self.sql().find(|block| block.text.contains(words)).unwrap_or_else(|| panic!("no block says {words}"))
    }
}

impl Block {
    /// Who runs it.
    pub(super) fn actor(&self) -> &str {
        self.info.split(' ').nth(1).unwrap_or_else(|| panic!("line {}: nobody runs this block", self.line))
    }

    /// The first PostgreSQL that knows it.
    pub(super) fn since(&self) -> i32 {
        self.more().and_then(|word| word.parse().ok()).unwrap_or_default()
    }

    /// Where policies learn the tenant from in the database that it is for.
    pub(super) fn context(&self) -> &str {
        self.more().filter(|word| word.starts_with(char::is_alphabetic)).unwrap_or("setting")
    }

    fn more(&self) -> Option<&str> {
        self.info.split(' ').nth(2)
    }

    pub(super) fn statements(&self) -> Vec<Statement> {
        let (mut statements, mut text, mut data) = (Vec::<Statement>::new(), String::new(), false);
        for (line, number) in self.text.lines().zip(self.line..) {
            if data {
                let copy = statements.last_mut().unwrap();
                copy.text.extend(["\n", line]);
                data = line != "\\.";
                continue;
            }
            let (code, comment) = line.split_once("--").unwrap_or((line, ""));
            text.extend([line, "\n"]);
            let whole = code.trim_end().ends_with(';') && text.matches("$$").count() % 2 == 0;
            if whole {
                let statement = Statement { line: number, text: text.trim().to_owned(), outcome: outcome(comment.trim()) };
                data = code.contains("FROM STDIN") && !matches!(statement.outcome, Outcome::Fails(_));
                statements.push(statement);
                text.clear();
            }
        }
        assert_eq!(text.lines().find(|line| !line.starts_with("--")), None, "line {}: a statement without an end", self.line);
        statements
    }
}

/// The code or the number of rows with which a comment begins.
fn outcome(comment: &str) -> Outcome {
    let word = comment.split([' ', ':']).next().unwrap_or_default();
    let is_code = word.len() == 5 && word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_alphanumeric());
    match word.parse() {
        _ if is_code => Outcome::Fails(word.to_owned()),
        Ok(rows) if comment[word.len()..].starts_with(" row") => Outcome::Rows(rows),
        _ => Outcome::Fine,
    }
}

impl Statement {
    /// Whether `ended`, a SQLSTATE and a number of rows, is what the comment says.
    pub(super) fn expects(&self, ended: &str) -> bool {
        let (code, rows) = ended.split_once(' ').unwrap();
        match &self.outcome {
            Outcome::Fine => code == "00000",
            Outcome::Rows(expected) => code == "00000" && rows.parse() == Ok(*expected),
            Outcome::Fails(expected) => code == expected,
        }
    }
}

#[test]
fn a_statement_ends_where_it_ends() {
    let text = "BEGIN;\nSELECT 1  -- a\n  + 1;   -- 42501: no\nCOPY t FROM STDIN;\na;\n\\.\nAS $$\n x;\n$$;  -- 2 rows\n";
    let block = Block { info: "sql owner 15".into(), line: 10, text: text.into() };
    let statements = block.statements();
    let texts: Vec<&str> = statements.iter().map(|statement| &*statement.text).collect();
    assert_eq!(texts, ["BEGIN;", "SELECT 1  -- a\n  + 1;   -- 42501: no", "COPY t FROM STDIN;\na;\n\\.", "AS $$\n x;\n$$;  -- 2 rows"]);
    assert_eq!(statements[1].outcome, Outcome::Fails("42501".into()));
    assert_eq!((statements[3].line, &statements[3].outcome), (18, &Outcome::Rows(2)));
    assert_eq!((block.actor(), block.since(), block.context()), ("owner", 15, "setting"));
    let block = Block { info: "sql owner signed".into(), line: 1, text: String::new() };
    assert_eq!((block.since(), block.context()), (0, "signed"));
    assert!(statements[1].expects("42501 0") && !statements[1].expects("00000 0") && !statements[0].expects("42501 0"));
}

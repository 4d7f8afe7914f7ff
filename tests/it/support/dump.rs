//! The whole content of a database as text that can be compared.

use std::mem;

use super::{TestDb, cluster};

impl TestDb {
    /// Returns every definition, without what differs between two dumps of the same database.
    ///
    /// Rights on one thing are a set: their lines are sorted. So are the roles of a policy, which come in the order of the server's roles.
    pub(crate) fn dump_schema(&self) -> String {
        let dump = self.dump("--schema-only");
        let mut lines: Vec<String> =
            dump.lines().filter(|line| !changes_by_itself(line)).map(sorted_roles).map(|line| without_own_name(&line)).collect();
        let is_right = |line: &String| line.starts_with("GRANT ") || line.starts_with("ALTER DEFAULT PRIVILEGES ");
        for rights in lines.chunk_by_mut(|a, b| is_right(a) && is_right(b)) {
            rights.sort_unstable();
        }
        lines.join("\n")
    }

    /// Returns every row and sequence value, in an order that does not depend on where rows lie.
    pub(crate) fn dump_data(&self) -> String {
        let dump = self.dump("--data-only");
        let mut blocks = Vec::new();
        let mut rows = None;
        for line in dump.lines() {
            match &mut rows {
                None if line.starts_with("COPY ") => rows = Some((line, Vec::new())),
                None if line.starts_with("SELECT pg_catalog.setval") => blocks.push(line.to_owned()),
                None => {}
                Some((table, rows_of_table)) if line == "\\." => {
                    rows_of_table.sort_unstable();
                    let lines: Vec<_> = [*table].into_iter().chain(mem::take(rows_of_table)).collect();
                    blocks.push(lines.join("\n"));
                    rows = None;
                }
                Some((_, rows_of_table)) => rows_of_table.push(line),
            }
        }
        blocks.sort();
        blocks.join("\n")
    }

    /// Everything but the program's own journal.
    fn dump(&self, what: &str) -> String {
        let dump = cluster().tool("pg_dump", &[what, "--exclude-schema", "tenantize", "-d", &self.url()], "");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        String::from_utf8(dump.stdout).unwrap()
    }
}

fn changes_by_itself(line: &str) -> bool {
    ["\\restrict ", "\\unrestrict ", "-- Dumped "].iter().any(|start| line.starts_with(start))
}

/// A column of PostgreSQL 18 without the name that the server has chosen for its `NOT NULL`: of two long tables' names that are cut to the
/// same, the one whose column comes first gets it, and both columns may come at the same time.
fn without_own_name(line: &str) -> String {
    let named = line.split_once(" CONSTRAINT ").and_then(|(before, rest)| Some((before, rest.rsplit_once(" NOT NULL")?)));
    match named {
        Some((before, (name, after))) if name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '"').ends_with("_not_null") => {
            format!("{before} NOT NULL{after}")
        }
        _ => line.to_owned(),
    }
}

/// `CREATE POLICY p ON t FOR SELECT TO a, b USING (…)` with the roles in order.
fn sorted_roles(line: &str) -> String {
    let Some((before, rest)) = line.split_once(" TO ").filter(|_| line.starts_with("CREATE POLICY ")) else { return line.to_owned() };
    let end = [" USING (", " WITH CHECK ("].iter().filter_map(|word| rest.find(word)).min().unwrap_or(rest.len());
    let mut roles: Vec<&str> = rest[..end].split(", ").collect();
    roles.sort_unstable();
    format!("{before} TO {}{}", roles.join(", "), &rest[end..])
}

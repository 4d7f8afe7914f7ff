//! A script of tests for pgTAP: checks, and the most important attacks between two tenants that exist when it runs.

use std::fmt::Write as _;

use super::source::list;
use super::{Ident, KeyType, QualifiedName, Statement, Text};

const HEAD: &str = include_str!("pgtap/head.sql");
/// How many tests each relation has for each role.
const ROWS: usize = 9;
const REGISTRY: usize = 6;

/// A relation to attack.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its name.
    pub relation: &'a QualifiedName,
    /// The column that holds the tenant.
    pub tenant: &'a Ident,
    /// Every column that can be written, the tenant's included; none of the registry.
    pub columns: &'a [Ident],
}

/// Whether a session of a tenant must see all rows of it, or policies of the application may hide some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All rows.
    All,
    /// At least one.
    Some,
}

/// How a session becomes a tenant: settings, and where a user of it is found.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// Name and value.
    pub settings: Vec<(String, Value)>,
    /// Where a user of a tenant is found, if a value needs one.
    pub member: Option<Members>,
    /// The type of tenants.
    pub ty: KeyType,
    /// What a tenant sees of its rows.
    pub sight: Sight,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text in which `{tenant}` and `{member}` stand for a tenant's key and for a user of it.
    Template(String),
    /// The tenant, signed.
    Signed,
}

/// Who belongs to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// The membership table.
    pub table: QualifiedName,
    /// Its column for the tenant.
    pub tenant: Ident,
    /// Its column for the user.
    pub user: Ident,
    /// The column that says whether a membership counts, and the text it then holds.
    pub status: Option<(Ident, String)>,
}

/// The script, while it is written.
#[derive(Debug)]
pub struct Script {
    body: String,
    tests: usize,
    sessions: Sessions,
}

impl Script {
    /// Begins a script whose sessions become tenants in this way.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { body: String::new(), tests: 0, sessions }
    }

    /// Asks a check: no rows.
    pub fn check(&mut self, query: &Statement, title: &str) {
        self.test(&format!("is_empty({}, {})", dollars(query.text()), Text(title)));
    }

    /// Attacks a relation as a role of the application, from the second largest tenant in it to the largest.
    pub fn attack(&mut self, field: &Field<'_>, role: &Ident) {
        let before = self.tests;
        let me = self.key("me");
        let title = |what: &str| Text(&format!("{} as {}: {what}", field.relation.plain(), role.plain())).to_string();
        self.choose(field);
        let _ = writeln!(self.body, "SET LOCAL ROLE {role};");
        let others = format!("{} IS DISTINCT FROM {me}", field.tenant);
        let Field { relation, tenant, .. } = field;
        if !field.columns.is_empty() {
            self.control(field, role, &title("a tenant sees its own rows"));
        }
        self.empty(&format!("SELECT 'seen' FROM {relation} WHERE {others} LIMIT 5"), &title("a tenant sees no row of another"));
        self.empty(
            &format!("UPDATE {relation} SET {tenant} = {tenant} WHERE {others} RETURNING 'written'"),
            &title("a tenant updates no row of another"),
        );
        self.empty(&format!("DELETE FROM {relation} WHERE {others} RETURNING 'deleted'"), &title("a tenant deletes no row of another"));
        if !field.columns.is_empty() {
            self.refused(&self.insert(field), &title("a tenant inserts no row for another"));
            let given = format!("UPDATE {relation} SET {tenant} = {}", self.key("victim"));
            self.refused(&given, &title("a tenant gives no row away"));
        }
        self.refused(&format!("TRUNCATE {relation} CASCADE"), &title("nobody truncates"));
        self.refused(&format!("ALTER TABLE {relation} DISABLE ROW LEVEL SECURITY"), &title("nobody switches row-level security off"));
        self.body.push_str(&self.forget());
        self.empty(&format!("SELECT 'seen' FROM {relation} LIMIT 5"), &title("a session without a tenant sees nothing"));
        self.body.push_str("RESET ROLE;\n\n");
        debug_assert_eq!(self.tests - before, if field.columns.is_empty() { REGISTRY } else { ROWS });
    }

    /// The whole text; it ends with a line break.
    #[must_use]
    pub fn finish(self, about: &str) -> String {
        let about: Vec<String> = about.split(char::is_control).map(|line| format!("-- {line}")).collect();
        format!("{}\n{HEAD}\nSELECT plan({});\n\n{}SELECT * FROM finish();\nROLLBACK;\n", about.join("\n"), self.tests, self.body)
    }

    fn test(&mut self, assertion: &str) {
        self.tests += 1;
        let _ = writeln!(self.body, "SELECT {assertion};");
    }

    /// A test that proves nothing where fewer than two tenants have rows, and says so.
    fn between_two(&mut self, assertion: &str, title: &str) {
        self.test(&format!(
            "CASE WHEN current_setting('tenantize.me') = '' THEN skip('fewer than two tenants have rows: ' || {title}) ELSE {assertion} END"
        ));
    }

    fn empty(&mut self, statement: &str, title: &str) {
        let query = format!("SELECT * FROM pg_temp.reached({})", Text(statement));
        self.between_two(&format!("is_empty({}, {title})", dollars(&query)), title);
    }

    fn refused(&mut self, statement: &str, title: &str) {
        let query = format!("SELECT pg_temp.tried({})", Text(statement));
        self.between_two(&format!("throws_ok({}, '42501', NULL, {title})", dollars(&query)), title);
    }

    /// What a tenant must see; without it the attacks would prove nothing.
    fn control(&mut self, field: &Field<'_>, role: &Ident, title: &str) {
        let Field { relation, tenant, .. } = field;
        let assertion = match self.sessions.sight {
            Sight::All => {
                let count = dollars(&format!("SELECT count(*) FROM {relation}"));
                format!("results_eq({count}, $$SELECT current_setting('tenantize.rows')::bigint$$, {title})")
            }
            Sight::Some => {
                let seen = Text(&format!("SELECT 'seen' FROM {relation} WHERE {tenant} = {} LIMIT 1", self.key("me"))).to_string();
                format!("isnt_empty({}, {title})", dollars(&format!("SELECT * FROM pg_temp.reached({seen})")))
            }
        };
        let may = format!("has_table_privilege({}, {}, 'SELECT')", Text(role.plain()), Text(&relation.to_string()));
        self.between_two(&format!("CASE WHEN {may} THEN {assertion} ELSE skip('it may not read: ' || {title}) END"), title);
    }

    /// A row like one of its own, for the victim.
    fn insert(&self, field: &Field<'_>) -> String {
        let Field { relation, tenant, columns } = field;
        let rest: Vec<Ident> = columns.iter().filter(|column| column != tenant).cloned().collect();
        let comma = if rest.is_empty() { "" } else { ", " };
        format!(
            "INSERT INTO {relation} ({}{comma}{tenant}) OVERRIDING SYSTEM VALUE SELECT {}{comma}{} FROM {relation} WHERE {tenant} = {} LIMIT 1",
            list(&rest),
            list(&rest),
            self.key("victim"),
            self.key("me")
        )
    }

    /// The key of one of the two tenants, which are chosen when the script runs.
    fn key(&self, who: &str) -> String {
        let text = format!("current_setting('tenantize.{who}')");
        if self.sessions.ty == KeyType::Text { text } else { format!("{text}::{}", self.sessions.ty) }
    }

    /// Chooses the two tenants with most rows in a relation, and makes the session the smaller one.
    fn choose(&mut self, field: &Field<'_>) {
        let Field { relation, tenant, .. } = field;
        let mut code = format!(
            "DECLARE\n  tenantize_pair text[];\nBEGIN\n  \
             SELECT array_agg(t.tenant ORDER BY t.rows DESC, t.tenant) INTO tenantize_pair\n  \
             FROM (SELECT {tenant}::text AS tenant, count(*) AS rows FROM {relation} WHERE {tenant} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2) AS t;\n  \
             PERFORM set_config('tenantize.victim', coalesce(tenantize_pair[1], ''), true), set_config('tenantize.me', coalesce(tenantize_pair[2], ''), true);\n  \
             PERFORM set_config('tenantize.rows', (SELECT count(*) FROM {relation} WHERE {tenant}::text = tenantize_pair[2])::text, true);\n"
        );
        for (name, value) in &self.sessions.settings {
            let _ = writeln!(code, "  PERFORM set_config({}, coalesce({}, ''), true);", Text(name), self.value(value));
        }
        code.push_str("END");
        let _ = writeln!(self.body, "DO {};", dollars(&code));
    }

    fn forget(&self) -> String {
        let names = self.sessions.settings.iter().map(|(name, _)| format!("  PERFORM set_config({}, '', true);\n", Text(name)));
        format!("DO {};\n", dollars(&format!("BEGIN\n{}END", names.collect::<String>())))
    }

    /// A value with the chosen tenant in it, as SQL; in JSON it is written as JSON wants it.
    fn value(&self, value: &Value) -> String {
        let Value::Template(template) = value else {
            return format!("tenancy.sign(tenantize_pair[2]::{}, '1 hour'::interval)", self.sessions.ty);
        };
        let json = template.starts_with('{') && serde_json::from_str::<serde_json::Value>(template).is_ok();
        let text = |expression: &str| {
            if !json {
                return expression.to_owned();
            }
            format!("(SELECT substr(q, 2, length(q) - 2) FROM to_json({expression}) AS j, CAST(j AS text) AS q)")
        };
        let filled = format!("replace({}, '{{tenant}}', {})", Text(template), text("tenantize_pair[2]"));
        match &self.sessions.member {
            Some(members) if template.contains("{member}") => format!("replace({filled}, '{{member}}', {})", text(&members.one())),
            _ => filled,
        }
    }
}

impl Members {
    /// A user of the chosen tenant, one with few other tenants first.
    fn one(&self) -> String {
        let Self { table, tenant, user, status } = self;
        let counts = status.as_ref().map(|(column, active)| format!(" AND m.{column}::text = {}", Text(active))).unwrap_or_default();
        format!(
            "(SELECT m.{user}::text FROM {table} AS m WHERE m.{tenant}::text = tenantize_pair[2]{counts} \
             ORDER BY (SELECT count(DISTINCT o.{tenant}) FROM {table} AS o WHERE o.{user} = m.{user}), 1 LIMIT 1)"
        )
    }
}

/// Quotes a text by dollars that are not in it.
fn dollars(text: &str) -> String {
    let mut tag = String::from("$sql$");
    while text.contains(&tag) {
        tag.insert(tag.len() - 1, '_');
    }
    format!("{tag}{text}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_own_quotes() {
        assert_eq!(dollars("SELECT 1"), "$sql$SELECT 1$sql$");
        assert_eq!(dollars("a $sql$ b"), "$sql_$a $sql$ b$sql_$");
    }
}

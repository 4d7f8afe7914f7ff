//! What a plan, as `EXPLAIN (FORMAT JSON)` writes it, evaluates for every row.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The calls in one condition that is evaluated for every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Calls {
    /// The condition as PostgreSQL writes it.
    pub(super) condition: String,
    /// The functions that it calls.
    pub(super) functions: Vec<String>,
    /// Whether it looks the row's tenant up by a sub-select.
    looks_up: bool,
}

impl Calls {
    /// Whether they cost more than they would once per statement. What PostgreSQL itself computes from a row is cheap, and what the policy is about.
    pub(super) fn cost(&self, built_in: &BTreeSet<String>) -> bool {
        self.looks_up || self.functions.iter().any(|name| name == "current_setting" || !built_in.contains(name))
    }
}

/// The filters of all nodes of a plan whose rows have their tenant in `column`. What became the condition of an index is asked once,
/// and so is a sub-select that depends on no row.
pub(super) fn calls(plan: &Value, column: &str) -> Vec<Calls> {
    let mut found = Vec::new();
    visit(plan, &mut |node| {
        for condition in ["Filter", "Join Filter"].into_iter().filter_map(|key| node.get(key).and_then(Value::as_str)) {
            let text = without_texts(condition);
            let looks_up = correlated(&text) && looks_up(node, column);
            found.push(Calls { condition: condition.to_owned(), functions: functions(&text), looks_up });
        }
    });
    found
}

fn visit<'a>(node: &'a Value, found: &mut dyn FnMut(&'a Map<String, Value>)) {
    match node {
        Value::Array(nodes) => nodes.iter().for_each(|node| visit(node, found)),
        Value::Object(fields) => {
            found(fields);
            ["Plan", "Plans"].into_iter().filter_map(|key| fields.get(key)).for_each(|below| visit(below, found));
        }
        _ => {}
    }
}

/// A sub-select whose result is hashed is run once.
fn correlated(condition: &str) -> bool {
    condition.match_indices("SubPlan ").any(|(at, _)| !condition[..at].ends_with("hashed "))
}

/// Whether a sub-select of the node depends on nothing of the node's row but its tenant, so that it could be asked once for all of them.
/// What asks for more, such as the project of the row by tenant and key, is the application's own question.
fn looks_up(node: &Map<String, Value>, column: &str) -> bool {
    let Some(alias) = node.get("Alias").and_then(Value::as_str) else { return true };
    let row = [format!("{alias}."), format!("{}.", quoted(alias))];
    let (mut tenant, mut more, empty) = (false, false, Vec::new());
    let below = node.get("Plans").and_then(Value::as_array).unwrap_or(&empty);
    for plan in below.iter().filter(|plan| plan.get("Parent Relationship").and_then(Value::as_str) == Some("SubPlan")) {
        visit(plan, &mut |node| {
            let conditions = node.iter().filter(|(key, _)| key.ends_with("Cond") || key.ends_with("Filter"));
            for text in conditions.filter_map(|(_, text)| text.as_str()) {
                for name in row.iter().flat_map(|row| after(text, row)) {
                    *(if name == column || name == quoted(column) { &mut tenant } else { &mut more }) = true;
                }
            }
        });
    }
    tenant && !more
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The names that follow `prefix` in a condition.
fn after<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '"' | '.');
    let whole = text.match_indices(prefix).filter(|(at, _)| !text[..*at].ends_with(word));
    whole
        .map(|(at, _)| &text[at + prefix.len()..])
        .map(|rest| match rest.strip_prefix('"').and_then(|rest| rest.find('"')) {
            Some(end) => &rest[..end + 2],
            None => &rest[..rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(rest.len())],
        })
        .collect()
}

/// The condition with every text in it empty: what is in a text is no call.
fn without_texts(condition: &str) -> String {
    condition.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

/// Names before a parenthesis. PostgreSQL writes keywords in capitals and quotes names that need it.
fn functions(condition: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in condition.match_indices('(') {
        let before = &condition[..at];
        let name = name_at_end(before);
        let cast = before[..before.len() - name.len()].ends_with("::") || name == "varying";
        if !name.is_empty() && !cast && !is_keyword(name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// The name, perhaps of several parts and quoted, with which a text ends.
fn name_at_end(text: &str) -> &str {
    let mut quoted = false;
    let start = text.char_indices().rev().find(|(_, c)| {
        quoted ^= *c == '"';
        !(quoted || c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '"'))
    });
    start.map_or(text, |(at, c)| &text[at + c.len_utf8()..])
}

fn is_keyword(name: &str) -> bool {
    !name.contains('"') && name.chars().any(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asks(plan: &Value) -> bool {
        let built_in = ["current_setting", "lower", "now"].map(str::to_owned).into();
        calls(plan, "tenant_id").iter().any(|calls| calls.cost(&built_in))
    }

    fn filter(condition: &str) -> Value {
        json!([{ "Plan": { "Node Type": "Append", "Plans": [{ "Node Type": "Seq Scan", "Filter": condition }] } }])
    }

    #[test]
    fn a_call_in_a_filter_is_made_for_every_row() {
        assert!(asks(&filter("((tenant_id)::text = current_setting('app.tenant_id'::text, true))")));
        assert!(asks(&filter("(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)")));
        assert!(asks(&filter("(tenant_id = tenancy.current_tenant_id())")));
        assert!(asks(&filter(r#"(tenant_id = "My Schema"."f (x)"())"#)));
        assert!(asks(&filter("is_member(tenant_id)")));
    }

    #[test]
    fn what_is_asked_once_is_not_found_in_any_version() {
        assert!(!asks(&filter("(tenant_id = $0)")));
        assert!(!asks(&filter("(tenant_id = (InitPlan 1).col1)")));
        assert!(!asks(&filter("(hashed SubPlan 1)")));
        assert!(!asks(&filter("(ANY (tenant_id = (hashed SubPlan 1).col1))")));
        assert!(!asks(&filter("(tenant_id = ANY ($0))")));
        let index = "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)";
        assert!(!asks(&json!([{ "Plan": { "Node Type": "Index Scan", "Index Cond": index } }])));
    }

    #[test]
    fn a_sub_select_that_looks_the_tenant_up_for_every_row_is_found() {
        let sub = |filter: &str, condition: &str| {
            let plan = json!({ "Node Type": "Seq Scan", "Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 1", "Alias": "m", "Filter": condition });
            json!([{ "Plan": { "Node Type": "Seq Scan", "Alias": "notes", "Filter": filter, "Plans": [plan] } }])
        };
        assert!(asks(&sub("(SubPlan 1)", "(m.tenant_id = notes.tenant_id)")));
        assert!(asks(&sub("EXISTS(SubPlan 1)", "(m.tenant_id = \"notes\".\"tenant_id\")")));
        assert!(asks(&sub("(SubPlan 1)", "((m.tenant_id = notes.tenant_id) AND (my_notes.id = m.id))")));
        let project = "((m.tenant_id = notes.tenant_id) AND (m.id = notes.project_id))";
        assert!(!asks(&sub("(SubPlan 1)", project)), "the application asks something else of the row");
        assert!(!asks(&sub("(hashed SubPlan 1)", "(m.user_id = $0)")));
    }

    #[test]
    fn what_postgresql_computes_from_the_row_is_the_policys_own_question() {
        assert!(!asks(&filter("((lower(name) = 'f(x)'::text) AND (expires > now()) AND (COALESCE(a, b) IS NOT NULL))")));
        assert!(!asks(&filter("((name)::character varying(20) = (price)::numeric(10,2))")));
        assert_eq!(functions("(a = public.f(b) AND \"G h\"(c))"), ["public.f", "\"G h\""]);
    }
}

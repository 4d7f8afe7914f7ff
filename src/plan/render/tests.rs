use std::collections::BTreeMap;

use super::*;
use crate::catalog::TableShape;
use crate::config::TriggerPolicy;
use crate::phase::Phase;
use crate::plan::{Action, BackupCopy, BackupSpec, Code, FillSpec, Finding, Plan, PlannedMap, PlannedTable, Step, StepId, Strategy, Undo};
use crate::progress::style::{ColorMode, Stream};
use crate::rule::{Origin, Tenant, TenantSet};
use crate::sql::change::{IndexSpec, Uniqueness};
use crate::sql::{Change, Ident, KeyType, MapSource, QualifiedName, TenantKey, TenantSource};

fn name(text: &str) -> QualifiedName {
    text.parse().unwrap()
}

fn ident(text: &str) -> Ident {
    Ident::new(text).unwrap()
}

fn key(text: &str) -> TenantKey {
    TenantKey { ty: KeyType::Int, text: text.into() }
}

fn step(phase: Phase, subject: Option<&str>, what: &str, action: Action, undo: Undo) -> Step {
    let subject = subject.map(name);
    Step { id: StepId::new(phase, subject.as_ref(), what), phase, subject, why: format!("why {what}"), action, undo }
}

fn apply(change: Change) -> Action {
    Action::Apply { changes: vec![change] }
}

fn fill() -> FillSpec {
    let map = MapSource { table: name("tenantize.public_orders_map"), key: ident("id") };
    FillSpec {
        table: name("public.orders"),
        column: ident("tenant_id"),
        sources: vec![TenantSource::Map(map)],
        orphans: None,
        rows: 30_118_204,
        pages: 3400,
        triggers: TriggerPolicy::Suppress,
    }
}

fn steps() -> Vec<Step> {
    let column = || (name("public.orders"), ident("tenant_id"));
    let copy = name("tenantize_backup.public_orders_copy");
    let copies =
        vec![BackupCopy { table: name("public.orders"), copy: copy.clone(), columns: vec![ident("id"), ident("note")], bytes: 3 << 30 }];
    let backup = Action::Backup(BackupSpec { schema: ident("tenantize_backup"), copies });
    let index =
        IndexSpec { name: ident("orders_tenant_id_idx"), table: column().0, columns: vec![column().1], uniqueness: Uniqueness::Plain };
    let script = Change::Script { name: "001_extra".into(), sql: "CREATE TABLE extra ();\n-- the end\n".into() };
    let add = apply(Change::AddColumn { table: column().0, column: column().1, ty: KeyType::Int, default: None });
    let drop = Change::DropColumn { table: column().0, column: column().1 };
    let drop_index = Undo::Concurrent { change: Change::DropIndex { index: index.qualified() }, then: Vec::new() };
    vec![
        step(Phase::Backup, None, "copies", backup, Undo::Apply { changes: vec![Change::DropTable { table: copy }] }),
        step(Phase::Expand, None, "migration/001_extra", apply(script), Undo::Impossible { because: "it has no down.sql".into() }),
        step(Phase::Expand, Some("public.orders"), "column", add, Undo::Apply { changes: vec![drop] }),
        step(Phase::Backfill, Some("public.orders"), "fill", Action::Fill(fill()), Undo::Nothing { because: "the column goes".into() }),
        step(Phase::Constraints, Some("public.orders"), "index", Action::Concurrent { change: Change::CreateIndex(index) }, drop_index),
    ]
}

fn plan() -> Plan {
    let tenant = |id: &str, slug: &str| Tenant { key: key(id), slug: slug.into(), columns: BTreeMap::new(), origin: Origin::New };
    let shape = || TableShape(BTreeMap::from([(ident("id"), "bigint".into()), (ident("note"), "text".into())]));
    let table = |text: &str, strategy, reason: &str, expected: &[(&str, i64)]| PlannedTable {
        table: name(text),
        leaves: vec![name(text)],
        strategy,
        reason: reason.into(),
        expected: expected.iter().map(|(slug, rows)| ((*slug).to_owned(), *rows)).collect(),
    };
    let many: Vec<(String, i64)> = (1..=6).map(|n| (format!("t{n}"), 30_000_000 / n)).collect();
    let many: Vec<(&str, i64)> = many.iter().map(|(slug, rows)| (slug.as_str(), *rows)).collect();
    Plan {
        id: "7c1e9a04ffffffff".into(),
        tool: "0.1.0".into(),
        database: "shop".into(),
        column: ident("tenant_id"),
        registry: name("public.tenants"),
        registry_key: ident("id"),
        tenants: TenantSet { ty: KeyType::Int, tenants: vec![tenant("1", "default"), tenant("2", "acme")], default: "default".into() },
        app_roles: Vec::new(),
        membership: None,
        tables: vec![
            table("public.users", Strategy::Constant(key("1")), "the rule names one tenant for all rows", &[("default", 12)]),
            table("public.orders", Strategy::Striped, "rows belong to different tenants", &many),
            table("public.extra", Strategy::Present, "the tenant column is there already", &[]),
        ],
        shapes: BTreeMap::from([(name("public.users"), shape()), (name("public.orders"), shape())]),
        maps: vec![PlannedMap { staged: name("tenantize.public_orders_map"), file: "orders.csv".into(), keys: 41_200 }],
        steps: steps(),
        findings: vec![
            Finding::table(Code::T020, &name("public.audit_log"), ""),
            Finding::table(Code::T025, &name("public.orders"), "orders_no_key UNIQUE (no)"),
            Finding::table(Code::T025, &name("public.users"), "users_email_key UNIQUE (email)"),
            Finding::about(Code::T027, "public.users", "own_rows"),
        ],
    }
}

#[test]
fn the_summary_has_one_line_per_step() {
    insta::assert_snapshot!(plan().render(PlanFormat::Text, PlanDetail::Summary, Palette::None), @"");
}

#[test]
fn the_full_text_shows_every_statement_and_its_way_back() {
    let text = plan().render(PlanFormat::Text, PlanDetail::Full, Palette::None);
    let phases = text.split_once("\n\nwarning").unwrap().0.split_once("\n\nbackup").unwrap().1;
    insta::assert_snapshot!(phases, @"");
}

#[test]
fn the_script_is_what_psql_can_run() {
    let script = plan().render(PlanFormat::Sql, PlanDetail::Summary, Palette::None);
    insta::assert_snapshot!(script, @"");
}

#[test]
fn json_is_the_plan_with_the_version_of_its_shape() {
    let json: serde_json::Value = serde_json::from_str(&plan().render(PlanFormat::Json, PlanDetail::Summary, Palette::None)).unwrap();
    assert_eq!((&json["v"], json["steps"].as_array().map(Vec::len)), (&serde_json::json!(1), Some(5)));
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan(), "nothing is lost");
}

#[test]
fn a_blocker_is_an_error_and_asks_for_another_plan() {
    let mut plan = plan();
    plan.findings.insert(0, Finding::table(Code::T001, &name("public.new"), "no entry in [tables]"));
    let text = plan.render(PlanFormat::Text, PlanDetail::Summary, Palette::None);
    assert!(text.contains("error[T001]: public.new: table is not classified\n  detail: no entry"), "{text}");
    assert!(text.ends_with("3 warnings, 1 note, 1 blocker. Nothing was changed. Resolve the blockers, then ask again: tenantize plan\n"));
}

#[test]
fn a_settled_cycle_is_a_loop() {
    let mut plan = plan();
    plan.steps = vec![step(Phase::Backfill, None, "settle", Action::Settle { fills: vec![fill()] }, Undo::Nothing { because: String::new() })];
    let script = plan.render(PlanFormat::Sql, PlanDetail::Full, Palette::None);
    assert!(script.contains("  LOOP\n    total := 0;\n    UPDATE ONLY \"public\".\"orders\" AS t SET"), "{script}");
}

#[test]
fn foreign_names_cannot_steer_the_terminal_or_end_a_comment() {
    let mut plan = plan();
    plan.database = "a\n\x1b[2J; DROP".into();
    plan.steps[1].why = "x\nDROP TABLE y;".into();
    for format in [PlanFormat::Text, PlanFormat::Sql] {
        let text = plan.render(format, PlanDetail::Full, Palette::None);
        assert!(!text.contains('\x1b') && !text.contains("\nDROP TABLE y"), "{text}");
    }
}

#[test]
fn colours_do_not_shift_columns() {
    let colours = ColorMode::Always.palette(Stream::Out);
    let painted = plan().render(PlanFormat::Text, PlanDetail::Full, colours);
    let plain = plan().render(PlanFormat::Text, PlanDetail::Full, Palette::None);
    assert_eq!(console::strip_ansi_codes(&painted), plain);
}

use std::collections::BTreeMap;

use super::*;
use crate::catalog::TableShape;
use crate::config::TriggerPolicy;
use crate::phase::Phase;
use crate::plan::{Action, BackupCopy, BackupSpec, Code, FillSpec, Finding, Plan, PlannedMap, PlannedTable, Step, StepId, Strategy, Undo};
use crate::progress::style::{ColorMode, Stream};
use crate::rule::{Origin, Tenant, TenantSet};
use crate::sql::change::{IndexSpec, Uniqueness};
use crate::sql::policy::ContextSpec;
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
        default: None,
        rows: 30_118_204,
        pages: 3400,
        triggers: TriggerPolicy::Suppress,
    }
}

fn steps() -> Vec<Step> {
    let column = || (name("public.orders"), ident("tenant_id"));
    let copy = name("tenantize_backup.public_orders_copy");
    let (table, columns, texts) = (name("public.orders"), vec![ident("id"), ident("note")], Vec::new());
    let copies = vec![BackupCopy { table, copy: copy.clone(), columns, texts, bytes: 3 << 30 }];
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
    let tenants = vec![tenant("1", "default"), tenant("2", "acme")];
    Plan {
        id: "7c1e9a04ffffffff".into(),
        tool: "0.1.0".into(),
        database: "shop".into(),
        column: ident("tenant_id"),
        registry: name("public.tenants"),
        registry_key: ident("id"),
        tenants: TenantSet { ty: KeyType::Int, tenants: tenants.into(), default: "default".into() },
        app_roles: Vec::new(),
        read_roles: Vec::new(),
        trusted_roles: Vec::new(),
        owners: Vec::new(),
        context: ContextSpec::default(),
        shared: Vec::new(),
        global_keys: Vec::new(),
        membership: None,
        tables: vec![
            table("public.users", Strategy::Constant(key("1")), "the rule names one tenant for all rows", &[("default", 12)]),
            table("public.orders", Strategy::Striped, "rows belong to different tenants", &many),
            table("public.extra", Strategy::Present, "the tenant column is there already", &[]),
        ],
        shapes: BTreeMap::from([(name("public.users"), shape()), (name("public.orders"), shape())]),
        kept_keys: Vec::new(),
        dead_indexes: Vec::new(),
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
    insta::assert_snapshot!(plan().render(PlanFormat::Text, PlanDetail::Summary, Palette::None), @r#"
    plan 7c1e9a04 · shop · 3 tables · 5 steps

    tables         strategy  reason                                  rows per tenant
    public.users   constant  the rule names one tenant for all rows  default 12
    public.orders  striped   rows belong to different tenants        t1 30.0M · t2 15.0M · t3 10.0M · t4 7.5M · 2 more
    public.extra   present   the tenant column is there already      created by a migration
    map orders.csv, 41,200 keys

    backup         1 step     ~3.0 GiB to copy; ACCESS SHARE, while it reads: blocks no reader and no writer
      backup/copies  ACCESS SHARE, while it reads  1 table, ~3.0 GiB · why copies

    expand         2 steps    ACCESS EXCLUSIVE, as long as its script takes
      expand/migration/001_extra   ACCESS EXCLUSIVE, as long as its script takes  why migration/001_extra
      expand/public.orders/column  ACCESS EXCLUSIVE, brief                        why column

    backfill       1 step     ~30.1M rows to write; row locks, a batch at a time: blocks no reader and no writer
      public.users                 no lock                       0 rows to write: the default of the column answers
      backfill/public.orders/fill  row locks, a batch at a time  ~30.1M rows, 3,400 pages, striped · why fill

    constraints    1 step     SHARE UPDATE EXCLUSIVE, while it reads: blocks no reader and no writer
      constraints/public.orders/index  SHARE UPDATE EXCLUSIVE, while it reads  why index

    rls            0 steps

    warning[T020]: public.audit_log: table has no primary key
      effect: rows cannot be named in reports and comparisons
      remedy: add a primary key

    warning[T025]: public.orders: value is unique over all tenants
      detail: orders_no_key UNIQUE (no)
    warning[T025]: public.users: value is unique over all tenants
      detail: users_email_key UNIQUE (email)
      effect: a second tenant cannot use it, and can find out that somebody does
      remedy: say `unique = { … = "per-tenant" }`, or `"global"` if that is intended

    note[T027]: public.users: policies are kept
      detail: own_rows
      effect: they go on to apply, inside the fence
      remedy: read them once more: permissive policies are combined by OR

    3 warnings, 1 note, 0 blockers. Nothing was changed. Start with: tenantize run
    "#);
}

#[test]
fn the_full_text_shows_every_statement_and_its_way_back() {
    let text = plan().render(PlanFormat::Text, PlanDetail::Full, Palette::None);
    let phases = &text[text.find("backup  ").unwrap()..text.find("\n\nwarning").unwrap()];
    insta::assert_snapshot!(phases, @r#"
    backup         1 step     ~3.0 GiB to copy; ACCESS SHARE, while it reads: blocks no reader and no writer
        backup/copies  ACCESS SHARE, while it reads
          why copies
          1 table, ~3.0 GiB
          CREATE TABLE "tenantize_backup"."public_orders_copy" AS SELECT "id", "note" FROM ONLY "public"."orders" WITH NO DATA;
          ALTER TABLE "tenantize_backup"."public_orders_copy" ENABLE ROW LEVEL SECURITY;
          DO $revoke$
          DECLARE
            grantee text;
          BEGIN
            FOR grantee IN
              SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
              FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS a
              WHERE c.oid = '"tenantize_backup"."public_orders_copy"'::regclass AND a.grantee <> c.relowner
            LOOP
              EXECUTE pg_catalog.format('REVOKE ALL ON "tenantize_backup"."public_orders_copy" FROM %s', grantee);
            END LOOP;
          END
          $revoke$;
          COMMENT ON TABLE "tenantize_backup"."public_orders_copy" IS 'copy of public.orders, made by tenantize';
          INSERT INTO "tenantize_backup"."public_orders_copy" ("id", "note") SELECT "id", "note" FROM ONLY "public"."orders" AS t;
          undo: DROP TABLE "tenantize_backup"."public_orders_copy";

    expand         2 steps    ACCESS EXCLUSIVE, as long as its script takes
        expand/migration/001_extra  ACCESS EXCLUSIVE, as long as its script takes
          why migration/001_extra
          CREATE TABLE extra ();
          -- the end
          ;
          undo: impossible: it has no down.sql
      public.orders
        expand/public.orders/column  ACCESS EXCLUSIVE, brief
          why column
          ALTER TABLE "public"."orders" ADD COLUMN "tenant_id" integer;
          undo: ALTER TABLE "public"."orders" DROP COLUMN "tenant_id";

    backfill       1 step     ~30.1M rows to write; row locks, a batch at a time: blocks no reader and no writer
      public.users  no lock  0 rows to write: the default of the column answers
      public.orders
        backfill/public.orders/fill  row locks, a batch at a time
          why fill
          ~30.1M rows, 3,400 pages, striped
          for example:
          UPDATE ONLY "public"."orders" AS t SET "tenant_id" = m.tenant FROM "tenantize"."public_orders_map" AS m WHERE t.ctid >= '(0,0)' AND t.ctid < '(64,0)' AND t."tenant_id" IS NULL AND pg_catalog.get_byte(pg_catalog.tidsend(t.ctid), 5) % 8 = 0 AND m.key = t."id";
          undo: nothing: the column goes

    constraints    1 step     SHARE UPDATE EXCLUSIVE, while it reads: blocks no reader and no writer
      public.orders
        constraints/public.orders/index  SHARE UPDATE EXCLUSIVE, while it reads
          why index
          CREATE INDEX CONCURRENTLY "orders_tenant_id_idx" ON "public"."orders" ("tenant_id");
          undo: DROP INDEX CONCURRENTLY "public"."orders_tenant_id_idx";

    rls            0 steps
    "#);
}

#[test]
#[expect(clippy::too_many_lines, reason = "the script is shown whole")]
fn the_script_is_what_psql_can_run() {
    let script = plan().render(PlanFormat::Sql, PlanDetail::Summary, Palette::None);
    insta::assert_snapshot!(script, @r#"
    -- plan 7c1e9a04 · shop · tenantize 0.1.0
    --
    -- For reading, and for whoever must run it by hand: psql -f this-file
    -- `tenantize run` does the same, but fills in small batches, each with its checkpoint, waits for locks in bounds
    -- and tries again, checks what it did, and can be stopped, resumed and taken back at any point. This script fills a
    -- table in one statement, keeps no journal and stops at the first error; the last step that it names is the one to
    -- look at.

    \set ON_ERROR_STOP on
    SET row_security = off;
    SET standard_conforming_strings = on;
    SET lock_timeout = '900ms';
    SELECT current_setting('server_version_num')::int >= 150000 AS has_grants \gset
    \if :has_grants
      SELECT has_parameter_privilege('session_replication_role', 'SET') AS may_suppress \gset
    \else
      SELECT rolsuper AS may_suppress FROM pg_roles WHERE rolname = current_user \gset
    \endif

    CREATE SCHEMA IF NOT EXISTS "tenantize";
    DO $revoke$
    DECLARE
      grantee text;
    BEGIN
      FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
        FROM pg_catalog.pg_namespace AS n, pg_catalog.aclexplode(n.nspacl) AS a
        WHERE n.nspname = 'tenantize' AND a.grantee <> n.nspowner
      LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA "tenantize" FROM %s', grantee);
      END LOOP;
    END
    $revoke$;

    -- the map of orders.csv
    CREATE TABLE "tenantize"."public_orders_map" (key bigint PRIMARY KEY, tenant integer NOT NULL);
    CREATE TEMPORARY TABLE tenantize_lines (key text, tenant text);
    \copy tenantize_lines FROM 'orders.csv' WITH (FORMAT csv, HEADER true)
    INSERT INTO "tenantize"."public_orders_map" SELECT l.key::bigint, n.key FROM tenantize_lines AS l
      LEFT JOIN (VALUES ('1', '1'::integer), ('2', '2'::integer), ('acme', '2'::integer), ('default', '1'::integer)) AS n (name, key) ON n.name = l.tenant;
    DROP TABLE tenantize_lines;

    -- backup

    -- backup/copies
    -- why copies; ACCESS SHARE
    \echo 'backup/copies'
    BEGIN ISOLATION LEVEL REPEATABLE READ;
    CREATE SCHEMA IF NOT EXISTS "tenantize_backup";
    DO $revoke$
    DECLARE
      grantee text;
    BEGIN
      FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
        FROM pg_catalog.pg_namespace AS n, pg_catalog.aclexplode(n.nspacl) AS a
        WHERE n.nspname = 'tenantize_backup' AND a.grantee <> n.nspowner
      LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA "tenantize_backup" FROM %s', grantee);
      END LOOP;
    END
    $revoke$;
    CREATE TABLE "tenantize_backup"."public_orders_copy" AS SELECT "id", "note" FROM ONLY "public"."orders" WITH NO DATA;
    ALTER TABLE "tenantize_backup"."public_orders_copy" ENABLE ROW LEVEL SECURITY;
    DO $revoke$
    DECLARE
      grantee text;
    BEGIN
      FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
        FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS a
        WHERE c.oid = '"tenantize_backup"."public_orders_copy"'::regclass AND a.grantee <> c.relowner
      LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON "tenantize_backup"."public_orders_copy" FROM %s', grantee);
      END LOOP;
    END
    $revoke$;
    COMMENT ON TABLE "tenantize_backup"."public_orders_copy" IS 'copy of public.orders, made by tenantize';
    INSERT INTO "tenantize_backup"."public_orders_copy" ("id", "note") SELECT "id", "note" FROM ONLY "public"."orders" AS t;
    COMMIT;

    -- expand

    -- expand/migration/001_extra
    -- why migration/001_extra; ACCESS EXCLUSIVE
    \echo 'expand/migration/001_extra'
    BEGIN;
    CREATE TABLE extra ();
    -- the end
    ;
    COMMIT;

    -- expand/public.orders/column
    -- why column; ACCESS EXCLUSIVE
    \echo 'expand/public.orders/column'
    BEGIN;
    ALTER TABLE "public"."orders" ADD COLUMN "tenant_id" integer;
    COMMIT;

    -- backfill

    -- backfill/public.orders/fill
    -- why fill; ROW EXCLUSIVE
    \echo 'backfill/public.orders/fill'
    -- ~30118204 rows in 3400 pages at once; `tenantize run` goes batch by batch
    BEGIN;
    SET LOCAL lock_timeout = 0;
    \if :may_suppress
      SET LOCAL session_replication_role = replica;
    \endif
    UPDATE ONLY "public"."orders" AS t SET "tenant_id" = m.tenant FROM "tenantize"."public_orders_map" AS m WHERE t.ctid >= '(0,0)' AND t.ctid < '(2147483648,0)' AND t."tenant_id" IS NULL AND m.key = t."id";
    COMMIT;

    -- constraints

    -- constraints/public.orders/index
    -- why index; SHARE UPDATE EXCLUSIVE
    \echo 'constraints/public.orders/index'
    SET lock_timeout = 0;
    CREATE INDEX CONCURRENTLY "orders_tenant_id_idx" ON "public"."orders" ("tenant_id");
    SET lock_timeout = '900ms';
    "#);
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
    let script = plan.render(PlanFormat::Sql, PlanDetail::Summary, Palette::None);
    assert!(script.contains("-- 1 blocker: DO NOT RUN"), "{script}");
    assert!(text.ends_with("3 warnings, 1 note, 1 blocker. Nothing was changed. Resolve the blockers, then ask again: tenantize plan\n"));
}

#[test]
fn a_settled_cycle_is_a_loop() {
    let mut plan = plan();
    plan.steps =
        vec![step(Phase::Backfill, None, "settle", Action::Settle { fills: vec![fill()] }, Undo::Nothing { because: String::new() })];
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

//! A small database of two tenants, in the shape in which the phases leave it.

use std::collections::BTreeMap;

use diesel::PgConnection;
use tenantize::catalog::Referential;
use tenantize::check::{Subject, Verification, VerifyError, VerifyOptions, verify};
use tenantize::db::{Database, DatabaseUrl, SessionSettings};
use tenantize::phase::Phase;
use tenantize::plan::{Action, BackupCopy, BackupSpec, Plan, PlannedTable, Step, StepId, Strategy, Undo};
use tenantize::rule::{Origin, Tenant, TenantSet};
use tenantize::sql::change::{ColumnDefault, Deferral, ExistingRows, ForeignKeySpec, PolicyKind, PolicySpec};
use tenantize::sql::policy::{ContextSpec, PolicyForm};
use tenantize::sql::{Change, Ident, KeyType, QualifiedName, TenantKey};

use crate::support::TestDb;

pub(crate) const TENANT_A: &str = "00000000-0000-4000-8000-00000000000a";
pub(crate) const TENANT_B: &str = "00000000-0000-4000-8000-00000000000b";

const FIXTURE: &str = include_str!("scene.sql");
const QUOTED: &str = r#"
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    CREATE SCHEMA "My.App";
    CREATE TABLE "My.App"."Accounts" ("Nr" varchar(20) PRIMARY KEY);
    INSERT INTO "My.App"."Accounts" VALUES ('o''a'), ('b"b');
    CREATE TABLE "My.App"."Order ""1""" (
      "The Key" text, "select" int,
      "Account Nr" varchar(20) NOT NULL REFERENCES "My.App"."Accounts",
      PRIMARY KEY ("Account Nr", "The Key", "select")
    );
    INSERT INTO "My.App"."Order ""1""" VALUES ('it''s', 1, 'o''a'), ('it''s', 2, 'b"b'), ('x', 3, 'b"b');
"#;
/// What is taken from the scene again, to have it as it is before a run.
const WITHOUT_TENANTS: &str = r"
    DROP SCHEMA tenantize_backup CASCADE;
    DO $$ DECLARE t text; BEGIN
      FOREACH t IN ARRAY '{users,projects,files,events,notes,drafts,memberships}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I DROP COLUMN tenant_id CASCADE', t);
      END LOOP;
    END $$;
    ALTER TABLE users ADD UNIQUE (email);
    ALTER TABLE projects ADD FOREIGN KEY (owner_id) REFERENCES users;
    ALTER TABLE files ADD FOREIGN KEY (project_id) REFERENCES projects ON DELETE CASCADE;
    DELETE FROM memberships AS m USING memberships AS n WHERE m.user_id = n.user_id AND m.ctid > n.ctid;
    ALTER TABLE memberships ADD PRIMARY KEY (user_id);
";
const TABLES: [&str; 6] = ["users", "projects", "files", "events", "notes", "drafts"];
const FENCED: [&str; 9] = ["users", "projects", "files", "events", "events_2025", "events_2026", "notes", "drafts", "memberships"];

pub(crate) struct Scene {
    pub(crate) db: TestDb,
    pub(crate) app: String,
    pub(crate) plan: Plan,
}

fn ident(name: &str) -> Ident {
    Ident::new(name).unwrap()
}

fn public(name: &str) -> QualifiedName {
    QualifiedName::new(ident("public"), ident(name))
}

fn tenant_id() -> Ident {
    ident("tenant_id")
}

impl Scene {
    pub(crate) fn new() -> Self {
        let db = TestDb::new(FIXTURE);
        let app = db.role("app");
        let protect = protect(&ident(&app));
        run(&db, &protect);
        Self { plan: plan(&ident(&app), protect), db, app }
    }

    /// The same tables before a run: without tenants and policies.
    pub(crate) fn before() -> Self {
        let db = TestDb::new(&format!("{FIXTURE}{WITHOUT_TENANTS}"));
        let app = db.role("app");
        db.psql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app}"));
        Self { plan: plan(&ident(&app), Vec::new()), db, app }
    }

    /// One table with names that only quotes hold together; the registry's key is a text.
    pub(crate) fn quoted() -> Self {
        let db = TestDb::new(QUOTED);
        let app = db.role("app");
        let (role, schema, column) = (ident(&app), ident("My.App"), ident("Account Nr"));
        let (table, registry) =
            (QualifiedName::new(schema.clone(), ident("Order \"1\"")), QualifiedName::new(schema.clone(), ident("Accounts")));
        let rights = ["DELETE", "INSERT", "SELECT", "UPDATE"].map(str::to_owned).to_vec();
        let ty = KeyType::Text;
        let mut changes = vec![
            Change::CreateSchema { schema: ident("tenancy") },
            Change::CreateContext { ty, context: ContextSpec::default() },
            Change::GrantSchemaUsage { schema: ident("tenancy"), role: role.clone() },
            Change::GrantSchemaUsage { schema, role: role.clone() },
            Change::SetDefault { table: table.clone(), column: column.clone(), default: ColumnDefault::Context },
            Change::Grant { table: table.clone(), role: role.clone(), privileges: rights },
            Change::Grant { table: registry.clone(), role: role.clone(), privileges: vec!["SELECT".into()] },
        ];
        changes.extend(fence(&table, &column, ty, ("tenancy_allow", PolicyKind::Allow(vec![role.clone()]))));
        changes.extend(fence(&registry, &ident("Nr"), ty, ("tenancy_read", PolicyKind::Read(vec![role.clone()]))));
        run(&db, &changes);
        let mut plan = plan(&role, changes);
        plan.steps.retain(|step| step.phase == Phase::Rls);
        plan.tenants = TenantSet { ty, tenants: Vec::new().into(), default: "o'a".into() };
        (plan.column, plan.registry, plan.registry_key, plan.membership) = (column, registry, ident("Nr"), None);
        plan.tables = vec![PlannedTable { leaves: vec![table.clone()], table, ..planned("users") }];
        Self { db, app, plan }
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::of_plan(&self.plan, &[])
    }

    pub(crate) fn verify(&self) -> Verification {
        self.verify_with(&VerifyOptions::default())
    }

    pub(crate) fn verify_with(&self, options: &VerifyOptions) -> Verification {
        verify(&database(&self.db.url()), &self.subject(), Some(&self.plan), options, &mut |_| {}).unwrap()
    }

    pub(crate) fn verify_as(&self, role: &str, options: &VerifyOptions) -> Result<Verification, VerifyError> {
        verify(&database(&self.db.url_as(role)), &self.subject(), Some(&self.plan), options, &mut |_| {})
    }

    pub(crate) fn connect(&self) -> PgConnection {
        database(&self.db.url()).connect_dedicated().unwrap()
    }
}

fn run(db: &TestDb, changes: &[Change]) {
    let sql: Vec<String> = changes.iter().map(|change| format!("{change};")).collect();
    db.psql(&sql.join("\n"));
}

fn database(url: &str) -> Database {
    Database::connect(&DatabaseUrl::parse(url).unwrap(), &SessionSettings::default(), 2).unwrap()
}

/// What the phase rls does.
fn protect(app: &Ident) -> Vec<Change> {
    let ty = KeyType::Uuid;
    let tenancy = ident("tenancy");
    let mut changes = vec![
        Change::CreateSchema { schema: tenancy.clone() },
        Change::CreateContext { ty, context: ContextSpec::default() },
        Change::GrantSchemaUsage { schema: tenancy, role: app.clone() },
        Change::Grant { table: public("plans"), role: app.clone(), privileges: vec!["SELECT".into()] },
    ];
    for name in FENCED {
        let table = public(name);
        let rights = ["DELETE", "INSERT", "SELECT", "UPDATE"].map(str::to_owned).to_vec();
        changes.push(Change::SetDefault { table: table.clone(), column: tenant_id(), default: ColumnDefault::Context });
        changes.push(Change::Grant { table: table.clone(), role: app.clone(), privileges: rights });
        changes.extend(fence(&table, &tenant_id(), ty, ("tenancy_allow", PolicyKind::Allow(vec![app.clone()]))));
    }
    changes.push(Change::Grant { table: public("tenants"), role: app.clone(), privileges: vec!["SELECT".into()] });
    changes.extend(fence(&public("tenants"), &ident("id"), ty, ("tenancy_read", PolicyKind::Read(vec![app.clone()]))));
    changes
}

fn fence(table: &QualifiedName, column: &Ident, ty: KeyType, open: (&str, PolicyKind)) -> [Change; 4] {
    let policy = |name: &str, kind| {
        let (table, column, context, form) = (table.clone(), column.clone(), ContextSpec::default(), PolicyForm::Wrapped);
        Change::CreatePolicy(PolicySpec { table, name: ident(name), kind, column, ty, context, form })
    };
    [
        policy("tenancy_fence", PolicyKind::Fence),
        policy(open.0, open.1),
        Change::EnableRls { table: table.clone() },
        Change::ForceRls { table: table.clone() },
    ]
}

fn plan(app: &Ident, protect: Vec<Change>) -> Plan {
    Plan {
        id: "0123456789abcdef".into(),
        tool: "0".into(),
        database: "scene".into(),
        column: tenant_id(),
        registry: public("tenants"),
        registry_key: ident("id"),
        tenants: TenantSet { ty: KeyType::Uuid, tenants: vec![tenant(TENANT_A, "a"), tenant(TENANT_B, "b")].into(), default: "a".into() },
        app_roles: vec![app.clone()],
        read_roles: Vec::new(),
        trusted_roles: Vec::new(),
        owners: Vec::new(),
        context: ContextSpec::default(),
        shared: vec![public("plans")],
        global_keys: Vec::new(),
        membership: Some(public("memberships")),
        tables: TABLES.map(planned).to_vec(),
        shapes: BTreeMap::new(),
        maps: Vec::new(),
        kept_keys: Vec::new(),
        dead_indexes: Vec::new(),
        steps: vec![
            step(Phase::Backup, Action::Backup(BackupSpec { schema: ident("tenantize_backup"), copies: copies() })),
            step(Phase::Constraints, Action::Apply { changes: vec![Change::AddForeignKey(file_to_project())] }),
            step(Phase::Rls, Action::Apply { changes: protect }),
        ],
        findings: Vec::new(),
    }
}

fn step(phase: Phase, action: Action) -> Step {
    Step {
        id: StepId::new(phase, None, "test"),
        phase,
        subject: None,
        why: String::new(),
        action,
        undo: Undo::Nothing { because: String::new() },
    }
}

fn tenant(key: &str, slug: &str) -> Tenant {
    let key = TenantKey { ty: KeyType::Uuid, text: key.into() };
    Tenant { key, slug: slug.into(), columns: BTreeMap::new(), origin: Origin::New }
}

fn planned(name: &str) -> PlannedTable {
    let leaves = if name == "events" { vec![public("events_2025"), public("events_2026")] } else { vec![public(name)] };
    let expected = match name {
        "notes" => [("a".to_owned(), 40), ("b".to_owned(), 0)].into(),
        "files" => [("a".to_owned(), 60), ("b".to_owned(), 30)].into(),
        _ => BTreeMap::new(),
    };
    PlannedTable { table: public(name), leaves, strategy: Strategy::Striped, reason: String::new(), expected }
}

fn copies() -> Vec<BackupCopy> {
    let copy = |name: &str, columns: &[&str]| BackupCopy {
        table: public(name),
        copy: QualifiedName::new(ident("tenantize_backup"), ident(&format!("public_{name}_copy"))),
        columns: columns.iter().map(|column| ident(column)).collect(),
        texts: Vec::new(),
        bytes: 0,
    };
    vec![copy("files", &["id", "project_id", "name"]), copy("notes", &["id", "body"]), copy("events_2025", &["at", "what"])]
}

fn file_to_project() -> ForeignKeySpec {
    ForeignKeySpec {
        table: public("files"),
        name: ident("files_tenant_id_project_id_fkey"),
        columns: vec![tenant_id(), ident("project_id")],
        parent: public("projects"),
        references: vec![tenant_id(), ident("id")],
        on_delete: Referential::Cascade,
        set_columns: Vec::new(),
        on_update: Referential::NoAction,
        deferral: Deferral::Immediate,
        existing: ExistingRows::NotValid,
    }
}

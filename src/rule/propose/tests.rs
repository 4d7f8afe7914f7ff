use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::catalog::{Column, ForeignKey, Key, KeyKind, Referential, Server};
use crate::config::{Config, KeyPolicy, Rule};

fn ident(text: &str) -> Ident {
    Ident::new(text).unwrap()
}

fn name(text: &str) -> QualifiedName {
    QualifiedName::new(ident("public"), ident(text))
}

/// A table from words: `id`, `x:text` a column, `x?` may be null, `!x` unique, `x>t` references t, `x>>t` and is deleted with it.
fn table(called: &str, columns: &str) -> Table {
    let mut table = Table {
        name: name(called),
        kind: TableKind::Ordinary,
        parents: Vec::new(),
        is_partition: false,
        owner: ident("owner"),
        owned: true,
        unlogged: false,
        rls_enabled: false,
        rls_forced: false,
        rows: -1.0,
        pages: 0,
        bytes: 0,
        columns: Vec::new(),
        keys: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        policies: Vec::new(),
        triggers: Vec::new(),
        rules: Vec::new(),
        grants: Vec::new(),
        column_grants: Vec::new(),
        sequences: Vec::new(),
        options: Vec::new(),
        replica_identity: "d".into(),
        published: false,
        reads: Vec::new(),
    };
    for word in columns.split_whitespace() {
        column(&mut table, word);
    }
    table
}

fn column(table: &mut Table, word: &str) {
    let (word, unique) = word.strip_prefix('!').map_or((word, false), |word| (word, true));
    let (word, parent) = word.split_once('>').map_or((word, None), |(word, parent)| (word, Some(parent)));
    let (word, ty) = word.split_once(':').unwrap_or((word, "bigint"));
    let (word, null) = word.strip_suffix('?').map_or((word, false), |word| (word, true));
    let column = Column { name: ident(word), ty: ty.into(), not_null: !null, default: None, generated: false, identity: false };
    table.columns.push(column);
    if unique || word == "id" {
        let kind = if word == "id" { KeyKind::Primary } else { KeyKind::Unique };
        let called = format!("{}_{word}_key", table.name.name.plain());
        let definition = format!("UNIQUE ({word})");
        table.keys.push(Key { name: ident(&called), kind, columns: vec![ident(word)], deferrable: false, definition });
    }
    if let Some(parent) = parent {
        let on_delete = if parent.starts_with('>') { Referential::Cascade } else { Referential::NoAction };
        table.foreign_keys.push(ForeignKey {
            name: ident(&format!("{}_{word}_fkey", table.name.name.plain())),
            columns: vec![ident(word)],
            table: name(parent.trim_start_matches('>')),
            references: vec![ident("id")],
            on_delete,
            on_update: Referential::NoAction,
            match_full: false,
            deferrable: false,
            deferred: false,
            validated: true,
            inherited: false,
            definition: String::new(),
        });
    }
}

fn catalog(tables: impl IntoIterator<Item = Table>) -> Catalog {
    let server = Server {
        version: 150_000,
        database: ident("shop"),
        role: ident("owner"),
        superuser: true,
        bypass_rls: true,
        create_role: true,
        create_schema: true,
        suppress_triggers: true,
    };
    let tables = tables.into_iter().map(|table| (table.name.clone(), table)).collect();
    Catalog {
        server,
        tables,
        roles: BTreeMap::new(),
        schemas: BTreeMap::new(),
        functions: Vec::new(),
        default_rights: Vec::new(),
        activity: crate::catalog::Activity::default(),
    }
}

fn proposal(tables: &[(&str, &str)]) -> Proposal {
    let options = ProposeOptions { registry: None, column: ident("tenant_id") };
    propose(&catalog(tables.iter().map(|(called, columns)| table(called, columns))), &options)
}

fn parse(proposal: &Proposal) -> Config {
    Config::parse(Path::new("tenantize.toml"), &proposal.to_toml()).unwrap_or_else(|error| panic!("{error}\n{}", proposal.to_toml()))
}

/// The rule of each table in few words.
fn rules(tables: &[(&str, &str)]) -> Vec<String> {
    let config = parse(&proposal(tables));
    let word = |rule: &Rule| match rule {
        Rule::Tenant(slug) => slug.clone(),
        Rule::Column => "column".into(),
        Rule::Parent { table, via } => std::iter::once(&table.name).chain(via).map(Ident::plain).collect::<Vec<_>>().join("/"),
        Rule::Sql(sql) => sql.clone(),
        Rule::Csv { .. } => unreachable!("nothing proposes a file"),
    };
    let line = |(name, table): (&QualifiedName, &crate::config::TableConfig)| {
        let rules: Vec<String> = table.rules.iter().map(word).collect();
        let scope = table.scope.map(|scope| format!("{scope:?}"));
        format!("{}: {}", name.name.plain(), scope.unwrap_or_else(|| rules.join(", ")))
    };
    config.tables.iter().map(line).collect()
}

const STUDIO: &[(&str, &str)] = &[
    ("users", "id !email:text"),
    ("projects", "id owner_id>users !slug:text currency_id>currencies"),
    ("files", "id uploaded_by>users project_id>>projects"),
    ("comments", "id file_id?>>files author_id>users"),
    ("currencies", "id !code:text"),
    ("audit_logs", "id project_id"),
    ("schema_migrations", "version:text"),
];

#[test]
fn rows_follow_what_they_are_deleted_with_before_the_person_who_made_them() {
    assert_eq!(
        rules(STUDIO),
        [
            "audit_logs: default",
            "comments: files, users",
            "currencies: Shared",
            "files: projects",
            "projects: users",
            "schema_migrations: Ignored",
            "users: default"
        ]
    );
}

#[test]
fn the_file_says_why() {
    insta::assert_snapshot!(proposal(STUDIO).to_toml(), @r#"
    # Written by `tenantize init` from the catalog alone: read every line, correct it, then ask: tenantize check
    # 5 tenant tables, 3 derived, 1 shared, 1 ignored; the registry public.tenants will be created

    version = 1
    schemas = ["public"]

    # no table lists customers
    [tenants]
    table = "public.tenants"
    key = "id"
    slug = "slug"
    column = "tenant_id"
    default = { slug = "default", name = "Default Tenant" }
    # csv = "tenants.csv"          # further tenants; its header names columns of the registry
    # on_delete = "restrict"       # or "cascade": what deleting a tenant does to its rows

    # [memberships]                 # which user belongs to which tenant
    # table = "public.users_tenants_membership"
    # users = "public.users"
    # role = "member"

    [rls]
    # the role by which the application connects; created when missing, must own no table
    # app_roles = ["app_rw"]

    # ---- tables whose rows belong to a tenant, parents before children

    # no foreign key leads to a table of a tenant
    [tables."public.audit_logs"]
    tenant = "default"
    # project_id looks like a reference: tenant = { parent = "public.projects", via = ["project_id"] }

    # people who reference no table of a tenant: a CSV file can tell them apart
    [tables."public.users"]
    tenant = "default"
    # users_email_key (email): looked up before the tenant is known, or drawn at random
    # unique = { users_email_key = "global" }

    # by owner_id (never null)
    [tables."public.projects"]
    tenant = { parent = "public.users" }
    # projects_slug_key (slug): two tenants may want the same value
    # unique = { projects_slug_key = "per-tenant" }

    # by project_id (never null, deleted with it), 2 steps from the first table
    [tables."public.files"]
    tenant = { parent = "public.projects" }
    # also possible: public.users by uploaded_by (never null)

    # by file_id (may be null, deleted with it), else by author_id (never null), 3 steps from the first table
    [tables."public.comments"]
    tenant = [{ parent = "public.files" }, { parent = "public.users" }]

    # ---- shared: no tenant column, every tenant reads all rows

    # reference data by its name, and it references no table of a tenant
    [tables."public.currencies"]
    scope = "shared"

    # ---- ignored: not touched at all

    # bookkeeping of a migration tool
    [tables."public.schema_migrations"]
    scope = "ignored"
    "#);
}

#[test]
fn what_is_commented_out_is_valid_too() {
    let mut text = proposal(STUDIO).to_toml();
    for start in ["unique =", "app_roles =", "[memberships]", "table =", "users =", "role ="] {
        text = text.replace(&format!("\n# {start}"), &format!("\n{start}"));
    }
    let config = Config::parse(Path::new("tenantize.toml"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(config.tables[&name("projects")].unique[&ident("projects_slug_key")], KeyPolicy::PerTenant);
    assert_eq!(config.tables[&name("users")].unique[&ident("users_email_key")], KeyPolicy::Global);
    assert_eq!(config.memberships.unwrap().users, name("users"));
}

#[test]
fn a_table_that_lists_customers_becomes_the_registry() {
    let tables = [
        ("organizations", "id !slug:text name:text plan_id"),
        ("users", "id email:text organization_id>organizations"),
        ("notes", "id user_id>users"),
        ("invoices", "id tenant_id organization_id>organizations"),
    ];
    let proposal = proposal(&tables);
    assert_eq!(proposal.registry.table, name("organizations"));
    assert_eq!(rules(&tables), ["invoices: column", "notes: users", "users: t.\"organization_id\""]);
    let text = proposal.to_toml();
    assert!(text.contains("column = \"organization_id\" would use it"), "{text}");
    assert!(
        text.contains("default = { slug = \"default\", name = \"Default Tenant\" }") && text.contains("needs plan_id (bigint)"),
        "{text}"
    );
}

#[test]
fn accounts_of_people_are_no_registry_and_a_taken_name_is_not_taken_again() {
    let tables = [("accounts", "id !name:text email:text password_hash:text"), ("tenants", "id flat:text")];
    let proposal = proposal(&tables);
    assert_eq!((proposal.registry.table.clone(), proposal.registry.exists()), (name("tenant_registry"), false));
    assert_eq!(rules(&tables), ["accounts: default", "tenants: default"]);
}

#[test]
fn a_registry_that_the_operator_names_is_taken() {
    let options = ProposeOptions { registry: Some(name("firms")), column: ident("firm_id") };
    let known = propose(&catalog([table("firms", "id !name:text"), table("staff", "id firm_id>firms")]), &options);
    assert_eq!((known.registry.slug.plain(), known.tables.len()), ("name", 1));
    assert_eq!(known.tables[0].role, ProposedRole::Column);
    let new = propose(&catalog([table("staff", "id")]), &options);
    assert!(!new.registry.exists() && parse(&new).tenants.table == name("firms"));
}

#[test]
fn a_list_that_describes_a_row_does_not_own_it() {
    let tables = [("frameworks", "id !code:text"), ("users", "id"), ("projects", "id framework_id>frameworks user_id>>users")];
    assert_eq!(rules(&tables)[1], "projects: users");
    let tables = [("frameworks", "id !code:text"), ("users", "id"), ("projects", "id framework_id>frameworks user_id>users")];
    assert_eq!(rules(&tables)[1], "projects: users");
}

#[test]
fn two_ways_to_one_parent_are_told_apart() {
    assert_eq!(rules(&[("places", "id"), ("trips", "id from_id?>places to_id>places")])[1], "trips: places/to_id");
}

#[test]
fn a_circle_begins_somewhere() {
    let circle = [("teams", "id lead_id?>users"), ("users", "id team_id?>teams"), ("tasks", "id team_id>teams parent_id?>tasks")];
    assert_eq!(rules(&circle), ["tasks: teams", "teams: users", "users: default"]);
}

#[test]
fn only_what_is_plain_is_shared() {
    let owned = [("plans", "id user_id>users"), ("users", "id")];
    assert_eq!(rules(&owned), ["plans: users", "users: default"]);
    let joined = [("roles", "id"), ("permissions", "id"), ("role_permissions", "role_id>roles permission_id>permissions")];
    assert_eq!(rules(&joined), ["permissions: Shared", "role_permissions: Shared", "roles: Shared"]);
    assert_eq!(rules(&[("currencies", "id"), ("prices", "id currency_id>currencies amount")])[1], "prices: default");

    let options = ProposeOptions { registry: None, column: ident("tenant_id") };
    let list = |rows: f64, columns: &str| {
        let list = Table { rows, ..table("grades", columns) };
        let found = propose(&catalog([list, table("a", "id g>grades"), table("b", "id g>grades")]), &options);
        found.tables.iter().find(|table| table.table == name("grades")).unwrap().role.clone()
    };
    assert_eq!(list(12.0, "id !code:text"), ProposedRole::Without(Scope::Shared));
    assert_eq!(list(12.0, "id title:text"), ProposedRole::Default);
    assert_eq!(list(-1.0, "id !code:text"), ProposedRole::Default);
}

#[test]
fn partitions_and_views_are_not_listed_and_hostile_names_stay_names() {
    let partition = Table { parents: vec![name("events")], is_partition: true, ..table("events_1", "id") };
    let parent = Table { kind: TableKind::Partitioned, ..table("events", "id") };
    let view = Table { kind: TableKind::View, ..table("seen", "id") };
    let hostile = table("a\"b\n.c\\", "id !x\"]:text");
    let options = ProposeOptions { registry: None, column: ident("tenant\n\"id") };
    let proposal = propose(&catalog([partition, parent, view, hostile]), &options);
    let config = parse(&proposal);
    assert_eq!(config.tables.keys().collect::<Vec<_>>(), [&name("a\"b\n.c\\"), &name("events")]);
    assert_eq!(config.tenants.column, options.column);
}

#[test]
fn the_summary_counts() {
    assert_eq!(proposal(STUDIO).summary(), "5 tenant tables, 3 derived, 1 shared, 1 ignored; the registry public.tenants will be created");
}

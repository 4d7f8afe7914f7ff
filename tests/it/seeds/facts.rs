//! What is wrong with each plan, and which checks and attacks find it.

pub(super) const HEAD: &str = "# Five published plans

Each folder holds a published plan for tenants in PostgreSQL: its policies, functions and grants as it writes them (`policies.sql`), its
tables reduced to the columns and keys that these need (`schema.sql`), and rows of two tenants (`rows.sql`). What a plan only describes is
written as it describes it, and says so. `tenantize verify --tenant-column` knows nothing of them but the database.

This page is made from what the test `seeds` asserts.
";

/// Something that is wrong with a plan.
pub(super) struct Fact {
    pub(super) what: &'static str,
    /// A check or a class of attacks, and the object or relation that it names.
    pub(super) by: &'static [(&'static str, &'static str)],
    /// Why nothing finds it.
    pub(super) because: &'static str,
}

const fn found(what: &'static str, by: &'static [(&'static str, &'static str)]) -> Fact {
    Fact { what, by, because: "" }
}

const fn not_found(what: &'static str, because: &'static str) -> Fact {
    Fact { what, by: &[], because }
}

pub(super) fn of(seed: &str) -> &'static [Fact] {
    match seed {
        "cin7-playground" => CIN7,
        "supabase-infrastructure" => SUPABASE,
        "studio-platform" => STUDIO,
        "data-catalog" => CATALOG,
        "vanilla-saas" => VANILLA,
        other => panic!("no facts of {other}"),
    }
}

const CIN7: &[Fact] = &[
    found("policies read memberships and collaborators, which show nothing", &[("T210", "public.tenants"), ("T210", "public.projects")]),
    found("an address that one tenant uses is taken for all", &[("T504", "public.users")]),
    found(
        "definer functions without a search path",
        &[("T302", "user_has_tenant_access"), ("T302", "get_current_tenant_id"), ("T302", "set_tenant_context")],
    ),
    found(
        "definer functions believe the tenant and the user that the caller names",
        &[("T307", "user_has_tenant_access"), ("T301", "get_user_projects_with_collaborators")],
    ),
    not_found(
        "after the first transaction an empty setting is no uuid: every query fails",
        "the cast stands in a function, and only policies are read for it",
    ),
    found(
        "the copies made before the migration are open to the application and to the role for reports",
        &[("T110", "public.users_backup"), ("T110", "public.projects_backup"), ("T110", "public.project_files_backup")],
    ),
    found(
        "six tables have row-level security and no policy",
        &[
            ("T103", "public.users"),
            ("T103", "public.user_tenant_membership"),
            ("T103", "public.project_collaborators"),
            ("T103", "public.chat_messages"),
            ("T103", "public.real_time_sessions"),
            ("T103", "public.integrations"),
        ],
    ),
    found(
        "projects and their files can be neither updated nor deleted, and nothing says so",
        &[("T105", "public.projects"), ("T105", "public.project_files")],
    ),
    found(
        "the audit log and the activities have tenants and no row-level security",
        &[
            ("T101", "public.audit_logs"),
            ("T101", "public.user_activities"),
            ("select", "public.audit_logs"),
            ("delete", "public.user_activities"),
        ],
    ),
    found("a user's own rows are hidden: policies read tables that show nothing", &[("control", "public.project_collaborators")]),
    found("the application may write to the registry", &[("T109", "public.tenants")]),
    found("row-level security does not bind the owner", &[("T102", "public.projects")]),
    found(
        "foreign keys between tables do not carry the tenant",
        &[
            ("T505", "chat_messages_project_id_fkey"),
            ("T505", "project_files_project_id_fkey"),
            ("T505", "project_collaborators_user_id_fkey"),
        ],
    ),
    found("an entry of the audit log need not have a tenant", &[("T501", "public.audit_logs")]),
    not_found(
        "files are assigned to the default tenant before their project is looked at",
        "what a script does to rows: `tenantize plan` refuses it",
    ),
    not_found("the key of the encryption is the tenant's id, which everybody knows", "no question to a catalog"),
];

const SUPABASE: &[Fact] = &[
    found("a policy lets the row of another tenant pass for another reason", &[("T203", "public.tenant_members")]),
    found("a pair that another tenant has used is taken", &[("T504", "public.provider_resource_map")]),
    found("the tenant column is not indexed", &[("T503", "public.role_permissions"), ("T503", "public.dns_records")]),
    found("a malformed claim is swallowed, and the setting of somebody else counts", &[("T303", "current_tenant_id")]),
    found("definer functions without a search path", &[("T302", "is_global_admin")]),
    found(
        "a member writes itself into another tenant, and raises its own role",
        &[("insert", "public.tenant_members"), ("update", "public.tenant_members")],
    ),
    found("a session of a user is given to another tenant", &[("insert", "public.user_sessions"), ("update", "public.user_sessions")]),
    found("the registry is open: tax numbers are read, plans are changed", &[("T109", "public.tenants"), ("select", "public.tenants")]),
    found(
        "the settings of tenants and the permissions are open",
        &[
            ("T101", "public.tenant_config"),
            ("T107", "public.permissions"),
            ("select", "public.tenant_config"),
            ("context", "public.tenant_config"),
        ],
    ),
    found(
        "foreign keys do not carry the tenant: a volume is attached to another tenant's server",
        &[
            ("T505", "volumes_attached_to_server_id_fkey"),
            ("T505", "role_permissions_role_id_fkey"),
            ("T505", "network_servers_server_id_fkey"),
        ],
    ),
    found("everybody who logs in may empty every table", &[("T603", "public.cloud_providers"), ("ddl", "public.servers")]),
    found("a permission of a role need not have a tenant", &[("T501", "public.role_permissions")]),
    found("row-level security does not bind the owner", &[("T102", "public.cloud_providers")]),
    not_found("110 permissions are seeded, 114 are announced", "no question to a catalog"),
    not_found("system roles can be deleted", "a promise of the document that no constraint makes"),
];

const STUDIO: &[Fact] = &[
    found("definer functions believe the user that the caller names", &[("T307", "is_organization_owner"), ("T307", "has_project_access")]),
    found(
        "no table has row-level security",
        &[
            ("T101", "platform.projects"),
            ("T101", "platform.organization_members"),
            ("T101", "platform.api_keys"),
            ("T101", "platform.audit_logs"),
            ("select", "platform.api_keys"),
            ("update", "platform.organization_members"),
            ("context", "platform.audit_logs"),
        ],
    ),
    found("the registry is open", &[("T109", "platform.organizations"), ("select", "platform.organizations")]),
    found(
        "tables below a project have no tenant, and are open",
        &[("T107", "platform.project_members"), ("T107", "platform.project_addons"), ("T107", "platform.project_metrics")],
    ),
    found("users and their sessions have no tenant, and are open", &[("T107", "platform.users"), ("T107", "platform.user_sessions")]),
    found(
        "an entry of the audit log need not have a tenant, and can name another tenant's project",
        &[("T501", "platform.audit_logs"), ("T505", "audit_logs_project_id_fkey")],
    ),
];

const CATALOG: &[Fact] = &[
    found("the policy of the members reads the members", &[("T209", "public.account_users")]),
    found("the server refuses to plan what the application asks", &[("T901", "account_users"), ("T901", "connections")]),
    found("definer functions write to any table that the caller names", &[("T306", "soft_delete"), ("T306", "permanent_delete")]),
    found(
        "the policy of the members reads the members: every query fails with 42P17",
        &[("control", "public.account_users"), ("control", "public.connections")],
    ),
    found(
        "the views of active rows show all accounts, passwords included",
        &[("T401", "public.connections_active"), ("T401", "public.projects_active"), ("T401", "public.accounts_active")],
    ),
    found(
        "\"row-level security enforces isolation\", on eight of 28 tables",
        &[("T101", "public.projects"), ("T101", "public.datasets"), ("select", "public.projects")],
    ),
    found("the registry is open", &[("T109", "public.accounts"), ("select", "public.accounts")]),
    found("policies exist for SELECT alone: nothing can be written", &[("T105", "public.connections"), ("T105", "public.account_users")]),
    found("tables with row-level security and no policy", &[("T103", "public.api_tokens"), ("T103", "public.invitations")]),
    found("everybody who logs in may empty every table", &[("T603", "public.connections"), ("ddl", "public.projects")]),
    not_found("a member who was deactivated still reads connections", "what makes a member active is the application's own word"),
];

const VANILLA: &[Fact] = &[
    found(
        "the narrower policies of 010 are combined with the wide ones of 003 by OR",
        &[("T204", "public.users"), ("T204", "public.token_wallets")],
    ),
    found(
        "tables of migrations 005 to 009 are open until 010 has run",
        &[("T101", "public.ai_engines"), ("T101", "public.engine_executions"), ("select", "public.ai_workflows")],
    ),
    found("the administrators' table has no tenant, and is open", &[("T107", "public.superadmin_users")]),
    found("foreign keys do not carry the tenant", &[("T505", "token_wallets_user_id_fkey")]),
    found("the application may write to the registry", &[("T109", "public.tenants")]),
    not_found("\"relation already exists\": drop it with CASCADE", "advice, not a state of the database"),
];

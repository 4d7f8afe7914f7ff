//! Tables, partitions and copies without row-level security.

super::mutants! {
    "security-off" "somebody switches row-level security off on one table, for a night's import"
        "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY";
    "force-off" "the owner of a table is bound by no policy"
        "ALTER TABLE {forced} NO FORCE ROW LEVEL SECURITY";
    "no-policies" "all policies of a table are gone: the application sees nothing"
        "DROP POLICY {fence} ON {table}; DROP POLICY {allow} ON {table}";
    "only-fence" "the permissive policy is gone: nobody passes"
        "DROP POLICY {allow} ON {table}";
    "partition-off" "a partition is named directly, and has no row-level security of its own"
        "ALTER TABLE {partition} DISABLE ROW LEVEL SECURITY";
    "partition-new" "a new partition is made without policies"
        "CREATE TABLE {made} PARTITION OF {root} DEFAULT; GRANT SELECT ON {made} TO {app}";
    "child-new" "a table inherits from a table with tenants, without its policies"
        "CREATE TABLE {made} () INHERITS ({table}); INSERT INTO {made} ({columns}) SELECT {columns} FROM ONLY {table}; GRANT SELECT ON {made} TO {app}";
    "table-new" "a new table with the tenant column and without policies"
        "CREATE TABLE {made} AS SELECT * FROM {table}; GRANT SELECT, INSERT, UPDATE, DELETE ON {made} TO {app}";
    "table-new-unmarked" "a new table that holds rows of tenants and has no tenant column"
        "CREATE TABLE {made} AS SELECT {key} FROM {table}; GRANT SELECT ON {made} TO {app}";
    "table-new-column-right" "of a new table without policies one column may be read"
        "CREATE TABLE {made} AS SELECT {key}, {column} FROM {table}; GRANT SELECT ({key}) ON {made} TO {app}";
    "backup-readable" "a copy made by hand before a release can be read"
        "CREATE TABLE {backup} AS SELECT * FROM {table}; GRANT SELECT ON {backup} TO {app}";
    "backup-schema-readable" "the schema of the backup copies is opened"
        "CREATE SCHEMA IF NOT EXISTS tenantize_backup; CREATE TABLE tenantize_backup.tenantize_mutant AS SELECT * FROM {table}; \
         GRANT USAGE ON SCHEMA tenantize_backup TO {app}; GRANT SELECT ON tenantize_backup.tenantize_mutant TO {app}";
    "map-readable" "the staged map of keys to tenants can be read"
        "CREATE SCHEMA IF NOT EXISTS tenantize; CREATE TABLE tenantize.tenantize_mutant AS SELECT {key}, {column} FROM {table}; \
         GRANT USAGE ON SCHEMA tenantize TO {app}; GRANT SELECT ON tenantize.tenantize_mutant TO {app}";
    "registry-open" "the registry of tenants has no row-level security"
        "ALTER TABLE {registry} DISABLE ROW LEVEL SECURITY";
    "registry-policy-open" "a policy shows every tenant the whole registry"
        "DROP POLICY {registry_fence} ON {registry}; CREATE POLICY tenantize_mutant ON {registry} FOR SELECT USING (true)";
    "registry-writable" "the application may write the registry"
        "GRANT INSERT, UPDATE, DELETE ON {registry} TO {app}";
    "registry-writable-open" "the application may write the registry, and a policy lets it"
        "GRANT INSERT, UPDATE, DELETE ON {registry} TO {app}; DROP POLICY {registry_fence} ON {registry}; \
         CREATE POLICY tenantize_mutant ON {registry} USING (true) WITH CHECK (true)";
    "registry-column-writable" "the application may change one column of the registry"
        "GRANT UPDATE ({registry_key}) ON {registry} TO {app}";
    "membership-open" "the table of memberships has no row-level security"
        "ALTER TABLE {membership} DISABLE ROW LEVEL SECURITY";
    "shared-writable" "the application may write a table that all tenants read"
        "GRANT INSERT, UPDATE, DELETE ON {shared} TO {app}";
}

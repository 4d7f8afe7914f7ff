//! Columns, keys and rows that are wrong.

super::mutants! {
    "column-nullable" "the tenant column takes null"
        "ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL";
    "column-constant-default" "one tenant is the default for new rows"
        "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {a}";
    "row-without-tenant" "a row has no tenant"
        "ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL; SET session_replication_role = replica; \
         UPDATE {table} SET {column} = NULL WHERE {key} = (SELECT {key} FROM {table} WHERE {column} = {a} ORDER BY 1 LIMIT 1)";
    "row-unknown-tenant" "rows belong to a tenant that the registry does not know"
        "SET session_replication_role = replica; UPDATE {table} SET {column} = {unknown} \
         WHERE {key} = (SELECT {key} FROM {table} WHERE {column} = {a} ORDER BY 1 LIMIT 1)";
    "tenant-gone" "a tenant is deleted from the registry and its rows stay"
        "SET session_replication_role = replica; DELETE FROM {registry} WHERE {registry_key} = {b}";
    "registry-key-gone" "nothing binds the tenant column to the registry"
        "ALTER TABLE {registry_child} DROP CONSTRAINT {registry_fk}";
    "key-simple" "a foreign key between two tables with tenants does not carry the tenant"
        "ALTER TABLE {child} DROP CONSTRAINT {child_fk}; ALTER TABLE {child} ADD CONSTRAINT {child_fk} FOREIGN KEY ({child_column}) REFERENCES {parent} ({parent_key})";
    "row-across" "a row references a row of another tenant, and a simple foreign key lets it"
        "ALTER TABLE {child} DROP CONSTRAINT {child_fk}; ALTER TABLE {child} ADD CONSTRAINT {child_fk} FOREIGN KEY ({child_column}) REFERENCES {parent} ({parent_key}); \
         UPDATE {child} AS c SET {child_column} = (SELECT p.{parent_key} FROM {parent} AS p WHERE p.{column} <> c.{column} ORDER BY 1 LIMIT 1) \
         WHERE c.ctid = (SELECT f.ctid FROM {child} AS f WHERE f.{child_column} IS NOT NULL ORDER BY f.ctid LIMIT 1)";
    "row-dangling" "a row references nothing, and the constraint says that it is validated"
        "SET session_replication_role = replica; DELETE FROM {parent} AS p \
         WHERE p.{parent_key} = (SELECT c.{child_column} FROM {child} AS c WHERE c.{child_column} IS NOT NULL ORDER BY c.ctid LIMIT 1)";
    "row-dangling-across" "a row was given to another tenant, and the validated constraint does not notice"
        "SET session_replication_role = replica; UPDATE {child} AS c SET {column} = CASE c.{column} WHEN {a} THEN {b} ELSE {a} END \
         WHERE c.ctid = (SELECT f.ctid FROM {child} AS f WHERE f.{child_column} IS NOT NULL ORDER BY f.ctid LIMIT 1)";
    "key-not-valid" "a foreign key was never validated"
        "ALTER TABLE {child} DROP CONSTRAINT {child_fk}; \
         ALTER TABLE {child} ADD CONSTRAINT {child_fk} FOREIGN KEY ({column}, {child_column}) REFERENCES {parent} ({column}, {parent_key}) NOT VALID";
    "key-set-null" "deleting a parent takes the tenant off its children"
        "ALTER TABLE {child} DROP CONSTRAINT {child_fk}; \
         ALTER TABLE {child} ADD CONSTRAINT {child_fk} FOREIGN KEY ({column}, {child_column}) REFERENCES {parent} ({column}, {parent_key}) ON DELETE SET NULL";
    "check-not-valid" "a check constraint was never validated"
        "ALTER TABLE {table} ADD CONSTRAINT tenantize_mutant CHECK ({column} IS NOT NULL) NOT VALID";
    "unique-global" "a natural key is unique over all tenants, so its error tells who is there"
        "ALTER TABLE {table} ADD COLUMN tenantize_mutant text; UPDATE {table} SET tenantize_mutant = 'value ' || {key}::text; \
         ALTER TABLE {table} ALTER COLUMN tenantize_mutant SET NOT NULL, ADD CONSTRAINT tenantize_mutant UNIQUE (tenantize_mutant)";
    "unique-global-index" "a unique index of an expression spans all tenants"
        "ALTER TABLE {table} ADD COLUMN tenantize_mutant text; UPDATE {table} SET tenantize_mutant = 'value ' || {key}::text; \
         CREATE UNIQUE INDEX tenantize_mutant ON {table} (lower(tenantize_mutant))";
    "shared-references-tenant" "a table that all tenants share references a row of one"
        "ALTER TABLE {shared} ADD COLUMN tenantize_mutant {key_type} REFERENCES {keyed} ({key})";
    "index-invalid" "a failed build of an index is left over"
        "CREATE INDEX tenantize_mutant ON {table} ({column}); UPDATE pg_catalog.pg_index AS x SET indisvalid = false \
         FROM pg_catalog.pg_class AS c WHERE c.oid = x.indexrelid AND c.relname = 'tenantize_mutant' AND x.indrelid = {table_text}::regclass";
    "unique-invalid" "a unique index whose build failed is left over, and keeps nothing unique"
        "CREATE UNIQUE INDEX tenantize_mutant ON {table} ({column}, {key}); UPDATE pg_catalog.pg_index AS x SET indisvalid = false \
         FROM pg_catalog.pg_class AS c WHERE c.oid = x.indexrelid AND c.relname = 'tenantize_mutant' AND x.indrelid = {table_text}::regclass";
}

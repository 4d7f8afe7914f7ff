//! Roles, rights and settings that get around policies.

super::mutants! {
    "right-truncate" "the application may empty a table; TRUNCATE asks no policy"
        "GRANT TRUNCATE ON {table} TO {app}";
    "right-references" "the application may reference a table, and so ask which keys exist"
        "GRANT REFERENCES ON {table} TO {app}";
    "right-trigger" "the application may put a trigger on a table, which runs as whoever writes"
        "GRANT TRIGGER ON {table} TO {app}";
    "right-public" "everybody has rights on a table, future roles too"
        "GRANT SELECT ON {table} TO PUBLIC";
    "right-all" "GRANT ALL on a table"
        "GRANT ALL ON {table} TO {app}";
    "right-other-role" "a role that nobody declared may write"
        "GRANT INSERT, UPDATE, DELETE ON {table} TO {power}";
    "right-sequence" "the application may read and set a sequence"
        "GRANT SELECT, UPDATE ON SEQUENCE {sequence} TO {app}";
    "right-schema" "the application may create objects where others look names up"
        "GRANT CREATE ON SCHEMA {schema} TO {app}";
    "right-schema-public" "everybody may create objects where others look names up"
        "GRANT CREATE ON SCHEMA {schema} TO PUBLIC";
    "right-default" "future tables are opened by default privileges"
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}";
    "right-default-public" "future tables are opened to everybody by default privileges"
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC";
    "right-read-file" "the application may read files of the server"
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO {app}";
    "right-import" "the application may import files of the server"
        "GRANT EXECUTE ON FUNCTION pg_catalog.lo_import(text) TO {app}";
    "role-owns" "the application owns a table"
        "ALTER TABLE {table} OWNER TO {app}";
    "role-of-owner" "the application is a member of the role that owns a table"
        "ALTER TABLE {table} OWNER TO {power}; GRANT {power} TO {app}";
    "role-owns-schema" "the application owns the schema"
        "ALTER SCHEMA {schema} OWNER TO {app}";
    "role-bypass" "no policy binds the application's role"
        "ALTER ROLE {app} BYPASSRLS";
    "role-superuser" "the application's role is a superuser"
        "ALTER ROLE {app} SUPERUSER";
    "role-becomes-bypass" "the application may become a role that no policy binds"
        "ALTER ROLE {power} BYPASSRLS; GRANT {power} TO {app}";
    "role-becomes-bypass-late" "the application inherits nothing, but may become a role that no policy binds"
        "ALTER ROLE {power} BYPASSRLS; ALTER ROLE {middle} NOINHERIT; GRANT {power} TO {middle}; GRANT {middle} TO {app}";
    "role-creates-roles" "the application may create roles, and give itself others"
        "ALTER ROLE {app} CREATEROLE";
    "role-replicates" "the application may read the stream of all changes"
        "ALTER ROLE {app} REPLICATION";
    "role-reads-all" "the application is a member of pg_read_all_data"
        "GRANT pg_read_all_data TO {app}";
    "role-server-files" "the application may run programs on the server"
        "GRANT pg_execute_server_program TO {app}";
    "role-tenant" "the application's role has a tenant before it names one"
        "ALTER ROLE {app} SET {setting} = {a_text}";
    "role-tenant-here" "the application's role has a tenant in this database before it names one"
        "ALTER ROLE {app} IN DATABASE {database} SET {setting} = {a_text}";
    "database-tenant" "every session of the database has a tenant before it names one"
        "ALTER DATABASE {database} SET {setting} = {a_text}";
    "database-row-security" "every session of the database switches row-level security off"
        "ALTER DATABASE {database} SET row_security = off";
}

//! Functions and triggers that look away.

super::mutants! {
    "context-default" "the function of the session's tenant falls back to a tenant"
        "CREATE OR REPLACE FUNCTION {context}() RETURNS {type} LANGUAGE sql STABLE PARALLEL SAFE RETURN COALESCE({current}, {a})";
    "context-swallows" "the function of the session's tenant takes every failure for a tenant"
        "CREATE OR REPLACE FUNCTION {context}() RETURNS {type} LANGUAGE plpgsql STABLE PARALLEL SAFE AS $mutant$ DECLARE t {type}; \
         BEGIN t := {current}; IF t IS NULL THEN RAISE 'no tenant'; END IF; RETURN t; EXCEPTION WHEN OTHERS THEN RETURN {b}; END $mutant$";
    "context-volatile" "the function of the session's tenant is volatile"
        "ALTER FUNCTION {context}() VOLATILE";
    "context-fixed" "the function of the session's tenant carries a tenant with it"
        "ALTER FUNCTION {context}() SET {setting} = {b_text}";
    "context-foreign" "the application owns the function of the session's tenant"
        "GRANT CREATE ON SCHEMA tenancy TO {app}; ALTER FUNCTION {context}() OWNER TO {app}";
    "definer-report" "a report runs with the rights of its owner, whom no policy binds"
        "CREATE FUNCTION {made}() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER AS $mutant$ SELECT count(*) FROM {table} $mutant$";
    "definer-rows" "a function returns rows with the rights of its owner"
        "CREATE FUNCTION {made}() RETURNS SETOF {table} LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $mutant$ SELECT * FROM {table} $mutant$";
    "definer-argument" "a function with its owner's rights believes the caller who he is"
        "CREATE FUNCTION {made}(tenant_id {type}) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' \
         AS $mutant$ SELECT count(*) FROM {table} WHERE {column} = $1 $mutant$";
    "definer-dynamic" "a function with its owner's rights runs what it is given"
        "CREATE FUNCTION {made}(relation text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $mutant$ DECLARE n bigint; \
         BEGIN EXECUTE format('SELECT count(*) FROM %s', relation) INTO n; RETURN n; END $mutant$";
    "definer-search-path" "a function with its owner's rights looks names up where the caller says"
        "CREATE FUNCTION {made}() RETURNS int LANGUAGE sql SECURITY DEFINER AS $mutant$ SELECT 1 $mutant$";
    "function-row-security" "a function with its owner's rights switches row-level security off"
        "CREATE FUNCTION {made}() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET row_security = off AS $mutant$ SELECT count(*) FROM {table} $mutant$";
    "leakproof-lie" "a function that tells what it sees is called leakproof"
        "CREATE FUNCTION {made}(value text) RETURNS boolean LANGUAGE plpgsql LEAKPROOF COST 0.0001 \
         AS $mutant$ BEGIN RAISE NOTICE '%', value; RETURN true; END $mutant$";
    "definer-trigger" "a trigger with its owner's rights copies rows where everybody reads them"
        "CREATE TABLE {made} AS SELECT {key}, {column} FROM {table}; GRANT SELECT ON {made} TO {app}; \
         CREATE FUNCTION {made}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $mutant$ BEGIN \
         INSERT INTO {made} VALUES (NEW.{key}, NEW.{column}); RETURN NEW; END $mutant$; \
         CREATE TRIGGER tenantize_mutant AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {made}()";
    "definer-trigger-silent" "a trigger with its owner's rights writes where the application cannot look"
        "CREATE TABLE {made} (LIKE {table}); CREATE FUNCTION {made}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
         AS $mutant$ BEGIN INSERT INTO {made} ({key}) VALUES (NEW.{key}); RETURN NEW; END $mutant$; \
         CREATE TRIGGER tenantize_mutant AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {made}()";
    "trigger-moves-tenant" "a trigger gives every new row to one tenant"
        "CREATE FUNCTION {made}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $mutant$ BEGIN NEW.{column} := {b}; RETURN NEW; END $mutant$; \
         CREATE TRIGGER tenantize_mutant BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {made}()";
}

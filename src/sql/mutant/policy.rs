//! Policies that ask for less than the tenant, or for something else.

super::mutants! {
    "policy-open-behind-fence" "an extra policy is open; only the fence holds"
        "CREATE POLICY tenantize_mutant ON {table} USING (true)";
    "policy-open" "there is no fence, and an extra policy is open"
        "DROP POLICY {fence} ON {table}; CREATE POLICY tenantize_mutant ON {table} USING (true)";
    "policy-open-read" "there is no fence, and an extra policy lets everybody read"
        "DROP POLICY {fence} ON {table}; CREATE POLICY tenantize_mutant ON {table} FOR SELECT USING (true)";
    "policy-open-insert" "there is no fence, and an extra policy lets everybody insert"
        "DROP POLICY {fence} ON {table}; CREATE POLICY tenantize_mutant ON {table} FOR INSERT WITH CHECK (true)";
    "fence-gone" "the fence is dropped; the other policies still hold"
        "DROP POLICY {fence} ON {table}";
    "fence-permissive" "the fence is made again and is permissive"
        "DROP POLICY {fence} ON {table}; CREATE POLICY {fence} ON {table} AS PERMISSIVE USING ({own}) WITH CHECK ({own})";
    "fence-one-role" "the fence binds one role only"
        "ALTER POLICY {fence} ON {table} TO {app}";
    "fence-other-role" "the fence binds a role that is not the application's"
        "ALTER POLICY {fence} ON {table} TO {power}";
    "fence-read-only" "the fence guards reading only"
        "DROP POLICY {fence} ON {table}; CREATE POLICY {fence} ON {table} AS RESTRICTIVE FOR SELECT USING ({own})";
    "fence-no-check" "the fence lets every new row in"
        "ALTER POLICY {fence} ON {table} WITH CHECK (true)";
    "check-open" "no policy asks new rows for their tenant"
        "ALTER POLICY {fence} ON {table} WITH CHECK (true); ALTER POLICY {allow} ON {table} WITH CHECK (true)";
    "policy-or" "somebody adds OR to the conditions"
        "ALTER POLICY {fence} ON {table} USING ({own} OR {key} IS NOT NULL); ALTER POLICY {allow} ON {table} USING ({own} OR {key} IS NOT NULL)";
    "policy-or-setting" "a switch for administrators is any session's to set"
        "ALTER POLICY {fence} ON {table} USING ({own} OR current_setting('app.is_admin', true) = 'on'); \
         ALTER POLICY {allow} ON {table} USING ({own} OR current_setting('app.is_admin', true) = 'on')";
    "policy-open-without-tenant" "a session without a tenant sees everything"
        "ALTER POLICY {fence} ON {table} USING ({own} OR {current} IS NULL); ALTER POLICY {allow} ON {table} USING ({own} OR {current} IS NULL)";
    "policy-null-tolerant" "rows without a tenant belong to everybody"
        "ALTER POLICY {fence} ON {table} USING ({own} OR {column} IS NULL) WITH CHECK ({own} OR {column} IS NULL); \
         ALTER POLICY {allow} ON {table} USING ({own} OR {column} IS NULL) WITH CHECK ({own} OR {column} IS NULL)";
    "policy-not-distinct" "a session without a tenant sees rows without a tenant"
        "ALTER POLICY {fence} ON {table} USING ({column} IS NOT DISTINCT FROM {current}); \
         ALTER POLICY {allow} ON {table} USING ({column} IS NOT DISTINCT FROM {current})";
    "policy-default-tenant" "a session without a tenant is the first tenant"
        "ALTER POLICY {fence} ON {table} USING ({column} = COALESCE({current}, {a})) WITH CHECK ({column} = COALESCE({current}, {a})); \
         ALTER POLICY {allow} ON {table} USING ({column} = COALESCE({current}, {a})) WITH CHECK ({column} = COALESCE({current}, {a}))";
    "policy-other-column" "the policies compare with another column"
        "ALTER TABLE {table} ADD COLUMN tenantize_mutant {type}; UPDATE {table} SET tenantize_mutant = CASE {column} WHEN {a} THEN {b} ELSE {a} END; \
         ALTER POLICY {fence} ON {table} USING (tenantize_mutant = {current}) WITH CHECK (tenantize_mutant = {current}); \
         ALTER POLICY {allow} ON {table} USING (tenantize_mutant = {current}) WITH CHECK (tenantize_mutant = {current})";
    "policy-constant" "the policies name one tenant"
        "ALTER POLICY {fence} ON {table} USING ({column} = {a}) WITH CHECK ({column} = {a}); \
         ALTER POLICY {allow} ON {table} USING ({column} = {a}) WITH CHECK ({column} = {a})";
    "policy-itself" "the policies compare the tenant column with itself"
        "ALTER POLICY {fence} ON {table} USING ({column} = {column}) WITH CHECK ({column} = {column}); \
         ALTER POLICY {allow} ON {table} USING ({column} = {column}) WITH CHECK ({column} = {column})";
    "policy-other-setting" "the policies read a setting that nobody sets"
        "ALTER POLICY {fence} ON {table} USING (({column})::text = current_setting('app.tenantize_mutant', true)); \
         ALTER POLICY {allow} ON {table} USING (({column})::text = current_setting('app.tenantize_mutant', true))";
    "policy-header" "the tenant comes from a header of the request, which its sender writes"
        "ALTER POLICY {fence} ON {table} USING (({column})::text = current_setting('request.headers', true)::json ->> 'x-tenant'); \
         ALTER POLICY {allow} ON {table} USING (({column})::text = current_setting('request.headers', true)::json ->> 'x-tenant')";
    "policy-bare-cast" "an empty tenant makes the cast fail"
        "ALTER POLICY {fence} ON {table} USING ({column} = (SELECT current_setting({setting_text}, true)::{type})); \
         ALTER POLICY {allow} ON {table} USING ({column} = (SELECT current_setting({setting_text}, true)::{type}))";
    "policy-not-missing-ok" "a tenant that was never set makes every query fail"
        "ALTER POLICY {fence} ON {table} USING ({column} = (SELECT NULLIF(current_setting({setting_text}), '')::{type})); \
         ALTER POLICY {allow} ON {table} USING ({column} = (SELECT NULLIF(current_setting({setting_text}), '')::{type}))";
    "policy-command-gone" "no policy covers UPDATE: it succeeds and does nothing"
        "DROP POLICY {allow} ON {table}; CREATE POLICY {allow} ON {table} FOR SELECT TO {app} USING ({own}); \
         CREATE POLICY tenantize_mutant_insert ON {table} FOR INSERT TO {app} WITH CHECK ({own}); \
         CREATE POLICY tenantize_mutant_delete ON {table} FOR DELETE TO {app} USING ({own})";
    "policy-dead-role" "the permissive policy is for a role that nobody has"
        "ALTER POLICY {allow} ON {table} TO {power}";
    "policy-recursive" "a policy reads its own table"
        "ALTER POLICY {allow} ON {table} USING ({own} AND EXISTS (SELECT FROM {table} AS other WHERE other.{key} IS NOT NULL))";
    "policy-unreadable" "a policy reads a table that the application may not read"
        "CREATE TABLE {made} (id int); ALTER POLICY {allow} ON {table} USING ({own} AND NOT EXISTS (SELECT FROM {made}))";
    "policy-function-swallows" "the policies ask a function that takes every failure for a tenant"
        "CREATE FUNCTION {made}() RETURNS {type} LANGUAGE plpgsql STABLE AS $mutant$ DECLARE t {type}; BEGIN t := {current}; \
         IF t IS NULL THEN RAISE 'no tenant'; END IF; RETURN t; EXCEPTION WHEN OTHERS THEN RETURN {b}; END $mutant$; \
         ALTER POLICY {fence} ON {table} USING ({column} = (SELECT {made}())) WITH CHECK ({column} = (SELECT {made}())); \
         ALTER POLICY {allow} ON {table} USING ({column} = (SELECT {made}())) WITH CHECK ({column} = (SELECT {made}()))";
    "policy-function-default" "the policies ask a function that falls back to a tenant"
        "CREATE FUNCTION {made}() RETURNS {type} LANGUAGE sql STABLE AS $mutant$ SELECT COALESCE({current}, {a}) $mutant$; \
         ALTER POLICY {fence} ON {table} USING ({column} = (SELECT {made}())) WITH CHECK ({column} = (SELECT {made}())); \
         ALTER POLICY {allow} ON {table} USING ({column} = (SELECT {made}())) WITH CHECK ({column} = (SELECT {made}()))";
    "policy-function-volatile" "the policies ask a volatile function, once for each row"
        "CREATE FUNCTION {made}() RETURNS {type} LANGUAGE plpgsql VOLATILE AS $mutant$ BEGIN RETURN {current}; END $mutant$; \
         ALTER POLICY {fence} ON {table} USING ({column} = {made}()) WITH CHECK ({column} = {made}()); \
         ALTER POLICY {allow} ON {table} USING ({column} = {made}()) WITH CHECK ({column} = {made}())";
    "policy-last-two" "UPDATE has its own policy, whose condition is open"
        "DROP POLICY {fence} ON {table}; CREATE POLICY tenantize_mutant ON {table} FOR UPDATE TO {app} USING ({own}) WITH CHECK (true)";
}

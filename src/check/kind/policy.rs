//! The kinds of checks T2..: of what the policies say.

use super::kinds;

kinds! {
    "T201" Error After "no permissive policy is open where no fence stands"
        "permissive policies are combined by OR: this one opens the table"
        "drop the policy, and create the fence" in "graph.sql" "T201.sql";
    "T202" Error After "every permissive policy asks for the tenant, or a fence does"
        "permissive policies are combined by OR: one that is open opens the table"
        "create the fence again, or drop the policy" in "T202.sql";
    "T203" Error After "no alternative goes past the tenant"
        "whoever meets the other side of the OR sees rows of every tenant"
        "put the other condition behind AND, or create the fence again" in "T203.sql";
    "T204" Warning Always "one permissive policy speaks for each role and command"
        "they are combined by OR: the second never makes the first stricter"
        "make the stricter one RESTRICTIVE, or make one of both" in "graph.sql" "T204.sql";
    "T205" Error After "policies do not only take away"
        "nobody sees a row; the application is down"
        "create the permissive policy again" in "T205.sql";
    "T206" Error After "what a row becomes is judged as strictly as what it was"
        "a tenant gives its rows to another, or writes rows for it"
        "say the condition in WITH CHECK too, or leave WITH CHECK away" in "T206.sql";
    "T207" Error After "no tenant is not every tenant"
        "a session that forgot to name its tenant sees rows, of one tenant or of all"
        "compare with the tenant and nothing else: nothing equals null" in "T207.sql";
    "T208" Error Always "no policy believes what the caller wrote about itself"
        "whoever edits its own data or sends a header enters any tenant"
        "ask the part of the token that only the server writes, such as app_metadata" in "graph.sql" "T208.sql";
    "T209" Error Always "no policy leads back to its own table"
        "PostgreSQL refuses every query: 42P17, infinite recursion"
        "look it up in a function that runs as a role whom no policy binds" in "graph.sql" "T209.sql";
    "T210" Error Always "the application can read what its policies read"
        "every query fails (42501), or the condition is never true"
        "grant SELECT and create a policy there, or look it up in a function that runs as a role whom no policy binds" in "graph.sql" "T210.sql";
    "T211" Error After "policies take a session without a tenant for nobody"
        "every query fails in a session that never named a tenant, or after a pooled connection has left an empty setting behind"
        "ask with NULLIF(current_setting(name, true), '')" in "graph.sql" "T211.sql";
    "T212" Warning After "functions that policies ask are asked once, in parallel, and hide nothing"
        "a volatile function is called for each row and may answer differently; one that is not parallel safe keeps every query serial; a hidden failure is an answer"
        "ALTER FUNCTION … STABLE PARALLEL SAFE; SET search_path = '' where it runs as its owner; let what fails fail" in "graph.sql" "T212.sql";
    "T213" Performance Always "a policy calls its functions once per query"
        "without an index each row is a call: ten times slower and more"
        "write (SELECT f()) instead of f()" in "graph.sql" "T213.sql";
    "T214" Warning After "every policy speaks to somebody"
        "it lets nobody pass; somebody relies on it"
        "name the role that the application has, or drop the policy" in "T214.sql";
    "T215" Performance After "an index leads with what a policy compares"
        "each query reads the whole table"
        "CREATE INDEX CONCURRENTLY … ON … (the tenant column, the compared column)" in "T215.sql";
    "T216" Error After "a fence stands on every table"
        "the next permissive policy somebody adds opens the table"
        "create the restrictive policy for everyone and every command again" in "T216.sql";
    "T217" Error Always "no function of a policy reads the table again"
        "the query runs until the stack is full (54001), as soon as there is a row to ask about"
        "let the function run as a role whom no policy binds" in "graph.sql" "T217.sql";
    "T218" Error Always "no helper is bound by the policies that it helps"
        "the query runs until the stack is full (54001): SECURITY DEFINER is not enough where FORCE binds the owner"
        "ALTER FUNCTION … OWNER TO a role with BYPASSRLS" in "graph.sql" "T218.sql";
}

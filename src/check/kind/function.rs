//! The kinds of checks T3..: of functions.

use super::kinds;

kinds! {
    "T301" Warning Always "no function lends the application somebody else's rights"
        "it runs as its owner, whom policies may not bind, and shows or changes rows of every tenant"
        "SECURITY INVOKER; otherwise its own condition on the tenant, and a review" in "T301.sql";
    "T302" Error Always "functions with rights of their owner look names up where their owner says"
        "the caller puts a table or function of his own in front, also a temporary one, and it is used with the owner's rights"
        "ALTER FUNCTION … SET search_path = '', and write names with their schema" in "graph.sql" "T302.sql";
    "T303" Error Always "no failure and no default becomes a tenant"
        "a session without a tenant, or with one that is no key, acts as somebody"
        "return null, and let what fails fail" in "graph.sql" "T303.sql";
    "T304" Error Always "nothing sets the tenant or switches security off beforehand"
        "a session that names no tenant has one all the same, or none of the policies"
        "ALTER ROLE … RESET, ALTER DATABASE … RESET, or ALTER FUNCTION … RESET" in "T304.sql";
    "T305" Warning Always "nothing but PostgreSQL itself is leakproof"
        "the planner calls it on hidden rows before the policy, and what it tells of them gets out"
        "ALTER FUNCTION … NOT LEAKPROOF" in "T305.sql";
    "T306" Warning Always "no function runs a text that its caller has a part in"
        "the caller chooses the table or the whole statement; where it runs with rights of its owner, of every tenant"
        "SECURITY INVOKER, and %I and %L instead of %s and ||; otherwise a list of allowed names" in "graph.sql" "T306.sql";
    "T307" Warning Always "no function believes the caller whose rows it may see"
        "whoever names another tenant gets its rows"
        "take the tenant from tenancy.current_tenant_id() instead of from an argument" in "graph.sql" "T307.sql";
    "T308" Error After "the functions of tenancy are those that were made"
        "one function opens every table, and no policy shows it"
        "create the function again as `tenantize plan --full` prints it" in "graph.sql" "T308.sql";
    "T309" Error Always "the application cannot replace the functions that policies ask"
        "it gives itself any tenant"
        "ALTER FUNCTION … OWNER TO another role" in "T309.sql";
}

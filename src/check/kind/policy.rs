//! The kinds of checks T2..: of what the policies say.

use super::kinds;

kinds! {
    "T201" Warning After "no permissive policy is open"
        "permissive policies are combined by OR: without the fence this one opens the table"
        "drop the policy" in "T201.sql";
    "T202" Error After "every permissive policy asks for the tenant, or a fence does"
        "permissive policies are combined by OR: one that is open opens the table"
        "create the fence again, or drop the policy" in "T202.sql";
    "T211" Error After "policies take a session without a tenant for nobody"
        "every query fails in a session that never named a tenant, or after a pooled connection has left an empty setting behind"
        "ask with NULLIF(current_setting(name, true), '')" in "T211.sql";
    "T212" Warning After "the tenant is asked once per query"
        "a volatile function is called for each row: slow, and free to answer differently"
        "ALTER FUNCTION … STABLE" in "T212.sql";
    "T216" Error After "a fence stands on every table"
        "the next permissive policy somebody adds opens the table"
        "create the restrictive policy for everyone and every command again" in "T216.sql";
}

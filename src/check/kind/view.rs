//! The kinds of checks T4..: of views, rules, foreign tables and triggers.

use super::kinds;

kinds! {
    "T401" Error Always "views read with the rights of whoever asks"
        "policies ask about the view's owner, whom none binds"
        "PostgreSQL 15+: ALTER VIEW … SET (security_invoker = true); before: give the view to a role that policies bind" in "T401.sql";
    "T402" Error Always "no materialized view shows tenants to the application"
        "its rows have no policies"
        "revoke the right; let the application read a view with its own condition" in "T402.sql";
    "T403" Warning Always "no rule acts with rights that policies do not bind"
        "what a rule does is done with the rights of the table's owner"
        "ALTER TABLE … DISABLE RULE, and a trigger instead" in "T403.sql";
    "T404" Warning Always "no foreign table is open to the application"
        "a foreign table has no policies, and the other server knows nothing of this session's tenant"
        "revoke the right, or say `scope = \"shared\"` if its rows are for everybody" in "T404.sql";
    "T405" Note Always "no trigger runs with rights that policies do not bind"
        "its function sees the rows of all tenants, whoever fires it"
        "let the function run as SECURITY INVOKER, or let a role own it that policies bind" in "T405.sql";
}

//! The kinds of checks T4..: of views, rules, foreign tables and triggers.

use super::kinds;

kinds! {
    "T401" Error Always "views read with the rights of whoever asks"
        "policies ask about the view's owner, whom none binds"
        "PostgreSQL 15+: ALTER VIEW … SET (security_invoker = true); before: give the view to a role that policies bind" in "T401.sql";
    "T402" Error Always "no materialized view shows tenants to the application"
        "its rows have no policies"
        "revoke the right; let the application read a view with its own condition" in "T402.sql";
}

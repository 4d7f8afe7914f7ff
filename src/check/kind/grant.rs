//! The kinds of checks T6..: of roles and rights.

use super::kinds;

kinds! {
    "T601" Error Always "policies bind the application's role"
        "superusers and roles with BYPASSRLS see all rows"
        "let the application use a role without these attributes, not a member of one with them" in "T601.sql";
    "T602" Error Always "the application owns no table with tenants"
        "an owner can switch row-level security off"
        "give the tables to another role" in "T602.sql";
    "T603" Error Always "the application has no right that goes around policies"
        "TRUNCATE asks no policy, a trigger runs as whoever writes, a foreign key tells what exists"
        "REVOKE TRUNCATE, REFERENCES, TRIGGER" in "T603.sql";
    "T605" Warning Always "nobody has rights by PUBLIC"
        "every future role gets them as well"
        "REVOKE ALL … FROM PUBLIC" in "T605.sql";
}

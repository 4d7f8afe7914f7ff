//! The kinds of checks T6..: of roles and rights.

use super::kinds;

kinds! {
    "T601" Error Always "policies bind the application's role"
        "superusers and roles with BYPASSRLS see all rows"
        "let the application use a role without these attributes, not a member of one with them" in "T601.sql";
    "T602" Error Always "the application owns no table with tenants"
        "an owner can switch row-level security off, and the owner of a schema can drop its tables"
        "give the tables to another role" in "T602.sql";
    "T603" Error Always "the application has no right that goes around policies"
        "TRUNCATE asks no policy, a trigger runs as whoever writes, a foreign key tells what exists"
        "REVOKE TRUNCATE, REFERENCES, TRIGGER" in "T603.sql";
    "T604" Warning Always "the application creates nothing where names are searched"
        "a function or table of the application can stand in front of the one that was meant, and run with the rights of whoever calls it"
        "REVOKE CREATE ON SCHEMA … FROM PUBLIC, and from the application" in "T604.sql";
    "T605" Warning Always "nobody has rights by PUBLIC"
        "every future role gets them as well"
        "REVOKE ALL … FROM PUBLIC" in "T605.sql";
    "T606" Note After "a row cannot go from one tenant to another"
        "who belongs to several tenants moves rows between them"
        "forbid it by a trigger BEFORE UPDATE OF the tenant column, or REVOKE UPDATE on the column" in "T606.sql";
    "T607" Warning Always "a new table is not open before it is protected"
        "a table that somebody creates tomorrow, or a copy, shows all tenants at once"
        "ALTER DEFAULT PRIVILEGES … REVOKE … ON TABLES FROM …, and grant per table" in "T607.sql";
    "T608" Warning Always "the application has none of the powers that PostgreSQL comes with"
        "it reads tables that nobody granted, other sessions' queries, or files of the server"
        "REVOKE the role" in "T608.sql";
    "T609" Warning Always "nobody but the application has rights on tables with tenants"
        "whoever is not bound sees all tenants; whoever is sees nothing any more, and does not know why"
        "name the role in `app_roles` or `read_roles`, trust it, or revoke its rights" in "T609.sql";
    "T610" Warning Always "the application calls no function that reaches beyond its session"
        "it reads or writes files of the server, or connects elsewhere with rights that are not its own"
        "REVOKE EXECUTE ON FUNCTION … FROM PUBLIC, and from the application" in "T610.sql";
    "T611" Note Always "the application only draws from sequences"
        "the last value tells how much all tenants write, and setval can make every insert fail"
        "REVOKE SELECT, UPDATE ON SEQUENCE …; USAGE is enough" in "T611.sql";
    "T612" Warning Always "the application cannot give itself more"
        "CREATEROLE makes roles and, before PostgreSQL 16, a member of nearly any other; REPLICATION reads every change of every tenant"
        "ALTER ROLE … NOCREATEROLE NOREPLICATION" in "T612.sql";
    "T613" Error Always "the planner's statistics are closed"
        "they hold the most common values of all tenants; the views pg_stats and pg_stats_ext show only what a role may read, the tables behind them everything"
        "REVOKE ALL ON pg_catalog.pg_statistic, pg_catalog.pg_statistic_ext_data" in "T613.sql";
}

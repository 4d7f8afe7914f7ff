//! The kinds of checks T9..: of the queries that the application runs.

use super::kinds;

kinds! {
    "T901" Error After "every statement of the application can be planned"
        "the application is down for this table: PostgreSQL refuses the statement, whatever it asks for"
        "42P17: let the policy not read its own table, or through a function whose owner bypasses policies; 42501: grant what the policy reads, or read it in such a function";
    "T902" Performance After "no statement asks for the tenant row by row"
        "every row of the table costs a function call"
        "write the call as (SELECT call()), so that it is asked once per statement; or give the table an index that begins with the tenant";
}

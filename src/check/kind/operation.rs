//! The kinds of checks T7..: of the server and what surrounds it.

use super::kinds;

kinds! {
    "T701" Warning Always "no publication sends rows of all tenants"
        "replication asks no policy: the subscriber has everything"
        "publish with a row filter (PostgreSQL 15+), or see to it that the subscriber is trusted with all tenants" in "T701.sql";
    "T702" Error Before "rows that are published can be updated"
        "the fill is refused: 55000, the table has no replica identity"
        "add a primary key or set REPLICA IDENTITY" in "T702.sql";
    "T703" Performance After "the planner knows how rows spread over tenants"
        "it guesses how many rows a tenant has, and reads the wrong way"
        "ANALYZE the table" in "T703.sql";
    "T704" Warning Always "the server has no known hole in row-level security"
        "statistics or plans show values of rows that policies hide"
        "update to the newest minor release" in "T704.sql";
    "T705" Warning After "a role that policies do not bind makes the backups"
        "pg_dump as the owner fails (42501), or with --enable-row-security copies no row and succeeds"
        "let a role with BYPASSRLS make the backups, and trust it" in "T705.sql";
    "T706" Warning Before "no trigger fires for the rows that the fill updates"
        "`updated_at` and the like change, or a log gets a line for every row"
        "ALTER TABLE … ENABLE TRIGGER … (for origin) until the fill is over; or `triggers = \"fire\"`" in "T706.sql";
    "T707" Warning Always "extended statistics are shown to owners alone"
        "CVE-2024-4317: the most common values of a table are shown to whoever may read some of its rows"
        "run fix-CVE-2024-4317.sql of PostgreSQL's release notes (14.12, 15.7, 16.3) in every database" in "T707.sql";
}

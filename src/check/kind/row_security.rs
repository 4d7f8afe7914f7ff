//! The kinds of checks T1..: of row-level security itself: switched on, forced, covered.

use super::kinds;

kinds! {
    "T101" Error After "row-level security is on for every table with tenants"
        "every tenant sees all rows"
        "ALTER TABLE … ENABLE ROW LEVEL SECURITY" in "T101.sql";
    "T102" Error After "row-level security binds the owner too"
        "whoever connects as the owner sees all rows"
        "ALTER TABLE … FORCE ROW LEVEL SECURITY" in "T102.sql";
    "T103" Error After "some policy lets rows pass"
        "nobody sees a row; the application is down"
        "create the permissive policy again" in "T103.sql";
    "T104" Error Always "no policy stands where row-level security is off"
        "nobody asks it: every row passes, and whoever reads the policy believes otherwise"
        "ALTER TABLE … ENABLE ROW LEVEL SECURITY, or drop the policy" in "graph.sql" "T104.sql";
    "T105" Error After "a policy covers each command that the application may run"
        "the statement succeeds and does nothing"
        "create a policy for the command, or revoke the right" in "T105.sql";
    "T106" Error After "every partition is protected for itself"
        "whoever names the partition directly goes around the policies of its table"
        "enable row-level security on the partition and give it the fence" in "T106.sql";
    "T107" Error Always "no other table is open to the application"
        "its rows belong to no tenant, so every tenant reads them"
        "say `scope = \"shared\"` if that is intended; otherwise give the table a tenant, or revoke the right" in "T107.sql";
    "T108" Warning Always "the application writes nothing that all tenants read"
        "what one tenant writes there, every other reads"
        "REVOKE INSERT, UPDATE, DELETE ON …" in "T108.sql";
    "T109" Error After "a tenant sees only itself in the registry"
        "tenants can list or change each other"
        "enable row-level security on the registry and leave the application nothing but SELECT" in "T109.sql";
    "T110" Error Always "nobody may read a copy"
        "a copy has no policies: it shows the rows of all tenants"
        "revoke the right or drop the copy" in "T110.sql";
    "T111" Warning After "the application does not write the registry of tenants"
        "only the policies are in the way: the next one that somebody adds lets a tenant rename, close or create another"
        "REVOKE INSERT, UPDATE, DELETE ON … FROM the application; let an administrator write it" in "T111.sql";
    "T112" Error Always "every table belongs to an owner whose code may run as whoever reads it"
        "who reads it runs functions of its owner (an index on an expression, a CHECK) with his own rights; it is not verified"
        "ALTER TABLE … OWNER TO the owner of the others; or name the role in [rls] trusted_owners or --trusted-owner" in "owners.sql" "T112.sql";
}

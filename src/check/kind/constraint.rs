//! The kinds of checks T5..: of columns, keys and indexes.

use super::kinds;

kinds! {
    "T501" Error After "the tenant column refuses null"
        "a row without a tenant can be written"
        "ALTER TABLE … ALTER COLUMN … SET NOT NULL" in "T501.sql";
    "T502" Warning After "a foreign key binds the tenant column to the registry"
        "a row can belong to a tenant that does not exist"
        "add the foreign key NOT VALID, then validate it" in "T502.sql";
    "T503" Performance After "an index leads to the rows of one tenant"
        "every query reads the rows of all tenants to find those of one"
        "CREATE INDEX CONCURRENTLY … (tenant_id, …)" in "T503.sql";
    "T504" Warning Always "values are unique within a tenant, not over all"
        "a tenant cannot use what another uses, and learns by the error that it is used"
        "make the key unique per tenant (`unique = { … = \"per-tenant\" }`), or say that it is global" in "T504.sql";
    "T505" Error After "foreign keys between tables with tenants carry the tenant"
        "a row can reference another tenant's row, and the error tells whether that exists"
        "reference (tenant, key) instead of (key)" in "T505.sql";
    "T506" Error After "every constraint is validated"
        "old rows may break it"
        "ALTER TABLE … VALIDATE CONSTRAINT" in "T506.sql";
    "T507" Warning Always "what belongs to everybody references nothing that belongs to a tenant"
        "the reference tells other tenants that the row exists, and the tenant cannot delete it"
        "give the table a tenant, or drop the reference" in "T507.sql";
    "T508" Error After "no foreign key clears or replaces the tenant of a row"
        "deleting the referenced row fails, or leaves rows without a tenant"
        "PostgreSQL 15+: ON DELETE SET NULL (column); before: keep the simple key for SET NULL, and a deferred one with the tenant" in "T508.sql";
    "T509" Error After "the tenant column has the type of the registry's key"
        "comparisons convert, and indexes are not used"
        "change the column's type" in "T509.sql";
    "T510" Error After "no tenant is the default for new rows"
        "rows of other tenants are refused, or land with the wrong one"
        "ALTER TABLE … ALTER COLUMN … SET DEFAULT tenancy.current_tenant_id()" in "T510.sql";
    "T511" Error Always "every index is valid"
        "an index that failed to build is not used, and a unique one does not keep values unique"
        "drop it and build it again" in "T511.sql";
    "T512" Warning Before "every table has a key that names its rows"
        "rows cannot be named in reports and comparisons, and cannot be replicated when the fill updates them"
        "add a primary key" in "T512.sql";
    "T513" Performance After "an index supports every foreign key"
        "deleting or renaming a referenced row reads the whole referencing table"
        "CREATE INDEX CONCURRENTLY … on the referencing columns" in "T513.sql";
    "T514" Performance Always "indexes are still used when policies hold"
        "a search that took a millisecond reads every row of the tenant"
        "mark the function LEAKPROOF as a superuser if it is; or search through a SECURITY DEFINER function that names the tenant itself; or give large tenants partial indexes" in "T514.sql";
}

//! The kinds of checks T5..: of columns, keys and indexes.

use super::kinds;

kinds! {
    "T501" Error After "the tenant column refuses null"
        "a row without a tenant can be written"
        "ALTER TABLE … ALTER COLUMN … SET NOT NULL" in "T501.sql";
    "T502" Warning After "a foreign key binds the tenant column to the registry"
        "a row can belong to a tenant that does not exist"
        "add the foreign key NOT VALID, then validate it" in "T502.sql";
    "T505" Error After "foreign keys between tables with tenants carry the tenant"
        "a row can reference another tenant's row, and the error tells whether that exists"
        "reference (tenant, key) instead of (key)" in "T505.sql";
    "T506" Error After "every constraint is validated"
        "old rows may break it"
        "ALTER TABLE … VALIDATE CONSTRAINT" in "T506.sql";
    "T509" Error After "the tenant column has the type of the registry's key"
        "comparisons convert, and indexes are not used"
        "change the column's type" in "T509.sql";
    "T510" Error After "no tenant is the default for new rows"
        "rows of other tenants are refused, or land with the wrong one"
        "ALTER TABLE … ALTER COLUMN … SET DEFAULT tenancy.current_tenant_id()" in "T510.sql";
    "T511" Error Always "every index is valid"
        "an index that failed to build is not used, and a unique one does not keep values unique"
        "drop it and build it again" in "T511.sql";
}

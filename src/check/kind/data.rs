//! The kinds of checks T8..: of the rows.

use super::kinds;

kinds! {
    "T800" Error After "the tool sees every row"
        "a filtered connection counts too little, and every check after it would pass for nothing"
        "run as a role with BYPASSRLS, or as the owner of tables without FORCE";
    "T801" Error After "every row has a tenant"
        "nobody sees the row, or everybody does"
        "let the rules cover it, or set its tenant by hand";
    "T802" Error After "no row references a row of another tenant"
        "the application follows the reference and finds nothing, or follows it as somebody who may not"
        "correct one of the two rows";
    "T803" Error After "every tenant of a row is in the registry"
        "the rows belong to nobody who exists"
        "add the tenant, or correct the rows";
    "T804" Warning After "each tenant has the rows that were predicted"
        "either the application has written since, or rows went to the wrong tenant"
        "compare with what the application did; the rules name the tenant of each row";
    "T805" Warning After "nothing but the tenant column differs from the backup"
        "either the application has written since, or a trigger changed rows"
        "look the named keys up in both tables";
    "T806" Error After "rows keep the unique keys that failed to build"
        "the index cannot be built, and who looks the value up gets one of two rows"
        "merge or correct the rows, then drop the index and build it again";
    "T807" Error After "every foreign key holds, asked of the rows themselves"
        "PostgreSQL marks a key as valid that it checked through a policy, and so did not check"
        "correct the rows";
    "T891" Error Run "every backup copy is there"
        "a lost or changed row could not be looked up"
        "undo the run to its start and make the backup again";
    "T892" Error Run "every table has the tenant column, of the registry's type"
        "rows have no place for their tenant"
        "continue the run: tenantize resume";
    "T893" Error Run "new rows get a tenant while the run lasts"
        "rows that the application writes now would stay without one"
        "find out who dropped the guard or the default, then: tenantize rollback --to backup";
}

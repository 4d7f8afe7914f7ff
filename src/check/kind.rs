//! Every check by its stable id: why it matters and what to do, independent of any table.

use serde::{Deserialize, Serialize};

/// How much it matters that a check finds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Isolation or data are broken: the verification fails.
    Error,
    /// Somebody should look at it.
    Warning,
    /// Good to know.
    Note,
}

/// A kind of check.
#[derive(Debug)]
pub struct Kind {
    /// Its stable id.
    pub id: &'static str,
    /// How much a finding matters.
    pub severity: Severity,
    /// What must hold.
    pub claim: &'static str,
    /// What happens where it does not.
    pub effect: &'static str,
    /// What to do then.
    pub remedy: &'static str,
    /// The static query, for checks of the catalog.
    pub(super) query: Option<&'static str>,
}

macro_rules! kinds {
    ($($id:literal $severity:ident $claim:literal $effect:literal $remedy:literal $(in $file:literal)?;)*) => {
        /// Every kind of check, in the order in which they run.
        pub static CATALOGUE: &[Kind] = &[$(Kind {
            id: $id, severity: Severity::$severity, claim: $claim, effect: $effect, remedy: $remedy,
            query: kinds!(@query $($file)?),
        }),*];
    };
    (@query) => { None };
    (@query $file:literal) => { Some(concat!(include_str!("catalog/scope.sql"), include_str!(concat!("catalog/", $file)))) };
}

kinds! {
    "D00" Error "the tool sees every row"
        "a filtered connection counts too little, and every check after it would pass for nothing"
        "run as a role with BYPASSRLS, or as the owner of tables without FORCE";
    "B01" Error "every backup copy is there"
        "a lost or changed row could not be looked up"
        "undo the run to its start and make the backup again";
    "E01" Error "every table has the tenant column, of the registry's type"
        "rows have no place for their tenant"
        "continue the run: tenantize resume";
    "E02" Error "new rows get a tenant while the run lasts"
        "rows that the application writes now would stay without one"
        "find out who dropped the guard or the default, then: tenantize rollback --to backup";
    "D01" Error "every row has a tenant"
        "nobody sees the row, or everybody does"
        "let the rules cover it, or set its tenant by hand";
    "D02" Error "no row references a row of another tenant"
        "the application follows the reference and finds nothing, or follows it as somebody who may not"
        "correct one of the two rows";
    "D03" Error "every tenant of a row is in the registry"
        "the rows belong to nobody who exists"
        "add the tenant, or correct the rows";
    "D04" Warning "each tenant has the rows that were predicted"
        "either the application has written since, or rows went to the wrong tenant"
        "compare with what the application did; the rules name the tenant of each row";
    "D05" Warning "nothing but the tenant column differs from the backup"
        "either the application has written since, or a trigger changed rows"
        "look the named keys up in both tables";
    "D07" Error "every foreign key holds, asked of the rows themselves"
        "PostgreSQL marks a key as valid that it checked through a policy, and so did not check"
        "correct the rows";
    "R01" Error "row-level security is on for every table with tenants"
        "every tenant sees all rows"
        "ALTER TABLE … ENABLE ROW LEVEL SECURITY" in "r01.sql";
    "R02" Error "row-level security binds the owner too"
        "whoever connects as the owner sees all rows"
        "ALTER TABLE … FORCE ROW LEVEL SECURITY" in "r02.sql";
    "R03" Error "some policy lets rows pass"
        "nobody sees a row; the application is down"
        "create the permissive policy again" in "r03.sql";
    "R05" Error "a policy covers each command that the application may run"
        "the statement succeeds and does nothing"
        "create a policy for the command, or revoke the right" in "r05.sql";
    "R06" Error "every partition is protected for itself"
        "whoever names the partition directly goes around the policies of its table"
        "enable row-level security on the partition and give it the fence" in "r06.sql";
    "R07" Error "no other table is open to the application"
        "its rows belong to no tenant, so every tenant reads them"
        "say `scope = \"shared\"` if that is intended; otherwise give the table a tenant, or revoke the right" in "r07.sql";
    "R09" Error "a tenant sees only itself in the registry"
        "tenants can list or change each other"
        "enable row-level security on the registry and leave the application nothing but SELECT" in "r09.sql";
    "R10" Error "nobody may read a copy"
        "a copy has no policies: it shows the rows of all tenants"
        "revoke the right or drop the copy" in "r10.sql";
    "P02" Error "every permissive policy asks for the tenant, or a fence does"
        "permissive policies are combined by OR: one that is open opens the table"
        "create the fence again, or drop the policy" in "p02.sql";
    "P16" Error "a fence stands on every table"
        "the next permissive policy somebody adds opens the table"
        "create the restrictive policy for everyone and every command again" in "p16.sql";
    "C01" Error "the tenant column refuses null"
        "a row without a tenant can be written"
        "ALTER TABLE … ALTER COLUMN … SET NOT NULL" in "c01.sql";
    "C02" Warning "a foreign key binds the tenant column to the registry"
        "a row can belong to a tenant that does not exist"
        "add the foreign key NOT VALID, then validate it" in "c02.sql";
    "C05" Error "foreign keys between tables with tenants carry the tenant"
        "a row can reference another tenant's row, and the error tells whether that exists"
        "reference (tenant, key) instead of (key)" in "c05.sql";
    "C06" Error "every constraint is validated"
        "old rows may break it"
        "ALTER TABLE … VALIDATE CONSTRAINT" in "c06.sql";
    "C09" Error "the tenant column has the type of the registry's key"
        "comparisons convert, and indexes are not used"
        "change the column's type" in "c09.sql";
    "C10" Error "no tenant is the default for new rows"
        "rows of other tenants are refused, or land with the wrong one"
        "ALTER TABLE … ALTER COLUMN … SET DEFAULT tenancy.current_tenant_id()" in "c10.sql";
    "C11" Error "every index is valid"
        "an index that failed to build is not used, and a unique one does not keep values unique"
        "drop it and build it again" in "c11.sql";
    "G01" Error "policies bind the application's role"
        "superusers and roles with BYPASSRLS see all rows"
        "let the application use a role without these attributes, not a member of one with them" in "g01.sql";
    "G02" Error "the application owns no table with tenants"
        "an owner can switch row-level security off"
        "give the tables to another role" in "g02.sql";
    "G03" Error "the application has no right that goes around policies"
        "TRUNCATE asks no policy, a trigger runs as whoever writes, a foreign key tells what exists"
        "REVOKE TRUNCATE, REFERENCES, TRIGGER" in "g03.sql";
    "G05" Warning "nobody has rights by PUBLIC"
        "every future role gets them as well"
        "REVOKE ALL … FROM PUBLIC" in "g05.sql";
    "V01" Error "views read with the rights of whoever asks"
        "policies ask about the view's owner, whom none binds"
        "PostgreSQL 15+: ALTER VIEW … SET (security_invoker = true); before: give the view to a role that policies bind" in "v01.sql";
    "V02" Error "no materialized view shows tenants to the application"
        "its rows have no policies"
        "revoke the right; let the application read a view with its own condition" in "v02.sql";
    "F04" Error "nothing sets the tenant or switches security off beforehand"
        "a session that names no tenant has one all the same, or none of the policies"
        "ALTER ROLE … RESET, ALTER DATABASE … RESET, or ALTER FUNCTION … RESET" in "f04.sql";
}

/// Finds a kind by its id.
#[must_use]
pub fn kind(id: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|kind| kind.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_every_check_is_described() {
        let docs = include_str!("../../docs/verify.md");
        for (at, kind) in CATALOGUE.iter().enumerate() {
            assert!(!CATALOGUE[..at].iter().any(|other| other.id == kind.id), "{}", kind.id);
            assert!(docs.contains(&format!("| {} |", kind.id)), "docs/verify.md does not name {}", kind.id);
        }
    }

    #[test]
    fn every_query_of_the_catalog_has_one_place_for_its_scope() {
        for kind in CATALOGUE.iter().filter(|kind| kind.query.is_some()) {
            assert_eq!(kind.query.unwrap().matches("$1").count(), 1, "{}", kind.id);
        }
    }
}

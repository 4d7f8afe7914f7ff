//! What the planner wants a person to know.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sql::QualifiedName;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run does not start.
    Blocker,
    /// The run starts; somebody should decide first.
    Warning,
    /// Good to know.
    Note,
}

/// A kind of finding: why it matters and what to do, independent of any table.
#[derive(Debug)]
pub struct FindingKind {
    /// Its stable code.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// What is the case.
    pub title: &'static str,
    /// What happens if nothing is done.
    pub effect: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// One finding about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// What it is about: a table, role or file.
    pub subject: String,
    /// The facts of this case.
    pub detail: String,
}

macro_rules! findings {
    ($($code:ident $severity:ident $title:literal $effect:literal $remedy:literal)*) => {
        /// The stable code of a finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code { $(#[doc = $title] $code),* }

        /// Every kind of finding, by code.
        pub static CATALOGUE: &[FindingKind] = &[$(FindingKind {
            code: Code::$code, severity: Severity::$severity, title: $title, effect: $effect, remedy: $remedy,
        }),*];
    };
}

findings! {
    T001 Blocker "table is not classified"
        "nobody has said whose rows these are"
        "list it in tenantize.toml with `tenant = …` or `scope = \"shared\"`; `tenantize init` proposes both"
    T002 Blocker "configured table does not exist"
        "its rules would never run"
        "correct the name, or add its schema to `schemas`"
    T003 Blocker "table cannot hold tenants"
        "views, foreign tables and temporary tables have no rows to fill or protect"
        "classify it with `scope = \"shared\"` or `scope = \"ignored\"`"
    T004 Blocker "table belongs to another role"
        "only its owner may add the tenant column"
        "run as the owner or as a member of that role"
    T005 Blocker "tenant column is there already"
        "its values would be mixed with those of the rules"
        "if it is complete, say `tenant = \"column\"`; if it is a leftover, drop it; or choose another `column` in [tenants]"
    T006 Blocker "rule cannot be followed"
        "no row of the table would get a tenant"
        "correct the rule"
    T007 Blocker "rows without a tenant"
        "no rule covers them, and nothing is guessed"
        "extend the rule, correct the rows, or say `orphans = \"default\"` or `\"quarantine\"` for the table"
    T008 Blocker "reference crosses tenants"
        "the two ends of the foreign key would belong to different tenants, and neither could see both"
        "correct the rules or the rows so that both ends get the same tenant"
    T009 Blocker "triggers would fire during the fill"
        "the connected role may not set session_replication_role, so `updated_at` and the like would change"
        "PostgreSQL 15+: GRANT SET ON PARAMETER session_replication_role TO the role; or `triggers = \"fire\"` for the table"
    T010 Blocker "CSV file has lines that cannot be used"
        "their keys would have no tenant, or two"
        "correct the lines listed in the file beside it that ends in .rejected.csv"
    T011 Blocker "application role is not bound by row-level security"
        "policies do not apply to superusers, to roles with BYPASSRLS and to owners of tables"
        "name another role in [rls] app_roles, one that owns no table"
    T012 Blocker "right is missing"
        "a step of the plan would be refused"
        "grant the right, or let somebody who has it create the object first"
    T013 Blocker "unique key is referenced"
        "a foreign key needs it to stay unique over all tenants"
        "keep it: `\"global\"`"
    T014 Blocker "name is taken"
        "a step of the plan would create an object that is there already"
        "drop or rename the object if it is a leftover"
    T015 Blocker "rows cannot be replicated when they change"
        "the table is published without a replica identity, so the fill's UPDATE is refused (55000)"
        "add a primary key or set REPLICA IDENTITY"
    T020 Warning "table has no primary key"
        "rows cannot be named in reports and comparisons"
        "add a primary key"
    T021 Warning "owner is not bound"
        "the connected role is neither superuser nor BYPASSRLS: under FORCE nobody could read all rows any more, so FORCE is left off"
        "let a role with BYPASSRLS run it, and never let the application connect as the owner"
    T022 Warning "deleting a tenant deletes its rows"
        "one DELETE on the registry empties every table for that tenant"
        "say `on_delete = \"restrict\"` in [tenants]"
    T023 Warning "every user becomes an owner"
        "an owner can usually invite and remove others"
        "say `role = \"member\"`, or take the role from a column or an expression"
    T024 Warning "migration cannot be taken back"
        "`rollback` stops before it"
        "write its down.sql"
    T025 Warning "value is unique over all tenants"
        "a second tenant cannot use it, and can find out that somebody does"
        "say `unique = { … = \"per-tenant\" }`, or `\"global\"` if that is intended"
    T026 Warning "view reads tenant tables with its owner's rights"
        "policies ask about the view's owner, who may be bound by none"
        "PostgreSQL 15+: ALTER VIEW … SET (security_invoker = true); 14: give the view to a role of [rls]"
    T027 Note "policies are kept"
        "they go on to apply, inside the fence"
        "read them once more: permissive policies are combined by OR"
    T028 Warning "CSV file names keys that no row has"
        "nothing happens for them; perhaps the file belongs to another snapshot"
        "compare file and table"
    T029 Warning "statements with ON CONFLICT must change"
        "ON CONFLICT (columns) finds no unique key over just these columns any more (42P10)"
        "write ON CONFLICT with the tenant column first"
    T031 Warning "foreign key stays as it is"
        "it does not carry the tenant, so a row can reference another tenant's row"
        "see the detail"
    T032 Warning "no application role is named"
        "policies would let nobody pass but roles that bypass them"
        "name the role in [rls] app_roles"
    T033 Warning "index is invalid"
        "an earlier CREATE INDEX CONCURRENTLY failed; uniqueness is not enforced by it"
        "drop it"
    T034 Warning "there is no backup"
        "`verify` has nothing to compare with, and a mistake in a rule cannot be looked up"
        "say `method = \"tables\"` in [backup]"
    T035 Note "rows go to an orphans' tenant"
        "no rule covers them; they go where `orphans` says"
        "look at the sample before the run"
    T036 Warning "expression asks for the tenant column"
        "the column comes with expand, so the audit cannot ask the expression before; rows it leaves without a tenant stop the run in backfill"
        "nothing, if the expression is right; a run on a copy shows it"
    T037 Warning "registry can only be read afterwards"
        "the application may write to it today; policies will let it read its own tenant's row and nothing else"
        "let a role that bypasses row-level security create and change tenants, or add policies in [rls] migrations"
    T040 Note "view reads with the rights of whoever asks"
        "the run sets security_invoker: a reader sees the rows of its own tenant, and needs rights on the tables behind the view"
        "nothing, or say `views = \"keep\"` in [rls] and give the view a condition of its own"
    T041 Warning "reader of a view may not read what is behind it"
        "a view that reads with the rights of whoever asks is refused to this role (42501)"
        "grant the role SELECT on that relation, or take the view from it"
    T042 Warning "materialized view shows the rows of all tenants"
        "it has no policies: whoever may read it reads everything, so the run takes it from the application"
        "let the application read a view over it that compares the tenant, or the tables themselves"
    T043 Warning "rule runs with its owner's rights"
        "policies ask about the table's owner, not about whoever made the statement"
        "replace the rule by a trigger"
    T044 Note "sequence can only be drawn from afterwards"
        "its last value tells one tenant how much the others write, and setval disturbs them"
        "nothing, unless the application calls setval or reads the sequence itself"
    T045 Warning "tables of the future are given away"
        "a table that is created later would be open to this role before it has policies"
        "grant rights on each new table after its policies; see docs/new-tables.md"
    T046 Warning "policy lets every row pass"
        "only the fence tells tenants apart there; within a tenant the policy hides nothing"
        "drop the policy if it is a leftover, or give it a condition"
    T047 Warning "policy fails without its setting"
        "a session that has not set it gets an error instead of no rows"
        "write the condition as the detail says"
    T048 Warning "table's own policies choose the rows"
        "the run adds the fence and no policy of its own for this role: it goes on to see what they show it, within its tenant"
        "drop them if they are leftovers; else verify asks whether each command has one"
    T049 Warning "shared table can be written by the application"
        "one tenant changes what every tenant reads"
        "type what the detail says, and let somebody else maintain the table"
    T050 Warning "ignored table is open to the application"
        "it shows its rows to every tenant, and verify fails by it (T107)"
        "revoke the right, or say `scope = \"shared\"` if every tenant may read it"
    T051 Warning "statement is refused afterwards"
        "row-level security does not know it, or the application loses the right"
        "INSERT instead of COPY FROM, DELETE instead of TRUNCATE; or a role that bypasses row-level security"
    T052 Note "key stays unique over all tenants"
        "a second tenant that takes the same value is refused, and learns that somebody has it"
        "nothing, if that is intended; `\"per-tenant\"` is for unique constraints"
    T053 Warning "index is not used any more under row-level security"
        "its operator or function may not see a row before the row's policy has, so all rows of the tenant are read"
        "ask what it costs: tenantize check --measure; then a partial index, a search function with its own tenant condition, or LEAKPROOF"
    T054 Warning "application connects as somebody whom policies treat otherwise"
        "an owner sees no rows under FORCE until it is let in, and whom no policy binds sees all tenants' rows"
        "let the application connect as a role of [rls] before the cutover"
    T055 Warning "scheduled job sees no rows afterwards"
        "it sets no tenant, and policies bind its role"
        "let it run as a role that bypasses row-level security, or once per tenant"
    T056 Warning "function runs with its owner's rights"
        "policies ask about its owner: one whom none binds reads all tenants' rows, one whom none lets in reads nothing"
        "read it: write the tenant into its conditions, or make it SECURITY INVOKER"
    T057 Warning "somebody else may create in a schema that names are looked up in"
        "a function or operator of theirs could be called with the rights of whoever runs tenantize, in rules and triggers of the fill"
        "REVOKE CREATE ON SCHEMA … FROM PUBLIC, and from whoever need not create there"
    T058 Warning "the application may create in its schemas"
        "a function or table of its own can stand in front of the one that was meant, and run with the rights of whoever calls it"
        "REVOKE CREATE ON SCHEMA … FROM PUBLIC, and from the application; the run does it where it may"
    T060 Blocker "what the context reads is missing"
        "policies could not ask for the tenant"
        "create it, or choose another `context` in [rls]"
    T061 Blocker "memberships cannot be read past their policies"
        "the function that reads them would ask itself again and again, until the stack is full (54001)"
        "let a role with BYPASSRLS run it, or ALTER TABLE … NO FORCE ROW LEVEL SECURITY on the membership table"
    T062 Warning "application may change memberships"
        "a member can make others members of its own tenant, promote or remove them"
        "REVOKE INSERT, UPDATE, DELETE on the membership table, or let a definer function do it that asks who calls"
    T063 Blocker "nobody vouches for the owner of the table"
        "whoever reads or writes it runs functions of its owner (an index on an expression, a CHECK) with his own rights; nothing was read"
        "ALTER TABLE … OWNER TO the owner of the others; name the role in [rls] trusted_owners; or scope = \"ignored\""
}

impl Code {
    /// The kind with this code.
    #[must_use]
    #[expect(clippy::expect_used, reason = "code and catalogue come from the same list")]
    pub fn kind(self) -> &'static FindingKind {
        CATALOGUE.iter().find(|kind| kind.code == self).expect("every code is in the catalogue")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Finding {
    /// Makes a finding about a table.
    #[must_use]
    pub fn table(code: Code, table: &QualifiedName, detail: impl Into<String>) -> Self {
        Self { code, subject: table.plain(), detail: detail.into() }
    }

    /// Makes a finding about something else.
    #[must_use]
    pub fn about(code: Code, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code, subject: subject.into(), detail: detail.into() }
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.kind().severity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> String {
        let path = format!("{}/docs/findings/{name}.md", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("docs/findings/{name}.md: {error}"))
    }

    #[test]
    fn every_code_has_a_page_that_says_the_same() {
        for kind in CATALOGUE {
            let page = page(&kind.code.to_string());
            assert!(page.starts_with(&format!("# {}: {}\n", kind.code, kind.title)), "{}: the title differs", kind.code);
            assert!(page.contains(&format!("\n{:?}: ", kind.severity)), "{}: the severity differs", kind.code);
            for part in [kind.effect, kind.remedy] {
                assert_eq!(page.matches(part).count(), 2, "{}: text and example must say `{part}`", kind.code);
            }
        }
    }

    #[test]
    fn the_index_lists_every_page_and_no_other() {
        let index = page("README");
        for kind in CATALOGUE {
            assert!(index.contains(&format!("[{0}]({0}.md) |", kind.code)) && index.contains(kind.title), "{} is not listed", kind.code);
        }
        let entries = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings")).unwrap();
        let pages = entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("T0")).count();
        assert_eq!(pages, CATALOGUE.len(), "a page without a code is left over");
    }
}

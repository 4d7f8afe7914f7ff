//! Every check by its stable code: why it matters and what to do, independent of any table.
//!
//! The first digit is the family: 1 row-level security, 2 policies, 3 functions, 4 views and triggers, 5 columns and keys,
//! 6 roles and rights, 7 the server, 8 the rows, 9 the queries. What the planner finds before a run is T0.. ([`crate::plan::Code`]).

mod constraint;
mod data;
mod function;
mod grant;
mod operation;
mod policy;
mod query;
mod row_security;
mod view;

use serde::{Deserialize, Serialize};

/// How much it matters that a check finds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Isolation or data are broken: the verification fails.
    Error,
    /// Somebody should look at it.
    Warning,
    /// It works, and slowly.
    Performance,
    /// Good to know.
    Note,
}

/// When a check can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Before a run, of a database without tenants; afterwards it means nothing.
    Before,
    /// While a run goes on, at the end of a phase.
    Run,
    /// When tables have tenants.
    After,
    /// At any time.
    Always,
}

/// A kind of check.
#[derive(Debug)]
pub struct Kind {
    /// Its stable code.
    pub id: &'static str,
    /// How much a finding matters.
    pub severity: Severity,
    /// When it can be asked.
    pub when: When,
    /// What must hold.
    pub claim: &'static str,
    /// What happens where it does not.
    pub effect: &'static str,
    /// What to do then.
    pub remedy: &'static str,
    /// The static query, for checks of the catalog.
    pub(super) query: Option<&'static str>,
}

/// The kinds of one family: code, severity, when; claim, effect, remedy; the files of the query.
macro_rules! kinds {
    ($($id:literal $severity:ident $when:ident $claim:literal $effect:literal $remedy:literal $(in $($file:literal)+)?;)*) => {
        pub(super) static KINDS: &[super::Kind] = &[$(super::Kind {
            id: $id, severity: super::Severity::$severity, when: super::When::$when, claim: $claim, effect: $effect, remedy: $remedy,
            query: super::kinds!(@query $($($file)+)?),
        }),*];
    };
    (@query) => { None };
    (@query $($file:literal)+) => { Some(concat!(include_str!("../catalog/scope.sql"), $(include_str!(concat!("../catalog/", $file))),+)) };
}
use kinds;

/// Every kind of check, by code.
pub fn catalogue() -> impl Iterator<Item = &'static Kind> {
    let families = [
        row_security::KINDS,
        policy::KINDS,
        function::KINDS,
        view::KINDS,
        constraint::KINDS,
        grant::KINDS,
        operation::KINDS,
        data::KINDS,
        query::KINDS,
    ];
    families.into_iter().flatten()
}

/// Finds a kind by its code.
#[must_use]
pub fn kind(id: &str) -> Option<&'static Kind> {
    catalogue().find(|kind| kind.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        let ids: Vec<&str> = catalogue().map(|kind| kind.id).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn every_query_of_the_catalog_has_one_place_for_its_scope() {
        for kind in catalogue().filter(|kind| kind.query.is_some()) {
            assert_eq!(kind.query.unwrap().matches("$1").count(), 1, "{}", kind.id);
        }
    }
}

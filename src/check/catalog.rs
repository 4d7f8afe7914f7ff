//! The static checks of the catalog.

use super::{Check, Kind, Severity, Subject, When, catalogue};
use crate::sql::check::scoped;

/// What means nothing without a registry.
pub(super) const OF_REGISTRY: [&str; 3] = ["T109", "T502", "T509"];
/// What our way demands, and others need not: isolation can hold without a fence, and without binding an owner whom nobody connects as.
const OF_OUR_WAY: [&str; 2] = ["T102", "T216"];

fn check(subject: &Subject, kind: &Kind) -> Option<Check> {
    if subject.registry.is_none() && OF_REGISTRY.contains(&kind.id) {
        return None;
    }
    let mut check = Check::new(kind, "catalog", scoped(kind.query?, &subject.scope()));
    if subject.found.is_some() && OF_OUR_WAY.contains(&kind.id) {
        check.severity = Severity::Warning;
    }
    Some(check)
}

/// Every static check of tables that have tenants.
#[must_use]
pub fn catalog_checks(subject: &Subject) -> Vec<Check> {
    catalogue().filter(|kind| kind.when != When::Before).filter_map(|kind| check(subject, kind)).collect()
}

/// Every static check that means something before there are tenants.
#[must_use]
pub fn checks_beforehand(subject: &Subject) -> Vec<Check> {
    let asked = catalogue().filter(|kind| matches!(kind.when, When::Before | When::Always));
    asked.filter_map(|kind| check(subject, kind)).collect()
}

/// The static checks with these codes.
#[must_use]
pub fn some(subject: &Subject, ids: &[&str]) -> Vec<Check> {
    catalogue().filter(|kind| ids.contains(&kind.id)).filter_map(|kind| check(subject, kind)).collect()
}

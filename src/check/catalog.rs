//! The static checks of the catalog.

use super::{Check, Kind, Subject, When, catalogue};
use crate::sql::check::scoped;

fn check(subject: &Subject, kind: &Kind) -> Option<Check> {
    Some(Check::new(kind, "catalog", scoped(kind.query?, &subject.scope())))
}

/// Every static check of tables that have tenants.
#[must_use]
pub fn catalog_checks(subject: &Subject) -> Vec<Check> {
    catalogue().filter(|kind| kind.when != When::Before).filter_map(|kind| check(subject, kind)).collect()
}

/// The static checks with these codes.
#[must_use]
pub fn some(subject: &Subject, ids: &[&str]) -> Vec<Check> {
    catalogue().filter(|kind| ids.contains(&kind.id)).filter_map(|kind| check(subject, kind)).collect()
}

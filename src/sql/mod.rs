//! Everything that becomes SQL: names, values and statements. SQL text is composed here and nowhere else.

pub mod activity;
pub mod attack;
pub mod audit;
pub mod backup;
pub mod change;
pub mod check;
pub mod clone;
pub mod copy;
pub mod example;
pub mod fill;
mod ident;
mod literal;
pub mod map;
pub mod measure;
pub mod mutant;
mod pages;
pub mod pgtap;
pub mod policy;
pub mod registry;
pub mod script;
pub mod source;
mod statement;
pub mod steer;
pub mod walk;
mod words;

pub use change::{Atomicity, Change};
pub use ident::{Ident, IdentError, QualifiedName, hex};
pub use literal::{KeyType, TenantKey, Text};
pub use pages::Pages;
pub use source::{MapSource, ParentSource, TenantSource};
pub use statement::Statement;
pub use words::Words;

/// The schema of a connection's temporary tables.
#[must_use]
#[expect(clippy::expect_used, reason = "the text is a constant")]
pub fn temporary_schema() -> Ident {
    Ident::new("pg_temp").expect("a constant name is valid")
}

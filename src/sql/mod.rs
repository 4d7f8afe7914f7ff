//! Everything that becomes SQL: names, values and statements. SQL text is composed here and nowhere else.

mod ident;
mod literal;

pub use ident::{Ident, IdentError, QualifiedName, hex};
pub use literal::{KeyType, TenantKey, Text};

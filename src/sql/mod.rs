//! Everything that becomes SQL: names, values and statements. SQL text is composed here and nowhere else.

pub mod attack;
pub mod change;
pub mod check;
pub mod fill;
mod ident;
mod literal;
pub mod policy;
pub mod source;
mod statement;

pub use change::{Atomicity, Change};
pub use ident::{Ident, IdentError, QualifiedName, hex};
pub use literal::{KeyType, TenantKey, Text};
pub use source::{MapSource, ParentSource, TenantSource};
pub use statement::Statement;

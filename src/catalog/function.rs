//! Functions of the application, and what their text says.

use serde::{Deserialize, Serialize};

use crate::sql::{Ident, QualifiedName};

/// A function or procedure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: QualifiedName,
    /// Its arguments as `pg_get_function_identity_arguments` writes them.
    pub arguments: String,
    /// Its owner.
    pub owner: Ident,
    /// Its language.
    pub language: String,
    /// Whether it runs with its owner's rights.
    pub definer: bool,
    /// Whether only a trigger can call it.
    pub trigger: bool,
    /// Who may call it; `None` = everyone.
    pub execute: Vec<Option<Ident>>,
    /// Its text.
    pub source: String,
}

impl Function {
    /// The function for people.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("{}({})", self.name.plain(), self.arguments)
    }
}

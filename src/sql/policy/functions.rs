//! The functions of the schema `tenancy`, which stays.

use super::{ContextSpec, membership, signed};
use crate::sql::{KeyType, Text};

/// The name of a function with the types of its arguments, as `regprocedure` reads it, and the statement that creates it.
pub(super) type Function = (String, String);

/// The functions that a context needs, those that others call first.
///
/// Pure: what the database holds can be compared with it.
#[must_use]
pub fn context_functions(context: &ContextSpec, ty: KeyType) -> Vec<Function> {
    match context {
        ContextSpec::Setting { name } => {
            vec![current_tenant(&super::current(context, ty), ty), set("set_tenant", "tenant", name, ty.sql())]
        }
        ContextSpec::SupabaseJwt { .. } => vec![current_tenant(&super::current(context, ty), ty)],
        ContextSpec::Membership(spec) => membership::functions(spec, ty),
        ContextSpec::Signed { name } => signed::functions(name, ty),
    }
}

/// Creates what a context needs in the schema `tenancy`.
#[must_use]
pub fn create_context(context: &ContextSpec, ty: KeyType) -> String {
    let functions = context_functions(context, ty).into_iter().map(|(_, sql)| sql);
    let parts: Vec<String> = match context {
        ContextSpec::Signed { .. } => std::iter::once(signed::create_keys()).chain(functions).chain([signed::first_key()]).collect(),
        _ => functions.collect(),
    };
    parts.join(";\n")
}

/// Drops it.
#[must_use]
pub fn drop_context(context: &ContextSpec, ty: KeyType) -> String {
    let mut parts: Vec<String> =
        context_functions(context, ty).into_iter().rev().map(|(name, _)| format!("DROP FUNCTION {name}")).collect();
    if matches!(context, ContextSpec::Signed { .. }) {
        parts.push(signed::drop_keys());
    }
    parts.join(";\n")
}

fn current_tenant(current: &str, ty: KeyType) -> Function {
    let sql = format!("CREATE FUNCTION tenancy.current_tenant_id() RETURNS {ty} LANGUAGE sql STABLE PARALLEL SAFE\n  RETURN {current}");
    ("tenancy.current_tenant_id()".into(), sql)
}

/// A function that sets a setting until the end of the transaction.
pub(super) fn set(function: &str, argument: &str, setting: &str, ty: &str) -> Function {
    let text = if ty == "text" { argument.to_owned() } else { format!("{argument}::text") };
    let sql = format!(
        "CREATE FUNCTION tenancy.{function}({argument} {ty}) RETURNS void LANGUAGE sql VOLATILE\n  \
         BEGIN ATOMIC\n    SELECT pg_catalog.set_config({}, {text}, true);\n  END",
        Text(setting)
    );
    (format!("tenancy.{function}({ty})"), sql)
}

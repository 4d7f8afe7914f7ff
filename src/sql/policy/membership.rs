//! The tenant by membership: asked of the table in each query, so a membership that ends ends at once.

use super::functions::{Function, set};
use super::{ChosenSource, MembershipContext, Tenants, UserSource, claim, setting};
use crate::sql::{KeyType, Text};

/// The rights of the owner, whom no policy of the memberships binds. `pg_temp` last: nobody's temporary type takes the place of another.
pub(super) const DEFINER: &str = "STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp";

/// PL/pgSQL keeps its plans for the session; a function in SQL with rights of its own would be planned again in each query.
pub(super) fn functions(spec: &MembershipContext, ty: KeyType) -> Vec<Function> {
    let mut functions = vec![current_tenant(spec, ty), my_tenants(spec, ty)];
    if let UserSource::Setting(name) = &spec.user {
        functions.push(set("set_user", "who", name, &spec.user_ty));
    }
    if let ChosenSource::Setting(name) = &spec.chosen {
        functions.push(set("set_tenant", "tenant", name, ty.sql()));
    }
    if spec.tenants == Tenants::Several {
        functions.push(keep_tenant());
    }
    functions
}

fn current_tenant(spec: &MembershipContext, ty: KeyType) -> Function {
    let (rows, tenant) = (rows(spec), &spec.tenant_column);
    let body = format!(
        "#variable_conflict use_variable\nDECLARE\n{}  tenants {ty}[];\nBEGIN\n  IF chosen IS NOT NULL THEN\n    \
         RETURN (SELECT m.{tenant} {rows} AND m.{tenant} = chosen LIMIT 1);\n  END IF;\n  \
         tenants := ARRAY(SELECT m.{tenant} {rows} LIMIT 2);\n  \
         RETURN CASE WHEN cardinality(tenants) = 1 THEN tenants[1] END;\nEND\n",
        variables(spec, ty)
    );
    let quotes = quotes(&body);
    let sql = format!("CREATE FUNCTION tenancy.current_tenant_id() RETURNS {ty} LANGUAGE plpgsql {DEFINER} AS {quotes}\n{body}{quotes}");
    ("tenancy.current_tenant_id()".into(), sql)
}

fn my_tenants(spec: &MembershipContext, ty: KeyType) -> Function {
    let (rows, tenant) = (rows(spec), &spec.tenant_column);
    let body = format!(
        "#variable_conflict use_variable\nDECLARE\n{}BEGIN\n  \
         RETURN QUERY SELECT m.{tenant}::{ty} {rows} AND (chosen IS NULL OR m.{tenant} = chosen);\nEND\n",
        variables(spec, ty)
    );
    let quotes = quotes(&body);
    let sql = format!(
        "CREATE FUNCTION tenancy.my_tenant_ids() RETURNS SETOF {ty} LANGUAGE plpgsql {DEFINER} ROWS 10 AS {quotes}\n{body}{quotes}"
    );
    ("tenancy.my_tenant_ids()".into(), sql)
}

/// The user and the chosen tenant; null where the session names none.
fn variables(spec: &MembershipContext, ty: KeyType) -> String {
    let user = match &spec.user {
        // Assigned, not cast: a cast cuts a text that is too long for the column, and the rest may be another user.
        UserSource::Setting(name) => setting(name, "text"),
        UserSource::AuthUid if spec.user_ty == "uuid" => "auth.uid()".to_owned(),
        UserSource::AuthUid => format!("auth.uid()::{}", spec.user_ty),
    };
    let chosen = match &spec.chosen {
        ChosenSource::Setting(name) => setting(name, ty.sql()),
        ChosenSource::Claim(name) => claim(name, ty.sql()),
    };
    format!("  me {} := {user};\n  chosen {ty} := {chosen};\n", spec.user_ty)
}

/// The memberships of the user that count.
fn rows(spec: &MembershipContext) -> String {
    let MembershipContext { table, user_column, status, .. } = spec;
    let active = status.as_ref().map(|(column, active)| format!(" AND m.{column}::text = {}", Text(active)));
    format!("FROM {table} AS m WHERE m.{user_column} = me{}", active.unwrap_or_default())
}

/// Names may hold anything, the end of the quotes too.
pub(super) fn quotes(body: &str) -> String {
    let mut quotes = "$body$".to_owned();
    while body.contains(&quotes) {
        quotes.insert(1, '_');
    }
    quotes
}

/// Somebody in two tenants could move a row from one to the other: both ends would be its own.
fn keep_tenant() -> Function {
    let sql = "CREATE FUNCTION tenancy.keep_tenant() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$\n\
         BEGIN\n  IF row_security_active(TG_RELID) THEN\n    \
         RAISE EXCEPTION 'a row stays with its tenant' USING ERRCODE = '42501', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;\n  \
         END IF;\n  RETURN NEW;\nEND\n$body$";
    ("tenancy.keep_tenant()".into(), sql.into())
}

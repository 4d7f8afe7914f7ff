//! Questions of the administrator: who belongs to a tenant, who does not, what a signed tenant looks like.
//!
//! Each answers with at most one row `text`.

use super::{MembershipContext, Tenants};
use crate::sql::{Statement, TenantKey, Text};

/// A user whose membership counts; by `Tenants::One`, one without other memberships that count.
#[must_use]
pub fn active_member(spec: &MembershipContext, tenant: &TenantKey, tenants: Tenants) -> Statement {
    let MembershipContext { table, user_column: user, tenant_column: column, .. } = spec;
    let alone = match tenants {
        Tenants::One => format!(
            " AND NOT EXISTS (SELECT FROM {table} AS o WHERE o.{user} = m.{user} AND o.{column} <> m.{column}{})",
            counts(spec, "o")
        ),
        Tenants::Several => String::new(),
    };
    first(spec, &format!("m.{column} = {tenant}{}{alone}", counts(spec, "m")))
}

/// A user with a membership that counts, and none of any kind in this tenant.
#[must_use]
pub fn other_user(spec: &MembershipContext, tenant: &TenantKey) -> Statement {
    let MembershipContext { table, user_column: user, tenant_column: column, .. } = spec;
    let never = format!("NOT EXISTS (SELECT FROM {table} AS o WHERE o.{user} = m.{user} AND o.{column} = {tenant})");
    first(spec, &format!("{never}{}", counts(spec, "m")))
}

/// A user whose membership in this tenant does not count any more; none where memberships have no status.
#[must_use]
pub fn revoked_member(spec: &MembershipContext, tenant: &TenantKey) -> Option<Statement> {
    let (column, active) = spec.status.as_ref()?;
    Some(first(spec, &format!("m.{} = {tenant} AND m.{column}::text IS DISTINCT FROM {}", spec.tenant_column, Text(active))))
}

/// A signed tenant that is valid for `lifetime`, an interval.
#[must_use]
pub fn sign_tenant(tenant: &TenantKey, lifetime: &str) -> Statement {
    Statement::new(format!("SELECT tenancy.sign({tenant}, {}::interval) AS text", Text(lifetime)))
}

fn counts(spec: &MembershipContext, row: &str) -> String {
    spec.status.as_ref().map(|(column, active)| format!(" AND {row}.{column}::text = {}", Text(active))).unwrap_or_default()
}

fn first(spec: &MembershipContext, condition: &str) -> Statement {
    let MembershipContext { table, user_column: user, .. } = spec;
    Statement::new(format!("SELECT m.{user}::text AS text FROM {table} AS m WHERE {condition} ORDER BY m.{user} LIMIT 1"))
}

//! Rules: from the configuration to sources, staged maps and the audit before the first write.

pub mod resolve;
pub mod tenants;

pub use resolve::{ColumnOrigin, MapSpec, Resolved, Target, resolve};
pub use tenants::{Origin, Tenant, TenantSet, TenantsError};

//! Rules: from the configuration to sources, staged maps and the audit before the first write.

pub mod audit;
pub mod csv_map;
pub mod resolve;
pub mod tenants;

pub use audit::{Audit, AuditError, TableAudit, audit};
pub use resolve::{ColumnOrigin, MapSpec, Resolved, Target, resolve};
pub use tenants::{Origin, Tenant, TenantSet, TenantsError};

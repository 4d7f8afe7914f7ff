//! Rules: from the configuration to sources, staged maps and the audit before the first write.

pub mod audit;
pub mod csv_map;
pub mod propose;
pub mod resolve;
pub mod tenant_list;
pub mod tenants;

pub use audit::{Audit, AuditError, TableAudit, audit};
pub use propose::{Proposal, ProposeOptions, propose};
pub(crate) use resolve::has_word;
pub use resolve::{ColumnOrigin, MapSpec, Resolved, Target, resolve};
pub use tenant_list::TenantList;
pub use tenants::{Origin, Tenant, TenantSet, TenantsError};

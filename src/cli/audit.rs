//! What `verify` is told of a database that no run has made.

use clap::{Args, ValueEnum};

use crate::sql::{Ident, IdentError, QualifiedName};

/// What `verify` is told of a database that no run has made.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Options for a database without a run")]
#[group(requires = "tenant_column")]
pub struct AuditArgs {
    /// Verify every table that has this column, whoever made it. What is not said below is read from the database and printed.
    #[arg(long, value_name = "COLUMN", value_parser = ident)]
    pub tenant_column: Option<Ident>,
    /// Look at the tables of this schema; may be given several times. Without it: public.
    #[arg(long, value_name = "SCHEMA", value_parser = ident)]
    pub schema: Vec<Ident>,
    /// Use this table as the registry of tenants. Without it: the table that the tenant column references most.
    #[arg(long, value_name = "TABLE", value_parser = table)]
    pub registry: Option<QualifiedName>,
    /// Use this table to find users of a tenant, and allow it to connect tenants.
    #[arg(long, value_name = "TABLE", value_parser = table)]
    pub membership: Option<QualifiedName>,
    /// Let every tenant read this table; may be given several times.
    #[arg(long, value_name = "TABLE", value_parser = table)]
    pub shared: Vec<QualifiedName>,
    /// Attack as this role of the application; may be given several times. Without it: the roles that have rights on the tables.
    #[arg(long, value_name = "ROLE", value_parser = ident)]
    pub app_role: Vec<Ident>,
    /// Count this role as one that only reads; may be given several times.
    #[arg(long, value_name = "ROLE", value_parser = ident)]
    pub read_role: Vec<Ident>,
    /// Let this role see every row, as one for backups does; may be given several times.
    #[arg(long, value_name = "ROLE", value_parser = ident)]
    pub trusted_role: Vec<Ident>,
    /// Read the tables of this role, whose code may then run as the connected one; may be given several times.
    #[arg(long, value_name = "ROLE", value_parser = ident)]
    pub trusted_owner: Vec<Ident>,
    /// Say where policies learn the tenant from. Without it: what policies and functions ask for.
    #[arg(long, value_enum, value_name = "CONTEXT")]
    pub context: Option<ContextName>,
    /// Name the tenant in this setting, for example `app.tenant_id`.
    #[arg(long, value_name = "NAME", conflicts_with = "claim")]
    pub setting: Option<String>,
    /// Name the tenant in this claim of the token, for example `app_metadata.tenant_id`.
    #[arg(long, value_name = "PATH")]
    pub claim: Option<String>,
}

/// Where policies learn the tenant from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ContextName {
    /// A setting of the session; its name with --setting.
    Setting,
    /// The token of a Supabase session; the claim with --claim.
    SupabaseJwt,
}

fn ident(text: &str) -> Result<Ident, IdentError> {
    Ident::new(text)
}

fn table(text: &str) -> Result<QualifiedName, IdentError> {
    text.parse()
}

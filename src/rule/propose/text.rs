//! The proposal as a commented `tenantize.toml`.

use super::registry::RegistryOrigin;
use super::{Proposal, ProposedParent, ProposedRole, ProposedTable, names};
use crate::config::{KeyPolicy, Scope};
use crate::progress::style::one_line;
use crate::sql::{Ident, QualifiedName, TenantSource};

impl Proposal {
    /// Writes the configuration, with a reason beside every table.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut blocks = vec![self.head(), self.tenants()];
        blocks.extend(self.memberships());
        blocks.push(self.rls());
        let mut last = None;
        for table in &self.tables {
            let section = section(&table.role);
            if last != Some(section) {
                blocks.push(format!("# ---- {section}"));
                last = Some(section);
            }
            blocks.push(entry(table));
        }
        let mut text = blocks.join("\n\n");
        text.push('\n');
        text
    }

    fn head(&self) -> String {
        let schemas: Vec<String> = self.schemas.iter().map(|schema| string(schema.plain())).collect();
        let schemas = if schemas.is_empty() { string("public") } else { schemas.join(", ") };
        format!(
            "# Written by `tenantize init` from the catalog alone: read every line, correct it, then ask: tenantize check\n\
             # {}\n\nversion = 1\nschemas = [{schemas}]",
            one_line(&self.summary())
        )
    }

    fn tenants(&self) -> String {
        let registry = &self.registry;
        let mut default = vec![format!("slug = {}", string("default"))];
        let mut hints = Vec::new();
        match &registry.origin {
            RegistryOrigin::New => default.push(format!("name = {}", string("Default Tenant"))),
            RegistryOrigin::Existing { required, .. } => {
                hints.push("# default: the tenant of all rows that are here now; to take a row that is there, give its slug".to_owned());
                for (name, ty) in required {
                    if names::is_text(ty) {
                        default.push(format!("{} = {}", key(name.plain()), string("Default Tenant")));
                    } else {
                        hints.push(format!(
                            "# a new row needs {} ({}) as well: give it in `default`",
                            one_line(name.plain()),
                            one_line(ty)
                        ));
                    }
                }
            }
        }
        let mut lines = vec![format!("# {}", one_line(&registry.reason)), "[tenants]".into()];
        lines.push(format!("table = {}", string(&registry.table.plain())));
        lines.push(format!("key = {}", string(registry.key.plain())));
        lines.push(format!("slug = {}", string(registry.slug.plain())));
        lines.push(format!("column = {}", string(self.column.plain())));
        lines.extend(self.other_column());
        lines.extend(hints);
        lines.push(format!("default = {{ {} }}", default.join(", ")));
        lines.push("# csv = \"tenants.csv\"          # further tenants; its header names columns of the registry".into());
        lines.push("# on_delete = \"restrict\"       # or \"cascade\": what deleting a tenant does to its rows".into());
        lines.join("\n")
    }

    /// The column by which tables reference the registry already.
    fn other_column(&self) -> Option<String> {
        let columns: Vec<&Ident> = self
            .tables
            .iter()
            .filter_map(|table| if let ProposedRole::Reference(name) = &table.role { Some(name) } else { None })
            .collect();
        let first = columns.first()?;
        let same = columns.iter().filter(|name| name == &first).count();
        Some(format!(
            "# {} of the tables below already say whose they are by {}: column = {} would use it",
            same,
            one_line(first.plain()),
            string(first.plain())
        ))
    }

    fn memberships(&self) -> Option<String> {
        let users = self.users.as_ref()?;
        let table = QualifiedName::new(users.schema.clone(), Ident::derived(&[&users.name, &self.registry.table.name], "membership"));
        Some(format!(
            "# [memberships]                 # which user belongs to which tenant\n# table = {}\n# users = {}\n# role = \"member\"",
            string(&table.plain()),
            string(&users.plain())
        ))
    }

    fn rls(&self) -> String {
        let roles: Vec<String> = self.app_roles.iter().map(|role| string(role.plain())).collect();
        let (why, roles) = match roles.as_slice() {
            [] => ("the role by which the application connects; created when missing, must own no table", string("app_rw")),
            _ => ("these roles write today and would be bound by policies", roles.join(", ")),
        };
        format!("[rls]\n# {why}\n# app_roles = [{roles}]")
    }
}

fn entry(table: &ProposedTable) -> String {
    let mut lines = vec![format!("# {}", one_line(&table.reason)), format!("[tables.{}]", string(&table.table.plain()))];
    lines.push(match &table.role {
        ProposedRole::Default => "tenant = \"default\"".into(),
        ProposedRole::Column => "tenant = \"column\"".into(),
        ProposedRole::Reference(name) => format!("tenant = {{ sql = {} }}", string(&TenantSource::Column(name.clone()).to_string())),
        ProposedRole::Derived(parents) => match parents.as_slice() {
            [only] => format!("tenant = {}", parent(only)),
            several => format!("tenant = [{}]", several.iter().map(parent).collect::<Vec<_>>().join(", ")),
        },
        ProposedRole::Without(Scope::Shared) => "scope = \"shared\"".into(),
        ProposedRole::Without(Scope::Ignored) => "scope = \"ignored\"".into(),
    });
    lines.extend(table.hints.iter().map(|hint| format!("# {}", one_line(hint))));
    lines.extend(unique(table));
    lines.join("\n")
}

fn section(role: &ProposedRole) -> &'static str {
    match role {
        ProposedRole::Without(Scope::Shared) => "shared: no tenant column, every tenant reads all rows",
        ProposedRole::Without(Scope::Ignored) => "ignored: not touched at all",
        _ => "tables whose rows belong to a tenant, parents before children",
    }
}

/// Comments: what is not said stays unique over all tenants, and is a finding.
fn unique(table: &ProposedTable) -> Vec<String> {
    if table.unique.is_empty() {
        return Vec::new();
    }
    let word = |policy| if policy == KeyPolicy::PerTenant { "per-tenant" } else { "global" };
    let mut lines: Vec<String> = Vec::new();
    for unique in &table.unique {
        let columns: Vec<&str> = unique.columns.iter().map(Ident::plain).collect();
        lines.push(format!("# {} ({}): {}", one_line(unique.name.plain()), one_line(&columns.join(", ")), unique.reason));
    }
    let pairs: Vec<String> =
        table.unique.iter().map(|unique| format!("{} = {}", key(unique.name.plain()), string(word(unique.policy)))).collect();
    lines.push(format!("# unique = {{ {} }}", pairs.join(", ")));
    lines
}

pub(super) fn parent(parent: &ProposedParent) -> String {
    let table = string(&parent.table.plain());
    if parent.via.is_empty() {
        return format!("{{ parent = {table} }}");
    }
    let via: Vec<String> = parent.via.iter().map(|name| string(name.plain())).collect();
    format!("{{ parent = {table}, via = [{}] }}", via.join(", "))
}

/// A basic string of TOML.
fn string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key of TOML, bare where it may be.
fn key(text: &str) -> String {
    let bare = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { text.to_owned() } else { string(text) }
}

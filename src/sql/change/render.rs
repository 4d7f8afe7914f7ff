//! The SQL of each change.

use std::fmt::{self, Display, Formatter, Write as _};

use super::rights;
use super::spec::{Deferral, ExistingRows, PolicyKind, Uniqueness};
use super::{
    Change, ColumnDefault, ForeignKeySpec, GuardSpec, IndexSpec, MembershipSpec, PolicySpec, RegistrySpec, RoleExpression, TenantRow,
};
use crate::catalog::Referential;
use crate::sql::source::{first_of_present, list};
use crate::sql::{Ident, KeyType, QualifiedName, TenantKey, TenantSource, Text, policy};

/// The name of the guard trigger. Triggers fire in the order of their names: the guard sees what others have set.
pub(crate) const GUARD_TRIGGER: &str = "zz_tenantize_guard";

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateSchema { schema } => write!(f, "CREATE SCHEMA {schema};\n{}", crate::sql::backup::close_schema(schema)),
            Self::DropSchema { schema } => write!(f, "DROP SCHEMA {schema}"),
            Self::GrantSchemaUsage { schema, role } => write!(f, "GRANT USAGE ON SCHEMA {schema} TO {role}"),
            Self::RevokeSchemaUsage { schema, role } => write!(f, "REVOKE USAGE ON SCHEMA {schema} FROM {role}"),
            Self::CreateRegistry(spec) => registry(f, spec),
            Self::CreateMembership(spec) => membership(f, spec),
            Self::DropTable { table } => write!(f, "DROP TABLE {table}"),
            Self::InsertTenants { registry, key, rows } => insert_tenants(f, registry, key, rows),
            Self::DeleteTenants { registry, key, keys } => {
                let keys: Vec<String> = keys.iter().map(TenantKey::to_string).collect();
                write!(f, "DELETE FROM {registry} WHERE {key} IN ({})", keys.join(", "))
            }
            Self::FillMemberships(spec) => fill_memberships(f, spec),
            Self::ClearMemberships(MembershipSpec { table, users, users_key, user_column, tenant_column, .. }) => write!(
                f,
                "DELETE FROM {table} AS m USING {users} AS t WHERE m.{user_column} = t.{users_key} AND m.{tenant_column} = t.{tenant_column}"
            ),
            Self::AddColumn { table, column, ty, default } => {
                write!(f, "ALTER TABLE {table} ADD COLUMN {column} {ty}")?;
                default.as_ref().map_or(Ok(()), |key| write!(f, " DEFAULT {key}"))
            }
            Self::DropColumn { table, column } => write!(f, "ALTER TABLE {table} DROP COLUMN {column}"),
            Self::SetDefault { table, column, default } => set_default(f, table, column, default),
            Self::CreateGuard(spec) => guard(f, spec),
            Self::DropGuard { table, function } => {
                write!(
                    f,
                    "DROP TRIGGER {GUARD_TRIGGER} ON {table};\nDROP TRIGGER IF EXISTS {GUARD_TRIGGER}_update ON {table};\nDROP FUNCTION {function}()"
                )
            }
            Self::CreateIndex(spec) => index(f, spec, " CONCURRENTLY"),
            Self::JoinIndexes(spec) => index(f, spec, ""),
            Self::DropJoinedIndex { index } => write!(f, "DROP INDEX {index}"),
            Self::DropIndex { index } => write!(f, "DROP INDEX CONCURRENTLY {index}"),
            Self::RestoreIndex { definition, .. } => f.write_str(&concurrently(definition)),
            Self::AddKey { table, name, index } => {
                write!(f, "ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {index}")
            }
            Self::RestoreConstraint { table, name, definition } => write!(f, "ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"),
            Self::AddNotNullCheck { table, name, column } => {
                write!(f, "ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID")
            }
            Self::ValidateConstraint { table, name, .. } => write!(f, "ALTER TABLE {table} VALIDATE CONSTRAINT {name}"),
            Self::SetNotNull { table, column } => write!(f, "ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"),
            Self::DropNotNull { table, column } => write!(f, "ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL"),
            Self::DropConstraint { table, name, .. } => write!(f, "ALTER TABLE {table} DROP CONSTRAINT {name}"),
            Self::DropLeafConstraint { table, name } => write!(f, "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}"),
            Self::AddForeignKey(spec) => foreign_key(f, spec),
            Self::CreateRole { role } => write!(f, "CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS"),
            Self::DropRole { role } => drop_role(f, role),
            Self::Grant { table, role, privileges } => write!(f, "GRANT {} ON {table} TO {role}", privileges.join(", ")),
            Self::Revoke { table, role, privileges } => write!(f, "REVOKE {} ON {table} FROM {role}", privileges.join(", ")),
            Self::TakeRights(spec) => rights::take(f, spec),
            Self::GiveRights(spec) => rights::give(f, spec),
            Self::SetInvoker { view } => write!(f, "ALTER VIEW {view} SET (security_invoker = true)"),
            Self::RestoreOptions { view, options } => rights::restore_options(f, view, options),
            Self::GrantSequence { sequence, role } => write!(f, "GRANT USAGE ON SEQUENCE {sequence} TO {role}"),
            Self::RevokeSequence { sequence, role } => write!(f, "REVOKE USAGE ON SEQUENCE {sequence} FROM {role}"),
            Self::CreateContext { ty, context } => f.write_str(&policy::create_context(context, *ty)),
            Self::DropContext { ty, context } => f.write_str(&policy::drop_context(context, *ty)),
            Self::KeepTenant { table, column } => f.write_str(&policy::keep_tenant(table, column)),
            Self::ReleaseTenant { table } => write!(f, "DROP TRIGGER {} ON {table}", policy::KEEP_TRIGGER),
            Self::EnableRls { table } => write!(f, "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"),
            Self::DisableRls { table } => write!(f, "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
            Self::ForceRls { table } => write!(f, "ALTER TABLE {table} FORCE ROW LEVEL SECURITY"),
            Self::NoForceRls { table } => write!(f, "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"),
            Self::CreatePolicy(spec) => create_policy(f, spec),
            Self::DropPolicy { table, name } => write!(f, "DROP POLICY {name} ON {table}"),
            Self::Vacuum { table } => write!(f, "VACUUM (ANALYZE, TRUNCATE false) {table}"),
            Self::Script { sql, .. } | Self::LooseScript { sql, .. } => f.write_str(sql.trim_end().trim_end_matches(';')),
        }
    }
}

/// Somebody may have given the role rights elsewhere, also in another database: then it is not ours any more.
fn drop_role(f: &mut Formatter<'_>, role: &Ident) -> fmt::Result {
    let name = Text(role.plain()).to_string();
    let mut quotes = "$drop$".to_owned();
    while name.contains(&quotes) {
        quotes.insert(1, '_');
    }
    write!(
        f,
        "DO {quotes}\nBEGIN\n  IF NOT EXISTS (\n    SELECT FROM pg_catalog.pg_shdepend AS d JOIN pg_catalog.pg_roles AS r ON r.oid = d.refobjid\n    \
         WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND r.rolname = {name}\n  ) THEN\n    DROP ROLE {role};\n  END IF;\nEND\n{quotes}"
    )
}

fn registry(f: &mut Formatter<'_>, spec: &RegistrySpec) -> fmt::Result {
    let RegistrySpec { table, key, ty, slug } = spec;
    let own = match ty {
        KeyType::Uuid => " DEFAULT gen_random_uuid()",
        KeyType::Bigint | KeyType::Int => " GENERATED BY DEFAULT AS IDENTITY",
        KeyType::Text => "",
    };
    write!(f, "CREATE TABLE {table} (\n  {key} {ty}{own} PRIMARY KEY,\n")?;
    if slug != key {
        writeln!(f, "  {slug} text NOT NULL UNIQUE,")?;
    }
    f.write_str(
        "  name text NOT NULL,\n  domain text,\n  created_at timestamptz NOT NULL DEFAULT now(),\n  updated_at timestamptz NOT NULL DEFAULT now()\n)",
    )?;
    closed(f, table)
}

/// Nobody but the owner reads or writes a new table before its policies are there, whatever default privileges say.
fn closed(f: &mut Formatter<'_>, table: &QualifiedName) -> fmt::Result {
    write!(f, ";\nALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n{}", crate::sql::backup::revoke_all(table))
}

fn membership(f: &mut Formatter<'_>, spec: &MembershipSpec) -> fmt::Result {
    let MembershipSpec { table, user_column, tenant_column, users, users_key, users_key_ty, registry, registry_key, ty, on_delete, .. } =
        spec;
    write!(
        f,
        "CREATE TABLE {table} (\n  {user_column} {users_key_ty} NOT NULL REFERENCES {users} ({users_key}) ON DELETE CASCADE,\n  \
         {tenant_column} {ty} NOT NULL REFERENCES {registry} ({registry_key}) ON DELETE {},\n  \
         role text NOT NULL,\n  joined_at timestamptz NOT NULL DEFAULT now(),\n  PRIMARY KEY ({user_column}, {tenant_column})\n);\n\
         CREATE INDEX {} ON {table} ({tenant_column})",
        on_delete.sql(),
        spec.index().name
    )?;
    closed(f, table)
}

fn insert_tenants(f: &mut Formatter<'_>, registry: &QualifiedName, key: &Ident, rows: &[TenantRow]) -> fmt::Result {
    for row in rows {
        let mut names = vec![key.clone()];
        names.extend(row.columns.keys().cloned());
        let mut values = vec![row.key.to_string()];
        values.extend(row.columns.values().map(|value| Text(value).to_string()));
        writeln!(
            f,
            "INSERT INTO {registry} ({}) OVERRIDING SYSTEM VALUE VALUES ({}) ON CONFLICT ({key}) DO NOTHING;",
            list(&names),
            values.join(", ")
        )?;
    }
    if rows.iter().any(|row| matches!(row.key.ty, KeyType::Bigint | KeyType::Int)) {
        // The registry's own sequence must not hand out a key that was given here, nor one that it has handed out before.
        let (table, column) = (Text(&registry.to_string()).to_string(), Text(key.plain()).to_string());
        write!(
            f,
            "SELECT setval(s, greatest((SELECT max({key}) FROM {registry}), pg_sequence_last_value(s::regclass))) \
             FROM pg_get_serial_sequence({table}, {column}) AS s WHERE s IS NOT NULL;"
        )?;
    }
    Ok(())
}

fn fill_memberships(f: &mut Formatter<'_>, spec: &MembershipSpec) -> fmt::Result {
    let MembershipSpec { table, user_column, tenant_column, users, users_key, role, joined_at, .. } = spec;
    let role = match role {
        RoleExpression::Literal(role) => Text(role).to_string(),
        RoleExpression::Column(column) => format!("t.{column}"),
        RoleExpression::Sql(sql) => format!("({sql})"),
    };
    let since = joined_at.as_ref().map_or("now()".to_owned(), |column| format!("coalesce(t.{column}, now())"));
    write!(
        f,
        "INSERT INTO {table} ({user_column}, {tenant_column}, role, joined_at)\n\
         SELECT t.{users_key}, t.{tenant_column}, {role}, {since} FROM {users} AS t WHERE t.{tenant_column} IS NOT NULL\n\
         ON CONFLICT ({user_column}, {tenant_column}) DO NOTHING"
    )
}

fn set_default(f: &mut Formatter<'_>, table: &QualifiedName, column: &Ident, default: &ColumnDefault) -> fmt::Result {
    write!(f, "ALTER TABLE {table} ALTER COLUMN {column} ")?;
    match default {
        ColumnDefault::None => f.write_str("DROP DEFAULT"),
        ColumnDefault::Tenant(key) => write!(f, "SET DEFAULT {key}"),
        ColumnDefault::Context => f.write_str("SET DEFAULT tenancy.current_tenant_id()"),
        ColumnDefault::Expression(sql) => write!(f, "SET DEFAULT {sql}"),
    }
}

fn guard(f: &mut Formatter<'_>, spec: &GuardSpec) -> fmt::Result {
    let GuardSpec { table, function, column, ty, sources } = spec;
    let mut watched: Vec<Ident> = sources.iter().flat_map(TenantSource::watched).collect();
    watched.sort();
    watched.dedup();
    let found = format!("found := (SELECT {} FROM (SELECT NEW.*) AS t);", first_of_present(sources));
    let mut body = format!(
        "#variable_conflict use_column\nDECLARE\n  found {ty};\nBEGIN\n  IF TG_OP = 'INSERT' THEN\n    \
         IF NEW.{column} IS NULL THEN\n      {found}\n      NEW.{column} := found;\n    END IF;\n"
    );
    let update = update_guard(&mut body, spec, &watched, &found)?;
    body.push_str("  END IF;\n  RETURN NEW;\nEND\n");
    // Names and expressions may hold anything, the end of the quotes too.
    let mut quotes = "$guard$".to_owned();
    while body.contains(&quotes) {
        quotes.insert(1, '_');
    }
    // Definer's rights are for the trigger alone. ALWAYS: rows that arrive by replication need a tenant as well.
    write!(
        f,
        "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {quotes}\n\
         {body}{quotes};\nREVOKE ALL ON FUNCTION {function}() FROM PUBLIC;\n\
         CREATE TRIGGER {GUARD_TRIGGER} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();\n\
         ALTER TABLE {table} ENABLE ALWAYS TRIGGER {GUARD_TRIGGER}"
    )?;
    let Some(when) = update else { return Ok(()) };
    // Without a list of columns: another trigger may change the reference in an update of something else.
    write!(
        f,
        ";\nCREATE TRIGGER {GUARD_TRIGGER}_update BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {function}();\n\
         ALTER TABLE {table} ENABLE ALWAYS TRIGGER {GUARD_TRIGGER}_update"
    )
}

/// The part of a guard for rows that change, and when it is called; nothing where no change can matter.
fn update_guard(body: &mut String, spec: &GuardSpec, watched: &[Ident], found: &str) -> Result<Option<String>, fmt::Error> {
    let column = &spec.column;
    let asks = spec.sources.iter().any(|source| matches!(source, TenantSource::Expression { .. }));
    if watched.is_empty() && !asks {
        return Ok(None);
    }
    let pairs = |row: &str| watched.iter().map(|name| format!("{row}.{name}")).collect::<Vec<_>>().join(", ");
    let changed: Vec<String> = watched.iter().map(|name| format!("OLD.{name} IS DISTINCT FROM NEW.{name}")).collect();
    let (condition, when) = if asks {
        let of = |row: &str| format!("(SELECT {} FROM (SELECT {row}.*) AS t)", first_of_present(&spec.sources));
        // The fill itself changes nothing but the tenant: it is not asked.
        (format!("{} IS DISTINCT FROM {}", of("NEW"), of("OLD")), format!("OLD.{column} IS NOT DISTINCT FROM NEW.{column}"))
    } else {
        (format!("ROW({}) IS DISTINCT FROM ROW({})", pairs("NEW"), pairs("OLD")), changed.join(" OR "))
    };
    // A row that moves to another parent moves to its tenant; one that loses its parent stays where it is.
    write!(
        body,
        "  ELSIF {condition} THEN\n    {found}\n    IF {} THEN\n      NEW.{column} := found;\n    END IF;\n",
        moves(&spec.sources, watched)
    )?;
    Ok(Some(when))
}

/// When a row that changes gets the tenant that was found for it.
fn moves(sources: &[TenantSource], watched: &[Ident]) -> String {
    let present = |columns: &[Ident]| columns.iter().map(|name| format!("NEW.{name} IS NOT NULL")).collect::<Vec<_>>().join(" AND ");
    let parents = sources.iter().filter(|source| matches!(source, TenantSource::Parent(_)));
    let parents: Vec<String> = parents.map(|parent| format!("({})", present(&parent.watched()))).collect();
    match (parents.as_slice(), watched) {
        ([], []) => "found IS NOT NULL".to_owned(),
        ([], watched) => format!("found IS NOT NULL OR ({})", present(watched)),
        (parents, _) => parents.join(" OR "),
    }
}

fn index(f: &mut Formatter<'_>, spec: &IndexSpec, concurrently: &str) -> fmt::Result {
    let unique = match spec.uniqueness {
        Uniqueness::Unique => "UNIQUE ",
        Uniqueness::Plain => "",
    };
    write!(f, "CREATE {unique}INDEX{concurrently} {} ON {} ({})", spec.name, spec.table, list(&spec.columns))
}

/// Puts `CONCURRENTLY` into a definition by `pg_get_indexdef`.
fn concurrently(definition: &str) -> String {
    definition.replacen(" INDEX ", " INDEX CONCURRENTLY ", 1)
}

fn foreign_key(f: &mut Formatter<'_>, spec: &ForeignKeySpec) -> fmt::Result {
    let ForeignKeySpec { table, name, columns, parent, references, on_delete, set_columns, on_update, deferral, .. } = spec;
    write!(f, "ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({}) REFERENCES {parent} ({})", list(columns), list(references))?;
    if *on_update != Referential::NoAction {
        write!(f, " ON UPDATE {}", on_update.sql())?;
    }
    if *on_delete != Referential::NoAction {
        write!(f, " ON DELETE {}", on_delete.sql())?;
        if !set_columns.is_empty() {
            write!(f, " ({})", list(set_columns))?;
        }
    }
    f.write_str(match deferral {
        Deferral::Immediate => "",
        Deferral::Deferrable => " DEFERRABLE",
        Deferral::Deferred => " DEFERRABLE INITIALLY DEFERRED",
    })?;
    match spec.existing {
        ExistingRows::NotValid => f.write_str(" NOT VALID"),
        ExistingRows::Checked => Ok(()),
    }
}

fn create_policy(f: &mut Formatter<'_>, spec: &PolicySpec) -> fmt::Result {
    let PolicySpec { table, name, kind, column, ty, context, form } = spec;
    let own = policy::own_tenant(context, *form, column, *ty);
    match kind {
        PolicyKind::Fence => {
            write!(f, "CREATE POLICY {name} ON {table} AS RESTRICTIVE FOR ALL TO PUBLIC\n  USING ({own})\n  WITH CHECK ({own})")
        }
        PolicyKind::Allow(roles) => {
            write!(f, "CREATE POLICY {name} ON {table} AS PERMISSIVE FOR ALL TO {}\n  USING ({own})\n  WITH CHECK ({own})", list(roles))
        }
        PolicyKind::Read(roles) => {
            write!(f, "CREATE POLICY {name} ON {table} AS PERMISSIVE FOR SELECT TO {}\n  USING ({own})", list(roles))
        }
    }
}

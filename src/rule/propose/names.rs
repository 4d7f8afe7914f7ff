//! Names that mean something by convention.

use crate::catalog::Table;
use crate::sql::Ident;

/// Tables by which other tools remember what they did.
const TOOLS: &[(&str, &str)] = &[
    ("__diesel_schema_migrations", "Diesel"),
    ("__EFMigrationsHistory", "Entity Framework"),
    ("_prisma_migrations", "Prisma"),
    ("_sqlx_migrations", "SQLx"),
    ("alembic_version", "Alembic"),
    ("ar_internal_metadata", "Rails"),
    ("databasechangelog", "Liquibase"),
    ("databasechangeloglock", "Liquibase"),
    ("django_migrations", "Django"),
    ("doctrine_migration_versions", "Doctrine"),
    ("drizzle_migrations", "Drizzle"),
    ("flyway_schema_history", "Flyway"),
    ("geography_columns", "PostGIS"),
    ("geometry_columns", "PostGIS"),
    ("goose_db_version", "Goose"),
    ("knex_migrations", "Knex"),
    ("knex_migrations_lock", "Knex"),
    ("phinxlog", "Phinx"),
    ("pgmigrations", "node-pg-migrate"),
    ("refinery_schema_history", "Refinery"),
    ("schema_migrations", "a migration tool"),
    ("seaql_migrations", "SeaORM"),
    ("SequelizeMeta", "Sequelize"),
    ("spatial_ref_sys", "PostGIS"),
    ("typeorm_metadata", "TypeORM"),
];

/// Names of tables, or their last words, whose rows everybody reads and few write.
const REFERENCE: &[&str] = &[
    "country",
    "countries",
    "currency",
    "currencies",
    "exchange_rates",
    "feature",
    "features",
    "feature_flags",
    "language",
    "languages",
    "locale",
    "locales",
    "permission",
    "permissions",
    "time_zones",
    "timezone",
    "timezones",
    "units_of_measure",
];

/// The same, but only as the whole name: as last words they mean other things.
const REFERENCE_ONLY: &[&str] = &[
    "billing_plans",
    "plan",
    "plans",
    "pricing_plans",
    "provinces",
    "regions",
    "role",
    "roles",
    "states",
    "statuses",
    "subscription_plans",
    "tax_rates",
    "tiers",
    "units",
];

/// Last words of tables that list the values of a column.
const LISTS: &[&str] = &["_codes", "_kinds", "_levels", "_statuses", "_types"];

/// Columns that name a value by a short text.
const CODES: &[&str] = &["abbreviation", "code", "iso", "iso2", "iso3", "iso_code", "symbol"];

/// Columns that tell that rows belong to somebody.
const OWNERS: &[&str] =
    &["account_id", "created_by", "email", "organization_id", "owner", "owner_id", "tenant_id", "user_id", "workspace_id"];

const PEOPLE: &[&str] = &["app_users", "employees", "members", "people", "person", "persons", "staff", "user", "users"];

/// The tool that keeps this table.
pub(super) fn tool(name: &Ident) -> Option<&'static str> {
    TOOLS.iter().find(|(table, _)| table.eq_ignore_ascii_case(name.plain())).map(|(_, tool)| *tool)
}

/// Whether the name alone says reference data.
pub(super) fn says_reference(name: &Ident) -> bool {
    let name = name.plain().to_lowercase();
    let ends = |word: &str| name.strip_suffix(word).is_some_and(|start| start.is_empty() || start.ends_with('_'));
    REFERENCE.iter().any(|word| ends(word)) || REFERENCE_ONLY.contains(&name.as_str())
}

/// Whether the table looks like the list of a column's values: a short text names each row.
pub(super) fn looks_like_list(table: &Table) -> bool {
    let name = table.name.name.plain();
    let coded = table.keys.iter().any(|key| matches!(key.columns.as_slice(), [column] if CODES.contains(&column.plain())));
    let text_key = matches!(table.identifying_columns(), [key] if table.column(key).is_some_and(|column| is_text(&column.ty)));
    coded || text_key || LISTS.iter().any(|end| name.ends_with(end))
}

/// Whether a column says that rows belong to somebody.
pub(super) fn has_owner(table: &Table) -> bool {
    table.columns.iter().any(|column| OWNERS.contains(&column.name.plain()))
}

/// Whether rows are people: they act on other rows, but seldom own them.
pub(super) fn is_people(table: &Table) -> bool {
    let has = |part: &str| table.columns.iter().any(|column| column.name.plain().contains(part));
    PEOPLE.contains(&table.name.name.plain()) || (has("email") && has("password"))
}

/// Whether a type holds text.
pub(super) fn is_text(ty: &str) -> bool {
    ty == "text" || ty == "citext" || ty.starts_with("character")
}

/// Whether the column keeps time or the like and says nothing about the row.
pub(super) fn is_incidental(name: &str) -> bool {
    ["created_at", "deleted_at", "inserted_at", "updated_at", "id"].contains(&name)
}

/// Singular and plural of a word, as tables are named.
pub(super) fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned(), format!("{word}s"), format!("{word}es")];
    forms.extend(word.strip_suffix('y').map(|stem| format!("{stem}ies")));
    forms
}

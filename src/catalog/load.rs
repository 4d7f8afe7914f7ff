//! Reads the catalog of a database in one snapshot.

use diesel::connection::SimpleConnection as _;
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::sql_types::{Array, Jsonb, Text};
use diesel::{QueryableByName, sql_query};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::function::Function;
use super::model::{Catalog, Server, Table};
use super::right::{DefaultRight, Role, Schema};
use crate::sql::Ident;

/// Why the catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The server refused a query.
    #[error("cannot read the catalog")]
    Query(#[from] diesel::result::Error),
    /// A row does not have the expected shape.
    #[error("the catalog holds something this program does not understand: {0}")]
    Shape(#[from] serde_json::Error),
}

#[derive(QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = Jsonb)]
    data: serde_json::Value,
}

#[derive(Deserialize)]
struct NamedSchema {
    name: Ident,
    #[serde(flatten)]
    schema: Schema,
}

#[derive(QueryableByName)]
struct Flag {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    flag: bool,
}

impl Catalog {
    /// Reads server, roles and the relations of `schemas` in one read-only snapshot.
    pub fn load(conn: &mut PgConnection, schemas: &[Ident]) -> Result<Self, CatalogError> {
        let activity = super::activity::load(conn);
        let catalog = conn.build_transaction().repeatable_read().read_only().run(|conn| {
            // Compiling these queries takes longer than running them.
            conn.batch_execute("SET LOCAL jit = off")?;
            Self::read(conn, schemas)
        })?;
        Ok(Self { activity, ..catalog })
    }

    /// Reads the same in the caller's transaction, with what that has changed, but for what the application does at the moment.
    pub fn read(conn: &mut PgConnection, schemas: &[Ident]) -> Result<Self, CatalogError> {
        let names: Vec<&str> = schemas.iter().map(Ident::plain).collect();
        // Row by row: what thousands of partitions look like as JSON takes several times the memory of what is kept.
        let tables = sql_query(include_str!("queries/tables.sql")).bind::<Array<Text>, _>(names);
        let tables = tables.load_iter::<Row, PgRowByRowLoadingMode>(conn)?.map(|row| Ok(serde_json::from_value(row?.data)?));
        let tables: Vec<Table> = tables.collect::<Result<_, CatalogError>>()?;
        let roles: Vec<Role> = decode(sql_query(include_str!("queries/roles.sql")).load(conn)?)?;
        let functions: Vec<Function> = decode(sql_query(include_str!("queries/functions.sql")).load(conn)?)?;
        let default_rights: Vec<DefaultRight> = decode(sql_query(include_str!("queries/default_rights.sql")).load(conn)?)?;
        let schemas: Vec<NamedSchema> = decode(sql_query(include_str!("queries/schemas.sql")).load(conn)?)?;
        Ok(Self {
            server: load_server(conn)?,
            tables: tables.into_iter().map(|table| (table.name.clone(), table)).collect(),
            roles: roles.into_iter().map(|role| (role.name.clone(), role)).collect(),
            schemas: schemas.into_iter().map(|schema| (schema.name, schema.schema)).collect(),
            functions,
            default_rights,
            activity: super::Activity::default(),
        })
    }
}

fn load_server(conn: &mut PgConnection) -> Result<Server, CatalogError> {
    let row: Row = sql_query(include_str!("queries/server.sql")).get_result(conn)?;
    let mut server: Server = serde_json::from_value(row.data)?;
    // The function came with PostgreSQL 15; before, only a superuser may.
    if server.version >= 150_000 && !server.superuser {
        let row: Flag = sql_query("SELECT has_parameter_privilege('session_replication_role', 'SET') AS flag").get_result(conn)?;
        server.suppress_triggers = row.flag;
    }
    Ok(server)
}

pub(super) fn decode<T: DeserializeOwned>(rows: Vec<Row>) -> Result<Vec<T>, CatalogError> {
    rows.into_iter().map(|row| serde_json::from_value(row.data).map_err(CatalogError::from)).collect()
}

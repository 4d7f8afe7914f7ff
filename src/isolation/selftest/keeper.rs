//! Makes databases and roles for the self-test, and takes them away again, whatever happens.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use uuid::Uuid;

use super::SelfTestError;
use crate::db::{Database, SessionSettings};
use crate::sql::clone::{
    copy_database, create_role, drop_database, drop_role, empty_database, grant_connect, join_role, open_to_owner, revoke_connect,
};
use crate::sql::{Ident, Statement};

/// The names of everything that the self-test makes begin so, followed by the second of its start by the server's clock.
const PREFIX: &str = "tenantize_selftest_";
const NOW: &str = "SELECT extract(epoch FROM pg_catalog.now())::bigint AS second";
const SIGN: &str = "SELECT pg_catalog.set_config('application_name', $1, false)";
const LEFTOVERS: &str = include_str!("leftovers.sql");
const LOCALE: &str = "SELECT pg_catalog.pg_encoding_to_char(encoding)::text AS encoding, datcollate::text AS collate, datctype::text AS ctype \
                      FROM pg_catalog.pg_database WHERE datname = current_database()";

/// Owns the databases and roles of one self-test; they go with this value.
pub(super) struct Keeper {
    /// A session of the source: only it copies while nobody else is connected.
    admin: PgConnection,
    source: Database,
    prefix: String,
    databases: Vec<Ident>,
    roles: Vec<Ident>,
}

#[derive(QueryableByName)]
struct Leftover {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = BigInt)]
    second: i64,
}

#[derive(QueryableByName)]
struct Locale {
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Text)]
    collate: String,
    #[diesel(sql_type = Text)]
    ctype: String,
}

impl Keeper {
    /// Begins, and sweeps what a killed self-test left behind.
    pub(super) fn new(source: &Database) -> Result<Self, SelfTestError> {
        let mut admin = source.connect_dedicated()?;
        sweep(&mut admin);
        // While a session of this name lives, no other self-test sweeps what is ours.
        let Now { second } = diesel::sql_query(NOW).get_result(&mut admin)?;
        let prefix = format!("{PREFIX}{second:010}_{}_", &Uuid::new_v4().simple().to_string()[..8]);
        diesel::sql_query(SIGN).bind::<Text, _>(&prefix).execute(&mut admin)?;
        Ok(Self { admin, source: source.clone(), prefix, databases: Vec::new(), roles: Vec::new() })
    }

    /// A session of the source, for questions.
    pub(super) fn source(&mut self) -> &mut PgConnection {
        &mut self.admin
    }

    /// Copies the source itself.
    pub(super) fn copy_source(&mut self, source: &Ident, suffix: &str) -> Result<Ident, SelfTestError> {
        let name = self.name(suffix)?;
        self.make(name.clone(), &copy_database(&name, source))?;
        Ok(name)
    }

    /// Makes an empty database like the source.
    pub(super) fn empty(&mut self, suffix: &str) -> Result<Ident, SelfTestError> {
        let name = self.name(suffix)?;
        let locale: Locale = diesel::sql_query(LOCALE).get_result(&mut self.admin)?;
        self.make(name.clone(), &empty_database(&name, &locale.encoding, &locale.collate, &locale.ctype))?;
        Ok(name)
    }

    /// Makes a database that the application cannot connect to at any moment: mutants open it to roles that have its rows' rights.
    fn make(&mut self, name: Ident, statement: &Statement) -> Result<(), SelfTestError> {
        statement.run(&mut self.admin).map_err(|source| SelfTestError::Clone { what: "make a database", source })?;
        let open = open_to_owner(&name);
        self.databases.push(name);
        open.run_script(&mut self.admin).map_err(|source| SelfTestError::Clone { what: "close a copy to the application", source })
    }

    /// Lets `roles` and their members connect to a database that was made here.
    pub(super) fn admit(&mut self, database: &Ident, roles: &[Ident]) -> Result<(), SelfTestError> {
        roles.iter().try_for_each(|role| self.turn(&grant_connect(database, role)))
    }

    /// Takes the right to connect from every role that was made here: with it none could be dropped.
    pub(super) fn dismiss(&mut self, database: &Ident) -> Result<(), SelfTestError> {
        self.roles.clone().iter().try_for_each(|role| self.turn(&revoke_connect(database, role)))
    }

    fn turn(&mut self, statement: &Statement) -> Result<(), SelfTestError> {
        statement.run(&mut self.admin).map(drop).map_err(|source| SelfTestError::Clone { what: "say who connects to a copy", source })
    }

    /// Drops a database now.
    pub(super) fn drop_database(&mut self, name: &Ident) -> Result<(), SelfTestError> {
        drop_database(name).run(&mut self.admin).map_err(|source| SelfTestError::Clone { what: "drop a database", source })?;
        self.databases.retain(|known| known != name);
        Ok(())
    }

    /// Makes a role, member of `of`.
    pub(super) fn role(&mut self, suffix: &str, of: Option<&Ident>) -> Result<Ident, SelfTestError> {
        let failed = |source| SelfTestError::Clone { what: "make a role that stands in for the application's", source };
        let name = self.name(suffix)?;
        create_role(&name).run(&mut self.admin).map_err(failed)?;
        self.roles.push(name.clone());
        if let Some(role) = of {
            join_role(role, &name).run(&mut self.admin).map_err(failed)?;
        }
        Ok(name)
    }

    /// Drops every role now; no database may know them any more.
    pub(super) fn drop_roles(&mut self) -> Result<(), SelfTestError> {
        while let Some(name) = self.roles.last() {
            drop_role(name).run(&mut self.admin).map_err(|source| SelfTestError::Clone { what: "drop a role", source })?;
            self.roles.pop();
        }
        Ok(())
    }

    /// Connects to a database that was made here.
    pub(super) fn connect(&self, name: &Ident) -> Result<Database, SelfTestError> {
        Ok(Database::connect(&self.source.url().with_database(name.plain()), &SessionSettings::default(), 1)?)
    }

    fn name(&self, suffix: &str) -> Result<Ident, SelfTestError> {
        Ident::new(format!("{}{suffix}", self.prefix)).map_err(|error| SelfTestError::Tool { what: error.to_string() })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Databases first: with them go the rights of the roles.
        let databases = self.databases.iter().map(|name| (name, drop_database(name)));
        let roles = self.roles.iter().rev().map(|name| (name, drop_role(name)));
        for (name, statement) in databases.chain(roles) {
            if let Err(error) = statement.run(&mut self.admin) {
                tracing::warn!(name = name.plain(), %error, "cannot drop what the self-test made; the next self-test tries again");
            }
        }
    }
}

fn sweep(conn: &mut PgConnection) {
    let leftovers: Vec<Leftover> = diesel::sql_query(LEFTOVERS).load(conn).unwrap_or_default();
    for Leftover { kind, name } in leftovers {
        let Ok(name) = Ident::new(name) else { continue };
        let statement = if kind == "database" { drop_database(&name) } else { drop_role(&name) };
        if let Err(error) = statement.run(conn) {
            tracing::debug!(name = name.plain(), %error, "cannot drop what a killed self-test left behind");
        }
    }
}

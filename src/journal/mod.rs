//! The journal: what happened, in the user's database, under a schema of its own.
//!
//! A change and its journal row commit together wherever PostgreSQL allows it, so after a crash the journal is never
//! ahead of the database and never behind by more than one step that a probe can examine.

pub mod chunks;
mod record;
#[expect(missing_docs, reason = "the columns are documented in the migration, by COMMENT ON")]
pub mod schema;
mod state;
pub mod steering;
pub mod store;

pub use record::{BackupRecord, Chunk, NewChunk, RunRecord, StepRecord};
pub use state::{IllegalTransition, RunState, StepEvent, StepState};
pub use store::JournalError;

use diesel::connection::SimpleConnection as _;
use diesel::migration::MigrationSource;
use diesel::pg::{Pg, PgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::sql::Ident;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// The journal's schema.
pub const SCHEMA: &str = "tenantize";

/// The journal's schema as a name.
#[must_use]
#[expect(clippy::expect_used, reason = "the text is a constant")]
pub fn schema_name() -> Ident {
    Ident::new(SCHEMA).expect("a constant name is valid")
}

/// Creates the journal or brings it up to date, on a connection that is used for nothing else afterwards.
pub fn prepare(conn: &mut PgConnection) -> Result<(), JournalError> {
    // Default privileges may give new schemas away: who writes here says what the tool does.
    crate::sql::backup::create_schema(&schema_name()).run_script(conn)?;
    conn.batch_execute("SET search_path TO tenantize")?;
    refuse_newer(conn)?;
    conn.run_pending_migrations(MIGRATIONS).map(drop).map_err(JournalError::Migration)
}

/// Refuses a journal that a newer program wrote.
pub fn refuse_newer(conn: &mut PgConnection) -> Result<(), JournalError> {
    use diesel::prelude::*;
    use diesel::sql_types::{Bool, Nullable, Text};
    // A journal that is just being made has no list of its migrations yet.
    let listed = diesel::dsl::sql::<Bool>("to_regclass('tenantize.__diesel_schema_migrations') IS NOT NULL");
    if !diesel::select(listed).get_result::<bool>(conn)? {
        return Ok(());
    }
    let newest = diesel::dsl::sql::<Nullable<Text>>("(SELECT max(version) FROM tenantize.__diesel_schema_migrations)");
    let newest: Option<String> = diesel::select(newest).get_result(conn)?;
    let ours = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(JournalError::Migration)?;
    let known = |version: &String| ours.iter().any(|migration| migration.name().version().to_string() == *version);
    match newest.filter(|version| !known(version)) {
        Some(found) => Err(JournalError::WrittenByNewerVersion { found }),
        None => Ok(()),
    }
}

//! The journal: what happened, in the user's database, under a schema of its own.
//!
//! A change and its journal row commit together wherever PostgreSQL allows it, so after a crash the journal is never
//! ahead of the database and never behind by more than one step that a probe can examine.

pub mod chunks;
mod record;
#[expect(missing_docs, reason = "the columns are documented in the migration, by COMMENT ON")]
pub mod schema;
mod state;
pub mod store;

pub use record::{BackupRecord, Chunk, NewChunk, RunRecord, StepRecord};
pub use state::{IllegalTransition, RunState, StepEvent, StepState};
pub use store::JournalError;

use diesel::connection::SimpleConnection as _;
use diesel::migration::{MigrationSource, MigrationVersion};
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
    conn.batch_execute("CREATE SCHEMA IF NOT EXISTS tenantize; SET search_path TO tenantize")?;
    let ours: Vec<MigrationVersion<'_>> = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(JournalError::Migration)?
        .iter()
        .map(|migration| migration.name().version().as_owned())
        .collect();
    let applied = conn.applied_migrations().map_err(JournalError::Migration)?;
    if let Some(found) = applied.into_iter().find(|version| !ours.contains(version)) {
        return Err(JournalError::WrittenByNewerVersion { found: found.to_string() });
    }
    conn.run_pending_migrations(MIGRATIONS).map(drop).map_err(JournalError::Migration)
}

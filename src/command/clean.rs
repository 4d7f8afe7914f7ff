//! `tenantize clean`: the journal has done its work.

use super::Context;
use crate::cli::CleanArgs;
use crate::db::RunLock;
use crate::db::lock::LockKey;
use crate::error::Error;
use crate::journal::{schema_name, store};
use crate::sql::{Ident, registry};

pub(super) fn run(cx: &Context<'_>, args: &CleanArgs) -> Result<(), Error> {
    let db = cx.connect_any()?;
    let _lock = RunLock::acquire(&db, LockKey::RUN)?;
    let mut conn = db.get()?;
    if store::exists(&mut conn)?
        && let Some(record) = store::unfinished_run(&mut conn)?
    {
        return Err(Error::Unfinished {
            run: record.id,
            state: record.state.name(),
            next: "end it first with: tenantize resume; or with: tenantize rollback",
        });
    }
    // A schema of that name without a journal in it is not ours to drop.
    let mut schemas = if store::exists(&mut conn)? { vec![schema_name()] } else { Vec::new() };
    if args.backups {
        schemas.extend(Ident::new(crate::phase::BACKUP_SCHEMA));
    }
    let what = match (schemas.len(), args.backups) {
        (0, _) => {
            return Err(Error::Nothing {
                message: "there is no journal in this database".into(),
                next: "copies of an ended run go with: tenantize clean --backups",
            });
        }
        (1, true) => "the copies of your tables",
        (_, true) => "the journal and the copies of your tables",
        (_, false) => "the journal",
    };
    if !args.yes {
        cx.ui.confirm(&format!("Drop {what} from {}? A rollback is not possible afterwards.", db.url().redacted()))?;
    }
    for schema in schemas {
        registry::drop_schema_with_contents(&schema).run(&mut conn)?;
    }
    cx.ui.say(&format!("Dropped {what}."));
    Ok(())
}

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
    let mut schemas = vec![schema_name()];
    let mut what = "the journal".to_owned();
    if args.backups {
        schemas.extend(Ident::new(crate::phase::BACKUP_SCHEMA));
        what.push_str(" and the copies of your tables");
    }
    if !args.yes {
        cx.ui.confirm(&format!("Drop {what} from {}? A rollback is not possible afterwards.", db.url().redacted()))?;
    }
    for schema in schemas {
        registry::drop_schema_with_contents(&schema).run(&mut conn)?;
    }
    cx.ui.say(&format!("Dropped {what}."));
    Ok(())
}

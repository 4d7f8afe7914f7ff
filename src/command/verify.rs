//! `tenantize verify`: isolation as a measured fact.

use super::Context;

use crate::cli::{VerifyArgs, VerifyFormat};
use crate::db::DatabaseUrl;
use crate::error::Error;
use crate::journal::{JournalError, store};
use crate::plan::Plan;
use crate::progress::Event;

pub(super) fn run(cx: &Context<'_>, args: &VerifyArgs) -> Result<(), Error> {
    let db = cx.connect_any()?;
    let mut conn = db.get()?;
    let record = if store::exists(&mut conn)? { store::newest_run(&mut conn)? } else { None };
    let record = record.ok_or(Error::Nothing { message: "there is no run to verify".into(), next: "start one with: tenantize run" })?;
    drop(conn);
    let plan: Plan = serde_json::from_value(record.plan).map_err(JournalError::from)?;
    let app_url = args.app_url.as_deref().map(DatabaseUrl::parse).transpose()?;
    let _ = (&db, &plan, app_url);
    todo(cx, args)
}

fn todo(_cx: &Context<'_>, _args: &VerifyArgs) -> Result<(), Error> {
    let _ = (VerifyFormat::Text, Event::Note { text: String::new() });
    Err(Error::Other("not yet".into()))
}

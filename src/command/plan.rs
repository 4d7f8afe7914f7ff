//! `tenantize plan`: every step before it happens; nothing is changed.

use super::Context;
use super::survey::survey;
use crate::cli::PlanArgs;
use crate::error::Error;
use crate::plan::{PlanDetail, PlanFormat};

pub(super) fn run(cx: &Context<'_>, args: &PlanArgs) -> Result<(), Error> {
    let config = cx.config()?;
    let db = cx.connect(Some(&config), 1)?;
    let plan = survey(cx, &db, &config, args.strategy)?.plan;
    let detail = if args.full { PlanDetail::Full } else { PlanDetail::Summary };
    let text = plan.render(args.format, detail, cx.ui.palette());
    let whole = args.format != PlanFormat::Text || detail == PlanDetail::Full;
    cx.ui.out(&if whole { text } else { cx.ui.fit(&text) })?;
    match plan.blockers() {
        0 => Ok(()),
        blockers => Err(Error::Blocked(blockers)),
    }
}

//! `tenantize check`: findings with their cure; nothing is changed.

use super::Context;
use super::survey::survey;
use crate::cli::{CheckArgs, Format};
use crate::error::Error;
use crate::plan::{Plan, StrategyWish, render_findings};

pub(super) fn run(cx: &Context<'_>, args: &CheckArgs) -> Result<(), Error> {
    let config = cx.config()?;
    let db = cx.connect(Some(&config), 1)?;
    let plan = survey(cx, &db, &config, StrategyWish::Auto)?.plan;
    let text = match args.format {
        Format::Text => render_findings(&plan.findings, cx.ui.palette()),
        Format::Json => json(&plan)?,
    };
    cx.ui.out(&text)?;
    match plan.blockers() {
        0 => Ok(()),
        blockers => Err(Error::Blocked(blockers)),
    }
}

fn json(plan: &Plan) -> Result<String, Error> {
    let value = serde_json::json!({ "v": 1, "blockers": plan.blockers(), "findings": plan.findings });
    serde_json::to_string_pretty(&value).map(|json| json + "\n").map_err(|error| Error::Other(error.to_string()))
}

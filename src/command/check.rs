//! `tenantize check`: findings with their cure; nothing is changed.

use std::fmt::Write as _;

use diesel::sql_types::Bool;
use diesel::{QueryableByName, RunQueryDsl as _};

use super::Context;
use super::survey::survey;
use crate::check::{self, Bypass, CheckResult, Cost, Measured, Severity, Subject, Verdict, checks_beforehand};
use crate::cli::{CheckArgs, Format};
use crate::db::Database;
use crate::error::Error;
use crate::plan::{Code, Plan, StrategyWish, render_findings};
use crate::progress::style::{Palette, one_line};

/// So many rows of a check are shown.
const SHOWN: usize = 5;

pub(super) fn run(cx: &Context<'_>, args: &CheckArgs) -> Result<(), Error> {
    let config = cx.config()?;
    let db = cx.connect(Some(&config), 1)?;
    let plan = survey(cx, &db, &config, StrategyWish::Auto)?.plan;
    let checks = ask(&db, &plan)?;
    let strange = plan.findings.iter().any(|finding| finding.code == Code::T063);
    let measured = if args.measure && !strange { costs(&db, &plan)? } else { Vec::new() };
    let palette = cx.ui.palette();
    let text = match args.format {
        Format::Text => render_findings(&plan.findings, palette) + &render(&checks, palette) + &told(&measured, palette),
        Format::Json => json(&plan, &checks, &measured)?,
    };
    cx.ui.out(&text)?;
    match plan.blockers() {
        0 => Ok(()),
        blockers => Err(Error::Blocked(blockers)),
    }
}

/// Asks the static checks of the database as it is; those that find something are returned. They stop no run.
fn ask(db: &Database, plan: &Plan) -> Result<Vec<CheckResult>, Error> {
    let checks = checks_beforehand(&Subject::of_plan(plan, &[]));
    let mut conn = db.get()?;
    let mut results = check::run(&mut conn, &checks, &mut |_| {}).map_err(crate::check::VerifyError::from)?;
    results.retain(|result| result.verdict != Verdict::Pass);
    Ok(results)
}

fn costs(db: &Database, plan: &Plan) -> Result<Vec<Measured>, Error> {
    let mut conn = db.get()?;
    let row: Role = diesel::sql_query("SELECT rolsuper OR rolbypassrls AS bypasses FROM pg_catalog.pg_roles WHERE rolname = current_user")
        .get_result(&mut conn)
        .map_err(crate::check::VerifyError::from)?;
    Ok(check::measure(&mut conn, plan, if row.bypasses { Bypass::Yes } else { Bypass::No }))
}

#[derive(QueryableByName)]
struct Role {
    #[diesel(sql_type = Bool)]
    bypasses: bool,
}

/// What each search costs without policies and with them.
fn told(measured: &[Measured], palette: Palette) -> String {
    let mut out = String::new();
    for Measured { table, index, cost } in measured {
        let text = match cost {
            Cost::Milliseconds { before, after } => format!("{before:.2} ms without policies, {after:.2} ms with them"),
            Cost::NotMeasured { because } => format!("not measured: {because}"),
        };
        let _ = writeln!(out, "{} {}, {}: {}", palette.strong("measured:"), one_line(table), one_line(index), one_line(&text));
    }
    out
}

/// Each check that found something: what must hold, what does not, and the cure.
fn render(checks: &[CheckResult], palette: Palette) -> String {
    let mut out = String::new();
    for result in checks {
        let name = match result.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Performance => "performance",
            Severity::Note => "note",
        };
        let label = palette.strong(format!("check[{}], {name}", result.id));
        let _ = writeln!(out, "{label}: {}", result.claim);
        for row in result.evidence.iter().take(SHOWN) {
            let _ = writeln!(out, "  {} {}: {}", palette.dim("found:"), one_line(&row.object), one_line(&row.detail));
        }
        if result.found > SHOWN {
            let _ = writeln!(out, "  {} {} more", palette.dim("found:"), result.found - SHOWN);
        }
        if let Some(kind) = check::kind(&result.id) {
            let _ = writeln!(out, "  {} {}\n  {} {}\n", palette.dim("effect:"), kind.effect, palette.dim("remedy:"), kind.remedy);
        }
    }
    out
}

fn json(plan: &Plan, checks: &[CheckResult], measured: &[Measured]) -> Result<String, Error> {
    let value =
        serde_json::json!({ "v": 1, "blockers": plan.blockers(), "findings": plan.findings, "checks": checks, "measured": measured });
    serde_json::to_string_pretty(&value).map(|json| json + "\n").map_err(|error| Error::Other(error.to_string()))
}

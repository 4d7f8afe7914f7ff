//! `tenantize verify`: isolation as a measured fact.

use super::Context;
use crate::check::{VerifyOptions, VerifyProgress, verify};
use crate::cli::VerifyArgs;
use crate::config::{Config, Scope};
use crate::db::DatabaseUrl;
use crate::error::Error;
use crate::journal::{JournalError, store};
use crate::plan::Plan;
use crate::progress::{Event, Precision, Reporter, Unit};

pub(super) fn run(cx: &Context<'_>, args: &VerifyArgs) -> Result<(), Error> {
    let config = cx.config_if_any()?;
    let db = cx.connect(config.as_ref(), 1)?;
    let mut conn = db.get()?;
    let record = if store::exists(&mut conn)? { store::newest_run(&mut conn)? } else { None };
    let record = record.ok_or(Error::Nothing { message: "there is no run to verify".into(), next: "start one with: tenantize run" })?;
    drop(conn);
    let plan: Plan = serde_json::from_value(record.plan).map_err(JournalError::from)?;
    let app_url = args.app_url.as_deref().map(DatabaseUrl::parse).transpose()?;
    let options = VerifyOptions { app_url, shared: config.as_ref().map(shared).unwrap_or_default() };
    let report = cx.ui.reporter();
    let mut progress = Progress { report: &*report, done: 0 };
    let verification = verify(&db, &plan, &options, &mut |event| progress.tell(event))?;
    report.event(&Event::StepFinished { step: STEP.into(), took_ms: verification.took_ms, rows: None });
    drop(report);
    cx.ui.out(&verification.render(args.format))?;
    if verification.passed() { Ok(()) } else { Err(Error::Verification(verification.failures())) }
}

fn shared(config: &Config) -> Vec<crate::sql::QualifiedName> {
    config.tables.iter().filter(|(_, table)| table.scope == Some(Scope::Shared)).map(|(name, _)| name.clone()).collect()
}

const STEP: &str = "verify";

/// One bar over checks, attacks and comparisons.
struct Progress<'a> {
    report: &'a dyn Reporter,
    done: u64,
}

impl Progress<'_> {
    fn tell(&mut self, event: VerifyProgress<'_>) {
        if let VerifyProgress::Started { checks, relations } = event {
            self.report.event(&Event::StepStarted {
                step: STEP.into(),
                phase: STEP.into(),
                subject: None,
                why: "checks, attacks and the comparison with the backup".into(),
                lock: String::new(),
            });
            self.report.event(&Event::WorkSized {
                step: STEP.into(),
                subject: "checks and tables".into(),
                unit: Unit::Rows,
                done: 0,
                total: (checks + relations) as u64,
                precision: Precision::Estimate,
            });
            return;
        }
        // The comparison has no part in the number that was told at the start.
        if matches!(event, VerifyProgress::Compared(_)) {
            return;
        }
        self.done += 1;
        let advanced = Event::Advanced { step: STEP.into(), unit_done: self.done, batch: 1, took_ms: 0, size: 0, worker: 0 };
        self.report.event(&advanced);
    }
}

//! `tenantize verify --self-test`: is the verification itself to be believed?

use super::Context;
use crate::check::{Subject, VerifyFormat};
use crate::db::{Database, DatabaseUrl, SessionSettings};
use crate::error::Error;
use crate::exec::StopFlag;
use crate::isolation::AttackOptions;
use crate::isolation::selftest::{SelfTestOptions, SelfTestProgress, self_test};
use crate::progress::{Event, Precision, Reporter, Unit};

const STEP: &str = "self-test";

/// Breaks copies of the database behind `url`. No connection of the command to it may be left open.
pub(super) fn run(
    cx: &Context<'_>,
    url: &DatabaseUrl,
    (subject, attacks): (&Subject, AttackOptions),
    format: VerifyFormat,
) -> Result<(), Error> {
    let stop = StopFlag::on_signals().map_err(Error::system("cannot listen to signals"))?;
    let db = Database::connect(url, &SessionSettings::default(), 1)?;
    let report = cx.ui.reporter();
    let mut done = 0;
    begin(&*report);
    let options = SelfTestOptions { attacks, stop, ..SelfTestOptions::default() };
    let result = self_test(&db, subject, &options, &mut |event| match event {
        SelfTestProgress::Started(mutants) => report.event(&Event::WorkSized {
            step: STEP.into(),
            subject: "mutants".into(),
            unit: Unit::Rows,
            done: 0,
            total: mutants as u64,
            precision: Precision::Exact,
        }),
        SelfTestProgress::Tried(trial) => {
            done += 1;
            let took_ms = trial.took_ms;
            report.event(&Event::Advanced { step: STEP.into(), unit_done: done, batch: 1, took_ms, size: 0, worker: 0 });
        }
    })?;
    report.event(&Event::StepFinished { step: STEP.into(), took_ms: result.took_ms, rows: None });
    drop(report);
    cx.ui.out(&result.render(format))?;
    let missed: Vec<&str> = result.missed().map(|trial| trial.mutant.as_str()).collect();
    if missed.is_empty() { Ok(()) } else { Err(Error::Missed(missed.join(", "))) }
}

fn begin(report: &dyn Reporter) {
    report.event(&Event::StepStarted {
        step: STEP.into(),
        phase: STEP.into(),
        subject: None,
        why: "breaks copies of the database, one mistake each, and looks who notices".into(),
        lock: String::new(),
    });
}

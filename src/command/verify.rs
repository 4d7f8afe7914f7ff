//! `tenantize verify`: isolation as a measured fact.

use diesel::PgConnection;

use super::{Context, audit, selftest};
use crate::catalog::Catalog;
use crate::check::{Discovery, Fact, Subject, VerifyError, VerifyFormat, VerifyOptions, VerifyProgress, pgtap, verify};
use crate::cli::{VerifyArgs, VerifyOutput};
use crate::config::Config;
use crate::db::DatabaseUrl;
use crate::error::Error;
use crate::isolation::{AttackOptions, Pairs, Reach};
use crate::journal::{JournalError, store};
use crate::plan::Plan;
use crate::progress::{Event, Precision, Reporter, Unit};
use crate::sql::{Ident, QualifiedName};

pub(super) fn run(cx: &Context<'_>, args: &VerifyArgs) -> Result<(), Error> {
    let config = cx.config_if_any()?;
    let db = cx.connect(config.as_ref(), 1)?;
    let mut conn = db.get()?;
    let question = match &args.audit.tenant_column {
        Some(column) => {
            let Discovery { subject, facts } = audit::discover(cx.ui, &mut conn, args, column)?;
            Question { subject, facts, plan: None }
        }
        None => of_run(&mut conn, config.as_ref())?,
    };
    let Question { subject, plan, facts } = question;
    let Some(format) = report_format(args.format) else {
        let schemas: Vec<Ident> = subject.schemas.iter().cloned().collect();
        let mut catalog = Catalog::load(&mut conn, &schemas)?;
        let readable = subject.readable(&mut conn).map_err(VerifyError::from)?;
        let subject = subject.only(&readable, &mut catalog);
        return cx.ui.out(&pgtap(&subject, &catalog));
    };
    drop(conn);
    let app_url = args.app_url.as_deref().map(DatabaseUrl::parse).transpose()?;
    let options = VerifyOptions { app_url, attacks: attack_options(args) };
    if args.self_test {
        let url = db.url().clone();
        drop(db);
        return selftest::run(cx, &url, (&subject, options.attacks), format);
    }
    let report = cx.ui.reporter();
    let mut progress = Progress { report: &*report, done: 0 };
    let mut verification = verify(&db, &subject, plan.as_ref(), &options, &mut |event| progress.tell(event))?;
    verification.looked_at = facts;
    report.event(&Event::StepFinished { step: STEP.into(), took_ms: verification.took_ms, rows: None });
    drop(report);
    cx.ui.out(&verification.render(format))?;
    if verification.passed() { Ok(()) } else { Err(Error::Verification(verification.failures())) }
}

/// What is verified.
struct Question {
    subject: Subject,
    plan: Option<Plan>,
    facts: Vec<Fact>,
}

/// The result of the newest run.
fn of_run(conn: &mut PgConnection, config: Option<&Config>) -> Result<Question, Error> {
    let record = if store::exists(conn)? { store::newest_run(conn)? } else { None };
    let record = record.ok_or(Error::Nothing {
        message: "there is no run to verify".into(),
        next: "start one with: tenantize run; or verify what others made with: tenantize verify --tenant-column COLUMN",
    })?;
    let plan: Plan = serde_json::from_value(record.plan).map_err(JournalError::from)?;
    // The operator may have declared more tables as shared since.
    let shared: Vec<QualifiedName> = config.into_iter().flat_map(Config::shared).cloned().collect();
    let mut subject = Subject::of_plan(&plan, &shared);
    // Roles that see every row by intention, since then.
    subject.trusted_roles.extend(config.into_iter().flat_map(|config| config.rls.trusted_roles.iter().cloned()));
    subject.trusted_owners.extend(config.into_iter().flat_map(|config| config.rls.trusted_owners.iter().cloned()));
    // Tables that came since must hold what the others hold.
    let ignored: Vec<QualifiedName> = config.into_iter().flat_map(Config::ignored).cloned().collect();
    subject.add_later_tables(conn, &ignored)?;
    Ok(Question { subject, plan: Some(plan), facts: Vec::new() })
}

/// The form of the report; a script for pgTAP is none.
fn report_format(output: VerifyOutput) -> Option<VerifyFormat> {
    Some(match output {
        VerifyOutput::Text => VerifyFormat::Text,
        VerifyOutput::Json => VerifyFormat::Json,
        VerifyOutput::Csv => VerifyFormat::Csv,
        VerifyOutput::Pgtap => return None,
    })
}

fn attack_options(args: &VerifyArgs) -> AttackOptions {
    let (audit, args) = (&args.audit, &args.attack);
    AttackOptions {
        reach: if args.read_only { Reach::ReadOnly } else { Reach::Everything },
        time_budget: args.time_budget,
        // A database that was looked at has them among what was found.
        settings: if audit.tenant_column.is_none() { args.set.clone() } else { Vec::new() },
        pairs: match (&args.attacker, &args.against) {
            (Some(me), Some(victim)) => Pairs::Chosen { me: me.clone(), victim: victim.clone() },
            _ => Pairs::Most(args.pairs),
        },
    }
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

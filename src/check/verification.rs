//! The whole verification: checks, attacks, comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{CheckResult, Comparison, Fact, Subject, Verdict, catalog_checks, compare, data_checks, milliseconds, run};
use crate::catalog::{Catalog, CatalogError};
use crate::db::{ConnectError, Database, DatabaseUrl, Fault, HasFault};
use crate::isolation::{AttackOptions, AttackResult, Attacker, Reach, prove, queries, targets};
use crate::plan::Plan;
use crate::sql::Ident;

/// What the operator decides about a verification.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// The application's own login, to attack as; without it one is made for the purpose.
    pub app_url: Option<DatabaseUrl>,
    /// How to attack.
    pub attacks: AttackOptions,
}

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The operator named a tenant that does not exist.
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    /// The server failed in a way that is no answer.
    #[error("the verification was interrupted")]
    Query(#[from] diesel::result::Error),
}

impl HasFault for VerifyError {
    fn fault(&self) -> Fault {
        match self {
            Self::Query(error) | Self::Catalog(CatalogError::Query(error)) => Fault::of(error),
            Self::Connect(_) | Self::NoTenant(_) | Self::Catalog(CatalogError::Shape(_)) => Fault::Other,
        }
    }
}

/// What is told while a verification goes on.
#[derive(Clone, Copy, Debug)]
pub enum VerifyProgress<'a> {
    /// How many parts there will be.
    Started {
        /// Checks.
        checks: usize,
        /// Relations, each for every role.
        relations: usize,
    },
    /// A check was answered.
    Checked(&'a CheckResult),
    /// A relation was attacked.
    Attacked(&'a [AttackResult]),
    /// A table was compared with its copy.
    Compared(&'a Comparison),
}

/// What a verification has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The identity of the plan, if a plan made the tenants.
    pub plan: Option<String>,
    /// The database.
    pub database: String,
    /// What was taken for true of a database that no plan has made.
    #[serde(default)]
    pub looked_at: Vec<Fact>,
    /// The checks.
    pub checks: Vec<CheckResult>,
    /// Who attacked.
    pub attackers: Vec<Attacker>,
    /// Whether they wrote as well.
    pub reach: Reach,
    /// The attacks.
    pub attacks: Vec<AttackResult>,
    /// What else should be known of the attacks.
    pub notes: Vec<String>,
    /// The comparison with the backup; empty without one.
    pub comparison: Vec<Comparison>,
    /// How long the checks took, in milliseconds.
    pub checks_ms: u64,
    /// How long the attacks took.
    pub attacks_ms: u64,
    /// How long everything took.
    pub took_ms: u64,
}

/// How many of a layer ended how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All.
    pub all: usize,
    /// By verdict.
    pub by_verdict: BTreeMap<Verdict, usize>,
    /// Those by which the verification fails.
    pub failing: usize,
}

impl Totals {
    fn of(verdicts: impl Iterator<Item = (Verdict, bool)>) -> Self {
        let mut totals = Self::default();
        for (verdict, fails) in verdicts {
            totals.all += 1;
            *totals.by_verdict.entry(verdict).or_default() += 1;
            totals.failing += usize::from(fails);
        }
        totals
    }

    /// How many ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.by_verdict.get(&verdict).copied().unwrap_or_default()
    }
}

impl Verification {
    /// The figures of the checks.
    #[must_use]
    pub fn checks_totals(&self) -> Totals {
        Totals::of(self.checks.iter().map(|check| (check.verdict, check.fails())))
    }

    /// The figures of the attacks.
    #[must_use]
    pub fn attacks_totals(&self) -> Totals {
        Totals::of(self.attacks.iter().map(|attack| (attack.verdict, attack.fails())))
    }

    /// The figures of the comparison, by which a verification never fails: the application may have written.
    #[must_use]
    pub fn comparison_totals(&self) -> Totals {
        Totals::of(self.comparison.iter().map(|comparison| (comparison.verdict, false)))
    }

    /// What failed, in a few words.
    #[must_use]
    pub fn failures(&self) -> String {
        let (checks, attacks) = (self.checks_totals().failing, self.attacks_totals().failing);
        format!("{} and {}", crate::progress::style::plural(checks, "check"), crate::progress::style::plural(attacks, "attack"))
    }

    /// Whether isolation is proven.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks_totals().failing == 0 && self.attacks_totals().failing == 0
    }
}

/// Runs all checks, all attacks and, with a plan, the comparison with the backup. It changes nothing.
pub fn verify(
    db: &Database,
    subject: &Subject,
    plan: Option<&Plan>,
    options: &VerifyOptions,
    on_progress: &mut dyn FnMut(VerifyProgress<'_>),
) -> Result<Verification, VerifyError> {
    let started = Instant::now();
    let mut conn = db.connect_dedicated()?;
    let mut catalog = Catalog::load(&mut conn, &schemas(subject))?;
    let statically = catalog_checks(subject);
    // Before the first row is read.
    let readable = subject.readable(&mut conn)?;
    let unread: Vec<String> = subject
        .unread(&readable)
        .into_iter()
        .map(|name| format!("{} was not read: it is not there, or T112 names it", name.plain()))
        .collect();
    let subject = &subject.only(&readable, &mut catalog);
    let mut checks = data_checks(subject, plan, &catalog);
    checks.extend(statically);
    let roles = if options.app_url.is_some() { 1 } else { subject.roles().count() };
    let asked = checks.len() + 2 * roles;
    on_progress(VerifyProgress::Started { checks: asked, relations: targets(subject, &catalog).len() * roles });
    let mut checks = run(&mut conn, &checks, &mut |result| on_progress(VerifyProgress::Checked(result)))?;
    checks.extend(queries(db, subject, &catalog, options.app_url.as_ref(), &mut |result| {
        on_progress(VerifyProgress::Checked(result));
    })?);
    let checks_ms = milliseconds(started.elapsed());
    let attacking = Instant::now();
    let proof = prove(db, subject, &catalog, (options.app_url.as_ref(), &options.attacks), &mut |done| {
        on_progress(VerifyProgress::Attacked(done));
    })?;
    let attacks_ms = milliseconds(attacking.elapsed());
    let comparison = match plan {
        Some(plan) => compare(&mut conn, plan, &catalog, &mut |done| on_progress(VerifyProgress::Compared(done)))?,
        None => Vec::new(),
    };
    Ok(Verification {
        plan: plan.map(|plan| plan.id.clone()),
        database: catalog.server.database.plain().to_owned(),
        looked_at: Vec::new(),
        checks,
        attackers: proof.attackers,
        reach: options.attacks.reach,
        attacks: proof.attacks,
        notes: unread.into_iter().chain(proof.notes).collect(),
        comparison,
        checks_ms,
        attacks_ms,
        took_ms: milliseconds(started.elapsed()),
    })
}

fn schemas(subject: &Subject) -> Vec<Ident> {
    let names = subject.targets().chain(subject.registry.as_ref().map(|registry| &registry.table));
    let schemas: BTreeSet<&Ident> = names.map(|name| &name.schema).collect();
    schemas.into_iter().cloned().collect()
}

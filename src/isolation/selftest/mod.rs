//! The self-test: breaks a copy of the database on purpose, in every way that the catalogue of mutants knows, and looks
//! whether checks or attacks notice. A mutant that neither notices is a hole in the verification itself.
//!
//! The source is only read. Mutants change a copy each, which is dropped again; where a mutant is about roles, it changes
//! roles that were made to stand in for the application's.

mod error;
mod keeper;
mod render;
mod result;
mod sample;
mod victim;

pub use error::SelfTestError;
pub use result::{CopyKind, Outcome, SelfTest, Trial};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;
use diesel::sql_types::{BigInt, Bool};

use super::{AttackOptions, AttackResult, prove};
use crate::catalog::Catalog;
use crate::check::{CheckResult, Evidence, Subject, Verdict, Verification, VerifyOptions, catalog_checks, data_checks, kind, run, verify};
use crate::db::{Database, Fault};
use crate::exec::StopFlag;
use crate::sql::mutant::{Mutant, catalogue};
use crate::sql::{Ident, QualifiedName};
use keeper::Keeper;
use victim::{Cast, Victims};

const SIZE: &str = "SELECT pg_catalog.pg_database_size(current_database()) AS bytes, \
                    NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()) AS alone";
/// Databases up to this size are copied as they are: each mutant writes as much again.
const SMALL: i64 = 64 * 1024 * 1024;

/// What the operator decides about a self-test.
#[derive(Clone, Debug, Default)]
pub struct SelfTestOptions {
    /// How the copy is made.
    pub copy: CopyWish,
    /// Only these mutants; all when empty.
    pub only: Vec<String>,
    /// How to attack: settings that policies of the application ask for besides the tenant.
    pub attacks: AttackOptions,
    /// Raised when somebody asks to stop.
    pub stop: StopFlag,
}

/// How the copy is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyWish {
    /// As a whole where the database is small and nobody else is connected, as a sample otherwise.
    #[default]
    Auto,
    /// The schema, and the first rows of three tenants.
    Sample,
}

/// What is told while a self-test goes on.
#[derive(Clone, Copy, Debug)]
pub enum SelfTestProgress<'a> {
    /// How many mutants will be tried.
    Started(usize),
    /// A mutant was tried.
    Tried(&'a Trial),
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
    #[diesel(sql_type = Bool)]
    alone: bool,
}

/// Breaks copies of a database, one mutant each, and tells who noticed. `db` should have no connection open.
pub fn self_test(
    db: &Database,
    subject: &Subject,
    options: &SelfTestOptions,
    on_progress: &mut dyn FnMut(SelfTestProgress<'_>),
) -> Result<SelfTest, SelfTestError> {
    let started = Instant::now();
    let mut lab = Lab::open(db, subject, options)?;
    let baseline = lab.baseline()?;
    let wanted = |mutant: &&Mutant| options.only.is_empty() || options.only.iter().any(|name| name == mutant.name);
    let wanted: Vec<&Mutant> = catalogue().filter(wanted).collect();
    on_progress(SelfTestProgress::Started(wanted.len()));
    let mut trials = Vec::with_capacity(wanted.len());
    for mutant in wanted {
        if options.stop.requested() {
            return Err(SelfTestError::Stopped);
        }
        let trial = lab.try_out(mutant, &baseline)?;
        on_progress(SelfTestProgress::Tried(&trial));
        trials.push(trial);
    }
    let took_ms = milliseconds(started);
    Ok(SelfTest { database: lab.source.plain().to_owned(), copy: lab.copy, baseline: baseline.size, trials, took_ms })
}

/// What checks say of the unbroken copy.
struct Baseline {
    size: (usize, usize),
    found: BTreeMap<(String, String), usize>,
    evidence: BTreeSet<(String, String, String)>,
    victims: Victims,
}

/// The copies and the roles.
struct Lab {
    keeper: Keeper,
    subject: Subject,
    /// Each real role of the application.
    real: Vec<Ident>,
    source: Ident,
    base: Ident,
    copy: CopyKind,
    attacks: AttackOptions,
}

impl Lab {
    fn open(db: &Database, subject: &Subject, options: &SelfTestOptions) -> Result<Self, SelfTestError> {
        let mut keeper = Keeper::new(db)?;
        if let Some(Evidence { object, detail }) = subject.doubtful(keeper.source())?.first() {
            return Err(SelfTestError::Baseline(format!("T112 {object}: {detail}, so nothing is read")));
        }
        let readable = subject.readable(keeper.source())?;
        let mut catalog = Catalog::load(keeper.source(), &[])?;
        let subject = &subject.only(&readable, &mut catalog);
        let source = catalog.server.database;
        let size: Size = diesel::sql_query(SIZE).get_result(keeper.source())?;
        let whole = if options.copy == CopyWish::Auto && size.alone && size.bytes <= SMALL {
            keeper.copy_source(&source, "base").ok()
        } else {
            None
        };
        let (base, copy) = if let Some(base) = whole {
            (base, CopyKind::Whole)
        } else {
            // What is made again runs what its owner has written, as the connected role.
            if let Some(Evidence { object, detail }) = subject.strangers(keeper.source())?.first() {
                let why = format!(
                    "the schema is not copied because of {object}: {detail}; name the role in [rls] trusted_owners or --trusted-owner"
                );
                return Err(SelfTestError::Tool { what: why });
            }
            let base = keeper.empty("base")?;
            sample::sample(db, subject, &keeper.connect(&base)?)?;
            (base, CopyKind::Sample)
        };
        let real = subject.app_roles.iter().chain(&subject.read_roles).cloned().collect();
        Ok(Self { keeper, subject: subject.clone(), real, source, base, copy, attacks: options.attacks.clone() })
    }

    /// Makes the roles that stand in: each is a member of the role whose part it plays, and of nothing else. Only they, and the
    /// logins of the attacks, which are members of them, can connect to `database`.
    fn stage(&mut self, database: &Ident) -> Result<Cast, SelfTestError> {
        let mut stand_ins = Vec::with_capacity(self.real.len());
        for (nr, role) in self.real.clone().iter().enumerate() {
            stand_ins.push(self.keeper.role(&format!("app{nr}"), Some(role))?);
        }
        self.keeper.admit(database, &stand_ins)?;
        let readers = stand_ins.split_off(self.subject.app_roles.len().min(stand_ins.len()));
        let first = stand_ins.first().cloned();
        (self.subject.app_roles, self.subject.read_roles) = (stand_ins, readers);
        let app = first.ok_or_else(|| SelfTestError::Baseline("no role of the application is named in [rls] app_roles".into()))?;
        Ok(Cast { app, power: self.keeper.role("power", None)?, middle: self.keeper.role("middle", None)? })
    }

    fn baseline(&mut self) -> Result<Baseline, SelfTestError> {
        let cast = self.stage(&self.base.clone())?;
        let db = self.keeper.connect(&self.base)?;
        let options = VerifyOptions { attacks: self.attacks.clone(), ..VerifyOptions::default() };
        let verification = verify(&db, &self.subject, None, &options, &mut |_| {})?;
        if !verification.passed() {
            return Err(SelfTestError::Baseline(failures(&verification)));
        }
        let mut conn = db.connect_dedicated()?;
        let catalog = Catalog::load(&mut conn, &schemas(&self.subject))?;
        let victims = Victims::choose(&mut conn, &self.subject, &catalog, &cast)?;
        self.keeper.dismiss(&self.base.clone())?;
        self.keeper.drop_roles()?;
        let failing = verification.checks.iter().filter(|check| check.verdict != Verdict::Pass);
        let evidence = |check: &CheckResult| {
            let id = check.id.clone();
            check.evidence.clone().into_iter().map(move |Evidence { object, detail }| (id.clone(), object, detail))
        };
        Ok(Baseline {
            size: (verification.checks.len(), verification.attacks.len()),
            found: failing.clone().map(|check| ((check.id.clone(), check.subject.clone()), check.found)).collect(),
            evidence: failing.flat_map(evidence).collect(),
            victims,
        })
    }

    fn try_out(&mut self, mutant: &Mutant, baseline: &Baseline) -> Result<Trial, SelfTestError> {
        let started = Instant::now();
        let mut trial = Trial::of(mutant);
        let mut names = baseline.victims.names.clone();
        let name = self.keeper.copy_source(&self.base.clone(), "copy")?;
        self.stage(&name)?;
        names.ident("database", &name);
        match mutant.script(&names) {
            Err(missing) => trial.because = Some(nothing_of(missing).into()),
            Ok(script) => {
                let db = self.keeper.connect(&name)?;
                match script.run_script(&mut db.connect_dedicated()?) {
                    Ok(()) => self.look(&db, mutant, baseline, &mut trial)?,
                    Err(error) if Fault::of(&error) == Fault::ConnectionLost => return Err(error.into()),
                    Err(error) => trial.because = Some(refusal(&error)),
                }
            }
        }
        self.keeper.drop_database(&name)?;
        self.keeper.drop_roles()?;
        trial.took_ms = milliseconds(started);
        Ok(trial)
    }

    /// Asks every check, and attacks what the mutant is about.
    fn look(&self, db: &Database, mutant: &Mutant, baseline: &Baseline, trial: &mut Trial) -> Result<(), SelfTestError> {
        let mut conn = db.connect_dedicated()?;
        let catalog = Catalog::load(&mut conn, &schemas(&self.subject))?;
        let mut checks = data_checks(&self.subject, None, &catalog);
        checks.extend(catalog_checks(&self.subject));
        let mut checks = run(&mut conn, &checks, &mut |_| {})?;
        checks.extend(super::queries(db, &self.subject, &catalog, None, &mut |_| {})?);
        for result in checks.iter().filter(|result| baseline.is_news(result)) {
            trial.checks.insert(result.id.clone(), result.severity);
        }
        drop(conn);
        let subject = self.narrowed(&baseline.victims.relations(mutant.names()));
        let proof = prove(db, &subject, &catalog, (None, &self.attacks), &mut |_| {})?;
        for attack in proof.attacks.iter().filter(|attack| attack.fails()) {
            *trial.attacks.entry(attack.class.name().to_owned()).or_default() += 1;
        }
        trial.outcome = match (trial.checks.is_empty(), trial.attacks.is_empty()) {
            (false, false) => Outcome::Both,
            (false, true) => Outcome::Checks,
            (true, false) => Outcome::Attacks,
            (true, true) => Outcome::Missed,
        };
        Ok(())
    }

    /// The subject as far as a mutant touches it, for the attacks.
    fn narrowed(&self, relations: &[QualifiedName]) -> Subject {
        let mut subject = self.subject.clone();
        subject.tables.retain(|table| relations.contains(table));
        subject.membership = subject.membership.filter(|table| relations.contains(table));
        subject
    }
}

impl Baseline {
    fn is_news(&self, result: &CheckResult) -> bool {
        let before = self.found.get(&(result.id.clone(), result.subject.clone())).copied().unwrap_or_default();
        let known = |row: &Evidence| self.evidence.contains(&(result.id.clone(), row.object.clone(), row.detail.clone()));
        result.verdict != Verdict::Pass && (result.found > before || !result.evidence.iter().all(known))
    }
}

fn schemas(subject: &Subject) -> Vec<Ident> {
    subject.schemas.iter().cloned().collect()
}

/// The first failures, in a few words.
fn failures(verification: &Verification) -> String {
    let checks = verification.checks.iter().filter(|check| check.fails());
    let checks = checks.map(|check| format!("{} {} [{}]", check.id, kind(&check.id).map_or("", |kind| kind.claim), check.subject));
    let attack = |attack: &AttackResult| format!("{} {} ({}: {})", attack.relation, attack.name, attack.verdict, attack.detail);
    let attacks = verification.attacks.iter().filter(|attack| attack.fails()).map(attack);
    let first: Vec<String> = checks.chain(attacks).take(5).collect();
    format!("{}; {}", verification.failures(), first.join("; "))
}

/// What is missing for a mutant, by the name that has no value.
fn nothing_of(name: &str) -> &'static str {
    match name {
        "fence" | "allow" | "own" => "the table has no fence and permissive policy for every command",
        "current" => "the policies do not compare the tenant column with one value",
        "setting" | "setting_text" => "the tenant does not come from a setting",
        "partition" | "root" => "no table is partitioned",
        "registry" | "registry_key" => "there is no registry",
        "registry_fence" => "the registry has no fence",
        "registry_child" | "registry_fk" => "no foreign key binds the tenant column to the registry",
        "membership" => "there is no membership table",
        "shared" => "no table is shared",
        "sequence" => "no column owns a sequence",
        "context" => "there is no tenancy.current_tenant_id()",
        "child" | "child_fk" | "child_column" | "parent" | "parent_key" => {
            "no foreign key that rows fill carries the tenant and one more column"
        }
        "forced" => "owners are not bound",
        "b" | "b_text" => "no table has rows of two tenants",
        _ => "no table has rows and a key of one column",
    }
}

/// A right or a feature that is not there; anything else is told as it is.
fn refusal(error: &diesel::result::Error) -> String {
    match error {
        diesel::result::Error::DatabaseError(DatabaseErrorKind::Unknown, info) if info.message().starts_with("permission denied") => {
            format!("the connected role may not: {}", info.message())
        }
        other => format!("it cannot be made here: {other}"),
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

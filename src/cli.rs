//! The command line, nothing else.

mod audit;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use audit::{AuditArgs, ContextName};

use crate::phase::Phase;
use crate::plan::{PlanFormat, StrategyWish};
use crate::progress::{ColorMode, ProgressMode};

/// Turn a single-tenant PostgreSQL database into a multi-tenant one, in place.
///
/// Five phases: backup, expand, backfill, constraints, rls. Each step can be read before and taken back after; a run
/// can be killed at any moment and resumed. Begin with `tenantize demo`, or with `tenantize init` on a copy of your database.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Where the database is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// What is shown.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the database is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct ConnectionArgs {
    /// Connect to this database. Without it: `DATABASE_URL`, also from `.env`, then `database_url` in the configuration.
    #[arg(long, value_name = "URL", global = true, hide_env_values = true)]
    pub database_url: Option<String>,
    /// Use this configuration; `init` writes it.
    #[arg(long, value_name = "PATH", default_value = "tenantize.toml", global = true)]
    pub config: PathBuf,
}

/// What is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct OutputArgs {
    /// Show progress like this. `auto` draws bars on a terminal and writes plain lines elsewhere.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub progress: ProgressMode,
    /// Use colours. `auto` does on a terminal unless `NO_COLOR` is set.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub color: ColorMode,
    /// Say more: -v what is decided, -vv every SQL statement.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the catalog and propose a configuration, with the reason for each table.
    Init(InitArgs),
    /// Look for everything that would stop or harm a run, with the cure; change nothing.
    Check(CheckArgs),
    /// Show every step with its lock, its reason and its undo; change nothing.
    Plan(PlanArgs),
    /// Start a run: backup, expand, backfill, constraints, rls. Ctrl-C stops it after the batch in flight; continue with `resume`.
    Run(RunArgs),
    /// Continue the unfinished run from its last committed batch.
    Resume(WorkArgs),
    /// Show what is done, what is running and what is left.
    Status(StatusArgs),
    /// Hold a run that works in another shell, until `unpause`.
    Pause,
    /// Let a paused run go on.
    Unpause,
    /// Change how a run works while it works: tenantize set jobs=4 batch-time=100ms nice=0.5 max-lag=30s.
    Set(SetArgs),
    /// Prove the result: checks, attacks as the application role, comparison with the backup.
    Verify(Box<VerifyArgs>),
    /// Take the run back, newest step first.
    Rollback(RollbackArgs),
    /// Drop the journal and the staged maps of an ended run; afterwards it cannot be taken back.
    Clean(CleanArgs),
    /// Show the whole story on a throw-away server; needs no database.
    Demo(DemoArgs),
    /// Print a completion script for a shell, to be read at its start: `source <(tenantize completions bash)`.
    Completions {
        /// Write for this shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page: `tenantize man | man -l -`.
    Man,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Use this table as the registry of tenants, for example public.accounts.
    #[arg(long, value_name = "TABLE")]
    pub registry: Option<String>,
    /// Name the column that every tenant table gets.
    #[arg(long, value_name = "COLUMN", default_value = "tenant_id")]
    pub column: String,
    /// Look at the tables of this schema; may be given several times.
    #[arg(long, value_name = "SCHEMA", default_value = "public")]
    pub schema: Vec<String>,
    /// Write to standard output instead of the file that --config names.
    #[arg(long)]
    pub stdout: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print in this form.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Measure on samples what searches cost whose indexes policies make useless.
    #[arg(long)]
    pub measure: bool,
}

/// Text for people or JSON for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Print in this form. `sql` is a script that psql runs.
    #[arg(long, value_enum, default_value_t)]
    pub format: PlanFormat,
    /// Show every statement and its undo.
    #[arg(long)]
    pub full: bool,
    /// Choose how tables are filled. `auto` writes no row where a default in the catalog is exact.
    #[arg(long, value_enum, default_value_t)]
    pub strategy: StrategyWish,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// How to work.
    #[command(flatten)]
    pub work: WorkArgs,
    /// Choose how tables are filled. `auto` writes no row where a default in the catalog is exact.
    #[arg(long, value_enum, default_value_t)]
    pub strategy: StrategyWish,
    /// Do not ask before anything is changed. Needed where nobody can be asked, as in a pipe.
    #[arg(short, long)]
    pub yes: bool,
    /// Help with the run that another program leads, from this or any other machine: fill chunks until the run ends.
    /// The plan comes from the database, so its address is all that is needed.
    #[arg(long, conflicts_with_all = ["until", "steps", "strategy"])]
    pub join: bool,
}

/// How a run works.
#[derive(Debug, Args)]
pub struct WorkArgs {
    /// Stop after this phase; `resume` continues.
    #[arg(long, value_enum, value_name = "PHASE")]
    pub until: Option<Phase>,
    /// Stop after so many steps; `resume` continues.
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Copy, fill, build and validate with so many connections at the same time.
    #[arg(long, value_name = "N", default_value = "2")]
    pub jobs: NonZeroUsize,
    /// Aim at this time for one batch. The batch size follows from it; a lost connection costs at most one batch.
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = humantime::parse_duration)]
    pub batch_time: Duration,
    /// Try for a lock so long, then stop. Each try waits less than a second, so that the application does not queue up behind it.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = humantime::parse_duration)]
    pub lock_budget: Duration,
    /// Wait so long for a server that has gone away, then stop. What is committed is kept in any case.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub patience: Duration,
    /// What holds the run back.
    #[command(flatten)]
    pub throttle: ThrottleArgs,
}

/// What holds a run back; each can be changed while it works, by `set`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Throttle (changed while it works by `tenantize set`)")]
pub struct ThrottleArgs {
    /// Sleep this share of the time: 0.5 = half of it.
    #[arg(long, value_name = "SHARE")]
    pub nice: Option<String>,
    /// Work only in these hours of the day, in this machine's local time: 22:00-06:00; several with commas.
    #[arg(long, value_name = "HOURS")]
    pub only_between: Option<String>,
    /// Wait while a standby is so far behind, or `off` [default: 10s].
    #[arg(long, value_name = "TIME")]
    pub max_lag: Option<String>,
    /// Wait while a replication slot retains so much WAL, or `off` [default: 32GiB].
    #[arg(long, value_name = "BYTES")]
    pub max_slot: Option<String>,
    /// Wait while so many WAL segments are not archived, or `off` [default: 42].
    #[arg(long, value_name = "N")]
    pub max_archive: Option<String>,
    /// Wait while so many sessions of others are at work in the database, or `off` [default: off].
    #[arg(long, value_name = "N")]
    pub max_sessions: Option<String>,
    /// Wait while a commit to disk takes so long, or `off` [default: 2s].
    #[arg(long, value_name = "TIME")]
    pub max_commit: Option<String>,
    /// Wait while this SQL condition is true, or cannot be asked; or `off` [default: off].
    #[arg(long, value_name = "SQL")]
    pub hold_while: Option<String>,
}

/// Arguments of `set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Change these settings: name=value; `name=default` gives a setting back to the command line. Without any, show all.
    #[arg(value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
    /// Print in this form.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Show it again every second until the run ends.
    #[arg(long)]
    pub watch: bool,
    /// Print in this form.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Print in this form.
    #[arg(long, value_enum, default_value_t)]
    pub format: VerifyOutput,
    /// Attack as this login of the application instead of a temporary one.
    #[arg(long, value_name = "URL", hide_env_values = true)]
    pub app_url: Option<String>,
    /// Test the verification itself: break copies of the database, one mistake each, and show which layer notices. The database
    /// itself is only read.
    #[arg(long, conflicts_with = "app_url")]
    pub self_test: bool,
    /// What is verified where there is no run.
    #[command(flatten)]
    pub audit: AuditArgs,
    /// How to attack.
    #[command(flatten)]
    pub attack: AttackArgs,
}

/// How `verify` attacks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Attacks")]
pub struct AttackArgs {
    /// Try only what reads, in read-only transactions: for a production that must not be disturbed. Nothing is said of writes then.
    #[arg(long)]
    pub read_only: bool,
    /// Begin no attack after this time. The most important come first; what was not tried is unproven and fails the verification.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub time_budget: Option<Duration>,
    /// Let so many pairs of tenants attack each other, those with most rows.
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "attacker")]
    pub pairs: NonZeroUsize,
    /// Attack as this tenant, named by its key or its slug.
    #[arg(long = "as", value_name = "TENANT", requires = "against")]
    pub attacker: Option<String>,
    /// Attack the rows of this tenant.
    #[arg(long, value_name = "TENANT", requires = "attacker")]
    pub against: Option<String>,
    /// Set this in every session, too; may be given several times. `{tenant}` stands for a tenant's key and, with --tenant-column, `{member}` for a user of it.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if name.contains('.') => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it like app.user_id=42: the name of a setting holds a dot".into()),
    }
}

/// How `verify` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VerifyOutput {
    /// For people: a table per layer, what fails first.
    #[default]
    Text,
    /// For programs: everything.
    Json,
    /// For spreadsheets: a line per result.
    Csv,
    /// For your own tests: a script for pgTAP that asks the checks and makes the most important attacks; nothing is verified now.
    Pgtap,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Keep the phases up to this one. Without it everything is taken back.
    #[arg(long, value_enum, value_name = "PHASE")]
    pub to: Option<Phase>,
    /// Count this step as undone: you have taken it back by hand. Only for a step that has no way back of its own.
    #[arg(long, value_name = "STEP")]
    pub by_hand: Option<String>,
    /// Try for a lock so long, then stop.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = humantime::parse_duration)]
    pub lock_budget: Duration,
    /// Do not ask before anything is changed. Needed where nobody can be asked, as in a pipe.
    #[arg(short, long)]
    pub yes: bool,
}

/// Arguments of `clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Drop the copies in the schema `tenantize_backup`, too.
    #[arg(long)]
    pub backups: bool,
    /// Do not ask before anything is changed. Needed where nobody can be asked, as in a pipe.
    #[arg(short, long)]
    pub yes: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Show this example.
    #[arg(value_name = "SYSTEM", default_value = "cin7-playground")]
    pub system: String,
    /// Make it so big. 1 = 20 000 users, 200 000 projects, 2 000 000 files.
    #[arg(long, default_value = "1")]
    pub scale: f64,
    /// Keep the server until Enter is pressed, to look around with psql.
    #[arg(long)]
    pub keep: bool,
    /// Fill, build and validate with so many connections at the same time.
    #[arg(long, value_name = "N", default_value = "2")]
    pub jobs: NonZeroUsize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_grammar_is_sound() {
        super::Cli::command().debug_assert();
    }
}

//! What a part can be told.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

/// The command line.
#[derive(Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) part: Part,
    /// Cargo says so.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Part {
    /// The usual ways beside this one.
    Peers(PeersArgs),
    /// The engine's batches with other numbers than its own.
    Stripes(StripesArgs),
    /// Memory and time of the tool itself.
    Scale(ScaleArgs),
    /// An application at work before and during a run.
    Live(LiveArgs),
    /// The copies of the phase backup.
    Backup(BackupArgs),
    /// Tables and picture from results.
    Report(ReportArgs),
}

/// Where results go.
#[derive(ClapArgs)]
pub(crate) struct Output {
    /// Append results to this file, a JSON object per line.
    #[arg(long, default_value = concat!(env!("CARGO_TARGET_TMPDIR"), "/fill.jsonl"))]
    pub(crate) out: PathBuf,
}

#[derive(ClapArgs)]
pub(crate) struct PeersArgs {
    /// Rows of the table.
    #[arg(long, value_delimiter = ',', default_value = "200000")]
    pub(crate) rows: Vec<i64>,
    /// Its keys.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "uuid,bigint")]
    pub(crate) keys: Vec<Keys>,
    /// Where the tenant comes from.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "literal,derived,most")]
    pub(crate) rules: Vec<Rule>,
    /// Only ways whose names begin so.
    #[arg(long, value_delimiter = ',', default_value = "")]
    pub(crate) ways: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(ClapArgs)]
pub(crate) struct StripesArgs {
    /// Rows of the table.
    #[arg(long, default_value = "200000")]
    pub(crate) rows: i64,
    /// Its keys.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "uuid,bigint")]
    pub(crate) keys: Vec<Keys>,
    /// What is moved.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "k,segments,workers,indexes,fillfactor,ideas")]
    pub(crate) sets: Vec<Set>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What is moved while the rest stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Set {
    K,
    Segments,
    Workers,
    Indexes,
    Fillfactor,
    Ideas,
}

impl Set {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::K => "Stripes and the width of rows",
            Self::Segments => "Pages of a batch, and batches between two visits of a page",
            Self::Workers => "Workers",
            Self::Indexes => "Indexes",
            Self::Fillfactor => "Fillfactor",
            Self::Ideas => "Ideas",
        }
    }
}

#[derive(ClapArgs)]
pub(crate) struct ScaleArgs {
    /// Lines of the CSV map, and rows of its table.
    #[arg(long, default_value = "1000000")]
    pub(crate) rows: i64,
    /// Tables to plan.
    #[arg(long, default_value = "1000")]
    pub(crate) tables: i64,
    /// Partitions of one table to plan.
    #[arg(long, default_value = "10000")]
    pub(crate) partitions: i64,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(ClapArgs)]
pub(crate) struct LiveArgs {
    /// Rows of the table.
    #[arg(long, default_value = "200000")]
    pub(crate) rows: i64,
    /// Transactions per second.
    #[arg(long, default_value = "200")]
    pub(crate) rate: u32,
    /// Sessions that share them.
    #[arg(long, default_value = "8")]
    pub(crate) clients: u32,
    /// Seconds of work before the run.
    #[arg(long, default_value = "20")]
    pub(crate) before: u64,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(ClapArgs)]
pub(crate) struct BackupArgs {
    /// Rows of all tables together.
    #[arg(long, default_value = "2000000")]
    pub(crate) rows: i64,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(ClapArgs)]
pub(crate) struct ReportArgs {
    /// The results.
    pub(crate) results: PathBuf,
    /// The page whose generated parts are written anew; the picture stands beside it.
    pub(crate) page: PathBuf,
}

/// Keys in random or in ascending order of the heap.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keys {
    Uuid,
    Bigint,
}

impl Keys {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Bigint => "bigint",
        }
    }
}

/// Where the tenant of a row comes from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// One for all.
    Literal,
    /// The row's parent, and all parents have the same.
    Derived,
    /// The row's parent, of which one in twenty has another tenant.
    Most,
}

impl Rule {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::Derived => "derived",
            Self::Most => "mostly one tenant's",
        }
    }
}

//! Results, one JSON object per line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::args::Set;

/// Where something was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Host {
    pub(crate) postgres: String,
    pub(crate) cores: usize,
    /// Of the program: `release` or `dev`.
    pub(crate) build: String,
    /// The load average of the last minute before it began: what else the machine did.
    pub(crate) load: f64,
}

impl Host {
    pub(crate) fn new(postgres: &str) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let build = if cfg!(debug_assertions) { "dev" } else { "release" };
        let load = std::fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse().ok());
        Self { postgres: postgres.to_owned(), cores, build: build.to_owned(), load: load.unwrap_or(0.0) }
    }
}

/// One result.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub(crate) enum Record {
    Peer(PeerLine),
    Stripe(StripeLine),
    Scale(ScaleLine),
    Live(LiveLine),
    Backup(BackupLine),
}

/// What a fill cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// Seconds of processor time of the server's sessions, which what else the machine does moves less.
    pub(crate) processor: f64,
    pub(crate) wal: i64,
    pub(crate) heap_before: i64,
    pub(crate) heap_after: i64,
    pub(crate) indexes_before: i64,
    pub(crate) indexes_after: i64,
    /// Share of the updates that no index had to learn of; none where rows were not updated.
    pub(crate) hot: Option<f64>,
}

/// One way to fill one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeerLine {
    pub(crate) rows: i64,
    pub(crate) keys: String,
    pub(crate) rule: String,
    pub(crate) way: String,
    pub(crate) kind: Kind,
    #[serde(flatten)]
    pub(crate) cost: Cost,
}

/// One walk through one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StripeLine {
    pub(crate) set: Set,
    pub(crate) rows: i64,
    pub(crate) pages: i64,
    pub(crate) keys: String,
    pub(crate) width: String,
    pub(crate) indexes: usize,
    pub(crate) fillfactor: i32,
    pub(crate) stripes: u16,
    pub(crate) segment: i64,
    pub(crate) segments: i64,
    pub(crate) workers: usize,
    /// Empty when it is walked as the program does.
    pub(crate) idea: String,
    pub(crate) vacuum_seconds: f64,
    #[serde(flatten)]
    pub(crate) cost: Cost,
}

/// One figure of the tool itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScaleLine {
    pub(crate) what: String,
    /// Lines of the map, or tables.
    pub(crate) size: i64,
    pub(crate) value: f64,
    pub(crate) unit: String,
    pub(crate) target: String,
}

/// How long an application waited, in milliseconds from when a transaction was due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LiveLine {
    pub(crate) rows: i64,
    pub(crate) rate: u32,
    pub(crate) variant: String,
    pub(crate) window: String,
    pub(crate) transactions: usize,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) longest: f64,
}

/// One way to copy tables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BackupLine {
    pub(crate) tables: i64,
    /// Of all tables together.
    pub(crate) rows: i64,
    pub(crate) way: String,
    pub(crate) kind: Kind,
    pub(crate) seconds: f64,
}

/// What a way is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// What people do.
    Peer,
    /// What this program does.
    Ours,
    /// What nobody can do while the application works.
    Limit,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) host: Host,
    #[serde(flatten)]
    pub(crate) record: Record,
}

/// A file that results are appended to.
pub(crate) struct Results {
    file: File,
    host: Host,
}

impl Results {
    pub(crate) fn open(path: &Path, host: Host) -> Self {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).unwrap();
        }
        Self { file: OpenOptions::new().create(true).append(true).open(path).unwrap(), host }
    }

    pub(crate) fn add(&mut self, record: Record) {
        let line = Line { host: self.host.clone(), record };
        writeln!(self.file, "{}", serde_json::to_string(&line).unwrap()).unwrap();
    }
}

pub(crate) fn read(path: &Path) -> Vec<Line> {
    let lines = BufReader::new(File::open(path).unwrap()).lines().map(Result::unwrap);
    lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_str(&line).unwrap()).collect()
}

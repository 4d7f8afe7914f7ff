//! A server of its own, tables to fill, and what filling them cost.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use tenantize::server::{Server, ServerOptions};

use crate::args::Keys;
use crate::record::{Cost, Host};

/// The tenant that every row gets.
pub(crate) const TENANT: &str = "9b0ce777-8504-5a8c-ba64-06f8b1bc1cfd";

/// The tenant of one parent in twenty, where most have the first.
pub(crate) const OTHER: &str = "00000000-0000-0000-0000-000000000002";
/// Which parents those are.
pub(crate) const ELSEWHERE: &str = "mod(hashtextextended(name, 0), 20) = 0";

/// A server in production forgets nothing and writes whole pages after a checkpoint. Its own vacuum would meet some ways and not others.
const SETTINGS: [(&str, &str); 12] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("wal_level", "replica"),
    ("max_wal_senders", "4"),
    ("shared_buffers", "512MB"),
    ("maintenance_work_mem", "256MB"),
    ("max_wal_size", "16GB"),
    ("min_wal_size", "4GB"),
    ("checkpoint_timeout", "30min"),
    ("autovacuum", "off"),
    // a table of 10,000 partitions is read in one statement
    ("max_locks_per_transaction", "1024"),
];

/// The table to fill.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rows: i64,
    pub(crate) keys: Keys,
    pub(crate) width: Width,
    /// 0 to 6; the first is the primary key.
    pub(crate) indexes: usize,
    pub(crate) fillfactor: i32,
}

/// How much one row holds.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Width {
    /// About 50 bytes.
    Narrow,
    /// About 270 bytes.
    Middle,
    /// About 2 KB, all of it in the page.
    Wide,
    /// About 4 KB, most of it out of line.
    Toast,
}

impl Width {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Middle => "middle",
            Self::Wide => "wide",
            Self::Toast => "toast",
        }
    }

    /// Texts of 32 characters in `body`.
    fn texts(self) -> i32 {
        match self {
            Self::Narrow => 0,
            Self::Middle => 5,
            Self::Wide => 58,
            Self::Toast => 128,
        }
    }
}

const INDEXES: [&str; 6] = [
    "ALTER TABLE items ADD PRIMARY KEY (id)",
    "CREATE INDEX ON items (owner_id)",
    "CREATE INDEX ON items (created_at)",
    "CREATE INDEX ON items (owner_id, created_at)",
    "CREATE INDEX ON items (created_at, id)",
    "CREATE INDEX ON items (owner_id, id)",
];

impl Shape {
    /// Three indexes and rows of about 270 bytes.
    pub(crate) fn usual(rows: i64, keys: Keys) -> Self {
        Self { rows, keys, width: Width::Middle, indexes: 3, fillfactor: 100 }
    }

    /// What makes the table `items` and its parent `owners`.
    fn sql(&self) -> String {
        let Self { rows, width, fillfactor, .. } = self;
        let (ty, key): (&str, fn(&str, &str) -> String) = match self.keys {
            Keys::Uuid => ("uuid", |salt, n| format!("md5('{salt}' || {n})::uuid")),
            Keys::Bigint => ("bigint", |_, n| n.to_owned()),
        };
        let owners = (rows / 10).max(1);
        let (id, owner, owner_id) = (key("i", "n"), key("o", &format!("(n % {owners} + 1)")), key("o", "n"));
        let more = if *width == Width::Narrow { "" } else { ", name text NOT NULL, body text NOT NULL, updated_at timestamptz NOT NULL" };
        // Texts that do not compress, as long as wanted; of a short one the same text again.
        let body = match width.texts() {
            few @ 0..10 => format!("repeat(md5(n::text), {few})"),
            many => format!("(SELECT string_agg(md5(n || '.' || m), '') FROM generate_series(1, {many}) AS m)"),
        };
        let values = if *width == Width::Narrow { String::new() } else { format!(", 'item ' || n, {body}, now()") };
        format!(
            "CREATE TABLE owners (id {ty} PRIMARY KEY, name text NOT NULL);
             INSERT INTO owners SELECT {owner_id}, 'owner ' || n FROM generate_series(1, {owners}) AS n;
             CREATE TABLE items (id {ty} NOT NULL, owner_id {ty} NOT NULL, created_at timestamptz NOT NULL{more}) WITH (fillfactor = {fillfactor});
             INSERT INTO items SELECT {id}, {owner}, now() - n * interval '1 second'{values} FROM generate_series(1, {rows}) AS n;
             ALTER TABLE items ADD FOREIGN KEY (owner_id) REFERENCES owners;
             {};",
            INDEXES[..self.indexes].join(";\n")
        )
    }
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    wal: i64,
    #[diesel(sql_type = BigInt)]
    heap: i64,
    #[diesel(sql_type = BigInt)]
    indexes: i64,
    #[diesel(sql_type = BigInt)]
    updated: i64,
    #[diesel(sql_type = BigInt)]
    hot: i64,
}

#[derive(QueryableByName)]
struct Map {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// A table before or after its fill.
pub(crate) struct State {
    counted: Counted,
    processor: f64,
}

impl State {
    /// What lies between two states.
    pub(crate) fn cost(&self, after: &Self, seconds: f64) -> Cost {
        let (before, now) = (&self.counted, &after.counted);
        let updated = now.updated - before.updated;
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let hot = (updated > 0).then(|| (now.hot - before.hot) as f64 / updated as f64);
        Cost {
            seconds,
            processor: after.processor - self.processor,
            wal: now.wal - before.wal,
            heap_before: before.heap,
            heap_after: now.heap,
            indexes_before: before.indexes,
            indexes_after: now.indexes,
            hot,
        }
    }
}

/// The server, with one template and the database that is worked in.
pub(crate) struct Stage {
    server: Server,
    template: Option<Shape>,
}

impl Stage {
    pub(crate) fn start() -> Self {
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { server: Server::start(&ServerOptions { settings, ..ServerOptions::default() }).unwrap(), template: None }
    }

    pub(crate) fn host(&self) -> Host {
        Host::new(self.server.version())
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    pub(crate) fn connect(&self, database: &str) -> PgConnection {
        PgConnection::establish(&self.url(database)).unwrap()
    }

    /// The database `work`, fresh, with a table of this shape.
    pub(crate) fn fresh(&mut self, shape: Shape) {
        let mut admin = self.connect("postgres");
        admin.batch_execute("DROP DATABASE IF EXISTS work").unwrap();
        if self.template != Some(shape) {
            admin.batch_execute("DROP DATABASE IF EXISTS start").unwrap();
            admin.batch_execute("CREATE DATABASE start").unwrap();
            let mut conn = self.connect("start");
            conn.batch_execute(&shape.sql()).unwrap();
            conn.batch_execute("VACUUM ANALYZE").unwrap();
            self.template = Some(shape);
        }
        admin.batch_execute("CREATE DATABASE work TEMPLATE start").unwrap();
        admin.batch_execute("CHECKPOINT").unwrap();
    }

    /// A map of the parents that are elsewhere.
    pub(crate) fn elsewhere(&self) -> String {
        let query =
            format!("SELECT 'id,tenant' || string_agg(E'\\n' || id || ',other', '' ORDER BY id) AS text FROM owners WHERE {ELSEWHERE}");
        diesel::sql_query(query).get_result::<Map>(&mut self.connect("work")).unwrap().text
    }

    pub(crate) fn state(&self) -> State {
        // Sessions tell what they did when they end.
        std::thread::sleep(Duration::from_millis(1200));
        let query = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS wal, pg_relation_size('items') AS heap,
                            pg_indexes_size('items') AS indexes, s.n_tup_upd AS updated, s.n_tup_hot_upd AS hot
                     FROM pg_stat_user_tables AS s WHERE s.relname = 'items'";
        let counted = diesel::sql_query(query).get_result(&mut self.connect("work")).unwrap();
        State { counted, processor: self.processor() }
    }

    /// Processor time of the sessions that have ended: of the server's children that it has waited for.
    fn processor(&self) -> f64 {
        let pid = std::fs::read_to_string(self.server.directory().join("data/postmaster.pid")).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.lines().next().unwrap())).unwrap();
        // Behind the name, which may hold anything, come 49 numbers; the 14th and 15th are ticks, a hundred to the second.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(13) + ticks(14)) / 100.0
    }

    /// What `work` costs.
    pub(crate) fn cost(&self, work: impl FnOnce()) -> Cost {
        let before = self.state();
        let clock = Instant::now();
        work();
        let seconds = clock.elapsed().as_secs_f64();
        before.cost(&self.state(), seconds)
    }
}

//! The engine's own batches with other numbers than its own: how stripes, segments and workers move cost, one at a time.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use tenantize::sql::fill::{FillBatch, Stripe};
use tenantize::sql::{Ident, KeyType, QualifiedName, TenantKey, TenantSource};

use crate::args::{Rule, Set, StripesArgs};
use crate::record::{Record, Results, StripeLine};
use crate::stage::{Shape, Stage, TENANT, Width};
use crate::table::{megabytes, percent, seconds};
use crate::ways;

/// What a batch of the program sets too.
const SETTINGS: &str = "SET LOCAL synchronous_commit = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
                        SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";

/// How a table is walked.
#[derive(Clone)]
struct Walk {
    visits: Vec<Stripe>,
    /// Pages of one batch.
    segment: i64,
    /// Batches of one visit of a chunk.
    segments: i64,
    workers: usize,
    idea: Idea,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Idea {
    None,
    /// The first visit takes twice as many rows.
    Lead,
    /// It takes four times as many.
    LeadMore,
    /// Every other visit walks its chunk backwards.
    Boustrophedon,
    /// Each visit walks the whole table.
    Whole,
    /// And the table is vacuumed after it.
    VacuumBetween,
    /// Whole pages are compressed in the WAL.
    Compressed,
}

impl Idea {
    fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Lead => "first stripe twice as big",
            Self::LeadMore => "first stripe four times as big",
            Self::Boustrophedon => "every other visit backwards",
            Self::Whole => "each visit walks the whole table",
            Self::VacuumBetween => "the same, VACUUM after each visit",
            Self::Compressed => "wal_compression",
        }
    }
}

fn uniform(of: u16) -> Vec<Stripe> {
    (0..of).map(|index| Stripe { index, of }).collect()
}

/// A first stripe that is `times` as big as the others, of which there would be `of`.
fn lead(of: u16, times: u16) -> Vec<Stripe> {
    let first = of / times;
    let rest = (1..of).filter(|index| index % first != 0).map(|index| Stripe { index, of });
    [Stripe { index: 0, of: first }].into_iter().chain(rest).collect()
}

struct Bench {
    stage: Stage,
    results: Results,
    set: Set,
}

pub(crate) fn run(args: &StripesArgs) {
    let stage = Stage::start();
    let results = Results::open(&args.output.out, stage.host());
    let mut bench = Bench { stage, results, set: Set::K };
    for &set in &args.sets {
        println!("\n{}", set.title());
        bench.set = set;
        for &keys in &args.keys {
            bench.walk_set(Shape::usual(args.rows, keys));
        }
    }
}

impl Bench {
    fn walk_set(&mut self, usual: Shape) {
        let walk = |of: u16| Walk { visits: uniform(of), segment: 512, segments: 4, workers: 1, idea: Idea::None };
        match self.set {
            Set::K => {
                for (width, most) in [(Width::Narrow, 64), (Width::Middle, 32), (Width::Wide, 4), (Width::Toast, 64)] {
                    // A wide row is written so much more slowly that a tenth of them shows the same.
                    let rows = if matches!(width, Width::Wide | Width::Toast) { usual.rows / 10 } else { usual.rows };
                    for of in [1, 2, 4, 8, 16, 32, 64].into_iter().filter(|of| *of <= most) {
                        self.measure(Shape { rows, width, ..usual }, &walk(of));
                    }
                }
            }
            Set::Segments => {
                for workers in [1, 2] {
                    for segment in [32, 128, 512, 2048] {
                        for segments in [1, 2, 4, 8] {
                            self.measure(usual, &Walk { segment, segments, workers, ..walk(16) });
                        }
                    }
                }
            }
            Set::Workers => {
                for workers in [1, 2, 4] {
                    for of in [1, 16] {
                        self.measure(usual, &Walk { workers, ..walk(of) });
                    }
                }
            }
            Set::Indexes => {
                for indexes in [0, 1, 3, 6] {
                    for of in [1, 16] {
                        self.measure(Shape { indexes, ..usual }, &walk(of));
                    }
                }
            }
            Set::Fillfactor => {
                for fillfactor in [100, 90] {
                    for of in [1, 4, 8, 16] {
                        self.measure(Shape { fillfactor, ..usual }, &walk(of));
                    }
                }
            }
            Set::Ideas => self.ideas(usual, &walk(16)),
        }
    }

    fn ideas(&mut self, usual: Shape, walk: &Walk) {
        for width in [Width::Narrow, Width::Middle] {
            for of in [8, 16, 32] {
                let shape = Shape { width, ..usual };
                self.measure(shape, &Walk { visits: uniform(of), ..walk.clone() });
                self.measure(shape, &Walk { visits: lead(of, 2), idea: Idea::Lead, ..walk.clone() });
                self.measure(shape, &Walk { visits: lead(of, 4), idea: Idea::LeadMore, ..walk.clone() });
            }
        }
        for workers in [1, 2] {
            self.measure(usual, &Walk { workers, ..walk.clone() });
            for idea in [Idea::Boustrophedon, Idea::Whole, Idea::Compressed] {
                self.measure(usual, &Walk { workers, idea, ..walk.clone() });
            }
            for of in [2, 4, 16] {
                self.measure(usual, &Walk { visits: uniform(of), workers, idea: Idea::VacuumBetween, ..walk.clone() });
            }
        }
    }

    fn measure(&mut self, shape: Shape, walk: &Walk) {
        self.stage.fresh(shape);
        ways::prepare(&self.stage, Rule::Literal);
        let pages = ways::pages(&self.stage);
        let cost = self.stage.cost(|| fill(&self.stage, pages, walk));
        let clock = Instant::now();
        self.stage.connect("work").batch_execute("VACUUM items").unwrap();
        let vacuum_seconds = clock.elapsed().as_secs_f64();
        assert_eq!(ways::number(&self.stage, "SELECT count(*) AS number FROM items WHERE tenant_id IS NULL"), 0);
        let of = walk.visits.last().map_or(1, |stripe| stripe.of);
        println!(
            "  {:<6} {:<6} {} indexes, fillfactor {:<3} K={of:<2} {} x {:<4} pages, {} workers, {:<33} {:>6} s, processor {:>6} s, vacuum {:>5} s, {:>5} MB of WAL, heap {} -> {} MB, HOT {}",
            shape.width.name(),
            shape.keys.name(),
            shape.indexes,
            shape.fillfactor,
            walk.segments,
            walk.segment,
            walk.workers,
            walk.idea.name(),
            seconds(cost.seconds),
            seconds(cost.processor),
            seconds(vacuum_seconds),
            megabytes(cost.wal),
            megabytes(cost.heap_before),
            megabytes(cost.heap_after),
            percent(cost.hot)
        );
        self.results.add(Record::Stripe(StripeLine {
            set: self.set,
            rows: shape.rows,
            pages,
            keys: shape.keys.name().to_owned(),
            width: shape.width.name().to_owned(),
            indexes: shape.indexes,
            fillfactor: shape.fillfactor,
            stripes: of,
            segment: walk.segment,
            segments: walk.segments,
            workers: walk.workers,
            idea: walk.idea.name().to_owned(),
            vacuum_seconds,
            cost,
        }));
    }
}

fn fill(stage: &Stage, pages: i64, walk: &Walk) {
    let journal =
        "CREATE SCHEMA IF NOT EXISTS bench; CREATE TABLE IF NOT EXISTS bench.chunks (first bigint PRIMARY KEY, next bigint NOT NULL)";
    stage.connect("work").batch_execute(journal).unwrap();
    if matches!(walk.idea, Idea::Whole | Idea::VacuumBetween) {
        for visit in &walk.visits {
            pass(stage, pages, walk, std::slice::from_ref(visit));
            if walk.idea == Idea::VacuumBetween {
                stage.connect("work").batch_execute("VACUUM items").unwrap();
            }
        }
    } else {
        pass(stage, pages, walk, &walk.visits);
    }
}

/// Every chunk once, with these visits.
fn pass(stage: &Stage, pages: i64, walk: &Walk, visits: &[Stripe]) {
    let length = walk.segment * walk.segments;
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..walk.workers {
            scope.spawn(|| {
                let mut worker = Worker::new(stage);
                if walk.idea == Idea::Compressed {
                    worker.conn.batch_execute("SET wal_compression = on").unwrap();
                }
                loop {
                    let first = i64::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap() * length;
                    if first >= pages {
                        return;
                    }
                    worker.chunk(first..(first + length).min(pages), walk, visits);
                }
            });
        }
    });
}

struct Worker {
    conn: PgConnection,
    table: QualifiedName,
    column: Ident,
    sources: [TenantSource; 1],
}

impl Worker {
    fn new(stage: &Stage) -> Self {
        Self {
            conn: stage.connect("work"),
            table: "public.items".parse().unwrap(),
            column: Ident::new("tenant_id").unwrap(),
            sources: [TenantSource::Literal(TenantKey { ty: KeyType::Uuid, text: TENANT.to_owned() })],
        }
    }

    fn chunk(&mut self, chunk: Range<i64>, walk: &Walk, visits: &[Stripe]) {
        let insert = format!("INSERT INTO bench.chunks VALUES ({}, 0) ON CONFLICT DO NOTHING", chunk.start);
        self.conn.batch_execute(&insert).unwrap();
        let starts: Vec<i64> = chunk.clone().step_by(usize::try_from(walk.segment).unwrap()).collect();
        for (at, stripe) in visits.iter().enumerate() {
            let mut order = starts.clone();
            if walk.idea == Idea::Boustrophedon && at % 2 == 1 {
                order.reverse();
            }
            for first in order {
                self.batch(first..(first + walk.segment).min(chunk.end), *stripe, chunk.start);
            }
        }
    }

    /// One transaction as the program's: settings, rows, checkpoint.
    fn batch(&mut self, pages: Range<i64>, stripe: Stripe, chunk: i64) {
        let end = pages.end;
        let Self { conn, table, column, sources } = self;
        let statement = FillBatch { table, column, sources: sources.as_slice(), default: None, pages, stripe }.statement();
        conn.transaction(|conn| -> QueryResult<()> {
            conn.batch_execute(SETTINGS)?;
            statement.run(conn)?;
            conn.batch_execute(&format!("UPDATE bench.chunks SET next = {end} WHERE first = {chunk}"))
        })
        .unwrap();
    }
}

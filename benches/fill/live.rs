//! An application at work before and during a run: how long it waits.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Text};

use crate::args::{Keys, LiveArgs, Rule};
use crate::record::{LiveLine, Record, Results};
use crate::stage::{Shape, Stage};
use crate::tool::Tool;

/// One transaction: when it should have begun, in seconds since 1970, and how many milliseconds later it was over.
#[derive(Clone, Copy)]
struct Sample {
    due: f64,
    waited: f64,
}

/// What the application does, at a rate that does not follow from how long it waits.
struct Load {
    clients: u32,
    rate: u32,
    rows: i64,
    next: AtomicI64,
    stop: AtomicBool,
    failures: Mutex<Vec<String>>,
    samples: Mutex<Vec<Sample>>,
}

#[derive(QueryableByName)]
struct Span {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Double)]
    begun: f64,
    #[diesel(sql_type = Double)]
    ended: f64,
}

/// How the program is started.
struct Variant {
    name: &'static str,
    options: &'static [&'static str],
}

const VARIANTS: [Variant; 4] = [
    Variant { name: "--jobs 1", options: &["--jobs=1"] },
    Variant { name: "--jobs 2", options: &["--jobs=2"] },
    Variant { name: "--jobs 1 --nice 0.5", options: &["--jobs=1", "--nice=0.5"] },
    Variant { name: "--jobs 1 --batch-time 50ms", options: &["--jobs=1", "--batch-time=50ms"] },
];

struct Bench {
    stage: Stage,
    results: Results,
}

pub(crate) fn run(args: &LiveArgs) {
    let stage = Stage::start();
    let results = Results::open(&args.output.out, stage.host());
    let mut bench = Bench { stage, results };
    for variant in &VARIANTS {
        bench.measure(args, variant);
    }
}

impl Bench {
    fn measure(&mut self, args: &LiveArgs, variant: &Variant) {
        self.stage.fresh(Shape::usual(args.rows, Keys::Bigint));
        let tool = Tool::new(&self.stage, Rule::Derived);
        let load = Load {
            clients: args.clients,
            rate: args.rate,
            rows: args.rows,
            next: AtomicI64::new(args.rows),
            stop: AtomicBool::new(false),
            failures: Mutex::default(),
            samples: Mutex::new(Vec::new()),
        };
        let begun = std::thread::scope(|scope| {
            for client in 0..load.clients {
                let (load, stage) = (&load, &self.stage);
                scope.spawn(move || load.client(stage, client));
            }
            // The first second warms up.
            std::thread::sleep(Duration::from_secs(args.before + 1));
            let begun = now();
            // Behind the fences an application that knows no tenants may write no more.
            let options = [&["run", "--yes", "--strategy=batched", "--until=constraints"], variant.options].concat();
            tool.call(&options);
            load.stop.store(true, Ordering::Relaxed);
            begun
        });
        let samples = load.samples.into_inner().unwrap();
        let failures = load.failures.into_inner().unwrap();
        println!("\n{}, {} rows, {} transactions per second, {} failed", variant.name, args.rows, args.rate, failures.len());
        assert!(failures.is_empty(), "the application was refused: {}", failures[0]);
        let first = samples.iter().map(|sample| sample.due).fold(f64::MAX, f64::min);
        let mut windows = vec![Span { name: "without a run".into(), begun: first + 1.0, ended: begun }];
        windows.push(Span { name: "during the run".into(), begun, ended: f64::MAX });
        windows.extend(self.phases());
        for window in windows {
            self.window(args, variant, &window, &samples);
        }
        self.tell_stalls(&samples, begun);
    }

    /// The phases of the run, and the fill of the table.
    fn phases(&self) -> Vec<Span> {
        let query = "SELECT phase AS name, extract(epoch FROM min(started_at))::float8 AS begun, extract(epoch FROM max(finished_at))::float8 AS ended
             FROM (SELECT split_part(step_id, '/', 1) AS phase, started_at, finished_at FROM tenantize.steps
                   UNION ALL SELECT 'fill of ' || split_part(step_id, '/', 2), started_at, finished_at FROM tenantize.steps WHERE step_id LIKE '%items/fill') AS s
             WHERE finished_at IS NOT NULL
             GROUP BY phase ORDER BY begun, ended DESC";
        diesel::sql_query(query).load(&mut self.stage.connect("work")).unwrap()
    }

    fn window(&mut self, args: &LiveArgs, variant: &Variant, window: &Span, samples: &[Sample]) {
        let within = samples.iter().filter(|sample| sample.due >= window.begun && sample.due < window.ended);
        let mut waited: Vec<f64> = within.map(|sample| sample.waited).collect();
        if waited.is_empty() {
            return;
        }
        waited.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
        let rank = |share: f64| waited[((waited.len() - 1) as f64 * share).round() as usize];
        let line = LiveLine {
            rows: args.rows,
            rate: args.rate,
            variant: variant.name.to_owned(),
            window: window.name.clone(),
            transactions: waited.len(),
            p50: rank(0.5),
            p95: rank(0.95),
            p99: rank(0.99),
            longest: rank(1.0),
        };
        println!(
            "  {:<24} {:>7} transactions  p50 {:>7.2} ms  p95 {:>7.2} ms  p99 {:>7.2} ms  longest {:>8.1} ms",
            line.window, line.transactions, line.p50, line.p95, line.p99, line.longest
        );
        self.results.add(Record::Live(line));
    }

    /// Which step ran when somebody waited long: for whoever wants to know why.
    fn tell_stalls(&self, samples: &[Sample], begun: f64) {
        let query =
            "SELECT step_id AS name, extract(epoch FROM started_at)::float8 AS begun, extract(epoch FROM finished_at)::float8 AS ended
             FROM tenantize.steps WHERE finished_at IS NOT NULL ORDER BY started_at";
        let steps: Vec<Span> = diesel::sql_query(query).load(&mut self.stage.connect("work")).unwrap();
        let mut longest: Vec<&Sample> = samples.iter().filter(|sample| sample.due >= begun).collect();
        longest.sort_by(|a, b| b.waited.total_cmp(&a.waited));
        for sample in longest.iter().take(5) {
            let over = sample.due + sample.waited / 1000.0;
            let during: Vec<&str> =
                steps.iter().filter(|step| step.begun < over && step.ended > sample.due).map(|step| step.name.as_str()).collect();
            println!("  {:>8.1} ms at {:.1} s: {}", sample.waited, sample.due - begun, during.join(", "));
        }
    }
}

impl Load {
    fn client(&self, stage: &Stage, number: u32) {
        let mut conn = stage.connect("work");
        let mut random = fastrand::Rng::with_seed(u64::from(number));
        let pace = Duration::from_secs_f64(f64::from(self.clients) / f64::from(self.rate));
        let mut due = Instant::now() + pace.mul_f64(f64::from(number) / f64::from(self.clients));
        let mut samples = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if let Err(error) = self.transaction(&mut conn, &mut random) {
                self.failures.lock().unwrap().push(error.to_string());
            }
            let waited = due.elapsed();
            samples.push(Sample { due: now() - waited.as_secs_f64(), waited: waited.as_secs_f64() * 1000.0 });
            due += pace;
        }
        self.samples.lock().unwrap().extend(samples);
    }

    /// Three of five read a row, one changes one, one adds one.
    fn transaction(&self, conn: &mut PgConnection, random: &mut fastrand::Rng) -> QueryResult<usize> {
        let id = random.i64(1..=self.rows);
        match random.u8(0..5) {
            0 => {
                let insert = "INSERT INTO items (id, owner_id, created_at, name, body, updated_at) VALUES ($1, $2, now(), 'new', repeat('x', 160), now())";
                let new = self.next.fetch_add(1, Ordering::Relaxed) + 1;
                let owner = random.i64(1..=self.rows / 10);
                diesel::sql_query(insert).bind::<BigInt, _>(new).bind::<BigInt, _>(owner).execute(conn)
            }
            1 => diesel::sql_query("UPDATE items SET updated_at = now() WHERE id = $1").bind::<BigInt, _>(id).execute(conn),
            _ => diesel::sql_query("SELECT id, owner_id, name FROM items WHERE id = $1").bind::<BigInt, _>(id).execute(conn),
        }
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

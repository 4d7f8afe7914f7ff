//! Each way in turn, each on a fresh clone of the same table.

use crate::args::{PeersArgs, Rule};
use crate::record::{Cost, Kind, PeerLine, Record, Results};
use crate::stage::{Shape, Stage};
use crate::table::{grouped, megabytes, percent, seconds};
use crate::tool::Tool;
use crate::ways;

struct Peers<'a> {
    stage: Stage,
    results: Results,
    /// Beginnings of the names of ways to measure.
    ways: &'a [String],
}

pub(crate) fn run(args: &PeersArgs) {
    let stage = Stage::start();
    let results = Results::open(&args.output.out, stage.host());
    let mut peers = Peers { stage, results, ways: &args.ways };
    for &rows in &args.rows {
        for &keys in &args.keys {
            for &rule in &args.rules {
                peers.compare(Shape::usual(rows, keys), rule);
            }
        }
    }
}

impl Peers<'_> {
    fn compare(&mut self, shape: Shape, rule: Rule) {
        println!("\n{} rows, {} keys, {} rule", grouped_rows(shape.rows), shape.keys.name(), rule.name());
        let Shape { keys, .. } = shape;
        self.way(shape, rule, "one `UPDATE`", &|stage| ways::one_update(stage, rule));
        for workers in [1, 2] {
            let way = format!("keyset batches of 1 000, {}", plural(workers));
            self.way(shape, rule, &way, &|stage| ways::keyset(stage, rule, workers, keys));
        }
        for workers in [1, 2] {
            let way = format!("ctid ranges of 1 000 pages, {}", plural(workers));
            self.way(shape, rule, &way, &|stage| ways::ctid_ranges(stage, rule, workers));
        }
        match ways::find_reshape() {
            Some(program) => self.reshape(shape, rule, &program),
            None => println!("  reshape is missing: cargo install reshape --root target/peers"),
        }
        for workers in [1, 2] {
            self.tenantize(shape, rule, workers, "batched");
        }
        if rule == Rule::Most {
            self.tenantize(shape, rule, 2, "auto");
        }
        if !self.wants("offline rewrite") {
            return;
        }
        self.stage.fresh(shape);
        ways::prepare_parents(&self.stage, rule);
        // The table is a new one: what it counts of updates is nothing.
        let mut cost = self.stage.cost(|| ways::rewrite(&self.stage, rule));
        cost.hot = None;
        self.add(shape, rule, ("offline rewrite", Kind::Limit), cost);
    }

    fn wants(&self, way: &str) -> bool {
        self.ways.iter().any(|begins| way.replace('`', "").starts_with(begins.as_str()))
    }

    fn way(&mut self, shape: Shape, rule: Rule, name: &str, work: &dyn Fn(&Stage)) {
        if !self.wants(name) {
            return;
        }
        self.stage.fresh(shape);
        ways::prepare(&self.stage, rule);
        let cost = self.stage.cost(|| work(&self.stage));
        self.add(shape, rule, (name, Kind::Peer), cost);
    }

    fn reshape(&mut self, shape: Shape, rule: Rule, program: &std::path::Path) {
        if !self.wants("reshape") {
            return;
        }
        self.stage.fresh(shape);
        ways::prepare_parents(&self.stage, rule);
        let cost = self.stage.cost(|| ways::reshape(&self.stage, rule, program));
        self.add(shape, rule, ("reshape 0.11", Kind::Peer), cost);
    }

    fn tenantize(&mut self, shape: Shape, rule: Rule, workers: i64, strategy: &str) {
        let name = format!("tenantize, {}{}", plural(workers), if strategy == "auto" { ", only the others" } else { "" });
        if !self.wants(&name) {
            return;
        }
        self.stage.fresh(shape);
        let tool = Tool::new(&self.stage, rule);
        let jobs = workers.to_string();
        tool.call(&["run", "--yes", "--strategy", strategy, "--until=expand"]);
        // A derived table comes after its parent, which is filled and vacuumed first.
        if rule != Rule::Literal {
            tool.call(&["resume", "--steps=2", "--jobs", &jobs]);
        }
        let mut cost = self.stage.cost(|| tool.call(&["resume", "--steps=1", "--jobs", &jobs]));
        // The start of the program is not the fill.
        cost.seconds = Tool::step(&self.stage, "backfill/public.items/fill");
        self.add(shape, rule, (&name, Kind::Ours), cost);
    }

    fn add(&mut self, shape: Shape, rule: Rule, (way, kind): (&str, Kind), cost: Cost) {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = shape.rows as f64 / cost.seconds;
        println!(
            "  {way:<38} {:>8} s {:>8} s of processor {:>9} rows/s {:>7} MB of WAL  heap {} -> {} MB, HOT {}",
            seconds(cost.seconds),
            seconds(cost.processor),
            grouped(rate),
            megabytes(cost.wal),
            megabytes(cost.heap_before),
            megabytes(cost.heap_after),
            percent(cost.hot)
        );
        let (keys, rule) = (shape.keys.name().to_owned(), rule.name().to_owned());
        self.results.add(Record::Peer(PeerLine { rows: shape.rows, keys, rule, way: way.to_owned(), kind, cost }));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn grouped_rows(rows: i64) -> String {
    grouped(rows as f64)
}

fn plural(workers: i64) -> String {
    if workers == 1 { "1 worker".into() } else { format!("{workers} workers") }
}

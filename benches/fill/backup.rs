//! The phase backup beside `CREATE TABLE AS`.

use std::fmt::Write as _;
use std::time::Instant;

use diesel::connection::SimpleConnection as _;

use crate::args::{BackupArgs, Keys};
use crate::record::{BackupLine, Kind, Record, Results};
use crate::stage::{Shape, Stage};
use crate::tool::Tool;

const ROUNDS: usize = 3;
const MANY: i64 = 8;

pub(crate) fn run(args: &BackupArgs) {
    let mut stage = Stage::start();
    let mut results = Results::open(&args.output.out, stage.host());
    for tables in [1, MANY] {
        println!("\n{} rows in {tables} tables", args.rows);
        let mut best = [f64::MAX; 3];
        // Round by round, so that what else the machine does meets all ways.
        for _ in 0..ROUNDS {
            prepare(&mut stage, args.rows, tables);
            best[0] = best[0].min(one_after_the_other(&stage, tables));
            for (at, jobs) in [(1, "1"), (2, "2")] {
                prepare(&mut stage, args.rows, tables);
                best[at] = best[at].min(tool(&stage, tables, jobs));
            }
        }
        let ways = ["`CREATE TABLE AS`", "tenantize, 1 worker", "tenantize, 2 workers"];
        for (way, seconds) in ways.into_iter().zip(best) {
            println!("  {way:<24} {seconds:.2} s, {:.2} of the rate", best[0] / seconds);
            let kind = if way.starts_with("tenantize") { Kind::Ours } else { Kind::Peer };
            results.add(Record::Backup(BackupLine { tables, rows: args.rows, way: way.into(), kind, seconds }));
        }
    }
}

/// Tables `items_1` and so on, without keys: a backup copies rows.
fn prepare(stage: &mut Stage, rows: i64, tables: i64) {
    stage.fresh(Shape { indexes: 0, ..Shape::usual(rows, Keys::Uuid) });
    let mut script = String::new();
    for n in 1..=tables {
        let _ = write!(
            script,
            "CREATE TABLE items_{n} AS SELECT * FROM items WHERE hashtextextended(id::text, 0) & {} = {};",
            tables - 1,
            n - 1
        );
    }
    let mut conn = stage.connect("work");
    conn.batch_execute(&format!("{script} DROP TABLE items, owners")).unwrap();
    conn.batch_execute("VACUUM ANALYZE").unwrap();
    conn.batch_execute("CHECKPOINT").unwrap();
}

fn one_after_the_other(stage: &Stage, tables: i64) -> f64 {
    let mut conn = stage.connect("work");
    let clock = Instant::now();
    for n in 1..=tables {
        conn.batch_execute(&format!("CREATE TABLE copy_{n} AS SELECT * FROM items_{n}")).unwrap();
    }
    clock.elapsed().as_secs_f64()
}

fn tool(stage: &Stage, tables: i64, jobs: &str) -> f64 {
    let sections = (1..=tables).fold("[backup]\nmethod = \"tables\"\n".to_owned(), |mut text, n| {
        let _ = write!(text, "[tables.\"public.items_{n}\"]\ntenant = \"default\"\n");
        text
    });
    Tool::with(stage, "", &sections).call(&["run", "--yes", "--until=backup", "--jobs", jobs]);
    Tool::step(stage, "backup/copies")
}

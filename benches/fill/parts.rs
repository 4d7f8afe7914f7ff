//! The tables of stripes, live workload, copies and scale.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::record::{BackupLine, Kind, LiveLine, ScaleLine, StripeLine};
use crate::table::{Table, grouped, megabytes, percent, seconds};

pub(crate) fn stripes(lines: &[&StripeLine]) -> String {
    let sets: BTreeSet<_> = lines.iter().map(|line| line.set).collect();
    let mut text = String::new();
    for set in sets {
        let of_set: Vec<&&StripeLine> = lines.iter().filter(|line| line.set == set).collect();
        let columns: Vec<Column> = COLUMNS.into_iter().filter(|column| !column.moves || varies(&of_set, column)).collect();
        let header: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let mut table = Table::new(&header);
        for line in of_set {
            let cells: Vec<String> = columns.iter().map(|column| (column.cell)(line)).collect();
            table.row(&cells);
        }
        let _ = writeln!(text, "### {}\n\n{}", set.title(), table.text());
    }
    text
}

/// A column of the tables, which is left out where all lines have the same.
struct Column {
    name: &'static str,
    cell: fn(&StripeLine) -> String,
    moves: bool,
}

const fn moved(name: &'static str, cell: fn(&StripeLine) -> String) -> Column {
    Column { name, cell, moves: true }
}

const fn measured(name: &'static str, cell: fn(&StripeLine) -> String) -> Column {
    Column { name, cell, moves: false }
}

const COLUMNS: [Column; 17] = [
    moved("row", |line| line.width.clone()),
    moved("keys", |line| line.keys.clone()),
    moved("rows of a page", |line| (line.rows / line.pages).to_string()),
    moved("indexes", |line| line.indexes.to_string()),
    moved("fillfactor", |line| line.fillfactor.to_string()),
    moved("workers", |line| line.workers.to_string()),
    moved("pages of a batch", |line| line.segment.to_string()),
    moved("batches of a visit", |line| line.segments.to_string()),
    moved("stripes", |line| line.stripes.to_string()),
    moved("idea", |line| if line.idea.is_empty() { "–".into() } else { line.idea.clone() }),
    measured("seconds", |line| seconds(line.cost.seconds)),
    measured("processor s", |line| seconds(line.cost.processor)),
    measured("WAL MB", |line| megabytes(line.cost.wal)),
    measured("heap MB before → after", |line| format!("{} → {}", megabytes(line.cost.heap_before), megabytes(line.cost.heap_after))),
    measured("indexes MB before → after", |line| {
        format!("{} → {}", megabytes(line.cost.indexes_before), megabytes(line.cost.indexes_after))
    }),
    measured("HOT", |line| percent(line.cost.hot)),
    measured("VACUUM s", |line| seconds(line.vacuum_seconds)),
];

fn varies(lines: &[&&StripeLine], column: &Column) -> bool {
    lines.iter().map(|line| (column.cell)(line)).collect::<BTreeSet<_>>().len() > 1
}

pub(crate) fn live(lines: &[&LiveLine]) -> String {
    let header = ["run", "while", "transactions", "p50 ms", "p95 ms", "p99 ms", "p99 ÷ without", "longest ms"];
    let mut table = Table::new(&header);
    let Some(first) = lines.first() else { return String::new() };
    let mut without = 0.0;
    for line in lines {
        if line.window.starts_with("without") {
            without = line.p99;
        }
        table.row(&[
            format!("`{}`", line.variant),
            line.window.clone(),
            line.transactions.to_string(),
            format!("{:.2}", line.p50),
            format!("{:.2}", line.p95),
            format!("{:.2}", line.p99),
            format!("{:.2}", line.p99 / without),
            format!("{:.0}", line.longest),
        ]);
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rows = grouped(first.rows as f64);
    format!("{rows} rows, {} transactions per second.\n\n{}", first.rate, table.text())
}

pub(crate) fn scale(lines: &[&ScaleLine]) -> String {
    let mut table = Table::new(&["what", "lines or tables", "measured", "target"]);
    for line in lines {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let size = grouped(line.size as f64);
        table.row(&[line.what.clone(), size, format!("{:.2} {}", line.value, line.unit), line.target.clone()]);
    }
    if lines.is_empty() { String::new() } else { table.text() }
}

pub(crate) fn backup(lines: &[&BackupLine]) -> String {
    let mut table = Table::new(&["tables", "rows together", "way", "seconds", "rows/s", "× `CREATE TABLE AS`"]);
    let mut plain = 0.0;
    for line in lines {
        if line.kind == Kind::Peer {
            plain = line.seconds;
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let (rows, tables) = (line.rows as f64, line.tables);
        let name = if line.kind == Kind::Ours { format!("**{}**", line.way) } else { line.way.clone() };
        let times = format!("{:.2}", plain / line.seconds);
        table.row(&[tables.to_string(), grouped(rows), name, seconds(line.seconds), grouped(rows / line.seconds), times]);
    }
    if lines.is_empty() { String::new() } else { table.text() }
}

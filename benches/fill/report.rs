//! `docs/performance.md`: what stands between its markers is written from results, and the picture beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::args::ReportArgs;
use crate::parts;
use crate::picture;
use crate::record::{Host, Kind, Line, PeerLine, Record, read};
use crate::table::{Table, grouped, megabytes, percent, seconds};

pub(crate) fn run(args: &ReportArgs) {
    let lines = read(&args.results);
    let mut page = fs::read_to_string(&args.page).unwrap();
    let (mut peers, mut stripes, mut live, mut scale, mut backup) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for line in &lines {
        match &line.record {
            Record::Peer(found) => peers.push(found),
            Record::Stripe(found) => stripes.push(found),
            Record::Live(found) => live.push(found),
            Record::Scale(found) => scale.push(found),
            Record::Backup(found) => backup.push(found),
        }
    }
    let blocks = [
        ("host", host_block(&lines)),
        ("peers", peers_block(&peers)),
        ("stripes", parts::stripes(&stripes)),
        ("live", parts::live(&live)),
        ("backup", parts::backup(&backup)),
        ("scale", parts::scale(&scale)),
    ];
    for (name, block) in blocks.into_iter().filter(|(_, block)| !block.is_empty()) {
        page = replaced(&page, name, &block);
    }
    fs::write(&args.page, page).unwrap();
    if !peers.is_empty() {
        fs::write(args.page.with_extension("svg"), picture::draw(&peers)).unwrap();
    }
    println!("wrote {}", args.page.display());
}

/// The page with a new block between its two markers.
fn replaced(page: &str, name: &str, block: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let from = page.find(&begin).map(|at| at + begin.len());
    let from = from.unwrap_or_else(|| panic!("the page has no line {}", begin.trim()));
    let to = page.find(&end).unwrap_or_else(|| panic!("the page has no line {end}"));
    format!("{}\n{}\n{}", &page[..from], block.trim(), &page[to..]).replace("\n\n\n", "\n\n")
}

/// Where each part was measured, and what else the machine did.
fn host_block(lines: &[Line]) -> String {
    let mut parts: BTreeMap<&str, (f64, &Host)> = BTreeMap::new();
    for Line { host, record } in lines {
        let part = match record {
            Record::Peer(_) => "peers",
            Record::Stripe(_) => "stripes",
            Record::Live(_) => "live",
            Record::Scale(_) => "scale",
            Record::Backup(_) => "backup",
        };
        let entry = parts.entry(part).or_insert((host.load, host));
        entry.0 = entry.0.max(host.load);
    }
    let mut table = Table::new(&["part", "PostgreSQL", "cores, for server, program and load", "build", "load average before it began"]);
    for (part, (load, host)) in parts {
        table.row(&[part.into(), host.postgres.clone(), host.cores.to_string(), host.build.clone(), format!("{load:.1}")]);
    }
    table.text()
}

/// Results that belong in one table: the same rows, keys and rule, in the order they were measured.
pub(crate) fn groups<'a>(peers: &[&'a PeerLine]) -> Vec<Vec<&'a PeerLine>> {
    let mut groups: Vec<Vec<&PeerLine>> = Vec::new();
    for peer in peers {
        let same = |group: &&mut Vec<&PeerLine>| (group[0].rows, &group[0].keys, &group[0].rule) == (peer.rows, &peer.keys, &peer.rule);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(peer),
            None => groups.push(vec![peer]),
        }
    }
    groups
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn rate(line: &PeerLine) -> f64 {
    line.rows as f64 / line.cost.seconds
}

fn peers_block(peers: &[&PeerLine]) -> String {
    let header = [
        "way",
        "seconds",
        "processor s",
        "rows/s",
        "× best peer",
        "× best with 1 worker",
        "WAL MB",
        "heap MB before → after",
        "indexes MB before → after",
        "HOT",
    ];
    let mut text = String::new();
    for group in groups(peers) {
        let first = group[0];
        let best = |is_one: fn(&PeerLine) -> bool| {
            let peers = group.iter().filter(|line| line.kind == Kind::Peer && is_one(line));
            peers.map(|line| rate(line)).reduce(f64::max)
        };
        let times = |line: &PeerLine, best: Option<f64>| best.map_or_else(|| "–".into(), |best| format!("{:.2}", rate(line) / best));
        let mut table = Table::new(&header);
        for line in &group {
            let cost = &line.cost;
            let name = if line.kind == Kind::Ours { format!("**{}**", line.way) } else { line.way.clone() };
            table.row(&[
                name,
                seconds(cost.seconds),
                seconds(cost.processor),
                grouped(rate(line)),
                times(line, best(|_| true)),
                times(line, best(|line| !line.way.ends_with("2 workers"))),
                megabytes(cost.wal),
                format!("{} → {}", megabytes(cost.heap_before), megabytes(cost.heap_after)),
                format!("{} → {}", megabytes(cost.indexes_before), megabytes(cost.indexes_after)),
                percent(cost.hot),
            ]);
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rows = grouped(first.rows as f64);
        let _ = writeln!(text, "### {rows} rows, {} keys, {} rule\n\n{}", first.keys, first.rule, table.text());
    }
    text
}

//! The picture: rows per second of each way, a column per size of the table, a block per kind of keys and rule.

use std::fmt::Write as _;

use crate::record::{Kind, PeerLine};
use crate::report::{groups, rate};
use crate::table::grouped;

const MARGIN: f64 = 16.0;
const NAMES: f64 = 250.0;
const COLUMN: f64 = 236.0;
const BAR: f64 = 150.0;
const LINE: f64 = 19.0;
const TITLE: f64 = 30.0;
const HEAD: f64 = 44.0;

/// Draws what was measured.
pub(crate) fn draw(peers: &[&PeerLine]) -> String {
    let groups = groups(peers);
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    let mut sizes: Vec<i64> = Vec::new();
    for group in &groups {
        let kind = (group[0].keys.as_str(), group[0].rule.as_str());
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        if !sizes.contains(&group[0].rows) {
            sizes.push(group[0].rows);
        }
    }
    sizes.sort_unstable();
    let mut body = String::new();
    let mut y = MARGIN + HEAD;
    for (keys, rule) in kinds {
        text(&mut body, (MARGIN, y + 18.0), "class='t'", &format!("{keys} keys, {rule} rule"));
        y += TITLE;
        let of_kind: Vec<&Vec<&PeerLine>> =
            groups.iter().filter(|group| (group[0].keys.as_str(), group[0].rule.as_str()) == (keys, rule)).collect();
        let ways: Vec<&PeerLine> = of_kind.iter().max_by_key(|group| group.len()).map(|group| (*group).clone()).unwrap_or_default();
        let most = of_kind.iter().flat_map(|group| group.iter()).map(|line| rate(line)).fold(0.0, f64::max);
        for (at, way) in ways.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
            let line = y + at as f64 * LINE;
            text(&mut body, (MARGIN + NAMES - 8.0, line + 13.0), "text-anchor='end'", &way.way.replace('`', ""));
            for group in &of_kind {
                let found = group.iter().find(|line| line.way == way.way);
                let x = column(&sizes, group[0].rows);
                if let Some(found) = found {
                    bar(&mut body, (x, line), (rate(found) / most * BAR, found.kind), &grouped(rate(found)));
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
        let height = ways.len() as f64 * LINE;
        for size in &sizes {
            let x = column(&sizes, *size);
            let _ = writeln!(body, "<line x1='{x}' x2='{x}' y1='{y:.0}' y2='{:.0}' stroke='#8a94a6'/>", y + height);
        }
        y += height + 14.0;
    }
    for size in &sizes {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        text(&mut body, (column(&sizes, *size), MARGIN + 34.0), "class='t'", &format!("{} rows", grouped(*size as f64)));
    }
    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    let width = (MARGIN * 2.0 + NAMES + COLUMN * sizes.len() as f64).max(760.0);
    page(width, y + MARGIN, &body)
}

fn column(sizes: &[i64], size: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    let at = sizes.iter().position(|other| *other == size).unwrap_or(0) as f64;
    MARGIN + NAMES + COLUMN * at
}

fn bar(body: &mut String, (x, y): (f64, f64), (length, kind): (f64, Kind), label: &str) {
    let colour = match kind {
        Kind::Peer => "#9aa7b8",
        Kind::Ours => "#1668c4",
        Kind::Limit => "#d9b44a",
    };
    let _ = writeln!(body, "<rect x='{x}' y='{y:.0}' width='{length:.1}' height='15' fill='{colour}'/>", y = y + 1.0);
    text(body, (x + length + 5.0, y + 13.0), "", label);
}

fn text(body: &mut String, (x, y): (f64, f64), attributes: &str, words: &str) {
    let _ = writeln!(body, "<text x='{x:.0}' y='{y:.0}' {attributes}>{words}</text>");
}

fn page(width: f64, height: f64, body: &str) -> String {
    let mut head = String::new();
    text(&mut head, (MARGIN, MARGIN + 12.0), "class='h'", "Rows filled per second (longer is better)");
    let legend = [(Kind::Peer, "the usual ways"), (Kind::Ours, "tenantize"), (Kind::Limit, "offline, the limit")];
    for (at, (kind, words)) in legend.into_iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
        let x = MARGIN + NAMES + 130.0 * at as f64 + 90.0;
        bar(&mut head, (x, MARGIN), (15.0, kind), words);
    }
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0} {height:.0}' width='{width:.0}' height='{height:.0}'>\n\
         <style>text{{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#1f2733}}.t{{font-weight:bold}}.h{{font-size:14px;font-weight:bold}}</style>\n\
         <rect width='100%' height='100%' fill='#ffffff'/>\n{head}{body}</svg>\n"
    )
}

//! Markdown tables and figures for people.

use std::fmt::Write as _;

/// A table, its columns as the header says.
pub(crate) struct Table {
    text: String,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        let mut text = format!("| {} |\n|", header.join(" | "));
        for at in 0..header.len() {
            text.push_str(if at == 0 { " --- |" } else { " ---: |" });
        }
        text.push('\n');
        Self { text }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    pub(crate) fn text(self) -> String {
        self.text
    }
}

/// 1234567 as `1 234 567`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.round());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// 10^6 bytes.
pub(crate) fn megabytes(bytes: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    grouped(bytes as f64 / 1e6)
}

pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{:.0} %", share * 100.0))
}

/// Two digits that count.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.2}") } else { format!("{seconds:.1}") }
}

//! Numbers, names and colours for people.

use std::fmt::Display;
use std::time::Duration;

use clap::ValueEnum;
use console::{measure_text_width, style};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorMode {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Even in a pipe
    Always,
    /// Nowhere
    Never,
}

impl ColorMode {
    /// Makes the choice for the whole process, for libraries that draw on their own as well.
    pub fn apply(self) {
        let on = match self {
            Self::Auto => return,
            Self::Always => true,
            Self::Never => false,
        };
        console::set_colors_enabled(on);
        console::set_colors_enabled_stderr(on);
    }

    /// Returns the colours for what is written to `stream`.
    #[must_use]
    pub fn palette(self, stream: Stream) -> Palette {
        let on = match (self, stream) {
            (Self::Always, _) => true,
            (Self::Never, _) => false,
            (Self::Auto, Stream::Out) => console::colors_enabled(),
            (Self::Auto, Stream::Err) => console::colors_enabled_stderr(),
        };
        if on { Palette::Colors } else { Palette::None }
    }
}

/// Where text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: for programs.
    Out,
    /// Standard error: for people.
    Err,
}

/// Colours by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// Text in colours.
    Colors,
    /// Text as it is.
    None,
}

impl Palette {
    /// Paints what went well.
    #[must_use]
    pub fn good(self, text: impl Display) -> String {
        self.paint(style(text).green())
    }

    /// Paints what deserves a look.
    #[must_use]
    pub fn warn(self, text: impl Display) -> String {
        self.paint(style(text).yellow())
    }

    /// Paints what went wrong.
    #[must_use]
    pub fn bad(self, text: impl Display) -> String {
        self.paint(style(text).red().bold())
    }

    /// Paints what matters most.
    #[must_use]
    pub fn strong(self, text: impl Display) -> String {
        self.paint(style(text).bold())
    }

    /// Paints what is there for completeness.
    #[must_use]
    pub fn dim(self, text: impl Display) -> String {
        self.paint(style(text).dim())
    }

    fn paint<D: Display>(self, text: console::StyledObject<D>) -> String {
        text.force_styling(self == Self::Colors).to_string()
    }
}

/// Writes a count with its noun: `1 table`, `2 tables`, `41,200 policies`.
///
/// Takes any integer; a count below zero is no count and reads as zero.
#[must_use]
pub fn plural(n: impl TryInto<u64>, noun: &str) -> String {
    match n.try_into().unwrap_or(0) {
        1 => format!("1 {noun}"),
        n => format!("{} {}", grouped(n), plural_noun(noun)),
    }
}

fn plural_noun(noun: &str) -> String {
    let sibilant = ["s", "x", "z", "ch", "sh"];
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if sibilant.iter().any(|end| noun.ends_with(end)) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// Writes all digits, in groups: `41,200`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a number of rows: all digits below a million, then `18.4M` and `1.2B`.
///
/// Cut, not rounded: what is shown was reached.
#[must_use]
pub fn rows(n: u64) -> String {
    match n {
        0..1_000_000 => grouped(n),
        1_000_000..1_000_000_000 => tenths(n, 1_000_000, "M"),
        _ => tenths(n, 1_000_000_000, "B"),
    }
}

const BYTE_UNITS: [(u64, &str); 4] = [(1 << 40, " TiB"), (1 << 30, " GiB"), (1 << 20, " MiB"), (1 << 10, " KiB")];

/// Writes a number of bytes: `812 B`, `3.2 GiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    let unit = BYTE_UNITS.iter().find(|(size, _)| n >= *size);
    unit.map_or_else(|| format!("{n} B"), |(size, unit)| tenths(n, *size, unit))
}

fn tenths(n: u64, size: u64, unit: &str) -> String {
    let tenths = u128::from(n) * 10 / u128::from(size);
    format!("{}.{}{unit}", tenths / 10, tenths % 10)
}

/// Writes a share of bytes in one unit: `1.5/3.2 GiB`; `about` marks the total.
#[must_use]
pub fn bytes_of(done: u64, total: u64, about: &str) -> String {
    let unit = BYTE_UNITS.iter().find(|(size, _)| total >= *size);
    match unit {
        Some((size, unit)) => format!("{}/{about}{}", tenths(done, *size, ""), tenths(total, *size, unit)),
        None => format!("{done}/{about}{total} B"),
    }
}

/// Writes how long something takes: `840ms`, `1.3s`, `48s`, `4m38s`, `1h02m`, `3d04h`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let (millis, secs) = (time.subsec_millis(), time.as_secs());
    match secs {
        0 if millis > 0 => format!("{millis}ms"),
        1..10 if millis >= 100 => format!("{secs}.{}s", millis / 100),
        0..60 => format!("{secs}s"),
        60..3_600 => format!("{}m{:02}s", secs / 60, secs % 60),
        3_600..86_400 => format!("{}h{:02}m", secs / 3_600, secs / 60 % 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs / 3_600 % 24),
    }
}

/// Returns the share that is done, from 0 to 100, cut; nothing to do is all done.
#[must_use]
pub fn percent(done: u64, total: u64) -> u8 {
    if done >= total {
        return 100;
    }
    u8::try_from(u128::from(done) * 100 / u128::from(total)).unwrap_or(100)
}

/// Cuts the middle out of a text that is wider than `width` columns: `public.ord…ine_items`.
#[must_use]
pub fn elide(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let head = take_columns(text.chars(), room.div_ceil(2));
    let tail = take_columns(text.chars().rev(), room / 2);
    let tail: String = tail.chars().rev().collect();
    format!("{head}…{tail}")
}

/// Cuts the end off a text that is wider than `width` columns: `SELECT sum(tot…`.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    format!("{}…", take_columns(text.chars(), room))
}

fn take_columns(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut out = String::new();
    for c in chars {
        out.push(c);
        if measure_text_width(&out) > columns {
            out.pop();
            break;
        }
    }
    out
}

/// Puts a foreign text on one line: no control character reaches the terminal or the log.
#[must_use]
pub fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fills a text with spaces up to `width` columns.
#[must_use]
pub fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(measure_text_width(text));
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_count() {
        let nouns = ["table", "index", "key", "policy", "foreign key", "batch", "class"];
        let many = nouns.map(|noun| plural(2, noun));
        assert_eq!(many, ["2 tables", "2 indexes", "2 keys", "2 policies", "2 foreign keys", "2 batches", "2 classes"]);
        assert_eq!(plural(1_usize, "policy"), "1 policy");
        assert_eq!(plural(0_u64, "row"), "0 rows");
        assert_eq!(plural(-3_i64, "row"), "0 rows");
        assert_eq!(plural(41_200, "row"), "41,200 rows");
    }

    #[test]
    fn rows_are_cut_at_the_borders_of_their_units() {
        let written = [0, 999, 1_000, 999_999, 1_000_000, 18_499_999, 999_999_999, 1_240_000_000].map(rows);
        assert_eq!(written, ["0", "999", "1,000", "999,999", "1.0M", "18.4M", "999.9M", "1.2B"]);
        assert_eq!(rows(u64::MAX), "18446744073.7B");
    }

    #[test]
    fn bytes_use_binary_units() {
        let written = [0, 1023, 1024, 1_048_575, 1_048_576, 3_435_973_837, 1 << 40].map(bytes);
        assert_eq!(written, ["0 B", "1023 B", "1.0 KiB", "1023.9 KiB", "1.0 MiB", "3.2 GiB", "1.0 TiB"]);
    }

    #[test]
    fn a_share_of_bytes_uses_the_unit_of_the_total() {
        assert_eq!(bytes_of(1_610_612_736, 3_435_973_837, "~"), "1.5/~3.2 GiB");
        assert_eq!(bytes_of(10, 2048, ""), "0.0/2.0 KiB");
        assert_eq!(bytes_of(0, 12, ""), "0/12 B");
    }

    #[test]
    fn durations_keep_two_parts() {
        let millis = [0, 840, 999, 1_000, 1_399, 9_999, 10_900, 59_999, 60_000, 278_000, 3_599_999, 3_600_000];
        assert_eq!(
            millis.map(|ms| duration(Duration::from_millis(ms))),
            ["0s", "840ms", "999ms", "1s", "1.3s", "9.9s", "10s", "59s", "1m00s", "4m38s", "59m59s", "1h00m"]
        );
        assert_eq!(duration(Duration::from_mins(62)), "1h02m");
        assert_eq!(duration(Duration::from_secs(86_399)), "23h59m");
        assert_eq!(duration(Duration::from_hours(76)), "3d04h");
    }

    #[test]
    fn a_share_is_cut_and_clamped() {
        assert_eq!(percent(0, 0), 100);
        assert_eq!(percent(0, 7), 0);
        assert_eq!(percent(999, 1_000), 99);
        assert_eq!(percent(7, 7), 100);
        assert_eq!(percent(8, 7), 100);
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
    }

    #[test]
    fn wide_names_lose_their_middle() {
        assert_eq!(elide("public.orders", 13), "public.orders");
        assert_eq!(elide("public.order_line_items", 20), "public.ord…ine_items");
        assert_eq!((elide("abc", 1), elide("abc", 0)), ("…".into(), String::new()));
        let wide = elide("公開.注文明細", 8);
        assert!(measure_text_width(&wide) <= 8, "{wide}");
    }

    #[test]
    fn wide_sentences_lose_their_end() {
        assert_eq!((cut("SELECT 1", 8), cut("SELECT 12", 8)), ("SELECT 1".into(), "SELECT …".into()));
        assert_eq!((cut("ab", 1), cut("ab", 0)), ("…".into(), String::new()));
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(one_line("SELECT 1\n\t FROM\x1b[2J t\r\n"), "SELECT 1 FROM [2J t");
    }

    #[test]
    fn colours_come_only_when_asked_for() {
        assert_eq!(ColorMode::Never.palette(Stream::Err).good("ok"), "ok");
        assert_eq!(ColorMode::Always.palette(Stream::Out).good("ok"), "\x1b[32mok\x1b[0m");
    }
}

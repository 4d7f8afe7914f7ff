//! Values of settings: each is read from a text, printed as one, and refuses what makes no sense.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::NaiveTime;

/// A time span: `200ms`, `10s`, `1h 30m`. More than nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = humantime::parse_duration(text).map_err(|_| "write a time such as 200ms, 10s or 5m".to_owned())?;
        if span.is_zero() { Err("it must be more than nothing".into()) } else { Ok(Self(span)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// An amount of bytes: `500MB`, `32GiB`; a number alone counts bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

const UNITS: [(&str, u64); 9] = [
    ("KIB", 1 << 10),
    ("MIB", 1 << 20),
    ("GIB", 1 << 30),
    ("TIB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.trim().to_ascii_uppercase();
        let unit = UNITS.iter().find_map(|(name, factor)| Some((upper.strip_suffix(name)?, *factor)));
        let (number, factor) = unit.unwrap_or((&upper, 1));
        let number: u64 = number.trim().parse().map_err(|_| "write an amount such as 500MB or 32GiB".to_owned())?;
        number.checked_mul(factor).map(Self).ok_or_else(|| "it is too much".into())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match binary.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A limit, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit<T> {
    /// There is none.
    Off,
    /// Beyond this the run waits.
    At(T),
}

impl<T> Limit<T> {
    /// The limit, if there is one.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::At(limit) => Some(limit),
        }
    }
}

impl<T> FromStr for Limit<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|error: T::Err| format!("{error}, or off"))
    }
}

impl<T: fmt::Display> fmt::Display for Limit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(limit) => limit.fmt(f),
        }
    }
}

/// The share of time that the workers sleep: 0 = none, 0.5 = half of it. Below 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Nice(f64);

impl Nice {
    /// How long to sleep after work that took `took`.
    #[must_use]
    pub fn rest(self, took: Duration) -> Duration {
        took.mul_f64(self.0 / (1.0 - self.0))
    }
}

impl FromStr for Nice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(share) if (0.0..=0.99).contains(&share) => Ok(Self(share)),
            _ => Err("write a share of the time between 0 and 0.99, such as 0.5".into()),
        }
    }
}

impl fmt::Display for Nice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Hours of the day in which the run works, in the local time of the machine that runs it: `22:00-06:00`, several with commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows(Vec<(NaiveTime, NaiveTime)>);

impl Windows {
    /// Whether the run works at this time of the day.
    #[must_use]
    pub fn is_open(&self, at: NaiveTime) -> bool {
        // A window may lie around midnight.
        self.0.iter().any(|(from, until)| if from < until { *from <= at && at < *until } else { *from <= at || at < *until })
    }
}

impl FromStr for Windows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || "write hours such as 22:00-06:00".to_owned();
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| hint());
        let window = |part: &str| {
            let (from, until) = part.split_once('-').ok_or_else(hint)?;
            let (from, until) = (time(from)?, time(until)?);
            if from == until { Err("a window must not end when it begins".to_owned()) } else { Ok((from, until)) }
        };
        text.split(',').map(window).collect::<Result<Vec<_>, _>>().map(Self)
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nr, (from, until)) in self.0.iter().enumerate() {
            let comma = if nr == 0 { "" } else { "," };
            write!(f, "{comma}{}-{}", from.format("%H:%M"), until.format("%H:%M"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveTime {
        NaiveTime::parse_from_str(text, "%H:%M").unwrap()
    }

    #[test]
    fn a_window_may_lie_around_midnight() {
        let night: Windows = "22:00-06:00".parse().unwrap();
        assert!(night.is_open(at("22:00")) && night.is_open(at("00:00")) && night.is_open(at("05:59")));
        assert!(!night.is_open(at("06:00")) && !night.is_open(at("21:59")));
        let two: Windows = "01:00-02:00, 12:00-13:00".parse().unwrap();
        assert!(two.is_open(at("12:30")) && !two.is_open(at("02:30")));
        assert_eq!(two.to_string(), "01:00-02:00,12:00-13:00");
        assert!("22:00".parse::<Windows>().is_err() && "1-2".parse::<Windows>().is_err() && "06:00-06:00".parse::<Windows>().is_err());
    }

    #[test]
    fn every_value_is_read_back_as_it_is_printed() {
        for text in ["32GiB", "1B", "1536MiB", "999B"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
        assert_eq!("2kb".parse::<Bytes>().unwrap(), Bytes(2000));
        assert_eq!("10s".parse::<Limit<Span>>().unwrap().to_string(), "10s");
        assert_eq!("off".parse::<Limit<Span>>().unwrap().to_string(), "off");
        assert_eq!("0.5".parse::<Nice>().unwrap().to_string(), "0.5");
    }

    #[test]
    fn half_nice_sleeps_as_long_as_it_works() {
        assert_eq!("0.5".parse::<Nice>().unwrap().rest(Duration::from_millis(200)), Duration::from_millis(200));
        assert_eq!("0.75".parse::<Nice>().unwrap().rest(Duration::from_millis(100)), Duration::from_millis(300));
        assert_eq!(Nice::default().rest(Duration::from_secs(1)), Duration::ZERO);
        assert!("1".parse::<Nice>().is_err() && "-0.1".parse::<Nice>().is_err() && "nan".parse::<Nice>().is_err());
    }

    #[test]
    fn nothing_is_no_time_and_too_much_is_no_amount() {
        assert!("0s".parse::<Span>().is_err());
        assert!("99999999999TiB".parse::<Bytes>().is_err());
        assert!("much".parse::<Limit<Bytes>>().unwrap_err().contains("or off"));
    }
}

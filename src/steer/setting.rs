//! The settings of a run that can be changed while it works.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use super::value::{Bytes, Limit, Nice, Span, Windows};

/// Workers at most: each is a connection.
pub const MOST_JOBS: usize = 64;

/// How a run works, and what makes it wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Workers of a fill.
    pub jobs: NonZeroUsize,
    /// How long one batch should take.
    pub batch_time: Duration,
    /// The share of time that workers sleep.
    pub nice: Nice,
    /// Hours in which the run works.
    pub only_between: Limit<Windows>,
    /// How far standbys may be behind.
    pub max_lag: Limit<Span>,
    /// WAL that a replication slot may retain.
    pub max_slot: Limit<Bytes>,
    /// WAL segments that may wait for the archiver.
    pub max_archive: Limit<NonZeroU64>,
    /// Sessions of others that may be at work.
    pub max_sessions: Limit<NonZeroU64>,
    /// How long a commit to disk may take.
    pub max_commit: Limit<Span>,
    /// SQL that makes the run wait while it returns true.
    pub hold_while: Limit<String>,
    /// Those that somebody asked for: what they limit must be measured, or the run waits.
    asked: BTreeMap<&'static str, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            jobs: NonZeroUsize::MIN,
            batch_time: Duration::from_millis(200),
            nice: Nice::default(),
            only_between: Limit::Off,
            max_lag: Limit::At(Span(Duration::from_secs(10))),
            max_slot: Limit::At(Bytes(32 << 30)),
            max_archive: Limit::At(NonZeroU64::MIN.saturating_add(41)),
            max_sessions: Limit::Off,
            max_commit: Limit::At(Span(Duration::from_secs(2))),
            hold_while: Limit::Off,
            asked: BTreeMap::new(),
        }
    }
}

/// What a setting is, for help and documentation.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it does, with its unit.
    pub what: &'static str,
}

/// Every setting, by name.
pub const SETTINGS: [Setting; 10] = [
    Setting { name: "batch-time", what: "time that one batch should take" },
    Setting { name: "hold-while", what: "SQL condition; while it is true, or fails, the run waits" },
    Setting { name: "jobs", what: "workers" },
    Setting { name: "max-archive", what: "WAL segments that wait for the archiver" },
    Setting { name: "max-commit", what: "time of a commit to disk" },
    Setting { name: "max-lag", what: "time that a standby is behind" },
    Setting { name: "max-sessions", what: "sessions of others at work" },
    Setting { name: "max-slot", what: "WAL that a replication slot retains" },
    Setting { name: "nice", what: "share of the time that workers sleep" },
    Setting { name: "only-between", what: "hours of the day, local time of the machine that runs tenantize" },
];

/// Why a setting is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no such setting.
    #[error("there is no setting {name}; the nearest is {nearest}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        nearest: &'static str,
    },
    /// The value makes no sense.
    #[error("{name}={value}: {why}")]
    Value {
        /// The setting.
        name: &'static str,
        /// The value.
        value: String,
        /// What to write instead.
        why: String,
    },
    /// It is no pair.
    #[error("{0} is no setting: write name=value")]
    NoPair(String),
}

fn read<T>(into: &mut T, value: &str) -> Result<String, String>
where
    T: FromStr + fmt::Display,
    T::Err: fmt::Display,
{
    *into = value.parse().map_err(|error: T::Err| error.to_string())?;
    Ok(into.to_string())
}

impl Settings {
    /// Changes one setting; returns its name and its value as it is stored.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(&'static str, String), SettingError> {
        let known = SETTINGS
            .iter()
            .find(|setting| setting.name == name)
            .ok_or_else(|| SettingError::Unknown { name: name.to_owned(), nearest: nearest(name) })?;
        let stored = match known.name {
            "batch-time" => {
                let mut span = Span(self.batch_time);
                let stored = read(&mut span, value);
                self.batch_time = span.0;
                stored
            }
            "hold-while" => read(&mut self.hold_while, value),
            "jobs" => self.read_jobs(value),
            "max-archive" => read(&mut self.max_archive, value),
            "max-commit" => read(&mut self.max_commit, value),
            "max-lag" => read(&mut self.max_lag, value),
            "max-sessions" => read(&mut self.max_sessions, value),
            "max-slot" => read(&mut self.max_slot, value),
            "nice" => read(&mut self.nice, value),
            _ => read(&mut self.only_between, value),
        };
        let stored = stored.map_err(|why| SettingError::Value { name: known.name, value: value.to_owned(), why })?;
        self.asked.insert(known.name, stored.clone());
        Ok((known.name, stored))
    }

    fn read_jobs(&mut self, value: &str) -> Result<String, String> {
        let jobs = value.parse::<NonZeroUsize>().ok().filter(|jobs| jobs.get() <= MOST_JOBS);
        self.jobs = jobs.ok_or_else(|| format!("write a number from 1 to {MOST_JOBS}"))?;
        Ok(self.jobs.to_string())
    }

    /// Changes settings as the journal has them. What a newer program wrote is left out.
    #[must_use]
    pub fn with(&self, stored: &BTreeMap<String, String>) -> Self {
        let mut settings = self.clone();
        for (name, value) in stored {
            if let Err(error) = settings.set(name, value) {
                tracing::warn!(%error, "a stored setting is not understood");
            }
        }
        settings
    }

    /// Whether somebody asked for this setting.
    #[must_use]
    pub(super) fn is_asked(&self, name: &str) -> bool {
        self.asked.contains_key(name)
    }

    /// Every setting with its value, by name.
    #[must_use]
    pub fn list(&self) -> Vec<(&'static str, String)> {
        let value = |name: &str| match name {
            "batch-time" => Span(self.batch_time).to_string(),
            "hold-while" => self.hold_while.to_string(),
            "jobs" => self.jobs.to_string(),
            "max-archive" => self.max_archive.to_string(),
            "max-commit" => self.max_commit.to_string(),
            "max-lag" => self.max_lag.to_string(),
            "max-sessions" => self.max_sessions.to_string(),
            "max-slot" => self.max_slot.to_string(),
            "nice" => self.nice.to_string(),
            _ => self.only_between.to_string(),
        };
        SETTINGS.iter().map(|setting| (setting.name, value(setting.name))).collect()
    }
}

/// Splits `name=value`.
pub fn pair(text: &str) -> Result<(&str, &str), SettingError> {
    text.split_once('=').ok_or_else(|| SettingError::NoPair(text.to_owned()))
}

fn nearest(name: &str) -> &'static str {
    let best = SETTINGS.iter().max_by(|a, b| strsim::jaro_winkler(name, a.name).total_cmp(&strsim::jaro_winkler(name, b.name)));
    best.map_or("jobs", |setting| setting.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_listed() {
        let mut settings = Settings::default();
        assert_eq!(settings.set("jobs", "4"), Ok(("jobs", "4".into())));
        assert_eq!(settings.set("max-lag", "off"), Ok(("max-lag", "off".into())));
        assert_eq!(settings.set("batch-time", "1s"), Ok(("batch-time", "1s".into())));
        assert_eq!(settings.set("only-between", "22:00-06:00"), Ok(("only-between", "22:00-06:00".into())));
        let list: BTreeMap<_, _> = settings.list().into_iter().collect();
        assert_eq!((list["jobs"].as_str(), list["max-lag"].as_str(), list["max-archive"].as_str()), ("4", "off", "42"));
        assert!(settings.is_asked("max-lag") && !settings.is_asked("max-slot"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_way_out() {
        let mut settings = Settings::default();
        let unknown = settings.set("max-leg", "1s").unwrap_err();
        assert_eq!(unknown.to_string(), "there is no setting max-leg; the nearest is max-lag");
        for (name, value) in
            [("jobs", "0"), ("jobs", "65"), ("nice", "1"), ("batch-time", "0s"), ("max-sessions", "0"), ("only-between", "x")]
        {
            assert!(matches!(settings.set(name, value), Err(SettingError::Value { .. })), "{name}={value}");
        }
        assert_eq!(settings.list(), Settings::default().list(), "a refused value changes nothing");
    }

    #[test]
    fn every_setting_is_listed_in_order_and_stored_settings_win() {
        let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert!(names.is_sorted());
        let stored = BTreeMap::from([("jobs".to_owned(), "3".to_owned()), ("from-the-future".to_owned(), "x".to_owned())]);
        assert_eq!(Settings::default().with(&stored).jobs.get(), 3);
    }
}

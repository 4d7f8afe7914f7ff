//! What an outcome says about an attack. Judged by SQLSTATE, which no language translates.

use serde::Deserialize;

use super::{Expect, Measure};
use crate::check::Verdict;

const NO_RIGHT: &str = "42501";
const NO_KEY: &str = "22P02";
const DIVISION: &str = "22012";
const NULL: &str = "23502";
const LOCK: &str = "55P03";
/// What PostgreSQL checks after policies: not null, foreign key, unique.
const AFTER_POLICIES: [&str; 4] = [NULL, "23001", "23503", "23505"];

/// What a statement did before it was undone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Outcome {
    /// The value it returned.
    #[serde(default)]
    pub answer: Option<String>,
    /// The rows it wrote.
    #[serde(default)]
    pub written: Option<i64>,
    /// The SQLSTATE of its failure.
    #[serde(default)]
    pub state: Option<String>,
    /// The message of its failure.
    #[serde(default)]
    pub message: String,
}

impl Outcome {
    /// What went wrong before the statement could run.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self { state: Some(String::new()), message: message.into(), ..Self::default() }
    }

    fn number(&self, measure: Measure) -> i64 {
        match measure {
            Measure::Rows => self.written.unwrap_or_default(),
            Measure::Answer => self.answer.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default(),
        }
    }
}

/// Compares what happened with what must happen.
#[must_use]
pub fn judge(expect: Expect, measure: Measure, outcome: &Outcome) -> (Verdict, String) {
    match &outcome.state {
        None => of_success(expect, outcome.number(measure)),
        Some(state) => {
            let verdict = of_error(expect, state);
            let detail = match (verdict, state.as_str()) {
                (_, "") => outcome.message.clone(),
                (Verdict::Leak, LOCK) => "it was not refused, only held up by a lock".into(),
                (Verdict::Leak, DIVISION) if expect == Expect::Refused => "no policy refused it".into(),
                (Verdict::Leak, DIVISION) => format!("the condition was evaluated on a hidden row ({state})"),
                (Verdict::Leak, _) => format!("no policy refused it; only a constraint did ({state}: {})", outcome.message),
                _ => format!("{} ({state})", outcome.message),
            };
            (verdict, detail)
        }
    }
}

fn of_success(expect: Expect, number: i64) -> (Verdict, String) {
    match expect {
        Expect::Sees(own) if number == own => (Verdict::Pass, format!("{number} rows")),
        Expect::Sees(own) if number > own => (Verdict::Leak, format!("it sees {number} rows, {own} are its own")),
        Expect::Sees(own) if number > 0 => {
            (Verdict::Inconclusive, format!("it sees {number} of its {own} rows: further policies hide the rest"))
        }
        Expect::Sees(own) => {
            (Verdict::Unproven, format!("it sees {number} of its {own} rows, so an attack that finds nothing proves nothing"))
        }
        Expect::WritesOne if number == 1 => (Verdict::Pass, "1 row".into()),
        Expect::WritesOne => (Verdict::Fail, format!("{number} rows were written instead of one")),
        Expect::PassesPolicies | Expect::NoGlimpse => (Verdict::Pass, format!("{number} rows")),
        Expect::Nothing if number == 0 => (Verdict::Pass, "0 rows".into()),
        Expect::Nothing => (Verdict::Leak, format!("it reached {number} rows")),
        Expect::Refused | Expect::RefusedOrNull if number == 0 => (Verdict::Inconclusive, "there was no row to write".into()),
        Expect::Refused | Expect::RefusedOrNull | Expect::NoRight => (Verdict::Leak, "it was not refused".into()),
    }
}

fn of_error(expect: Expect, state: &str) -> Verdict {
    match expect {
        Expect::Sees(_) => Verdict::Unproven,
        Expect::WritesOne => match state {
            NO_RIGHT => Verdict::Fail,
            _ => Verdict::Inconclusive,
        },
        Expect::PassesPolicies => match state {
            NO_RIGHT => Verdict::Fail,
            _ if AFTER_POLICIES.contains(&state) => Verdict::Pass,
            _ => Verdict::Inconclusive,
        },
        Expect::NoRight => match state {
            NO_RIGHT => Verdict::Pass,
            LOCK => Verdict::Leak,
            _ => Verdict::Inconclusive,
        },
        Expect::RefusedOrNull if state == NULL => Verdict::Pass,
        Expect::Nothing | Expect::NoGlimpse | Expect::Refused | Expect::RefusedOrNull => match state {
            NO_RIGHT | NO_KEY => Verdict::Pass,
            DIVISION => Verdict::Leak,
            // A constraint that complains has seen a row that should not have got so far.
            _ if AFTER_POLICIES.contains(&state) => Verdict::Leak,
            _ => Verdict::Inconclusive,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(expect: Expect, state: &str) -> Verdict {
        judge(expect, Measure::Rows, &Outcome { state: Some(state.into()), ..Outcome::default() }).0
    }

    fn rows(expect: Expect, rows: i64) -> Verdict {
        judge(expect, Measure::Rows, &Outcome { written: Some(rows), ..Outcome::default() }).0
    }

    #[test]
    fn a_refusal_by_policy_is_a_pass_and_one_by_a_later_constraint_a_leak() {
        assert_eq!(error(Expect::Refused, "42501"), Verdict::Pass);
        assert_eq!(error(Expect::Refused, "23505"), Verdict::Leak);
        assert_eq!(error(Expect::Refused, "23502"), Verdict::Leak);
        assert_eq!(error(Expect::RefusedOrNull, "23502"), Verdict::Pass);
        assert_eq!(rows(Expect::Refused, 1), Verdict::Leak);
    }

    #[test]
    fn a_change_of_the_table_that_only_a_lock_holds_up_is_a_leak() {
        assert_eq!(error(Expect::NoRight, "42501"), Verdict::Pass);
        assert_eq!(error(Expect::NoRight, "55P03"), Verdict::Leak);
        assert_eq!(rows(Expect::NoRight, 0), Verdict::Leak);
        assert_eq!(error(Expect::Refused, "55P03"), Verdict::Inconclusive);
    }

    #[test]
    fn an_error_nobody_expected_decides_nothing() {
        assert_eq!(error(Expect::Nothing, "40001"), Verdict::Inconclusive);
        assert_eq!(error(Expect::Refused, "23514"), Verdict::Inconclusive);
        assert_eq!(error(Expect::Refused, ""), Verdict::Inconclusive);
    }

    #[test]
    fn seeing_too_little_is_unproven_and_seeing_too_much_a_leak() {
        let sees =
            |own, seen: i64| judge(Expect::Sees(own), Measure::Answer, &Outcome { answer: Some(seen.to_string()), ..Outcome::default() }).0;
        assert_eq!(sees(3, 3), Verdict::Pass);
        assert_eq!(sees(3, 1), Verdict::Inconclusive);
        assert_eq!(sees(3, 0), Verdict::Unproven);
        assert_eq!(sees(3, 5), Verdict::Leak);
    }

    #[test]
    fn a_division_on_a_hidden_row_is_a_leak() {
        assert_eq!(error(Expect::NoGlimpse, "22012"), Verdict::Leak);
        assert_eq!(rows(Expect::NoGlimpse, 0), Verdict::Pass);
    }
}

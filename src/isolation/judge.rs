//! What an outcome says about an attack. Judged by SQLSTATE, which no language translates.

use serde::Deserialize;

use super::{Attack, Expect, Measure};
use crate::check::Verdict;

const NO_RIGHT: &str = "42501";
const NO_KEY: &str = "22P02";
/// What functions that read a token raise when it is none.
const BAD_VALUE: &str = "22023";
const BAD_LOGIN: &str = "28000";
const DIVISION: &str = "22012";
const NULL: &str = "23502";
const LOCK: &str = "55P03";
const NO_PARENT: &str = "23503";
const TAKEN: &str = "23505";
/// What PostgreSQL checks after policies: not null, foreign key, unique.
const AFTER_POLICIES: [&str; 4] = [NULL, "23001", NO_PARENT, TAKEN];
/// Failures that say nothing of the statement: serialization, deadlock, lock timeout, cancellation.
const ACCIDENTS: [&str; 5] = ["", "40001", "40P01", LOCK, "57014"];

/// How far an attack got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its statement was sent.
    #[default]
    Attack,
    /// A statement before it failed.
    Before,
    /// There was no time for it.
    Late,
}

/// What a statement did before it was undone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Outcome {
    /// How far it got.
    #[serde(default)]
    pub stage: Stage,
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

    /// There was no time.
    #[must_use]
    pub fn late() -> Self {
        Self { stage: Stage::Late, ..Self::default() }
    }

    /// Whether it did what was asked.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.stage == Stage::Attack && self.state.is_none()
    }

    fn holds(&self) -> bool {
        self.answer.as_deref() == Some("t") || self.answer.as_deref() == Some("true")
    }

    fn number(&self, measure: Measure) -> i64 {
        match measure {
            Measure::Rows => self.written.unwrap_or_default(),
            Measure::Answer => self.answer.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default(),
        }
    }
}

/// Compares what happened with what must happen; `before` is the outcome of the attack before this one.
#[must_use]
pub fn judge(attack: &Attack, outcome: &Outcome, before: Option<&Outcome>) -> (Verdict, String) {
    let (verdict, detail) = match (outcome.stage, attack.expect, before) {
        (Stage::Attack, Expect::LikeBefore, Some(before)) => alike(before, outcome),
        (Stage::Attack, Expect::NoLook | Expect::NoHold | Expect::NoGift | Expect::NoHook, _) if outcome.holds() => shared(attack.expect),
        (Stage::Attack, expect, _) => judge_alone(expect, attack.measure, outcome),
        (Stage::Before, ..) => {
            let state = outcome.state.as_deref().unwrap_or_default();
            (Verdict::Unproven, format!("it could not be prepared: {} ({state})", outcome.message))
        }
        (Stage::Late, ..) => (Verdict::Unproven, "out of time".into()),
    };
    match (&attack.known, verdict) {
        (Some(reason), Verdict::Leak | Verdict::Inconclusive) => (Verdict::Inconclusive, format!("known: {reason}; {detail}")),
        _ => (verdict, detail),
    }
}

/// Two attempts must not be told apart.
fn alike(before: &Outcome, outcome: &Outcome) -> (Verdict, String) {
    let name = |outcome: &Outcome| outcome.state.clone().map_or("success".to_owned(), |state| state);
    let (first, second) = (name(before), name(outcome));
    let accident = |outcome: &Outcome| outcome.state.as_deref().is_some_and(|state| ACCIDENTS.contains(&state));
    if accident(before) || accident(outcome) {
        return (Verdict::Inconclusive, format!("{first} and {second}"));
    }
    if first == second {
        return (Verdict::Pass, format!("{first}, like the row of another"));
    }
    (Verdict::Leak, format!("a row of another ends with {first}, one that does not exist with {second}"))
}

/// A right that is there and should not be.
fn shared(expect: Expect) -> (Verdict, String) {
    match expect {
        Expect::NoHold => (Verdict::Fail, "one tenant can move it for all others".into()),
        Expect::NoGift => (Verdict::Leak, "it has a right WITH GRANT OPTION".into()),
        Expect::NoHook => (Verdict::Leak, "it has the right TRIGGER: a function of its own would run as whoever writes".into()),
        _ => (Verdict::Inconclusive, "it tells how much all tenants write; no row is told".into()),
    }
}

fn judge_alone(expect: Expect, measure: Measure, outcome: &Outcome) -> (Verdict, String) {
    match &outcome.state {
        None => of_success(expect, outcome.number(measure)),
        Some(state) => {
            let verdict = of_error(expect, state);
            let detail = match (verdict, state.as_str()) {
                (_, "") => outcome.message.clone(),
                (Verdict::Leak, LOCK) => "it was not refused, only held up by a lock".into(),
                (Verdict::Leak, TAKEN) if expect == Expect::NotTaken => {
                    "the refusal tells that another tenant has the value (23505)".into()
                }
                (Verdict::Leak, DIVISION) if expect == Expect::Refused => "no policy refused it".into(),
                (Verdict::Leak, DIVISION) => format!("the condition was evaluated on a hidden row ({state})"),
                (Verdict::Leak | Verdict::Fail, _) if AFTER_POLICIES.contains(&state.as_str()) => {
                    format!("no policy refused it; only a constraint did ({state}: {})", outcome.message)
                }
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
        Expect::PassesPolicies
        | Expect::NoGlimpse
        | Expect::NotTaken
        | Expect::NoLook
        | Expect::NoHold
        | Expect::NoGift
        | Expect::NoHook => (Verdict::Pass, format!("{number} rows")),
        Expect::Nothing if number == 0 => (Verdict::Pass, "0 rows".into()),
        Expect::Nothing => (Verdict::Leak, format!("it reached {number} rows")),
        Expect::NotItsOwn if number == 0 => (Verdict::Pass, "0 rows".into()),
        Expect::NotItsOwn => (Verdict::Fail, "the application can do it".into()),
        Expect::NoSuchKey if number > 0 => (Verdict::Leak, "it references a row of another tenant".into()),
        Expect::NoSuchKey | Expect::LikeBefore => (Verdict::Inconclusive, "there was no row to write".into()),
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
        Expect::NotItsOwn => match state {
            NO_RIGHT => Verdict::Pass,
            _ if AFTER_POLICIES.contains(&state) => Verdict::Fail,
            _ => Verdict::Inconclusive,
        },
        Expect::NoSuchKey => match state {
            NO_RIGHT | NO_PARENT => Verdict::Pass,
            _ => Verdict::Inconclusive,
        },
        Expect::NotTaken => match state {
            TAKEN => Verdict::Leak,
            _ if ACCIDENTS.contains(&state) => Verdict::Inconclusive,
            // Something else was in the way, and did not tell.
            _ => Verdict::Pass,
        },
        Expect::LikeBefore => Verdict::Inconclusive,
        Expect::NoLook | Expect::NoHold | Expect::NoGift | Expect::NoHook => match state {
            NO_RIGHT => Verdict::Pass,
            _ => Verdict::Inconclusive,
        },
        Expect::Nothing | Expect::NoGlimpse | Expect::Refused | Expect::RefusedOrNull => match state {
            NO_RIGHT | NO_KEY | BAD_VALUE | BAD_LOGIN => Verdict::Pass,
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
        judge_alone(expect, Measure::Rows, &Outcome { state: Some(state.into()), ..Outcome::default() }).0
    }

    fn rows(expect: Expect, rows: i64) -> Verdict {
        judge_alone(expect, Measure::Rows, &Outcome { written: Some(rows), ..Outcome::default() }).0
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
        let sees = |own, seen: i64| {
            judge_alone(Expect::Sees(own), Measure::Answer, &Outcome { answer: Some(seen.to_string()), ..Outcome::default() }).0
        };
        assert_eq!(sees(3, 3), Verdict::Pass);
        assert_eq!(sees(3, 1), Verdict::Inconclusive);
        assert_eq!(sees(3, 0), Verdict::Unproven);
        assert_eq!(sees(3, 5), Verdict::Leak);
    }

    #[test]
    fn what_differs_tells_something_unless_it_was_an_accident() {
        let ends = |state: Option<&str>| Outcome { state: state.map(Into::into), ..Outcome::default() };
        assert_eq!(alike(&ends(Some("23503")), &ends(Some("23503"))).0, Verdict::Pass);
        assert_eq!(alike(&ends(None), &ends(Some("23503"))).0, Verdict::Leak);
        assert_eq!(alike(&ends(Some("42501")), &ends(Some("23503"))).0, Verdict::Leak);
        assert_eq!(alike(&ends(Some("40001")), &ends(Some("23503"))).0, Verdict::Inconclusive);
        assert_eq!(error(Expect::NotTaken, "23505"), Verdict::Leak);
        assert_eq!(error(Expect::NotTaken, "23503"), Verdict::Pass);
        assert_eq!(error(Expect::NoSuchKey, "23505"), Verdict::Inconclusive);
    }

    #[test]
    fn what_was_not_tried_is_unproven() {
        assert_eq!(serde_json::from_str::<Outcome>(r#"{"stage": "late"}"#).unwrap(), Outcome::late());
        assert!(!Outcome::late().succeeded());
    }

    #[test]
    fn a_division_on_a_hidden_row_is_a_leak() {
        assert_eq!(error(Expect::NoGlimpse, "22012"), Verdict::Leak);
        assert_eq!(rows(Expect::NoGlimpse, 0), Verdict::Pass);
    }
}

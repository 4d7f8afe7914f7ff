//! A self-test as text, JSON or CSV.

use std::time::Duration;

use serde_json::json;

use super::{CopyKind, Outcome, SelfTest, Trial};
use crate::check::{Severity, VerifyFormat};
use crate::progress::style::{duration, pad, plural};

impl SelfTest {
    /// Writes the self-test in a format; it ends with a line break.
    #[must_use]
    pub fn render(&self, format: VerifyFormat) -> String {
        match format {
            VerifyFormat::Json => self.json(),
            VerifyFormat::Csv => self.csv(),
            VerifyFormat::Text => self.text(),
        }
    }

    fn text(&self) -> String {
        let copy = match self.copy {
            CopyKind::Whole => "a whole copy",
            CopyKind::Sample => "a copy of the schema with the first rows of three tenants",
        };
        let (checks, attacks) = self.baseline;
        let mut lines = vec![
            format!("self-test of the verification of {}", self.database),
            format!("  unbroken, {copy} passes {} and {}", plural(checks as u64, "check"), plural(attacks as u64, "attack")),
            String::new(),
        ];
        let tried: Vec<&Trial> = self.trials.iter().filter(|trial| trial.outcome != Outcome::NotApplicable).collect();
        let mut rows = vec![["mutant".to_owned(), "checks".to_owned(), "attacks".to_owned(), "caught by".to_owned()]];
        rows.extend(tried.iter().map(|trial| [trial.mutant.clone(), trial.codes(), trial.classes(), trial.outcome.words().to_owned()]));
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
        let widths = [width(0), width(1), width(2)];
        for [mutant, checks, attacks, verdict] in &rows {
            let cells = [pad(mutant, widths[0]), pad(checks, widths[1]), pad(attacks, widths[2])];
            lines.push(format!("  {}  {verdict}", cells.join("  ")));
        }
        lines.push(String::new());
        let left = self.trials.iter().filter(|trial| trial.outcome == Outcome::NotApplicable);
        for trial in left {
            lines.push(format!("  not applicable: {} ({})", trial.mutant, trial.because.as_deref().unwrap_or_default()));
        }
        for trial in self.missed() {
            lines.push(format!("  MISSED: {}: {}", trial.mutant, trial.simulates));
        }
        lines.push("  a code in parentheses is that of a warning, which alone does not fail a verification".to_owned());
        lines.push(self.summary());
        lines.join("\n") + "\n"
    }

    /// The last line of the text.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |outcome| self.count(outcome);
        format!(
            "{}: {} caught by both, {} by checks only, {} by attacks only, {} MISSED, {} not applicable; in {}",
            plural(self.trials.len() as u64, "mutant"),
            count(Outcome::Both),
            count(Outcome::Checks),
            count(Outcome::Attacks),
            count(Outcome::Missed),
            count(Outcome::NotApplicable),
            duration(Duration::from_millis(self.took_ms))
        )
    }

    fn json(&self) -> String {
        let totals = json!({
            "both": self.count(Outcome::Both),
            "checks": self.count(Outcome::Checks),
            "attacks": self.count(Outcome::Attacks),
            "missed": self.count(Outcome::Missed),
            "not_applicable": self.count(Outcome::NotApplicable),
        });
        let value = json!({ "v": 1, "passed": self.missed().next().is_none(), "totals": totals, "self_test": self });
        format!("{value:#}\n")
    }

    fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = writer.write_record(["mutant", "simulates", "checks", "attacks", "caught by", "because", "milliseconds"]);
        let rows = self.trials.iter().try_for_each(|trial| {
            let because = trial.because.as_deref().unwrap_or_default();
            let took = trial.took_ms.to_string();
            writer.write_record([&trial.mutant, &trial.simulates, &trial.codes(), &trial.classes(), trial.outcome.words(), because, &took])
        });
        // Writing to memory cannot fail.
        let bytes = head.and(rows).ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }
}

impl Trial {
    /// `T101 (T605)`: a code in parentheses does not fail a verification.
    #[must_use]
    pub fn codes(&self) -> String {
        let code = |(id, severity): (&String, &Severity)| if *severity == Severity::Error { id.clone() } else { format!("({id})") };
        let codes: Vec<String> = self.checks.iter().map(code).collect();
        if codes.is_empty() { "-".into() } else { codes.join(" ") }
    }

    /// `select 12, update 4`.
    #[must_use]
    pub fn classes(&self) -> String {
        let classes: Vec<String> = self.attacks.iter().map(|(class, failed)| format!("{class} {failed}")).collect();
        if classes.is_empty() { "-".into() } else { classes.join(", ") }
    }
}

impl Outcome {
    /// The outcome as it is written.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Checks => "checks only",
            Self::Attacks => "attacks only",
            Self::Missed => "MISSED",
            Self::NotApplicable => "not applicable",
        }
    }
}

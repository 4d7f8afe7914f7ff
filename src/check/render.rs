//! A verification as text, JSON or CSV.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{CheckResult, Fact, Source, Totals, Verdict, Verification, kind};
use crate::isolation::{AttackResult, Class, Reach};
use crate::progress::style::{duration, pad, plural};

/// How a verification is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyFormat {
    /// For people: a table per layer, what fails first.
    #[default]
    Text,
    /// For programs: everything.
    Json,
    /// For spreadsheets: a line per result.
    Csv,
}

/// Attacks by verdict.
type Counts = BTreeMap<Verdict, usize>;

/// So many results of a kind are listed one by one.
const LISTED: usize = 25;

impl Verification {
    /// Writes the verification in a format; it ends with a line break.
    #[must_use]
    pub fn render(&self, format: VerifyFormat) -> String {
        match format {
            VerifyFormat::Text => self.text(),
            VerifyFormat::Json => self.json(),
            VerifyFormat::Csv => self.csv(),
        }
    }

    /// The last lines of the text: figures per layer and the conclusion.
    #[must_use]
    pub fn summary(&self) -> String {
        use Verdict::{Inconclusive, Leak, Pass, Unproven};
        let mut out = String::new();
        line(&mut out, &format!("checks: {}", self.figures_of_checks()));
        line(&mut out, &format!("attacks: {}", figures(&self.attacks_totals(), &[Pass, Leak, Inconclusive, Unproven], self.attacks_ms)));
        if self.comparison.is_empty() {
            line(&mut out, "comparison: there is no backup to compare with");
        } else {
            let took = self.comparison.iter().map(|comparison| comparison.took_ms).sum();
            line(&mut out, &format!("comparison: {}", figures(&self.comparison_totals(), &[Pass, Inconclusive, Unproven], took)));
        }
        let conclusion = match (self.passed(), self.reach) {
            (true, Reach::Everything) => "isolation is proven",
            (true, Reach::ReadOnly) => "isolation is proven for what reads; writes were not tried",
            (false, _) => "isolation is not proven",
        };
        line(&mut out, conclusion);
        out
    }

    fn text(&self) -> String {
        let plan = self.plan.as_ref().map(|id| format!(", plan {}", id.get(..8).unwrap_or(id))).unwrap_or_default();
        let mut out = format!("verification of {}{plan}\n\n", self.database);
        self.text_of_facts(&mut out);
        self.text_of_checks(&mut out);
        self.text_of_attacks(&mut out);
        self.text_of_comparison(&mut out);
        out.push_str(&self.summary());
        out
    }

    /// A finding that fails nobody is not counted among those that do.
    fn figures_of_checks(&self) -> String {
        let totals = self.checks_totals();
        let warnings = self.checks.iter().filter(|check| label(check) == WARN).count();
        let (passed, failed) = (totals.count(Verdict::Pass), totals.count(Verdict::Fail) - warnings);
        let unanswered = totals.count(Verdict::Inconclusive);
        let took = duration(Duration::from_millis(self.checks_ms));
        format!("{passed} PASS, {failed} FAIL, {warnings} {WARN}, {unanswered} INCONCLUSIVE in {took}")
    }

    fn text_of_facts(&self, out: &mut String) {
        if self.looked_at.is_empty() {
            return;
        }
        line(out, "looked at");
        let width = self.looked_at.iter().map(|fact| fact.what.len()).max().unwrap_or_default();
        for Fact { what, is, because, source, option } in &self.looked_at {
            let otherwise = if *source == Source::Guessed { format!("; say otherwise with {option}") } else { String::new() };
            line(out, &format!("  {}  {is} ({because}{otherwise})", pad(what, width)));
        }
        out.push('\n');
    }

    fn text_of_checks(&self, out: &mut String) {
        line(out, "checks");
        let mut rest: Vec<&CheckResult> = self.checks.iter().filter(|check| check.verdict != Verdict::Pass).collect();
        rest.sort_by_key(|check| (check.severity, check.verdict));
        for check in rest {
            line(out, &format!("  {:<12}  {}  {} [{}]", label(check), check.id, check.claim, check.subject));
            for evidence in &check.evidence {
                line(out, &format!("      {}: {}", evidence.object, evidence.detail));
            }
            if check.found > check.evidence.len() {
                line(out, &format!("      and {} more", check.found - check.evidence.len()));
            }
            if let Some(kind) = kind(&check.id) {
                line(out, &format!("      effect: {}", kind.effect));
                line(out, &format!("      remedy: {}", kind.remedy));
            }
        }
        let mut passed: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        for check in self.checks.iter().filter(|check| check.verdict == Verdict::Pass) {
            passed.entry(&check.id).or_insert((&check.claim, 0)).1 += 1;
        }
        for (id, (claim, times)) in passed {
            let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
            line(out, &format!("  {:<12}  {id}  {claim}{times}", Verdict::Pass));
        }
        out.push('\n');
    }

    fn text_of_attacks(&self, out: &mut String) {
        line(out, "attacks");
        for attacker in &self.attackers {
            let note = attacker.note.as_ref().map_or(String::new(), |note| format!("; no login could be made: {note}"));
            line(out, &format!("  as {} by {}{note}", attacker.role, attacker.means));
        }
        for note in &self.notes {
            line(out, &format!("  note: {note}"));
        }
        let mut rest: Vec<&AttackResult> = self.attacks.iter().filter(|attack| attack.verdict != Verdict::Pass).collect();
        rest.sort_by_key(|attack| (!attack.fails(), attack.verdict));
        for attack in rest.iter().take(LISTED) {
            let me = attack.me.as_ref().map_or("without a tenant".into(), |me| format!("as {me}"));
            let AttackResult { verdict, relation, name, victim, detail, .. } = attack;
            line(out, &format!("  {verdict:<12}  {relation}  {name}, {me}, victim {victim}: {detail}"));
            if attack.fails() && !attack.statement.is_empty() {
                line(out, &format!("      {}", attack.statement));
            }
        }
        if rest.len() > LISTED {
            line(out, &format!("  and {} more; all of them are in --format csv", rest.len() - LISTED));
        }
        self.matrix(out);
        out.push('\n');
    }

    /// Per class how the attacks ended, per relation how many were withstood.
    fn matrix(&self, out: &mut String) {
        let mut classes: BTreeMap<Class, Counts> = BTreeMap::new();
        let mut relations: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
        for attack in &self.attacks {
            *classes.entry(attack.class).or_default().entry(attack.verdict).or_default() += 1;
            *relations.entry((&attack.relation, &attack.role)).or_default().entry(attack.verdict).or_default() += 1;
        }
        line(out, "  by class");
        for class in Class::ALL {
            if let Some(counts) = classes.get(&class) {
                line(out, &format!("    {}  {}", pad(class.name(), "function".len()), counted(counts)));
            }
        }
        line(out, "  by relation");
        let several = self.attackers.len() > 1;
        let name = |(relation, role): (&str, &str)| if several { format!("{relation} as {role}") } else { relation.to_owned() };
        let width = relations.keys().map(|key| name(*key).chars().count()).max().unwrap_or_default();
        for (key, counts) in &relations {
            line(out, &format!("    {}  {}", pad(&name(*key), width), counted(counts)));
        }
    }

    fn text_of_comparison(&self, out: &mut String) {
        if self.comparison.is_empty() {
            return;
        }
        line(out, "comparison with the backup");
        let width = self.comparison.iter().map(|comparison| comparison.table.len()).max().unwrap_or_default();
        let mut all: Vec<_> = self.comparison.iter().collect();
        all.sort_by_key(|comparison| comparison.verdict);
        for comparison in all {
            let rows = plural(comparison.now, "row");
            let text = match comparison.verdict {
                Verdict::Pass => format!("{rows}, equal in every column but the tenant's"),
                Verdict::Unproven => comparison.detail.clone(),
                _ => format!("{rows} now, {} then: {}", comparison.before, comparison.detail),
            };
            line(out, &format!("  {:<12}  {}  {text}", comparison.verdict, pad(&comparison.table, width)));
        }
        out.push('\n');
    }

    fn json(&self) -> String {
        let value = json!({
            "v": 1,
            "passed": self.passed(),
            "totals": {
                "checks": self.checks_totals(),
                "attacks": self.attacks_totals(),
                "comparison": self.comparison_totals(),
            },
            "verification": self,
        });
        format!("{value:#}\n")
    }

    fn csv(&self) -> String {
        let mut rows =
            vec![["layer", "verdict", "id", "subject", "name", "role", "tenant", "victim", "detail", "statement"].map(str::to_owned)];
        for check in &self.checks {
            let row = |subject: &str, detail: &str| {
                let CheckResult { verdict, id, claim, .. } = check;
                ["check", &verdict.to_string(), id, subject, claim, "", "", "", detail, ""].map(str::to_owned)
            };
            if check.evidence.is_empty() {
                rows.push(row(&check.subject, ""));
            }
            rows.extend(check.evidence.iter().map(|evidence| row(&evidence.object, &evidence.detail)));
        }
        for attack in &self.attacks {
            let AttackResult { relation, role, class, name, me, victim, verdict, detail, statement, .. } = attack;
            let me = me.as_deref().unwrap_or_default();
            let verdict = verdict.to_string();
            rows.push(["attack", &verdict, class.name(), relation, name, role, me, victim, detail, statement].map(str::to_owned));
        }
        for comparison in &self.comparison {
            let verdict = comparison.verdict.to_string();
            rows.push(["comparison", &verdict, "T805", &comparison.table, "", "", "", "", &comparison.detail, ""].map(str::to_owned));
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        // Writing to memory cannot fail.
        let written = rows.iter().try_for_each(|row| writer.write_record(row));
        let bytes = written.ok().and_then(|()| writer.into_inner().ok()).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }
}

/// What people read of a finding that matters less than an error.
const WARN: &str = "WARN";

fn label(check: &CheckResult) -> String {
    if check.verdict == Verdict::Fail && !check.fails() { WARN.to_owned() } else { check.verdict.to_string() }
}

/// `12 PASS, 1 LEAK`
fn counted(counts: &Counts) -> String {
    counts.iter().rev().map(|(verdict, count)| format!("{count} {verdict}")).collect::<Vec<_>>().join(", ")
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

/// `412 PASS, 0 LEAK, 0 INCONCLUSIVE, 8 UNPROVEN in 600ms`; verdicts that are not asked for appear when there are any.
fn figures(totals: &Totals, always: &[Verdict], took_ms: u64) -> String {
    let others = totals.by_verdict.keys().filter(|verdict| !always.contains(verdict));
    let parts: Vec<String> = always.iter().chain(others).map(|verdict| format!("{} {verdict}", totals.count(*verdict))).collect();
    format!("{} in {}", parts.join(", "), duration(Duration::from_millis(took_ms)))
}

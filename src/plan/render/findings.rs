//! Findings as a compiler would write them: code, subject, facts, effect, remedy.

use crate::plan::{Code, Finding, Severity, count};
use crate::progress::style::{Palette, one_line, plural};

/// Writes findings, those of one code together with one effect and one remedy; they must be in order.
#[must_use]
pub fn render_findings(findings: &[Finding], palette: Palette) -> String {
    let mut out = String::new();
    for same in findings.chunk_by(|a, b| a.code == b.code) {
        for finding in same {
            out.push_str(&head(finding, palette));
            if !finding.detail.is_empty() {
                out.push_str(&part("detail", &one_line(&finding.detail), palette));
            }
        }
        if let Some(code) = same.first().map(|finding| finding.code) {
            out.push_str(&advice(code, palette));
        }
    }
    out
}

fn head(finding: &Finding, palette: Palette) -> String {
    let kind = finding.code.kind();
    let label = match kind.severity {
        Severity::Blocker => palette.bad(format!("error[{}]", kind.code)),
        Severity::Warning => palette.warn(format!("warning[{}]", kind.code)),
        Severity::Note => palette.strong(format!("note[{}]", kind.code)),
    };
    format!("{label}: {}: {}\n", palette.strong(one_line(&finding.subject)), kind.title)
}

fn advice(code: Code, palette: Palette) -> String {
    let kind = code.kind();
    format!("{}{}\n", part("effect", kind.effect, palette), part("remedy", kind.remedy, palette))
}

fn part(name: &str, text: &str, palette: Palette) -> String {
    format!("  {} {text}\n", palette.dim(format!("{name}:")))
}

/// Counts findings for the last line: `2 warnings, 1 note, 0 blockers`.
#[must_use]
pub fn tally(findings: &[Finding]) -> String {
    let number = |severity, noun| plural(count(findings, severity), noun);
    let mut parts = vec![number(Severity::Warning, "warning")];
    if count(findings, Severity::Note) > 0 {
        parts.push(number(Severity::Note, "note"));
    }
    parts.push(number(Severity::Blocker, "blocker"));
    parts.join(", ")
}

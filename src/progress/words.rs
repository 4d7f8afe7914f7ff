//! Sentences that the screen and the log have in common.

use std::time::Duration;

use super::event::Blocker;
use super::style::{duration, one_line};

pub(super) fn took(millis: u64) -> String {
    duration(Duration::from_millis(millis))
}

/// Names a wait for a lock: the same step held up by the same sessions is the same wait.
pub(super) fn lock_key(step: &str, blockers: &[Blocker]) -> String {
    let pids: Vec<_> = blockers.iter().map(|blocker| blocker.pid).collect();
    format!("{step} lock {pids:?}")
}

/// Names a retry: the same step failing for the same reason is the same trouble.
pub(super) fn retry_key(step: &str, reason: &str) -> String {
    format!("{step} retry {reason}")
}

pub(super) fn lock_wait(step: &str, attempt: u32, retry_in_ms: u64) -> String {
    let again = took(retry_in_ms);
    format!("{step} waits for its lock: try {attempt} timed out, again in {again}")
}

/// `blocked by pid 4711, app_rw, "reports", open for 12m00s`
pub(super) fn blocker(blocker: &Blocker) -> String {
    let age = u64::try_from(blocker.age_seconds).unwrap_or(0);
    let mut text = format!("blocked by pid {}, {}", blocker.pid, one_line(&blocker.user));
    let application = one_line(&blocker.application);
    if !application.is_empty() {
        text = format!("{text}, \"{application}\"");
    }
    format!("{text}, open for {}", duration(Duration::from_secs(age)))
}

pub(super) fn retry(step: &str, reason: &str, attempt: u32, retry_in_ms: u64) -> String {
    let (reason, again) = (one_line(reason), took(retry_in_ms));
    format!("{step}: {reason}; try {attempt} failed, again in {again}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_without_a_name_or_a_statement_is_told_by_what_is_known() {
        let unknown = Blocker { pid: 7, user: "app".into(), application: String::new(), age_seconds: -1, query: " ".into() };
        assert_eq!(blocker(&unknown), "blocked by pid 7, app, open for 0s");
    }
}

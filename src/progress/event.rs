//! Everything that can happen during a run, as plain data.
//!
//! The serialised form is the public JSON lines format of `docs/progress.md`.

use serde::Serialize;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run began, or went on after a stop.
    RunStarted {
        /// Number of the run in the journal.
        run: i64,
        /// Identity of the plan.
        plan: String,
        /// Whether the run is new.
        resumed: Resumed,
        /// Steps of the whole plan.
        steps: usize,
    },
    /// A phase began.
    PhaseStarted {
        /// Name of the phase.
        phase: String,
        /// Steps of the phase.
        steps: usize,
        /// Steps not done yet; fewer than `steps` after a resume.
        left: usize,
    },
    /// A step began.
    StepStarted {
        /// Identity of the step.
        step: String,
        /// Phase the step belongs to.
        phase: String,
        /// What the step changes, for example `public.orders`.
        subject: Option<String>,
        /// Why the step is needed.
        why: String,
        /// Lock it takes.
        lock: String,
    },
    /// A long step told its size: how much there is to settle, and how much is settled.
    WorkSized {
        /// Identity of the step.
        step: String,
        /// What is worked on, for example `public.orders`.
        subject: String,
        /// What is counted.
        unit: Unit,
        /// Settled before, by an earlier run.
        done: u64,
        /// All there is to settle.
        total: u64,
        /// Whether `total` was counted or estimated.
        precision: Precision,
    },
    /// A batch of a long step committed.
    Advanced {
        /// Identity of the step.
        step: String,
        /// Settled so far, earlier runs included.
        unit_done: u64,
        /// Settled by this batch.
        batch: u64,
        /// Time the batch took.
        took_ms: u64,
        /// Heap pages of the batch.
        size: u64,
        /// Worker that did it.
        worker: usize,
    },
    /// A step waits on purpose: throttled, paused, or for the horizon.
    Waiting {
        /// Identity of the step.
        step: String,
        /// What it waits for.
        reason: String,
    },
    /// A statement did not get its lock in time and will be tried again.
    LockWait {
        /// Identity of the step.
        step: String,
        /// Number of the failed attempt, from 1.
        attempt: u32,
        /// Pause before the next attempt.
        retry_in_ms: u64,
        /// Sessions in the way.
        blockers: Vec<Blocker>,
    },
    /// Something failed that may work on another attempt.
    Retry {
        /// Identity of the step.
        step: String,
        /// What failed.
        reason: String,
        /// Number of the failed attempt, from 1.
        attempt: u32,
        /// Pause before the next attempt.
        retry_in_ms: u64,
    },
    /// Something worth knowing.
    Note {
        /// What to know.
        text: String,
    },
    /// Something worth a look.
    Warning {
        /// What to look at.
        text: String,
    },
    /// A step is done and in the journal.
    StepFinished {
        /// Identity of the step.
        step: String,
        /// Time the step took in this run.
        took_ms: u64,
        /// Rows it wrote, when it writes rows.
        rows: Option<u64>,
    },
    /// A step had nothing to do.
    StepSkipped {
        /// Identity of the step.
        step: String,
        /// Why there was nothing to do.
        because: String,
    },
    /// A step was taken back.
    StepUndone {
        /// Identity of the step.
        step: String,
        /// Time the undo took.
        took_ms: u64,
    },
    /// All steps of a phase are done.
    PhaseFinished {
        /// Name of the phase.
        phase: String,
        /// Time the phase took in this run.
        took_ms: u64,
        /// What was done, in a few words.
        summary: String,
    },
    /// The run stopped before its end and can go on.
    RunStopped {
        /// Why it stopped.
        reason: String,
        /// Command to type next.
        next: String,
    },
    /// The run reached its end.
    RunFinished {
        /// Time the run took.
        took_ms: u64,
        /// Command to type next.
        next: String,
    },
}

impl Event {
    /// The step that the event is about.
    pub(super) fn step(&self) -> Option<&str> {
        match self {
            Self::StepStarted { step, .. }
            | Self::WorkSized { step, .. }
            | Self::Advanced { step, .. }
            | Self::Waiting { step, .. }
            | Self::LockWait { step, .. }
            | Self::Retry { step, .. }
            | Self::StepFinished { step, .. }
            | Self::StepSkipped { step, .. }
            | Self::StepUndone { step, .. } => Some(step),
            Self::RunStarted { .. }
            | Self::PhaseStarted { .. }
            | Self::Note { .. }
            | Self::Warning { .. }
            | Self::PhaseFinished { .. }
            | Self::RunStopped { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}

/// Whether a run is new or continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resumed {
    /// The first start of this run.
    Fresh,
    /// A continuation after a stop.
    Resumed,
}

/// What a long step counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Rows of a table.
    Rows,
    /// Bytes read or written.
    Bytes,
    /// Heap pages of a table.
    Pages,
}

impl Unit {
    /// Returns the unit as it is written after a number.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::Pages => "pages",
        }
    }
}

/// How well a total is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// It was counted.
    Exact,
    /// It comes from statistics, and is shown with `~`.
    Estimate,
}

/// A session that holds a lock somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// Process id of its server process.
    pub pid: i32,
    /// Role it logged in as.
    pub user: String,
    /// Its `application_name`, may be empty.
    pub application: String,
    /// Age of its transaction.
    pub age_seconds: i64,
    /// Its current or latest statement.
    pub query: String,
}

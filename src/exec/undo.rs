//! Rollback: the undo of the journaled steps, newest first.

use std::time::Instant;

use super::step::run_changes;
use super::{ExecError, Executor, StepError, milliseconds};
use crate::journal::{RunState, StepState, chunks, store};
use crate::phase::Phase;
use crate::plan::{Action, Step, StepId, Undo};
use crate::progress::Event;
use crate::sql::Change;

impl Executor<'_> {
    /// Undoes steps, newest first: all of them, or down to but not including the phase `keep`.
    ///
    /// The step `by_hand` counts as undone if it cannot be taken back otherwise.
    pub fn rollback(&self, keep: Option<Phase>, by_hand: Option<&str>) -> Result<super::Ending, StepError> {
        let run = self.run.id;
        let records = self.patiently(|conn| Ok(store::steps_to_undo(conn, run)?)).map_err(|source| self.journal_failed(source))?;
        for record in records {
            let id = StepId::from_journal(record.step_id);
            let Some(step) = self.plan.step(&id) else { continue };
            if keep.is_some_and(|keep| step.phase <= keep) {
                continue;
            }
            if self.stop.requested() {
                self.tell(&Event::RunStopped { reason: "stopped on request".into(), next: "tenantize rollback".into() });
                return Ok(super::Ending::Stopped);
            }
            let clock = Instant::now();
            let undone = match &step.undo {
                Undo::Impossible { .. } if by_hand == Some(id.as_str()) => self.note_undone(&step.id, &[]),
                _ => self.undo(step, record.state),
            };
            match undone {
                Ok(()) => self.tell(&Event::StepUndone { step: id.to_string(), took_ms: milliseconds(clock) }),
                Err(source) => return Err(StepError { step: id, source }),
            }
        }
        let state = if keep.is_some() { RunState::Stopped } else { RunState::RolledBack };
        self.end(state)?;
        Ok(super::Ending::Finished)
    }

    fn undo(&self, step: &Step, state: StepState) -> Result<(), ExecError> {
        let run = self.run;
        let atomic = matches!(step.action, Action::Apply { .. });
        match &step.undo {
            // A transaction that failed left nothing behind.
            _ if atomic && state != StepState::Done => self.note_undone(&step.id, &[]),
            _ if matches!(step.action, Action::Backup(_)) => {
                if let Action::Backup(spec) = &step.action {
                    self.discard_backup(&step.id, spec)?;
                }
                self.note_undone(&step.id, &[])
            }
            Undo::Apply { changes } => self.note_undone(&step.id, changes),
            Undo::Concurrent { change, then } => {
                if let Action::Concurrent { change } = &step.action {
                    self.end_leftovers(&step.id, change)?;
                }
                self.outside_transaction(&step.id, change, None)?;
                self.note_undone(&step.id, then)
            }
            Undo::Nothing { .. } => {
                self.patiently(|conn| Ok(chunks::forget(conn, run, &step.id)?))?;
                self.note_undone(&step.id, &[])
            }
            Undo::Impossible { because } => Err(ExecError::CannotUndo(because.clone())),
        }
    }

    fn note_undone(&self, step: &StepId, changes: &[Change]) -> Result<(), ExecError> {
        let run = self.run;
        self.in_one_transaction(step, &mut |conn| {
            if store::is_in_state(conn, run, step, StepState::Undone)? {
                return Ok(());
            }
            run_changes(conn, changes)?;
            Ok(store::undo_step(conn, run, step)?)
        })
    }
}

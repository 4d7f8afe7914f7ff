//! The states of runs and steps, and which may follow which.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::Serialize;

macro_rules! stored_as_text {
    ($type:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        impl $type {
            /// The text in the journal.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl ToSql<Text, Pg> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                <str as ToSql<Text, Pg>>::to_sql(self.name(), out)
            }
        }

        impl FromSql<Text, Pg> for $type {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                match <String as FromSql<Text, Pg>>::from_sql(value)?.as_str() {
                    $($text => Ok(Self::$variant),)*
                    other => Err(format!("the journal holds the unknown state `{other}`").into()),
                }
            }
        }
    };
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A program works on it, or was killed while it did.
    Running,
    /// It was asked to stop, or to stop after a phase.
    Stopped,
    /// A step failed.
    Failed,
    /// All steps are done.
    Finished,
    /// It is being taken back.
    RollingBack,
    /// It has been taken back.
    RolledBack,
}

stored_as_text!(RunState {
    Running = "running",
    Stopped = "stopped",
    Failed = "failed",
    Finished = "finished",
    RollingBack = "rolling_back",
    RolledBack = "rolled_back",
});

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun and not ended; after a crash a probe or the chunks tell how far.
    Running,
    /// Done.
    Done,
    /// Ended by an error; a resume tries again.
    Failed,
    /// Taken back.
    Undone,
}

stored_as_text!(StepState { Pending = "pending", Running = "running", Done = "done", Failed = "failed", Undone = "undone" });

/// What happens to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEvent {
    /// It begins, or begins again.
    Begin,
    /// It ends well.
    Finish,
    /// It ends by an error.
    Fail,
    /// It is taken back.
    Undo,
}

/// The journal and the program disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step that is {} cannot {event:?}", from.name())]
pub struct IllegalTransition {
    /// The state in the journal.
    pub from: StepState,
    /// What was to happen.
    pub event: StepEvent,
}

impl StepState {
    /// The state after `event`.
    pub fn after(self, event: StepEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Pending | Self::Running | Self::Failed, StepEvent::Begin) => Ok(Self::Running),
            (Self::Pending | Self::Running | Self::Failed, StepEvent::Finish) => Ok(Self::Done),
            (Self::Pending | Self::Running | Self::Failed, StepEvent::Fail) => Ok(Self::Failed),
            (Self::Running | Self::Failed | Self::Done, StepEvent::Undo) => Ok(Self::Undone),
            (from, event) => Err(IllegalTransition { from, event }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_not_done_again() {
        assert_eq!(StepState::Pending.after(StepEvent::Begin), Ok(StepState::Running));
        assert!(StepState::Done.after(StepEvent::Begin).is_err());
        assert!(StepState::Undone.after(StepEvent::Begin).is_err());
        assert!(StepState::Pending.after(StepEvent::Undo).is_err());
        assert_eq!(StepState::Failed.after(StepEvent::Begin), Ok(StepState::Running));
    }
}

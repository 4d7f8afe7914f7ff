//! Holding a run back, and steering it from another shell.
//!
//! The settings come from the command line and from the journal's control row, where `pause`, `unpause` and `set` write them.
//! A watch on a connection of its own reads the row twice a second, measures what the settings limit, and publishes what the
//! workers must do. When it cannot measure what the operator limits, they wait: a throttle that fails open is none.

mod gate;
mod horizon;
mod measure;
mod setting;
mod value;
mod watch;

pub use gate::{Gate, Observed, Outlook, ProgramState, StepProgress, WorkerState};
pub use horizon::{HorizonHolder, horizon};
pub use setting::{MOST_JOBS, SETTINGS, Setting, SettingError, Settings, pair};
pub use value::{Bytes, Limit, Nice, Span, Windows};
pub use watch::Watch;

//! Watches the journal and the server beside the run, and opens and closes its gate.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::prelude::*;

use super::gate::{Gate, PAUSED};
use super::measure::{self, Memory};
use super::setting::Settings;
use crate::db::Database;
use crate::journal::steering::{self, Control};

/// How often the operator's wishes are read.
const PERIOD: Duration = Duration::from_millis(500);
/// How often the server is measured and the program tells of itself.
const BEAT: Duration = Duration::from_secs(1);

/// Watches until dropped.
#[derive(Debug)]
pub struct Watch {
    gate: Arc<Gate>,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Looks once for the program of that number, so that a run that is paused does not begin to work, and then goes on looking.
    #[must_use]
    pub fn start(db: &Database, (run, program): (i64, i32), base: Settings) -> Self {
        let gate = Arc::new(Gate::new(base.clone(), program));
        let mut watcher = Watcher {
            db: db.clone(),
            run,
            base,
            gate: Arc::clone(&gate),
            conn: None,
            memory: Memory::default(),
            found: None,
            beaten: None,
            took: Duration::ZERO,
        };
        watcher.look();
        let (end, ended) = channel();
        let thread = std::thread::spawn(move || {
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                watcher.look();
            }
            watcher.leave();
        });
        Self { gate, end: Some(end), thread: Some(thread) }
    }

    /// The gate that it opens and closes.
    #[must_use]
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // A panic in the watch has nothing to say about the run.
            let _ = thread.join();
        }
    }
}

struct Watcher {
    db: Database,
    run: i64,
    /// The settings of the command line.
    base: Settings,
    gate: Arc<Gate>,
    conn: Option<PgConnection>,
    memory: Memory,
    /// The reason to wait that the last measurement found.
    found: Option<String>,
    beaten: Option<Instant>,
    /// How long the last commit to disk took.
    took: Duration,
}

impl Watcher {
    fn look(&mut self) {
        let looked = self.try_look();
        if let Err(error) = looked {
            self.conn = None;
            // What cannot be measured may be beyond every limit.
            self.gate.set(self.gate.settings(), Some(format!("the server cannot be measured: {error}")));
        }
    }

    fn try_look(&mut self) -> Result<(), String> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.db.connect_dedicated().map_err(|error| error.to_string())?,
        };
        self.ask(&mut conn).map_err(|error| error.to_string())?;
        self.conn = Some(conn);
        Ok(())
    }

    fn ask(&mut self, conn: &mut PgConnection) -> QueryResult<()> {
        let Control { paused, settings } = steering::control(conn, self.run)?;
        let settings = self.base.with(&settings);
        if self.beaten.is_none_or(|beaten| beaten.elapsed() >= BEAT) {
            self.found = measure::reason(conn, &settings, &mut self.memory)?.or_else(|| measure::commit(&settings, self.took));
        }
        let held = if paused {
            Some(format!("{PAUSED} by the operator; go on with: tenantize unpause"))
        } else {
            measure::hour(&settings, chrono::Local::now().time()).or_else(|| self.found.clone())
        };
        self.gate.set(settings, held);
        if self.beaten.is_none_or(|beaten| beaten.elapsed() >= BEAT) {
            let program = self.gate.program();
            let state = serde_json::to_value(&program).unwrap_or_default();
            let clock = Instant::now();
            // This commit waits for the disk, as the application's do: it is the measure of their latency.
            steering::tell(conn, self.run, program.program, &state)?;
            self.took = clock.elapsed();
            self.beaten = Some(Instant::now());
        }
        Ok(())
    }

    /// Takes the program's row out of the journal, if that can be reached.
    fn leave(&mut self) {
        if let Some(conn) = &mut self.conn
            && let Err(error) = steering::leave(conn, self.run, self.gate.number())
        {
            tracing::debug!(%error, "the program could not sign off");
        }
    }
}

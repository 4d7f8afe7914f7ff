//! Every SQL statement as a tracing event, without the values bound to it.

use std::time::Instant;

use diesel::connection::{DebugQuery, Instrumentation, InstrumentationEvent};
use tracing::{Level, debug, enabled, trace};

/// What Diesel writes between a query and its bind values.
const BINDS: &str = " -- binds: ";

/// Sends the statements of one connection to tracing: finished ones at debug, started ones at trace.
///
/// Establishing is not traced, since its events carry the URL with the password.
#[derive(Debug, Default)]
pub struct SqlTrace {
    started: Option<Instant>,
}

impl Instrumentation for SqlTrace {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if !enabled!(Level::DEBUG) {
            return;
        }
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                self.started = Some(Instant::now());
                trace!(sql = %without_binds(query), "start");
            }
            InstrumentationEvent::FinishQuery { query, error, .. } => {
                let took = self.started.take().map(|started| started.elapsed());
                let sql = without_binds(query);
                if let Some(error) = error {
                    debug!(%sql, ?took, %error, "failed");
                } else {
                    debug!(%sql, ?took, "done");
                }
            }
            InstrumentationEvent::BeginTransaction { depth, .. } => trace!(depth, "begin"),
            InstrumentationEvent::CommitTransaction { depth, .. } => trace!(depth, "commit"),
            InstrumentationEvent::RollbackTransaction { depth, .. } => trace!(depth, "rollback"),
            _ => {}
        }
    }
}

fn without_binds(query: &dyn DebugQuery) -> String {
    let text = query.to_string();
    text.split(BINDS).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::pg::Pg;
    use diesel::sql_types::Text;

    #[test]
    fn bound_values_are_not_shown() {
        let query = diesel::sql_query("SELECT $1").bind::<Text, _>("hunter2 -- binds: hunter2");
        let shown = without_binds(&diesel::debug_query::<Pg, _>(&query));
        assert_eq!(shown, "SELECT $1");
    }
}

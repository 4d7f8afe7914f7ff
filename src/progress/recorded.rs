//! One recorded run that every reporter replays in its tests.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Reporter;
use super::clock::ManualClock;
use super::event::{Blocker, Event, Precision, Resumed, Unit};

/// Replays the recorded run into what `voice` makes, and returns what it wrote.
pub(super) fn replay<R: Reporter>(voice: impl FnOnce(Buffer, ManualClock) -> R) -> String {
    let (out, clock) = (Buffer::default(), ManualClock::default());
    let reporter = voice(out.clone(), clock.clone());
    for (at, event) in run() {
        clock.set(at);
        reporter.event(&event);
    }
    out.text()
}

/// Backup, expand, and a backfill of two tables that is stopped and resumed.
///
/// Every kind of event happens at least once.
pub(super) fn run() -> Vec<(Duration, Event)> {
    let mut events = first_start();
    events.extend(second_start());
    events.into_iter().map(|(millis, event)| (Duration::from_millis(millis), event)).collect()
}

fn first_start() -> Vec<(u64, Event)> {
    let orders = "backfill/public.orders/fill";
    let column = "expand/public.orders/tenant_id";
    let mut events = vec![
        (0, started(Resumed::Fresh)),
        (10, phase("backup", 2, 2)),
        (20, step("backup/public.orders/copy", "backup", "public.orders", "ACCESS SHARE")),
        (30, sized("backup/public.orders/copy", "public.orders", Unit::Bytes, (0, 3_435_973_837))),
        (9_000, advanced("backup/public.orders/copy", (1_717_986_918, 1_717_986_918), 9_000)),
        (18_000, finished("backup/public.orders/copy", 18_000, Some(30_118_204))),
        (18_000, step("backup/public.order_line_items/copy", "backup", "public.order_line_items", "ACCESS SHARE")),
        (48_000, finished("backup/public.order_line_items/copy", 30_000, None)),
        (48_000, phase_finished("backup", 48_000, "2 tables, 3.2 GiB in schema tenantize_backup")),
        (48_100, phase("expand", 2, 2)),
        (48_110, Event::StepSkipped { step: "expand/public.tenants/create".into(), because: "the table is there".into() }),
        (48_120, step(column, "expand", "public.orders", "ACCESS EXCLUSIVE")),
        (48_230, lock_wait(column, 1, 800)),
        (49_140, lock_wait(column, 2, 1_200)),
        (50_400, finished(column, 2_280, None)),
        (50_400, phase_finished("expand", 2_300, "2 of 2 steps")),
        (50_500, phase("backfill", 2, 2)),
        (50_510, Event::Note { text: "public.orders gets 12 stripes".into() }),
        (50_520, step(orders, "backfill", "public.orders", "ROW EXCLUSIVE")),
        (50_530, sized(orders, "public.orders", Unit::Rows, (0, 30_118_204))),
    ];
    for second in 1..=4_u64 {
        let at = 50_530 + second * 1_000;
        events.push((at, advanced(orders, (second * 40_000, 40_000), 1_000)));
    }
    events.extend([
        (55_000, Event::Waiting { step: orders.into(), reason: "throttled: standby east is 12s behind".into() }),
        (56_000, Event::Waiting { step: orders.into(), reason: "throttled: standby east is 13s behind".into() }),
        (70_000, advanced(orders, (200_000, 40_000), 1_000)),
        (70_100, Event::Retry { step: orders.into(), reason: "server closed the connection".into(), attempt: 1, retry_in_ms: 500 }),
        (71_000, Event::Warning { text: "pid 4711 holds the horizon for 12m".into() }),
        (72_000, Event::RunStopped { reason: "interrupted".into(), next: "tenantize resume".into() }),
    ]);
    events
}

fn second_start() -> Vec<(u64, Event)> {
    let orders = "backfill/public.orders/fill";
    let items = "backfill/public.order_line_items/fill";
    let mut events = vec![
        (100_000, started(Resumed::Resumed)),
        (100_000, phase("backfill", 2, 2)),
        (100_000, step(orders, "backfill", "public.orders", "ROW EXCLUSIVE")),
        (100_000, sized(orders, "public.orders", Unit::Rows, (200_000, 30_118_204))),
        (100_000, step(items, "backfill", "public.order_line_items", "ROW EXCLUSIVE")),
        (100_000, sized(items, "public.order_line_items", Unit::Rows, (0, 88_000_000))),
    ];
    for second in 1..=12_u64 {
        let at = 100_000 + second * 1_000;
        events.push((at, advanced(orders, (200_000 + second * 42_100, 42_100), 990)));
        events.push((at, advanced(items, (second * 39_800, 39_800), 990)));
    }
    events.extend([
        (801_000, finished(orders, 701_000, Some(30_118_204))),
        (802_000, finished(items, 702_000, Some(88_000_000))),
        (802_000, phase_finished("backfill", 702_000, "2 tables, 118.1M rows")),
        (802_500, Event::StepUndone { step: "rls/public.orders/force".into(), took_ms: 12 }),
        (803_000, Event::RunFinished { took_ms: 803_000, next: "tenantize verify".into() }),
    ]);
    events
}

fn started(resumed: Resumed) -> Event {
    Event::RunStarted { run: 3, plan: "7c1e9a04".into(), resumed, steps: 61 }
}

fn phase(name: &str, steps: usize, left: usize) -> Event {
    Event::PhaseStarted { phase: name.into(), steps, left }
}

fn phase_finished(name: &str, took_ms: u64, summary: &str) -> Event {
    Event::PhaseFinished { phase: name.into(), took_ms, summary: summary.into() }
}

fn step(step: &str, phase: &str, subject: &str, lock: &str) -> Event {
    Event::StepStarted {
        step: step.into(),
        phase: phase.into(),
        subject: Some(subject.into()),
        why: format!("{phase} needs it"),
        lock: lock.into(),
    }
}

fn sized(step: &str, subject: &str, unit: Unit, (done, total): (u64, u64)) -> Event {
    let precision = Precision::Estimate;
    Event::WorkSized { step: step.into(), subject: subject.into(), unit, done, total, precision }
}

fn advanced(step: &str, (unit_done, batch): (u64, u64), took_ms: u64) -> Event {
    Event::Advanced { step: step.into(), unit_done, batch, took_ms, size: 64, worker: 0 }
}

fn finished(step: &str, took_ms: u64, rows: Option<u64>) -> Event {
    Event::StepFinished { step: step.into(), took_ms, rows }
}

fn lock_wait(step: &str, attempt: u32, retry_in_ms: u64) -> Event {
    let blocker = Blocker {
        pid: 4711,
        user: "app_rw".into(),
        application: "reports".into(),
        age_seconds: 720,
        query: "SELECT sum(total)\n  FROM orders".into(),
    };
    Event::LockWait { step: step.into(), attempt, retry_in_ms, blockers: vec![blocker] }
}

/// Memory that a reporter writes to and a test reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

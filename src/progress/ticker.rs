//! Wakes a reporter now and then, so that time passes on the screen between two events.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// Something that shows the time.
pub(super) trait Tick: Send + Sync + 'static {
    /// Shows the time that passed.
    fn tick(&self);
}

/// Ticks `target` every `period` until it is dropped.
///
/// Without a thread to spare, the display only moves with events; nothing else is lost.
pub(super) fn tick<T: Tick>(target: &Arc<T>, period: Duration) {
    let target: Weak<T> = Arc::downgrade(target);
    let ticking = move || {
        loop {
            thread::sleep(period);
            match target.upgrade() {
                Some(target) => target.tick(),
                None => break,
            }
        }
    };
    thread::Builder::new().name("progress".to_owned()).spawn(ticking).ok();
}

//! Time that tests move by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use engine::Clock;

/// Starts at the machine's time, so that TTLs and timestamps are plausible, and then stands still.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn start() -> Self {
        Self(Arc::new(AtomicI64::new(engine::system_clock()())))
    }

    pub(crate) fn clock(&self) -> Clock {
        let now = self.0.clone();
        Arc::new(move || now.load(Ordering::SeqCst))
    }

    pub(crate) fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).expect("tests pass less than the age of the universe");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

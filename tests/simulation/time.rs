//! Simulated time, and who is at work in it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{Clock, Timer, Timestamp};
use tokio::time::Instant;

/// When simulations begin: 2026-12-01T09:00:00Z.
const BEGIN_MS: i64 = 1_796_115_600_000;

/// Time as the simulation's runtime keeps it: it stands while anybody works and jumps to the next timer when nobody does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(Instant);

impl Time {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the beginning.
    pub(crate) fn elapsed_ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(self) -> i64 {
        BEGIN_MS + i64::try_from(self.elapsed_ms()).unwrap_or(0)
    }

    pub(crate) fn now(self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }

    /// The time so many milliseconds after the beginning.
    pub(crate) fn at(elapsed_ms: u64) -> Timestamp {
        Timestamp::from_millis(BEGIN_MS + i64::try_from(elapsed_ms).unwrap_or(0))
    }
}

/// One invocation of a function.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The function and the number of its invocation.
    pub(crate) name: String,
    /// By how much its clock is wrong.
    pub(crate) skew_ms: i64,
    /// The diary's number at which its last gate-2 read began.
    gate_began: AtomicU64,
}

tokio::task_local! {
    static CALLER: Arc<Caller>;
}

impl Caller {
    pub(crate) fn new(name: String, skew_ms: i64) -> Arc<Self> {
        Arc::new(Self { name, skew_ms, gate_began: AtomicU64::new(0) })
    }

    /// Whoever is at work; `None` for the simulation itself.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CALLER.try_with(Arc::clone).ok()
    }

    /// Lets `work` be this caller's.
    pub(crate) async fn at_work<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        CALLER.scope(self, work).await
    }

    pub(crate) fn begins_gate(&self, number: u64) {
        self.gate_began.store(number, Ordering::Relaxed);
    }

    pub(crate) fn gate_began(&self) -> u64 {
        self.gate_began.load(Ordering::Relaxed)
    }
}

/// The clock that functions look at.
#[derive(Debug)]
pub(crate) struct FunctionClock(pub(crate) Time);

impl Clock for FunctionClock {
    fn now(&self) -> Timestamp {
        let skew = Caller::current().map_or(0, |caller| caller.skew_ms);
        Timestamp::from_millis(self.0.millis() + skew)
    }
}

impl Timer for FunctionClock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

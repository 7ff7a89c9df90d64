//! The twin itself, shared by its listener and by whoever looks at the queues from within the process.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::refusal::Refusal;
use super::state::{Call, State};
use crate::clock::Clock;
use crate::server::{Server, Stopping};
use crate::tap::Tap;
use crate::{Answer, EngineError, sqs};

/// The queues of an [`Engine`](crate::Engine), without a client in between. Cheap to clone.
#[derive(Clone)]
pub struct Sqs {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    clock: Clock,
    stopping: watch::Sender<bool>,
}

/// How many messages a queue holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Waiting to be received: `ApproximateNumberOfMessages`.
    pub visible: u64,
    /// Received, neither deleted nor visible again: `ApproximateNumberOfMessagesNotVisible`.
    pub in_flight: u64,
    /// Sent with a delay that has not passed: `ApproximateNumberOfMessagesDelayed`.
    pub delayed: u64,
}

impl QueueCounts {
    /// All of them.
    pub fn total(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

impl Sqs {
    pub(crate) fn open(file: Option<&Path>, clock: Clock) -> Result<Self, EngineError> {
        let (stopping, _) = watch::channel(false);
        let state = Mutex::new(State::open(file)?);
        Ok(Self { shared: Arc::new(Shared { state, clock, stopping }) })
    }

    /// Serves the queues on `listener` and shows each call to `tap`.
    ///
    /// # Errors
    ///
    /// [`EngineError::Thread`].
    pub(crate) fn serve(&self, listener: TcpListener, tap: Option<Tap>) -> Result<Server, EngineError> {
        let (twin, stopping) = (self.clone(), self.shared.stopping.clone());
        Server::spawn(sqs::SERVICE, listener, stopping, |listener, stopping| {
            super::http::serve(listener, twin, tap, stopping)
        })
    }

    /// Answers one call of the API on the caller's thread.
    pub(crate) fn answer_now(&self, operation: &str, body: &[u8]) -> Answer {
        super::http::answer_now(self, operation, body)
    }

    /// The names of all queues, in order.
    pub fn queues(&self) -> Vec<String> {
        self.state().queues.keys().cloned().collect()
    }

    /// What the queue called `name` holds.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoSuchQueue`], [`EngineError::Database`].
    pub fn counts(&self, name: &str) -> Result<QueueCounts, EngineError> {
        let now = (self.shared.clock)();
        let state = self.state();
        let queue = state.queues.get(name).ok_or_else(|| no_queue(name))?;
        let tables = state.store.tables();
        let counted = tables
            .expire(queue.id, now - queue.settings.retention_ms)
            .and_then(|()| tables.counts(queue.id, now))
            .map_err(|source| EngineError::Database { service: sqs::SERVICE, source: Box::new(source) })?;
        Ok(QueueCounts {
            visible: counted.visible.unsigned_abs(),
            in_flight: counted.in_flight.unsigned_abs(),
            delayed: counted.delayed.unsigned_abs(),
        })
    }

    /// Deletes all messages of the queue called `name`, also those in flight, as often as wanted.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoSuchQueue`], [`EngineError::Database`].
    pub fn purge(&self, name: &str) -> Result<(), EngineError> {
        let state = self.state();
        let queue = state.queues.get(name).ok_or_else(|| no_queue(name))?;
        state
            .store
            .tables()
            .purge(queue.id)
            .map_err(|source| EngineError::Database { service: sqs::SERVICE, source: Box::new(source) })
    }

    /// Lets every long poll look again. To be called after an injected clock was moved: nothing else tells them.
    pub fn wake(&self) {
        self.state().queues.values().for_each(|queue| queue.arrived.notify_waiters());
    }

    /// Runs one operation. `host` is the caller's name for this listener.
    pub(super) fn call<T>(
        &self,
        host: &str,
        operation: impl FnOnce(&mut Call<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        // Before the lock, so that a clock which looks at the queues does not wait for itself.
        let now = (self.shared.clock)();
        operation(&mut Call { state: &mut self.state(), now, host })
    }

    /// Resolves when the listener is to end.
    pub(super) fn stopping(&self) -> Stopping {
        Stopping::new(self.shared.stopping.subscribe())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in the middle of an operation has rolled its transaction back; what is in memory mirrors the database.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sqs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sqs").finish_non_exhaustive()
    }
}

fn no_queue(name: &str) -> EngineError {
    EngineError::NoSuchQueue { name: name.to_owned() }
}

//! Runs function binaries as processes over the Lambda Runtime API.
//!
//! A [`Pool`] is one function: it starts a process when an invocation finds none idle, keeps it warm, gives it one
//! invocation at a time, and never runs more than its maximum; further invocations wait for their turn.

mod environment;
mod error;
mod log_file;
mod runtime_api;
mod worker;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use axum::body::Bytes;
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

pub use self::{
    environment::{Surroundings, worker_environment},
    error::InvokeError,
};
use self::{log_file::LogFile, worker::Worker};

/// What a pool runs.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The function's package.
    pub name: String,
    /// The ARN that it is told it has.
    pub arn: String,
    /// The binary.
    pub binary: PathBuf,
    /// The whole environment of its processes, but for the runtime API's address.
    pub environment: BTreeMap<String, String>,
    /// After this an invocation is killed.
    pub timeout: Duration,
    /// The memory that it is billed with, in MB. Nothing holds it to that.
    pub memory_mb: u32,
    /// The most processes at once.
    pub maximum: usize,
}

/// The processes of one function. Clones are the same pool.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Inner>);

/// What a function did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Worked {
    /// Invocations that got an answer.
    pub invocations: u64,
    /// What they are billed by: the time from the hand-over of each event to its answer, multiplied by the function's memory.
    pub gigabyte_seconds: f64,
}

impl Worked {
    /// Since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            invocations: self.invocations - earlier.invocations,
            gigabyte_seconds: self.gigabyte_seconds - earlier.gigabyte_seconds,
        }
    }
}

#[derive(Debug)]
struct Inner {
    spec: Spec,
    log: Arc<LogFile>,
    places: Semaphore,
    idle: Mutex<Vec<Worker>>,
    health: Mutex<Health>,
    worked: Mutex<Worked>,
    /// Becomes true when invocations under way must not go on.
    killed: watch::Sender<bool>,
}

/// How starts went lately.
#[derive(Debug, Default)]
struct Health {
    failures: u32,
    last: Option<(Instant, String)>,
}

/// The pause after the first failed start; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Pool {
    /// A pool without processes yet, whose output goes to a file in `logs`.
    ///
    /// # Errors
    /// When the log file cannot be opened.
    pub fn new(spec: Spec, logs: &Path) -> Result<Self> {
        let log = Arc::new(LogFile::open(logs, &spec.name)?);
        let places = Semaphore::new(spec.maximum);
        let (idle, health, worked) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { spec, log, places, idle, health, worked, killed: watch::channel(false).0 })))
    }

    /// The function's package.
    pub fn name(&self) -> &str {
        &self.0.spec.name
    }

    /// What the function has done so far.
    pub fn worked(&self) -> Worked {
        *self.0.worked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most invocations at once.
    pub fn maximum(&self) -> usize {
        self.0.spec.maximum
    }

    /// Invokes the function and waits for its answer. Dropping the future does not stop the invocation: like
    /// Lambda, the function goes on when its caller has left.
    ///
    /// # Errors
    /// Why there is no answer; each is also a line in the stack's own output.
    pub async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let inner = self.0.clone();
        let outcome = tokio::spawn(async move { inner.invoke(payload).await }).await;
        outcome.unwrap_or(Err(InvokeError::Stopped))
    }

    /// Starts one process ahead of the first invocation, so that a binary that cannot start is known at once.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn warm(&self) -> Result<(), InvokeError> {
        let Ok(_place) = self.0.places.acquire().await else { return Err(InvokeError::Stopped) };
        let worker = self.0.worker().await?;
        self.0.keep(worker);
        Ok(())
    }

    /// How long one more process takes from its start to the moment when it asks for its first event. It is ended at once.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn time_start(&self) -> Result<Duration, InvokeError> {
        let began = Instant::now();
        let worker = Worker::start(&self.0.spec, &self.0.log).await;
        let took = began.elapsed();
        worker.map(|_| took).map_err(|detail| self.0.failed_start(detail))
    }

    /// Takes no more invocations, lets those under way end within `grace`, then kills what is left.
    pub async fn stop(&self, grace: Duration) {
        let all = u32::try_from(self.0.spec.maximum).unwrap_or(u32::MAX);
        let idle = tokio::time::timeout(grace, self.0.places.acquire_many(all)).await;
        if idle.is_err() {
            tracing::warn!(function = %self.0.spec.name, "stopped in the middle of an invocation");
        }
        self.0.places.close();
        self.0.killed.send_replace(true);
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Inner {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let Ok(_place) = self.places.acquire().await else { return Err(InvokeError::Stopped) };
        let mut killed = self.killed.subscribe();
        loop {
            let mut worker = self.worker().await?;
            let began = Instant::now();
            let outcome = tokio::select! {
                outcome = worker.invoke(&self.spec, payload.clone()) => outcome,
                _ = killed.wait_for(|killed| *killed) => return Err(InvokeError::Stopped),
            };
            let Some(outcome) = outcome else { continue };
            self.enter(began.elapsed());
            if let Err(error) = &outcome {
                self.log.write(format!("[local] {error}").as_bytes());
                tracing::warn!("{error}");
            }
            self.keep(worker);
            return outcome;
        }
    }

    fn enter(&self, took: Duration) {
        let mut worked = self.worked.lock().unwrap_or_else(PoisonError::into_inner);
        worked.invocations += 1;
        worked.gigabyte_seconds += took.as_secs_f64() * f64::from(self.spec.memory_mb) / 1024.0;
    }

    /// An idle worker that lives, or a new one.
    async fn worker(&self) -> Result<Worker, InvokeError> {
        while let Some(worker) = self.pop() {
            if worker.is_alive() {
                return Ok(worker);
            }
        }
        self.check_pause()?;
        match Worker::start(&self.spec, &self.log).await {
            Ok(worker) => {
                *self.health.lock().unwrap_or_else(PoisonError::into_inner) = Health::default();
                Ok(worker)
            }
            Err(detail) => Err(self.failed_start(detail)),
        }
    }

    fn pop(&self) -> Option<Worker> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, worker: Worker) {
        if worker.is_alive() && !*self.killed.borrow() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }

    /// Refuses to start yet another process right after others failed to start.
    fn check_pause(&self) -> Result<(), InvokeError> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((until, detail)) = &health.last else { return Ok(()) };
        let retry_after = until.saturating_duration_since(Instant::now());
        if retry_after.is_zero() {
            return Ok(());
        }
        Err(InvokeError::Init { function: self.spec.name.clone(), detail: detail.clone(), retry_after })
    }

    fn failed_start(&self, detail: String) -> InvokeError {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let retry_after = FIRST_PAUSE.saturating_mul(1 << health.failures.min(10)).min(LONGEST_PAUSE);
        health.failures += 1;
        health.last = Some((Instant::now() + retry_after, detail.clone()));
        let error = InvokeError::Init { function: self.spec.name.clone(), detail, retry_after };
        tracing::error!("{error}");
        self.log.write(format!("[local] {error}").as_bytes());
        error
    }
}

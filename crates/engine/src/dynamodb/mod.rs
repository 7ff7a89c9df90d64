//! DynamoDB: dynoxide behind our listener, and the thread that removes expired items.

mod calls;
mod http;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use dynoxide::{Database, DynoxideError};
use tokio::sync::watch;

use crate::EngineError;
use crate::clock::{Clock, DatabaseClock};
use crate::intact;
use crate::server::Server;
use crate::tap::Tap;

pub(crate) use calls::{Metering, call};

/// As it appears in errors.
pub(crate) const SERVICE: &str = "DynamoDB";

/// How often expired items are removed. AWS promises only "within a few days", and each time all that has a TTL is read: seconds of work, and
/// in the way of every call, where there are 100,000 items.
const SWEEP_EVERY: Duration = Duration::from_mins(15);

/// Opens the database in `file`, or in memory.
///
/// In a file expiry goes by the machine's clock: dynoxide takes another clock in memory only.
///
/// # Errors
///
/// [`EngineError::FileLocked`] or [`EngineError::Open`].
pub(crate) fn open(file: Option<&Path>, clock: Clock) -> Result<Database, EngineError> {
    let path = file.unwrap_or(Path::new(":memory:"));
    file.map_or(Ok(()), |file| intact::check_tables(SERVICE, file))?;
    let opened = match file {
        Some(file) => Database::new(&file.to_string_lossy()),
        None => Database::memory_with_clock(Arc::new(DatabaseClock(clock))),
    };
    // Sets `synchronous=NORMAL`: what is committed survives `kill -9`, and no write waits for the disk.
    opened.and_then(|database| database.disable_bulk_loading().map(|()| database)).map_err(|source| {
        if is_locked(&source) {
            EngineError::FileLocked { path: path.to_owned() }
        } else {
            EngineError::Open { service: SERVICE, path: path.to_owned(), source: Box::new(source) }
        }
    })
}

fn is_locked(error: &DynoxideError) -> bool {
    matches!(error, DynoxideError::SqliteError(error) if crate::sqs::is_locked(error))
}

/// Serves `database` on `listener` and shows each call to `tap`.
///
/// # Errors
///
/// [`EngineError::Thread`].
pub(crate) fn serve(
    listener: TcpListener,
    database: Database,
    tap: Option<Tap>,
) -> Result<Server, EngineError> {
    let (stopping, _) = watch::channel(false);
    Server::spawn(SERVICE, listener, stopping, |listener, stopping| {
        http::serve(listener, database, tap, stopping)
    })
}

/// The thread that removes expired items now and then. Ends with this value.
pub(crate) struct Sweeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    /// # Errors
    ///
    /// [`EngineError::Thread`].
    pub(crate) fn spawn(database: Database) -> Result<Self, EngineError> {
        let (stop, stopped) = channel::<()>();
        let body = move || {
            while stopped.recv_timeout(SWEEP_EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = database.sweep_ttl() {
                    tracing::warn!(%error, "expired items could not be removed");
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("engine-sweeper".to_owned())
            .spawn(body)
            .map_err(|source| EngineError::Thread { service: "the sweeper", source })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the engine's sweeper panicked");
        }
    }
}

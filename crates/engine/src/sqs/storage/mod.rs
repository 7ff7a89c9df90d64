//! The database of the queues. All SQL is in this folder.

mod messages;
mod pick;
mod queues;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::refusal::Refusal;
use crate::EngineError;

pub(super) use messages::MessageRow;
pub(super) use queues::QueueRow;

/// Raised with every change of [`SCHEMA`].
const VERSION: i64 = 1;

/// `messages` keeps what is read and rewritten most before the body, so that a long body's overflow pages are left alone.
///
/// - `grp` is empty for a message without group.
/// - `received` tells a message in flight from one that is delayed: both have `visible_at` in the future.
/// - `receives` counts in this queue, `earlier_receives` in the queues that it was in before.
/// - `due` finds what a receive may take, group by group; it also holds all that counting needs.
/// - `aged` finds what retention removes.
const SCHEMA: &str = "
CREATE TABLE queues (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL,
    grp TEXT NOT NULL,
    visible_at INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    earlier_receives INTEGER NOT NULL DEFAULT 0,
    received_at INTEGER,
    first_received_at INTEGER,
    source TEXT,
    attributes TEXT,
    trace TEXT,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX due ON messages (queue, grp, visible_at, received);
CREATE INDEX aged ON messages (queue, sent_at);
CREATE TABLE moves (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    task TEXT NOT NULL
) STRICT;
";

/// The open database.
pub(super) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens `file`, or a database in memory, and brings a new one to the present schema.
    ///
    /// # Errors
    ///
    /// [`EngineError::FileLocked`] and [`EngineError::Open`].
    pub(super) fn open(file: Option<&Path>) -> Result<Self, EngineError> {
        let path = file.unwrap_or(Path::new(":memory:"));
        file.map_or(Ok(()), |file| crate::intact::check(super::SERVICE, file))?;
        let opened = file.map_or_else(Connection::open_in_memory, Connection::open).and_then(prepare);
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| EngineError::Open {
            service: super::SERVICE,
            path: path.to_owned(),
            source,
        };
        match opened {
            Ok((connection, VERSION)) => Ok(Self { connection }),
            Ok((_, version)) => Err(failed(format!("it has version {version}, not {VERSION}").into())),
            Err(error) if super::is_locked(&error) => Err(EngineError::FileLocked { path: path.to_owned() }),
            Err(error) => Err(failed(Box::new(error))),
        }
    }

    /// The tables outside of a transaction, for single reads.
    pub(super) fn tables(&self) -> Tables<'_> {
        Tables(&self.connection)
    }

    /// Runs `work` in one transaction; an error undoes all of it.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(Tables<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(Tables(&transaction))?;
        transaction.commit()?;
        Ok(done)
    }
}

/// The statements, on one connection. Every one is prepared once and kept.
#[derive(Clone, Copy)]
pub(super) struct Tables<'a>(&'a Connection);

/// Sets the connection up and returns the schema's version.
fn prepare(connection: Connection) -> rusqlite::Result<(Connection, i64)> {
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.set_prepared_statement_cache_capacity(64);
    // What is committed is in the write-ahead log and survives `kill -9`; only a crash of the machine may lose the end.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    let version = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get(0));
    let found: i64 = version(&connection)?;
    if found == 0 {
        connection.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"))?;
        return Ok((connection, VERSION));
    }
    Ok((connection, found))
}

//! The queues in memory and the database behind them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;

use super::address;
use super::attributes::Settings;
use super::refusal::Refusal;
use super::storage::{QueueRow, Store};
use crate::EngineError;

/// A queue with what is remembered of it besides its messages.
pub(super) struct Queue {
    pub(super) id: i64,
    pub(super) created_at: i64,
    pub(super) modified_at: i64,
    pub(super) settings: Settings,
    pub(super) tags: BTreeMap<String, String>,
    /// Wakes long polls.
    pub(super) arrived: Arc<Notify>,
    /// The message group that was served last.
    pub(super) turn: String,
    /// The last purge over the API, which may come once a minute.
    pub(super) purged_at: Option<i64>,
}

impl Queue {
    fn new(row: QueueRow) -> Result<Self, Refusal> {
        Ok(Self {
            id: row.id,
            created_at: row.created_at,
            modified_at: row.modified_at,
            settings: Settings::read(row.attributes)?,
            tags: row.tags,
            arrived: Arc::new(Notify::new()),
            turn: String::new(),
            purged_at: None,
        })
    }
}

/// All queues by name.
pub(super) struct State {
    pub(super) store: Store,
    pub(super) queues: BTreeMap<String, Queue>,
}

impl State {
    /// Opens the database and reads its queues.
    ///
    /// # Errors
    ///
    /// [`EngineError::FileLocked`] and [`EngineError::Open`].
    pub(super) fn open(file: Option<&Path>) -> Result<Self, EngineError> {
        let store = Store::open(file)?;
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| EngineError::Open {
            service: super::SERVICE,
            path: file.unwrap_or(Path::new(":memory:")).to_owned(),
            source,
        };
        let rows = store.tables().queues().map_err(|error| unreadable(Box::new(error)))?;
        let mut queues = BTreeMap::new();
        for row in rows {
            let name = row.name.clone();
            let queue = Queue::new(row).map_err(|refusal| unreadable(refusal.message.into()))?;
            queues.insert(name, queue);
        }
        Ok(Self { store, queues })
    }

    /// Adds a queue that was just written to the database.
    pub(super) fn add(&mut self, row: QueueRow) -> Result<(), Refusal> {
        let name = row.name.clone();
        self.queues.insert(name, Queue::new(row)?);
        Ok(())
    }
}

/// One operation at work: the state, the time and the caller's name for this host.
pub(super) struct Call<'a> {
    pub(super) state: &'a mut State,
    pub(super) now: i64,
    pub(super) host: &'a str,
}

impl Call<'_> {
    /// The database and the queue of `url`.
    ///
    /// # Errors
    ///
    /// `QueueDoesNotExist`, `InvalidAddress`, `MissingParameter`.
    pub(super) fn queue<'c, 'u>(
        &'c mut self,
        url: Option<&'u str>,
    ) -> Result<(&'c mut Store, &'c mut Queue, &'u str), Refusal> {
        let name = address::name_in_url(url)?;
        let queue = self.state.queues.get_mut(name).ok_or_else(Refusal::no_queue)?;
        Ok((&mut self.state.store, queue, name))
    }
}

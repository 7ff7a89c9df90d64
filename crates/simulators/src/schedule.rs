//! Callbacks that are due: kept in the database until they are done with, so that they go out after a restart too.

use std::collections::{BinaryHeap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::sync::Notify;

use crate::callback::{Callback, Lane};
use crate::clock::now_ms;

/// A callback that will be made.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) callback: Callback,
    /// When what it reports happens, in milliseconds from acceptance.
    pub(crate) occurs_after_ms: u64,
    /// When it is posted.
    pub(crate) due_after_ms: u64,
}

/// A callback with its place in the schedule.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) id: i64,
    pub(crate) due_ms: i64,
    pub(crate) occurred_ms: i64,
    /// Attempts so far.
    pub(crate) attempts: u32,
    pub(crate) callback: Callback,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The greatest is the earliest, as the heap gives out the greatest.
impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.due_ms, other.id).cmp(&(self.due_ms, self.id))
    }
}

fn later(at_ms: i64, after_ms: u64) -> i64 {
    at_ms.saturating_add_unsigned(after_ms)
}

/// Writes planned callbacks of something that happened at this time.
pub(crate) fn insert(
    connection: &Connection,
    planned: Vec<Planned>,
    at_ms: i64,
) -> rusqlite::Result<Vec<Pending>> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO callbacks (due_ms, occurred_ms, attempts, callback) VALUES (?1, ?2, 0, ?3)",
    )?;
    planned
        .into_iter()
        .map(|Planned { callback, occurs_after_ms, due_after_ms }| {
            let (due_ms, occurred_ms) = (later(at_ms, due_after_ms), later(at_ms, occurs_after_ms));
            let json = serde_json::to_string(&callback)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            let id = statement.insert(params![due_ms, occurred_ms, json])?;
            Ok(Pending { id, due_ms, occurred_ms, attempts: 0, callback })
        })
        .collect()
}

/// Notes that an attempt failed and when the next is due.
pub(crate) fn postpone(connection: &Connection, due: &Pending) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE callbacks SET due_ms = ?2, attempts = ?3 WHERE id = ?1")?
        .execute(params![due.id, due.due_ms, due.attempts])
        .map(drop)
}

/// Forgets a callback that was made, or given up.
pub(crate) fn finish(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM callbacks WHERE id = ?1")?.execute([id]).map(drop)
}

/// All that is open. What an older version wrote and this one cannot read is left out.
pub(crate) fn open(connection: &Connection) -> rusqlite::Result<Vec<Pending>> {
    let mut statement = connection
        .prepare("SELECT id, due_ms, occurred_ms, attempts, callback FROM callbacks ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut open = Vec::new();
    let mut unreadable = 0_usize;
    while let Some(row) = rows.next()? {
        let Ok(callback) = serde_json::from_str(&row.get::<_, String>(4)?) else {
            unreadable += 1;
            continue;
        };
        let (id, due_ms) = (row.get(0)?, row.get(1)?);
        open.push(Pending { id, due_ms, occurred_ms: row.get(2)?, attempts: row.get(3)?, callback });
    }
    if unreadable > 0 {
        tracing::warn!(unreadable, "callbacks of an older version are left out");
    }
    Ok(open)
}

/// What waits in one lane.
#[derive(Default)]
struct Waiting {
    heap: Mutex<BinaryHeap<Pending>>,
    changed: Notify,
}

impl Waiting {
    fn heap(&self) -> MutexGuard<'_, BinaryHeap<Pending>> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The earliest with what may go in the same request, if it is due; else how long until it is.
    fn take(&self, now_ms: i64) -> Result<Vec<Pending>, Option<Duration>> {
        let mut heap = self.heap();
        match heap.peek() {
            None => return Err(None),
            Some(first) if first.due_ms > now_ms => {
                return Err(Some(Duration::from_millis(first.due_ms.abs_diff(now_ms))));
            }
            Some(_) => {}
        }
        let mut group: Vec<Pending> = heap.pop().into_iter().collect();
        let most = group.first().map_or(1, |first| first.callback.most_per_request());
        // What goes elsewhere is put back, but is not looked through without end.
        let mut others = Vec::new();
        while group.len() < most
            && others.len() < most
            && heap.peek().is_some_and(|next| next.due_ms <= now_ms)
        {
            let Some(next) = heap.pop() else { break };
            if group[0].callback.shares_request_with(&next.callback) {
                group.push(next);
            } else {
                others.push(next);
            }
        }
        heap.extend(others);
        Ok(group)
    }
}

/// What is due, by lane, in memory.
pub(crate) struct Schedule {
    lanes: HashMap<Lane, Waiting>,
}

impl Schedule {
    pub(crate) fn new(open: Vec<Pending>) -> Self {
        let schedule = Self { lanes: Lane::ALL.into_iter().map(|lane| (lane, Waiting::default())).collect() };
        schedule.add(open);
        schedule
    }

    pub(crate) fn add(&self, dues: Vec<Pending>) {
        for due in dues {
            if let Some(waiting) = self.lanes.get(&due.callback.lane()) {
                waiting.heap().push(due);
                waiting.changed.notify_one();
            }
        }
    }

    /// Waits for the next request of a lane.
    pub(crate) async fn next(&self, lane: Lane) -> Vec<Pending> {
        let Some(waiting) = self.lanes.get(&lane) else { return std::future::pending().await };
        loop {
            match waiting.take(now_ms()) {
                Ok(group) => return group,
                Err(None) => waiting.changed.notified().await,
                Err(Some(wait)) => {
                    // Whichever comes first; both lead to another look.
                    drop(tokio::time::timeout(wait, waiting.changed.notified()).await);
                }
            }
        }
    }
}

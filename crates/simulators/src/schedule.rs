//! Callbacks that are due: kept in the database until they are done with, so that they go out after a restart too.
//!
//! Only when each is due is held in memory. What it says is read from the database shortly before it is made: a send to
//! a million has most of its reports still to come at some time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::Notify;

use crate::callback::{Callback, LARGEST_REQUEST, Lane};
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

/// The place of a callback in the schedule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) id: i64,
    pub(crate) lane: Lane,
    pub(crate) due_ms: i64,
}

/// A callback whose time has come.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) id: i64,
    pub(crate) occurred_ms: i64,
    /// Attempts so far.
    pub(crate) attempts: u32,
    pub(crate) callback: Callback,
}

fn later(at_ms: i64, after_ms: u64) -> i64 {
    at_ms.saturating_add_unsigned(after_ms)
}

/// Writes planned callbacks of something that happened at this time.
pub(crate) fn insert(
    connection: &Connection,
    planned: Vec<Planned>,
    at_ms: i64,
) -> rusqlite::Result<Vec<Place>> {
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
            Ok(Place { id, lane: callback.lane(), due_ms })
        })
        .collect()
}

/// Notes that an attempt failed and when the next is due.
pub(crate) fn postpone(connection: &Connection, due: Place, attempts: u32) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE callbacks SET due_ms = ?2, attempts = ?3 WHERE id = ?1")?
        .execute(params![due.id, due.due_ms, attempts])
        .map(drop)
}

/// Forgets a callback that was made, or given up.
pub(crate) fn finish(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM callbacks WHERE id = ?1")?.execute([id]).map(drop)
}

/// All that is open. What an older version wrote and this one cannot read is left out.
pub(crate) fn open(connection: &Connection) -> rusqlite::Result<Vec<Place>> {
    let mut statement = connection.prepare("SELECT id, due_ms, callback FROM callbacks ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut open = Vec::new();
    let mut unreadable = 0_usize;
    while let Some(row) = rows.next()? {
        let Ok(callback) = serde_json::from_str::<Callback>(&row.get::<_, String>(2)?) else {
            unreadable += 1;
            continue;
        };
        open.push(Place { id: row.get(0)?, lane: callback.lane(), due_ms: row.get(1)? });
    }
    if unreadable > 0 {
        tracing::warn!(unreadable, "callbacks of an older version are left out");
    }
    Ok(open)
}

/// What these callbacks say, in the same order.
pub(crate) fn read(connection: &Connection, ids: &[i64]) -> rusqlite::Result<VecDeque<Pending>> {
    let mut statement =
        connection.prepare_cached("SELECT occurred_ms, attempts, callback FROM callbacks WHERE id = ?1")?;
    let mut all = VecDeque::with_capacity(ids.len());
    for id in ids {
        let read = statement.query_row([id], |row| {
            let callback = serde_json::from_str(&row.get::<_, String>(2)?)
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, error.into()))?;
            Ok(Pending { id: *id, occurred_ms: row.get(0)?, attempts: row.get(1)?, callback })
        });
        all.extend(read.optional()?);
    }
    Ok(all)
}

/// Takes the first with what may go in the same request.
pub(crate) fn take_request(ready: &mut VecDeque<Pending>) -> Vec<Pending> {
    let Some(first) = ready.pop_front() else { return Vec::new() };
    let mut request = vec![first];
    if request[0].callback.most_per_request() > 1 {
        for next in std::mem::take(ready) {
            let fits = request.len() < request[0].callback.most_per_request()
                && request[0].callback.shares_request_with(&next.callback);
            if fits { request.push(next) } else { ready.push_back(next) }
        }
    }
    request
}

/// What waits in one lane, by when it is due.
#[derive(Default)]
struct Waiting {
    heap: Mutex<BinaryHeap<Reverse<(i64, i64)>>>,
    changed: Notify,
}

impl Waiting {
    fn heap(&self) -> MutexGuard<'_, BinaryHeap<Reverse<(i64, i64)>>> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The earliest, as far as they are due and go into one request; else how long until one is.
    fn take(&self, now_ms: i64) -> Result<Vec<i64>, Option<Duration>> {
        let mut heap = self.heap();
        let mut ids = Vec::new();
        while ids.len() < LARGEST_REQUEST
            && let Some(Reverse((due_ms, id))) = heap.peek().copied()
        {
            if due_ms > now_ms {
                break;
            }
            heap.pop();
            ids.push(id);
        }
        let until = |Reverse((due_ms, _)): &Reverse<(i64, i64)>| due_ms.abs_diff(now_ms);
        if ids.is_empty() { Err(heap.peek().map(until).map(Duration::from_millis)) } else { Ok(ids) }
    }
}

/// What is due, by lane, in memory.
pub(crate) struct Schedule {
    lanes: HashMap<Lane, Waiting>,
}

impl Schedule {
    pub(crate) fn new(open: Vec<Place>) -> Self {
        let schedule = Self { lanes: Lane::ALL.into_iter().map(|lane| (lane, Waiting::default())).collect() };
        schedule.add(open);
        schedule
    }

    pub(crate) fn add(&self, dues: Vec<Place>) {
        for due in dues {
            if let Some(waiting) = self.lanes.get(&due.lane) {
                waiting.heap().push(Reverse((due.due_ms, due.id)));
                waiting.changed.notify_one();
            }
        }
    }

    /// Waits for the next callbacks of a lane.
    pub(crate) async fn next(&self, lane: Lane) -> Vec<i64> {
        let Some(waiting) = self.lanes.get(&lane) else { return std::future::pending().await };
        loop {
            match waiting.take(now_ms()) {
                Ok(ids) => return ids,
                Err(None) => waiting.changed.notified().await,
                Err(Some(wait)) => {
                    // Whichever comes first; both lead to another look.
                    drop(tokio::time::timeout(wait, waiting.changed.notified()).await);
                }
            }
        }
    }
}

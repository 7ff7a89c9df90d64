//! Notes of touched chunks, with a memory, so that a burst of changes costs one write per chunk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{BulkActionId, Clock, MessageId, OrgId, Timestamp};
use store::chunk::Noted;
use store::{Result, Store};

/// How long a single write may take after its promise: longer than the database client's own limit for an operation.
pub(crate) const WRITE: Duration = Duration::from_secs(15);
/// What is promised beyond that, so that the next writes to the chunk need no promise of their own.
const AHEAD: Duration = Duration::from_secs(20);
/// How long it is enough to have made an action due once: while a note of its lives, reconcile keeps it due.
const DUE_FOR: Duration = Duration::from_secs(5);
/// The memory is emptied when it has grown to this many chunks; forgetting costs a write, never a count.
const REMEMBERED: usize = 10_000;

/// One function instance's promises. See `infra/decisions/0003`.
#[derive(Debug, Default)]
pub struct Notes {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    chunks: HashMap<(OrgId, u128, u32), Timestamp>,
    actions: HashMap<(OrgId, u128), Timestamp>,
}

impl Notes {
    /// Promises that the row `id` may change from now on and for 15 seconds. Make it immediately before the change.
    ///
    /// # Errors
    /// If the database gives no answer: then the change must not be made.
    pub async fn promise(
        &self,
        store: &Store,
        clock: &dyn Clock,
        org: &OrgId,
        id: MessageId,
    ) -> Result<Noted> {
        let now = clock.now();
        let chunk = (org.clone(), id.send.into(), id.chunk);
        if self.with(|memory| memory.chunks.get(&chunk).copied()).is_none_or(|until| until < now + WRITE) {
            let until = now + WRITE + AHEAD;
            if store.note_chunk(org, id.send, id.chunk, until).await? == Noted::NoSuchChunk {
                return Ok(Noted::NoSuchChunk);
            }
            self.make_due(store, org, id, now).await?;
            self.with(|memory| {
                if memory.chunks.len() >= REMEMBERED {
                    memory.chunks.clear();
                }
                memory.chunks.insert(chunk, until);
            });
        }
        Ok(Noted::Yes)
    }

    async fn make_due(&self, store: &Store, org: &OrgId, id: MessageId, now: Timestamp) -> Result<()> {
        let action = (org.clone(), id.send.into());
        if self.with(|memory| memory.actions.get(&action).copied()).is_none_or(|at| at + DUE_FOR < now) {
            store.make_due(org, BulkActionId::new(id.send), now).await?;
            self.with(|memory| {
                if memory.actions.len() >= REMEMBERED {
                    memory.actions.clear();
                }
                memory.actions.insert(action, now);
            });
        }
        Ok(())
    }

    fn with<T>(&self, read: impl FnOnce(&mut Memory) -> T) -> T {
        read(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

//! Counts an action's rows: what changed is read, what did not is remembered. Used by reconcile and by whoever watches an action.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::counts::Counts;
use domain::settings::DEFAULT_RECEIPT_WINDOW_S;
use domain::status::Transition;
use domain::{BulkActionStatus, Channel, Clock, OrgId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::Store;
use store::action::{Action, CountedOf, Saved};
use store::chunk::Chunk;
use store::content::FrozenContent;
use store::row::Row;
use ulid::Ulid;

use crate::Error;

/// Chunks that are read at once.
const CONCURRENT: usize = 8;

/// An action's chunks, freshly counted.
#[derive(Debug)]
pub struct Recount {
    /// When the count began: what was promised for later may not be in it.
    pub began_at: Timestamp,
    /// The chunks as they are now.
    pub chunks: Vec<Chunk>,
}

/// Counts the chunks that somebody has noted. That windows end is left to reconcile, which may have to ask a provider first.
///
/// # Errors
/// If the database gives no answer; what was counted stays.
pub async fn recount(store: &Store, clock: &dyn Clock, action: &Action) -> Result<Recount, Error> {
    let (org, send) = (&action.org_id, action.id.ulid());
    let began_at = clock.now();
    let windows = Windows::of(store, action).await?;
    let chunks = store.chunks(org, send).await?;
    Ok(Recount { began_at, chunks: count_noted(store, action, &windows, chunks, began_at).await? })
}

/// Counts those of `chunks` that somebody has noted; the others are taken as they are. `chunks` were read after `now`.
pub(crate) async fn count_noted(
    store: &Store,
    action: &Action,
    windows: &Windows,
    chunks: Vec<Chunk>,
    now: Timestamp,
) -> Result<Vec<Chunk>, Error> {
    let (org, send) = (&action.org_id, action.id.ulid());
    let count = async |chunk: Chunk| {
        let Some(noted_until) = chunk.noted_until else { return Ok(chunk) };
        let rows = store.rows_of_chunk(org, send, chunk.number).await?;
        let counted = windows.chunk_of(&chunk, &rows, None, now);
        let clear = noted_until < now;
        if counted == chunk && !clear {
            return Ok(chunk);
        }
        save(store, org, send, &chunk, counted, clear, now).await
    };
    stream::iter(chunks).map(count).buffered(CONCURRENT).try_collect().await
}

/// Saves what was counted of a chunk that was read as `seen`, and answers the chunk as it then is. With `clear` the note that was seen is
/// taken away.
pub(crate) async fn save(
    store: &Store,
    org: &OrgId,
    send: Ulid,
    seen: &Chunk,
    counted: Chunk,
    clear: bool,
    now: Timestamp,
) -> Result<Chunk, Error> {
    match store.save_counts(org, send, seen, &counted, clear).await? {
        Saved::Yes if clear => Ok(Chunk { noted_until: None, version: seen.version + 1, ..counted }),
        Saved::Yes => Ok(Chunk { noted_until: seen.noted_until, version: seen.version + 1, ..counted }),
        // Somebody else counted or made a new promise: the note stands, and so does the need to look again.
        Saved::Stale => Ok(Chunk { noted_until: seen.noted_until.or(Some(now)), ..counted }),
    }
}

/// How long an action's messages wait for receipts, as it was set when it was accepted.
#[derive(Debug)]
pub(crate) struct Windows(BTreeMap<Channel, u32>);

impl Windows {
    async fn of(store: &Store, action: &Action) -> Result<Self, Error> {
        let content = store.content(&action.org_id, action.id).await?.ok_or(Error::Missing("the content"))?;
        Ok(Self::in_content(&content))
    }

    pub(crate) fn in_content(content: &FrozenContent) -> Self {
        Self(content.receipt_window_s.clone())
    }

    /// When the window of a row ends that waits for a receipt.
    pub(crate) fn end_of(&self, row: &Row) -> Option<Timestamp> {
        row.window_ends_at(self.0.get(&row.channel).copied().unwrap_or(DEFAULT_RECEIPT_WINDOW_S))
    }

    /// The chunk `seen`, counted anew from its rows. `again`: when to look again at what was silent and stayed so.
    pub(crate) fn chunk_of(
        &self,
        seen: &Chunk,
        rows: &[Row],
        again: Option<Timestamp>,
        now: Timestamp,
    ) -> Chunk {
        let ends: Vec<Timestamp> = rows.iter().filter_map(|row| self.end_of(row)).collect();
        let window_ends_at = ends.iter().min().copied();
        let next_end = ends.iter().filter(|end| **end > now).min().copied();
        let over = window_ends_at.is_some_and(|end| end <= now);
        let again = again.or(seen.look_at).filter(|_| over);
        let look_at = again.map(|at| next_end.map_or(at, |end| end.min(at)));
        let Chunk { counts, over_time, last_sent_at, .. } = Chunk::of_rows(seen.number, rows);
        Chunk { counts, over_time, last_sent_at, window_ends_at, look_at, ..seen.clone() }
    }
}

impl Recount {
    /// Puts the counts into the action, and moves it if they settle it.
    pub fn apply(&self, action: &mut Action) {
        if action.status == BulkActionStatus::Cancelled {
            // It has no rows: all targets count as skipped, for good.
            return;
        }
        let counts = sum(&self.chunks, action);
        let certain = self.chunks.iter().all(|chunk| chunk.noted_until.is_none());
        action.counts = counts;
        action.last_sent_at = self.chunks.iter().filter_map(|chunk| chunk.last_sent_at).max();
        action.counted_of = certain.then(|| counted_of(&self.chunks));
        action.reconciled_at = Some(self.began_at);
        let stopped = action.failure_reason.is_some();
        let Some(settled) = counts.settle(action.total).filter(|_| !stopped) else { return };
        match action.status.step(settled) {
            Transition::To(status) if action.status.is_settled() => {
                action.enter(status, self.began_at, "late_receipt");
                action.corrected_at = Some(self.began_at);
            }
            Transition::To(status) => {
                action.enter(status, self.began_at, "reconcile");
                action.finished_at = Some(self.began_at);
            }
            Transition::AlreadyPast | Transition::Illegal => {}
        }
    }

    /// When the counts may next be out of date; `None` if nothing is expected.
    pub fn next_look(&self) -> Option<Timestamp> {
        // A millisecond after the promise is over, a count may take the note away.
        let noted =
            self.chunks.iter().filter_map(|chunk| chunk.noted_until).map(|at| at + Duration::from_millis(1));
        let silence = self.chunks.iter().filter_map(Chunk::silence_ends_at);
        noted.chain(silence).min()
    }
}

/// What an action's counters are if its chunks are these.
pub(crate) fn sum(chunks: &[Chunk], action: &Action) -> Counts {
    let mut counts = Counts::default();
    for chunk in chunks {
        counts += chunk.total();
    }
    if action.status == BulkActionStatus::Failed && action.failure_reason.is_some() {
        // Stopped by us: targets without a row were never handed over.
        let written: u64 = chunks.iter().map(|chunk| u64::from(chunk.rows)).sum();
        counts.failed += action.total.saturating_sub(written);
    }
    counts
}

/// What tells whether these chunks are the same as others.
pub(crate) fn counted_of(chunks: &[Chunk]) -> CountedOf {
    CountedOf { chunks: chunks.len(), versions: chunks.iter().map(|chunk| chunk.version).sum() }
}

//! Counts an action's rows: what changed is read, what did not is remembered. Used by reconcile and by whoever watches an action.

use std::time::Duration;

use domain::counts::Counts;
use domain::status::Transition;
use domain::{BulkActionStatus, Channel, Clock, MessageStatus, OrgId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::Store;
use store::action::{Action, Saved};
use store::chunk::Chunk;
use store::content::FrozenContent;
use store::row::{Change, Changed, Row};
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

/// Counts the chunks that need it, ending receipt windows on the way.
///
/// # Errors
/// If the database gives no answer; what was counted stays.
pub async fn recount(store: &Store, clock: &dyn Clock, action: &Action) -> Result<Recount, Error> {
    let (org, send) = (&action.org_id, action.id.ulid());
    let began_at = clock.now();
    let content = store.content(org, action.id).await?.ok_or(Error::Missing("the content"))?;
    let chunks = store.chunks(org, send).await?;
    let chunks = stream::iter(chunks)
        .map(|chunk| count_if_needed(store, org, send, &content, chunk, began_at))
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    Ok(Recount { began_at, chunks })
}

async fn count_if_needed(
    store: &Store,
    org: &OrgId,
    send: Ulid,
    content: &FrozenContent,
    chunk: Chunk,
    now: Timestamp,
) -> Result<Chunk, Error> {
    let window_over = chunk.window_ends_at.is_some_and(|ends| ends <= now);
    if chunk.noted_until.is_none() && !window_over {
        return Ok(chunk);
    }
    let counted = count(store, org, send, content, &chunk, now).await?;
    let clear = chunk.noted_until.is_some_and(|until| until < now);
    if counted == chunk && !clear {
        return Ok(chunk);
    }
    match store.save_counts(org, send, &chunk, &counted, clear).await? {
        Saved::Yes if clear => Ok(Chunk { noted_until: None, version: chunk.version + 1, ..counted }),
        Saved::Yes => Ok(Chunk { version: chunk.version + 1, ..counted }),
        // Somebody else counted or made a new promise: the note stands, and so does the need to look again.
        Saved::Stale => Ok(Chunk { noted_until: chunk.noted_until.or(Some(now)), ..counted }),
    }
}

async fn count(
    store: &Store,
    org: &OrgId,
    send: Ulid,
    content: &FrozenContent,
    chunk: &Chunk,
    now: Timestamp,
) -> Result<Chunk, Error> {
    let window = |channel: Channel| content.receipt_window_s.get(&channel).copied().unwrap_or(86_400);
    let mut rows = store.rows_of_chunk(org, send, chunk.number).await?;
    for waiting in [MessageStatus::Sent, MessageStatus::Sending] {
        let over = |row: &Row| {
            row.status == waiting && row.window_ends_at(window(row.channel)).is_some_and(|ends| ends <= now)
        };
        let mut silent: Vec<&mut Row> = rows.iter_mut().filter(|row| over(row)).collect();
        let changes: Vec<_> = silent.iter().map(|row| (row.id, Change::Unconfirmed { at: now })).collect();
        let outcomes = store.record(org, waiting, &changes).await?;
        for (row, changed) in silent.iter_mut().zip(outcomes) {
            match changed {
                Changed::Yes => row.status = MessageStatus::Unconfirmed,
                Changed::AlreadyPast(current) => **row = *current,
                Changed::Missing => {}
            }
        }
    }
    let window_ends_at = rows.iter().filter_map(|row| row.window_ends_at(window(row.channel))).min();
    let Chunk { counts, over_time, .. } = Chunk::of_rows(chunk.number, &rows);
    Ok(Chunk { counts, over_time, window_ends_at, ..chunk.clone() })
}

impl Recount {
    /// Puts the counts into the action, and moves it if they settle it.
    pub fn apply(&self, action: &mut Action) {
        if action.status == BulkActionStatus::Cancelled {
            // It has no rows: all targets count as skipped, for good.
            return;
        }
        let mut counts = Counts::default();
        for chunk in &self.chunks {
            counts += chunk.total();
        }
        if action.status == BulkActionStatus::Failed && action.failure_reason.is_some() {
            // Stopped by us: targets without a row were never handed over.
            let written: u64 = self.chunks.iter().map(|chunk| u64::from(chunk.rows)).sum();
            counts.failed += action.total.saturating_sub(written);
        }
        action.counts = counts;
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
        let windows = self.chunks.iter().filter_map(|chunk| chunk.window_ends_at);
        noted.chain(windows).min()
    }
}

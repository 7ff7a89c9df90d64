//! Going through the rows of actions, newest first, chunk by chunk.
//!
//! The rows of a chunk are written together, the chunks of an action by several workers at once, and actions while others are being written. So
//! chunks are put into the order of their first rows, and rows into order within their chunk. Where one chunk was written in two goes, because
//! its first writer stopped, its rows stay together: none is left out or comes twice, whatever happens between two pages.

use std::cmp::Reverse;

use domain::{BulkActionId, MessageId, OrgId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use store::Store;
use store::action::Action;
use store::chunk::Chunk;
use store::row::Row;
use wire::api::problem::Problem;

use crate::{Error, Refused};

/// Actions whose chunks are read at once.
const CONCURRENT: usize = 8;

/// A chunk among those that are gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its action.
    pub(super) action: BulkActionId,
    /// Which chunk.
    pub(super) chunk: u32,
    /// Rows that it holds.
    pub(super) rows: u32,
    /// Rows that failed or were skipped, as last counted.
    pub(super) ended: u64,
    /// When its first row was created.
    at: Timestamp,
}

impl Place {
    /// Sorts chunks as their rows are sorted, the last first: those of one moment by the text of their ids.
    fn key(&self) -> (Timestamp, String) {
        let first = MessageId { send: self.action.ulid(), chunk: self.chunk, slot: 0 };
        (self.at, first.to_string())
    }
}

/// Where going through stopped: behind a chunk, or behind one of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    action: BulkActionId,
    chunk: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<(Timestamp, u16)>,
}

/// How far one got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// To the end.
    Through,
    /// To here; `None` if nothing was looked at.
    Stopped(Option<Position>),
}

/// What takes the rows.
pub(super) trait Sink {
    /// How many rows it still looks at; none once it has what it wants.
    fn room(&self) -> usize;

    /// Whether it wants any row of a chunk.
    fn wants(&self, _place: &Place) -> bool {
        true
    }

    /// Takes rows in their order, and answers how many of them it has looked at before it had what it wants.
    async fn take(&mut self, rows: Vec<Row>) -> Result<usize, Error>;
}

/// The chunks of `actions` in the order of lists.
///
/// # Errors
/// If the database gives no answer.
pub(super) async fn places(store: &Store, org: &OrgId, actions: &[Action]) -> Result<Vec<Place>, Error> {
    let chunks: Vec<Vec<Chunk>> = stream::iter(actions)
        .map(|action| store.chunks(org, action.id.ulid()))
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    let of_action = actions.iter().zip(chunks).flat_map(|(action, chunks)| {
        chunks.into_iter().map(|chunk| Place {
            action: action.id,
            chunk: chunk.number,
            rows: chunk.rows,
            ended: chunk.total().failed + chunk.total().skipped,
            at: action.created_at,
        })
    });
    let mut places: Vec<Place> = of_action.collect();
    if places.len() > 1 {
        let chunks: Vec<_> = places.iter().map(|place| (place.action.ulid(), place.chunk)).collect();
        let times = store.chunk_times(org, &chunks).await?;
        for (place, chunk) in places.iter_mut().zip(chunks) {
            place.at = times.get(&chunk).copied().unwrap_or(place.at);
        }
    }
    places.sort_by_cached_key(|place| Reverse(place.key()));
    Ok(places)
}

/// Goes through `places`, on from `from`, until the sink has what it wants.
///
/// # Errors
/// If the database gives no answer; 400 if `from` is in none of the places.
pub(super) async fn walk(
    store: &Store,
    org: &OrgId,
    places: &[Place],
    from: Option<Position>,
    sink: &mut impl Sink,
) -> Result<Walked, Refused> {
    let mut reached = from;
    for place in rest(places, from)? {
        if !sink.wants(place) {
            continue;
        }
        if sink.room() < usize::try_from(place.rows).unwrap_or(usize::MAX) {
            return Ok(Walked::Stopped(reached));
        }
        let rows = store.rows_of_chunk(org, place.action.ulid(), place.chunk).await?;
        let rows = in_order(rows, from.filter(|from| from.is_in(place)));
        let keys: Vec<(Timestamp, u16)> = rows.iter().map(|row| (row.created_at, row.id.slot)).collect();
        let taken = sink.take(rows).await?;
        if taken < keys.len() {
            if let Some(last) = taken.checked_sub(1).and_then(|last| keys.get(last)) {
                reached = Some(Position { action: place.action, chunk: place.chunk, after: Some(*last) });
            }
            return Ok(Walked::Stopped(reached));
        }
        reached = Some(Position { action: place.action, chunk: place.chunk, after: None });
    }
    Ok(Walked::Through)
}

/// The places that are left behind `from`. Chunks that were written since and come before it are newer than the list.
fn rest(places: &[Place], from: Option<Position>) -> Result<&[Place], Problem> {
    let Some(from) = from else { return Ok(places) };
    let here = places.iter().position(|place| from.is_in(place));
    let here = here.ok_or_else(|| Problem::bad_request("The cursor does not belong to this list"))?;
    let first = if from.after.is_some() { here } else { here + 1 };
    Ok(places.get(first..).unwrap_or_default())
}

/// The rows of a chunk in the order of lists, as far as they are behind `from`.
fn in_order(mut rows: Vec<Row>, from: Option<Position>) -> Vec<Row> {
    rows.sort_by_cached_key(|row| Reverse(row.list_key()));
    if let Some(Position { action, chunk, after: Some((at, slot)) }) = from {
        let behind = (at, MessageId { send: action.ulid(), chunk, slot }.to_string());
        rows.retain(|row| row.list_key() < behind);
    }
    rows
}

impl Position {
    /// Whether it is in a chunk of this action.
    pub(super) fn is_of(&self, action: BulkActionId) -> bool {
        self.action == action
    }

    fn is_in(&self, place: &Place) -> bool {
        self.action == place.action && self.chunk == place.chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Channel;
    use ulid::Ulid;

    fn action(random: u128) -> BulkActionId {
        BulkActionId::new(Ulid::from_parts(1, random))
    }

    fn place(chunk: u32, at: i64) -> Place {
        Place { action: action(1), chunk, rows: 1, ended: 0, at: Timestamp::from_millis(at) }
    }

    fn row(slot: u16, at: i64) -> Row {
        let id = MessageId { send: action(1).ulid(), chunk: 0, slot };
        Row::queued("o".parse().unwrap(), id, "m".parse().unwrap(), Channel::Sms, Timestamp::from_millis(at))
    }

    fn slots(rows: &[Row]) -> Vec<u16> {
        rows.iter().map(|row| row.id.slot).collect()
    }

    #[test]
    fn chunks_sort_by_their_time_and_then_like_the_ids_of_their_rows() {
        let mut places = [place(9, 5), place(10, 5), place(1, 5), place(2, 9)];
        places.sort_by_cached_key(|place| Reverse(place.key()));
        assert_eq!(places.iter().map(|place| place.chunk).collect::<Vec<_>>(), [2, 9, 10, 1]);
        let ids: Vec<String> = places.iter().skip(1).map(|place| place.key().1).collect();
        assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    }

    #[test]
    fn rows_sort_by_their_time_and_then_by_the_text_of_their_ids() {
        let rows = in_order(vec![row(2, 5), row(10, 5), row(1, 5), row(0, 6)], None);
        assert_eq!(slots(&rows), [0, 2, 10, 1]);
    }

    #[test]
    fn going_on_behind_a_row_leaves_out_what_came_before() {
        let from = Position { action: action(1), chunk: 0, after: Some((Timestamp::from_millis(5), 10)) };
        assert_eq!(
            slots(&in_order(vec![row(2, 5), row(10, 5), row(1, 5), row(0, 6), row(7, 4)], Some(from))),
            [1, 7]
        );
    }

    #[test]
    fn going_on_leaves_out_chunks_that_are_newer_than_the_list() {
        let places = [place(3, 9), place(2, 8), place(1, 7)];
        let from = |chunk, after| Some(Position { action: action(1), chunk, after });
        let chunks = |from| rest(&places, from).unwrap().iter().map(|place| place.chunk).collect::<Vec<_>>();
        assert_eq!(chunks(None), [3, 2, 1]);
        assert_eq!(chunks(from(2, None)), [1]);
        assert_eq!(chunks(from(2, Some((Timestamp::from_millis(8), 4)))), [2, 1]);
        assert_eq!(chunks(from(1, None)), [0_u32; 0]);
        assert_eq!(rest(&places, from(7, None)).unwrap_err().status, 400);
    }
}

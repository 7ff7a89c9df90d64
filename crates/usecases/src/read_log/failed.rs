//! The failed items of an action: all rows that failed or were skipped, newest first like every list, as JSON or CSV.

use std::collections::{BTreeMap, HashMap};

use domain::permission::Caller;
use domain::{BulkActionStatus, FailureCode, MessageId, OrgId, Reason, SkipCode};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use store::Store;
use store::action::Action;
use store::row::Row;
use wire::api::http::{Reply, Request};
use wire::api::message::{FailedItemList, FailedItemView};

use super::ReadLog;
use super::actions::find;
use super::cover::covers;
use super::cursors::Cursors;
use super::fresh::fresh;
use super::page::{MAX_EXAMINED, Page};
use super::walk::{Place, Position, Sink, Walked, places, walk};
use super::{accept, csv_file};
use crate::query::Query;
use crate::send_message::SCHEDULE_MISSED;
use crate::{Error, Refused};

const MAX_LIMIT: usize = 200;
const MAX_LIMIT_CSV: usize = 10_000;
/// Chunks whose reasons are read at once.
const CONCURRENT: usize = 16;

/// How many failed and skipped rows an action has, by code.
type CodeCounts = BTreeMap<String, u64>;

/// Where a page ended. The first page has counted the whole action; the others repeat its counts instead of reading everything again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reached {
    at: Option<Position>,
    counts: Option<CodeCounts>,
}

/// `GET /bulk-actions/{id}/failed-items`.
pub(super) async fn list(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let action = find(&deps.store, org, request.param("id")).await?;
    let query = Query::parse(request, &["code", "limit", "cursor"])?;
    let code = query.choice("code", &codes(), Reason::as_str)?;
    let as_csv = accept::prefers_csv(request.header("accept"));
    let limit = query.limit(if as_csv { MAX_LIMIT_CSV } else { MAX_LIMIT })?;
    let cursors = Cursors::new(deps, org, &format!("failed-items of {}", action.id), &query);
    let from: Option<Reached> = cursors.open()?;

    // The chunks' counts say where to look; on the first page they are brought up to date.
    let action = if from.is_some() { action } else { fresh(deps, action).await? };
    let places = places(&deps.store, org, std::slice::from_ref(&action)).await?;
    let (at, known) = from.map_or((None, None), |from| (from.at, from.counts));
    let counts = match known {
        None if !as_csv => Some(count(&deps.store, org, &action, &places).await?),
        known => known,
    };
    let failed = Failed { code, page: Page::new(limit, MAX_EXAMINED.max(limit)) };
    let mut filling = Filling { store: &deps.store, org, failed };
    let next_cursor = match walk(&deps.store, org, &places, at, &mut filling).await? {
        Walked::Through => None,
        Walked::Stopped(at) => Some(cursors.seal(&Reached { at, counts: counts.clone() })),
    };
    let items = filling.failed.page.into_items();
    if !as_csv {
        return Ok(Reply::json(
            200,
            &FailedItemList { items, next_cursor, counts: counts.unwrap_or_default() },
        ));
    }
    let reply = Reply::text(200, "text/csv; charset=utf-8", csv_file::write(&items));
    Ok(match next_cursor {
        None => reply,
        Some(cursor) => {
            let next =
                format!("</bulk-actions/{}/failed-items?{}>; rel=\"next\"", action.id, query.next(&cursor));
            reply.header("link", next)
        }
    })
}

fn codes() -> Vec<Reason> {
    let failed = FailureCode::ALL.iter().copied().map(Reason::Failed);
    failed.chain(SkipCode::ALL.iter().copied().map(Reason::Skipped)).collect()
}

/// Reads the reasons of all chunks that have any.
async fn count(store: &Store, org: &OrgId, action: &Action, places: &[Place]) -> Result<CodeCounts, Error> {
    let send = action.id.ulid();
    let reasons: Vec<Vec<Reason>> = stream::iter(places.iter().filter(|place| place.ended > 0))
        .map(|place| store.reasons_of_chunk(org, send, place.chunk))
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    let mut counts = CodeCounts::new();
    for reason in reasons.into_iter().flatten() {
        *counts.entry(reason.as_str().to_owned()).or_default() += 1;
    }
    let written = places.iter().map(|place| u64::from(place.rows)).sum();
    if let Some((code, unwritten)) = never_written(action, written) {
        *counts.entry(code.as_str().to_owned()).or_default() += unwritten;
    }
    Ok(counts)
}

/// Targets that have no row because the action was stopped as a whole: they count as failed, and no item can stand for them.
fn never_written(action: &Action, written: u64) -> Option<(FailureCode, u64)> {
    let reason = action.failure_reason.as_deref().filter(|_| action.status == BulkActionStatus::Failed)?;
    let code = if reason == SCHEDULE_MISSED { FailureCode::Expired } else { FailureCode::InternalError };
    Some((code, action.total.saturating_sub(written))).filter(|(_, unwritten)| *unwritten > 0)
}

/// A page of failed items.
struct Failed {
    code: Option<Reason>,
    page: Page<FailedItemView>,
}

impl Failed {
    /// Takes rows in their order, and answers how many of them it has looked at before it was full.
    fn fill(&mut self, rows: Vec<Row>, covers: &HashMap<MessageId, String>) -> usize {
        self.page.examined(rows.len());
        let mut taken = 0;
        for row in rows {
            if self.page.is_full() {
                break;
            }
            taken += 1;
            if let Some(reason) =
                row.ended_for().filter(|reason| self.code.is_none_or(|code| code == *reason))
            {
                let cover = row.covered_by.and_then(|id| covers.get(&id).cloned());
                self.page.push(item(row, reason, cover));
            }
        }
        taken
    }
}

/// A page that is being filled from the database.
struct Filling<'a> {
    store: &'a Store,
    org: &'a OrgId,
    failed: Failed,
}

impl Sink for Filling<'_> {
    fn room(&self) -> usize {
        self.failed.page.room()
    }

    fn wants(&self, place: &Place) -> bool {
        place.ended > 0
    }

    async fn take(&mut self, rows: Vec<Row>) -> Result<usize, Error> {
        let covers = covers(self.store, self.org, rows.iter()).await?;
        Ok(self.failed.fill(rows, &covers))
    }
}

/// The item of a row that ended for `reason`; of one that is covered, with how its cover fared.
fn item(row: Row, reason: Reason, cover: Option<String>) -> FailedItemView {
    FailedItemView {
        message_id: row.id,
        channel: row.channel,
        code: reason.as_str(),
        message: cover.unwrap_or_else(|| reason.sentence(row.channel, row.detail.as_deref())),
        at: row.ended_at.unwrap_or(row.created_at),
        address: row.shown_address().map(str::to_owned),
        member_id: row.member_id,
        provider_code: row.provider_code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples;
    use domain::{MessageStatus, Timestamp};

    fn failed(slot: u16, code: FailureCode) -> Row {
        let mut row = Row {
            status: MessageStatus::Failed,
            reason: Some(Reason::Failed(code)),
            ended_at: Some(Timestamp::from_secs(9)),
            ..samples::row()
        };
        row.id.slot = slot;
        row
    }

    fn fill(code: Option<Reason>, limit: usize, rows: Vec<Row>) -> (usize, Vec<FailedItemView>) {
        let mut failed = Failed { code, page: Page::new(limit, MAX_EXAMINED) };
        let taken = failed.fill(rows, &HashMap::new());
        (taken, failed.page.into_items())
    }

    #[test]
    fn only_rows_that_failed_or_were_skipped_are_items() {
        let skipped = Row {
            status: MessageStatus::Skipped,
            reason: Some(Reason::Skipped(SkipCode::OptedOut)),
            ..failed(1, FailureCode::Bounced)
        };
        // A delivery corrected it.
        let corrected = Row { status: MessageStatus::Delivered, ..failed(2, FailureCode::Bounced) };
        let (taken, items) = fill(None, 10, vec![failed(0, FailureCode::NoPhone), skipped, corrected]);
        assert_eq!(taken, 3);
        let codes: Vec<_> = items.iter().map(|item| (item.code, item.message.as_str())).collect();
        assert_eq!(
            codes,
            [("no_phone", "The member has no phone number"), ("opted_out", "Opted out of SMS")]
        );
    }

    #[test]
    fn a_covered_row_says_how_its_cover_fared() {
        let cover = MessageId { slot: 7, ..samples::row().id };
        let covered = Row {
            status: MessageStatus::Skipped,
            reason: Some(Reason::Skipped(SkipCode::Covered)),
            covered_by: Some(cover),
            ..failed(1, FailureCode::Bounced)
        };
        let mut page = Failed { code: None, page: Page::new(10, MAX_EXAMINED) };
        page.fill(vec![covered], &HashMap::from([(cover, "Covered, and it was read".to_owned())]));
        let items = page.page.into_items();
        assert_eq!((items[0].code, items[0].message.as_str()), ("covered", "Covered, and it was read"));
    }

    #[test]
    fn a_page_says_how_far_it_looked() {
        let rows = || (0..4).map(|slot| failed(slot, FailureCode::NoPhone)).collect();
        assert_eq!(fill(None, 2, rows()).0, 2);
        let (taken, items) = fill(Some(Reason::Failed(FailureCode::Bounced)), 2, rows());
        assert_eq!((taken, items.len()), (4, 0), "what is something else is looked at and left out");
    }

    #[test]
    fn targets_that_were_never_written_count_only_if_the_action_was_stopped() {
        let action = |status, failure_reason: Option<&str>| Action {
            status,
            total: 10,
            failure_reason: failure_reason.map(str::to_owned),
            ..samples::action()
        };
        let of = |status, reason| never_written(&action(status, reason), 4);
        assert_eq!(
            of(BulkActionStatus::Failed, Some("internal_error")),
            Some((FailureCode::InternalError, 6))
        );
        assert_eq!(of(BulkActionStatus::Failed, Some(SCHEDULE_MISSED)), Some((FailureCode::Expired, 6)));
        assert_eq!(of(BulkActionStatus::Failed, None), None);
        assert_eq!(of(BulkActionStatus::Processing, None), None);
        assert_eq!(never_written(&action(BulkActionStatus::Failed, Some("internal_error")), 10), None);
    }
}

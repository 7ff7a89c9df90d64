//! Delivery rates of an action, from the counts and histograms of its chunks: no row is read for them.

use domain::counts::Counts;
use domain::histogram::{Histogram, Tally};
use domain::permission::Caller;
use domain::{BulkActionStatus, Channel, Routing};
use store::action::Action;
use store::chunk::Chunk;
use store::content::FrozenContent;
use wire::api::http::{Reply, Request};
use wire::api::stats::{ChannelStatsView, IntervalView, RatesView, StatsView};

use super::ReadLog;
use super::actions::find;
use super::fresh::fresh;
use crate::query::Query;
use crate::{Error, Refused};

/// `GET /bulk-actions/{id}/stats`.
pub(super) async fn of_action(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let org = &caller.org_id;
    let action = fresh(deps, find(&deps.store, org, request.param("id")).await?).await?;
    let content = deps.store.content(org, action.id).await?.ok_or(Error::Missing("the content"))?;
    let chunks = deps.store.chunks(org, action.id.ulid()).await?;
    Ok(Reply::json(200, &stats(&action, &content, chunks)))
}

fn stats(action: &Action, content: &FrozenContent, chunks: Vec<Chunk>) -> StatsView {
    let mut over_time = Histogram::default();
    let channels = content.messages.iter().map(|message| message.body.channel());
    let mut by_channel: Vec<(Channel, Counts)> =
        channels.map(|channel| (channel, Counts::default())).collect();
    for chunk in chunks {
        for (channel, counts) in &mut by_channel {
            *counts += chunk.counts.get(channel).copied().unwrap_or_default();
        }
        over_time.merge(chunk.over_time);
    }
    add_unwritten(action, &mut by_channel);

    let mut all = Counts::default();
    for (_, counts) in &by_channel {
        all += *counts;
    }
    // What failed without having been written failed when the action was stopped.
    let failed = all.failed.saturating_sub(over_time.intervals().map(|(_, tally)| tally.failed).sum());
    if let Some(stopped_at) = action.finished_at.filter(|_| action.failure_reason.is_some()) {
        over_time.add(stopped_at, Tally { failed, ..Tally::default() });
    }
    StatsView {
        rates: RatesView::new(action.total, all),
        by_channel: by_channel
            .into_iter()
            .map(|(channel, counts)| ChannelStatsView {
                channel,
                rates: RatesView::new(counts.rows(), counts),
            })
            .collect(),
        over_time: over_time.intervals().map(|(at, tally)| IntervalView::new(at, tally)).collect(),
    }
}

/// Adds the rows that the action has not, or will never have. A row whose channel is chosen when it is written belongs to none before; if it
/// never is, it counts with the first, as the target's row would have if it had been reachable there. So do those of a stopped retry.
fn add_unwritten(action: &Action, by_channel: &mut [(Channel, Counts)]) {
    let written: u64 = by_channel.iter().map(|(_, counts)| counts.rows()).sum();
    let mut missing = action.total.saturating_sub(written);
    let one_each = action.routing == Routing::All && action.retry_of.is_none();
    let ended = unwritten_count_as(action);
    for (_, counts) in by_channel {
        let of_channel = if one_each {
            u64::from(action.targets).saturating_sub(counts.rows()).min(missing)
        } else if ended.is_some() {
            missing
        } else {
            0
        };
        missing -= of_channel;
        *counts += match ended {
            Some(Ended::Skipped) => Counts { skipped: of_channel, ..Counts::default() },
            Some(Ended::Failed) => Counts { failed: of_channel, ..Counts::default() },
            None => Counts { pending: of_channel, ..Counts::default() },
        };
    }
}

/// How rows count that will never be written.
enum Ended {
    Skipped,
    Failed,
}

fn unwritten_count_as(action: &Action) -> Option<Ended> {
    match action.status {
        BulkActionStatus::Cancelled => Some(Ended::Skipped),
        BulkActionStatus::Failed if action.failure_reason.is_some() => Some(Ended::Failed),
        BulkActionStatus::Queued
        | BulkActionStatus::Processing
        | BulkActionStatus::Delegated
        | BulkActionStatus::Completed
        | BulkActionStatus::Partial
        | BulkActionStatus::Failed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_log::samples;
    use domain::content::Body;
    use domain::{FailureCode, MessageId, MessageStatus, Reason, Timestamp};
    use store::row::Row;

    fn at() -> Timestamp {
        Timestamp::from_secs(0)
    }

    fn content() -> FrozenContent {
        let mail = Body::Email { subject: "S".into(), text: "Hi".into(), html: None };
        samples::content(vec![Body::Sms { text: "Hi".into() }, mail])
    }

    fn row(slot: u16, channel: Channel, status: MessageStatus) -> Row {
        let id = MessageId { slot, ..samples::row().id };
        let sent = status >= MessageStatus::Sent && status != MessageStatus::Failed;
        Row { id, channel, status, sent_at: sent.then_some(at()), ..samples::row() }
    }

    fn of_channel(stats: &StatsView, channel: Channel) -> RatesView {
        stats.by_channel.iter().find(|one| one.channel == channel).unwrap().rates
    }

    #[test]
    fn rates_are_those_of_the_chunks_and_add_up_over_the_channels() {
        let action = Action { targets: 2, total: 4, ..samples::action() };
        let delivered = Row {
            delivered_at: Some(Timestamp::from_secs(60)),
            replied_at: Some(Timestamp::from_secs(90)),
            ..row(0, Channel::Sms, MessageStatus::Delivered)
        };
        let rows = [delivered, row(1, Channel::Email, MessageStatus::Sent)];
        let stats = stats(&action, &content(), vec![Chunk::of_rows(0, &rows)]);
        assert_eq!(
            (stats.rates.total, stats.rates.sent, stats.rates.delivered, stats.rates.replied),
            (4, 2, 1, 1)
        );
        let (sms, email) = (of_channel(&stats, Channel::Sms), of_channel(&stats, Channel::Email));
        assert_eq!(
            (sms.total, sms.delivered, email.total, email.sent),
            (2, 1, 2, 1),
            "rows to come are in the total"
        );
        let points: Vec<(i64, u64, u64)> =
            stats.over_time.iter().map(|point| (point.at.secs(), point.sent, point.delivered)).collect();
        assert_eq!(points, [(0, 2, 0), (60, 0, 1)]);
    }

    #[test]
    fn targets_of_a_stopped_action_that_were_never_written_failed_when_it_was_stopped() {
        let action = Action {
            targets: 3,
            total: 6,
            status: BulkActionStatus::Failed,
            failure_reason: Some("internal_error".into()),
            finished_at: Some(Timestamp::from_secs(600)),
            ..samples::action()
        };
        let rows = [
            row(0, Channel::Sms, MessageStatus::Delivered),
            row(1, Channel::Email, MessageStatus::Delivered),
        ];
        let chunks = vec![Chunk::of_rows(0, &rows)];
        let all = stats(&action, &content(), chunks.clone());
        assert_eq!((all.rates.failed, all.rates.delivered), (4, 2));
        assert_eq!(of_channel(&all, Channel::Email).failed, 2);
        assert_eq!(all.over_time.last().map(|point| (point.at.secs(), point.failed)), Some((600, 4)));

        let first = Action { routing: Routing::FirstReachable, targets: 6, ..action };
        let stats = stats(&first, &content(), chunks);
        assert_eq!(
            (of_channel(&stats, Channel::Sms).failed, of_channel(&stats, Channel::Email).failed),
            (4, 0)
        );
    }

    #[test]
    fn targets_of_a_cancelled_action_are_skipped() {
        let action =
            Action { targets: 3, total: 6, status: BulkActionStatus::Cancelled, ..samples::action() };
        let stats = stats(&action, &content(), Vec::new());
        assert_eq!((stats.rates.skipped, of_channel(&stats, Channel::Sms).skipped), (6, 3));
        assert_eq!(stats.over_time, []);
    }

    #[test]
    fn a_row_whose_channel_is_not_chosen_yet_belongs_to_none() {
        let action = Action { routing: Routing::FirstReachable, targets: 6, total: 6, ..samples::action() };
        let rows = [row(0, Channel::Email, MessageStatus::Queued)];
        let stats = stats(&action, &content(), vec![Chunk::of_rows(0, &rows)]);
        let totals = [Channel::Sms, Channel::Email].map(|channel| of_channel(&stats, channel).total);
        assert_eq!((stats.rates.total, totals), (6, [0, 1]));
    }

    #[test]
    fn a_failure_that_a_report_corrected_is_none() {
        let corrected = Row {
            ended_at: Some(Timestamp::from_secs(5)),
            reason: Some(Reason::Failed(FailureCode::Undeliverable)),
            delivered_at: Some(Timestamp::from_secs(60)),
            ..row(0, Channel::Sms, MessageStatus::Delivered)
        };
        let stats = stats(
            &samples::action(),
            &samples::content(vec![Body::Sms { text: "Hi".into() }]),
            vec![Chunk::of_rows(0, &[corrected])],
        );
        assert_eq!(stats.over_time.iter().map(|point| point.failed).sum::<u64>(), 0);
    }
}

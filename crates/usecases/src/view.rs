//! How actions read in the API.

use domain::settings::{ChannelSettings, ChannelStatus};
use domain::{BulkActionStatus, OrgId, Timestamp};
use store::Store;
use store::action::Action;
use store::content::FrozenContent;
use wire::api::action::{ActionView, MoveView, PausedView};

use crate::estimate::Rest;
use crate::{Error, estimate};

/// An action as it is at `now`, for answers about it. While something of it is to be sent its estimate is made anew; then it is shown as it was
/// made at acceptance.
///
/// # Errors
/// If the database gives no answer.
pub(crate) async fn of_action(
    store: &Store,
    org: &OrgId,
    mut action: Action,
    now: Timestamp,
) -> Result<ActionView, Error> {
    let content = store.content(org, action.id).await?.ok_or(Error::Missing("the content"))?;
    let senders = if may_wait(&action) { store.senders(org).await? } else { Vec::new() };
    if estimate::is_open(&action) {
        let is_written = action.status != BulkActionStatus::Queued;
        let parcels = if is_written { store.parcels(org, action.id.ulid()).await? } else { Vec::new() };
        match estimate::of_rest(&action, &content.messages, &senders, &parcels, now) {
            Rest::Nothing => {}
            Rest::Paused => (action.estimated_completion, action.spans_days) = (None, None),
            Rest::Expected(rest) => {
                (action.estimated_completion, action.spans_days) =
                    (Some(rest.completion), Some(rest.spans_days));
            }
        }
    }
    let channels: Vec<ChannelSettings> = senders.into_iter().map(|sender| sender.settings).collect();
    Ok(action_view(action, content, &channels))
}

/// Whether work of the action may wait for a paused sender.
pub(crate) fn may_wait(action: &Action) -> bool {
    !action.status.is_settled()
}

/// An action as the API shows it; `channels` are the organisation's, where the action [may wait](may_wait) for one.
pub(crate) fn action_view(
    action: Action,
    content: FrozenContent,
    channels: &[ChannelSettings],
) -> ActionView {
    let paused = if may_wait(&action) { paused(&content, channels) } else { None };
    ActionView {
        id: action.id,
        kind: "send_message",
        status: action.status,
        source: "api",
        schedule_at: action.schedule_at,
        expires_at: action.expires_at,
        started_at: action.started_at,
        delegated_at: action.delegated_at,
        finished_at: action.finished_at,
        corrected_at: action.corrected_at,
        retry_of: action.retry_of,
        messages: content.as_given,
        routing: action.routing,
        dedupe: action.dedupe,
        duplicates_removed: action.duplicates_removed,
        total: action.total,
        success_count: action.counts.success,
        failed_count: action.counts.failed,
        skipped_count: action.counts.skipped,
        unconfirmed_count: action.counts.unconfirmed,
        pending_count: action.pending(),
        sent_count: action.counts.sent,
        delivered_count: action.counts.delivered,
        read_count: action.counts.read,
        paused,
        estimated_completion: action.estimated_completion,
        spans_days: action.spans_days,
        last_sent_at: action.last_sent_at,
        reconciled_at: action.reconciled_at,
        history: action
            .history
            .into_iter()
            .map(|m| MoveView { status: m.status, at: m.at, by: m.by })
            .collect(),
        created_by: action.created_by,
        created_at: action.created_at,
        failure_reason: action.failure_reason,
    }
}

/// The first channel of the content whose sender is paused.
fn paused(content: &FrozenContent, channels: &[ChannelSettings]) -> Option<PausedView> {
    let mut of_content = content.messages.iter().map(|message| message.body.channel());
    of_content.find_map(|channel| {
        let settings = channels.iter().find(|settings| settings.channel == channel)?;
        let reason = settings.status_reason.clone().unwrap_or_else(|| "The sender is paused".into());
        (settings.status == ChannelStatus::Paused).then_some(PausedView { channel, reason })
    })
}

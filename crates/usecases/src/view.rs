//! How stored things read in the API.

use serde_json::Value;
use store::action::Action;
use wire::api::bulk_action::{ActionView, MoveView, PausedView};

/// An action as the API shows it. `messages` as they were given.
pub(crate) fn action_view(action: Action, messages: Value, paused: Option<PausedView>) -> ActionView {
    ActionView {
        id: action.id,
        kind: "send_message",
        status: action.status,
        source: "api",
        schedule_at: None,
        expires_at: action.expires_at,
        started_at: action.started_at,
        delegated_at: action.delegated_at,
        finished_at: action.finished_at,
        corrected_at: action.corrected_at,
        retry_of: None,
        messages,
        routing: action.routing,
        dedupe: "none",
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
        estimated_completion: None,
        spans_days: None,
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

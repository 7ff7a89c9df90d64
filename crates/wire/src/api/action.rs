//! Bulk actions as the API shows them.

use domain::{BulkActionId, BulkActionStatus, Channel, Dedupe, Routing, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// A bulk action as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionView {
    /// Its id.
    pub id: BulkActionId,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it is.
    pub status: BulkActionStatus,
    /// What asked for it.
    pub source: &'static str,
    /// Who asked for it.
    pub created_by: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was to start, if not at once.
    pub schedule_at: Option<Timestamp>,
    /// When it stops being useful.
    pub expires_at: Timestamp,
    /// When it left `queued`.
    pub started_at: Option<Timestamp>,
    /// When every row was written.
    pub delegated_at: Option<Timestamp>,
    /// When it settled.
    pub finished_at: Option<Timestamp>,
    /// When a late receipt last corrected its status.
    pub corrected_at: Option<Timestamp>,
    /// The action that it retries.
    pub retry_of: Option<BulkActionId>,
    /// What it says, as it was given.
    pub messages: Value,
    /// How it treats several channels.
    pub routing: Routing,
    /// Whether one address gets one message.
    pub dedupe: Dedupe,
    /// Targets that were named more than once.
    pub duplicates_removed: u32,
    /// Rows: the sum of the five counts below.
    pub total: u64,
    /// Delivered or read.
    pub success_count: u64,
    /// Failed.
    pub failed_count: u64,
    /// Skipped.
    pub skipped_count: u64,
    /// Accepted, or perhaps accepted, without a report in time.
    pub unconfirmed_count: u64,
    /// Not settled yet.
    pub pending_count: u64,
    /// Rows that ever were with the provider.
    pub sent_count: u64,
    /// Rows that ever were delivered.
    pub delivered_count: u64,
    /// Rows that were read.
    pub read_count: u64,
    /// Why it failed as a whole.
    pub failure_reason: Option<String>,
    /// A sender that is paused while work waits for it.
    pub paused: Option<PausedView>,
    /// When the last message will have left.
    pub estimated_completion: Option<Timestamp>,
    /// Days over which it is spread.
    pub spans_days: Option<u32>,
    /// When the last message left that a provider has.
    pub last_sent_at: Option<Timestamp>,
    /// When the rows were last counted.
    pub reconciled_at: Option<Timestamp>,
    /// Its moves.
    pub history: Vec<MoveView>,
}

/// A paused sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PausedView {
    /// Its channel.
    pub channel: Channel,
    /// Why, for people.
    pub reason: String,
}

/// One move of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MoveView {
    /// The status after it.
    pub status: BulkActionStatus,
    /// When.
    pub at: Timestamp,
    /// Who or what caused it.
    pub by: String,
}

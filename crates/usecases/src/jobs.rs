//! The jobs with which functions drive each other: made when work is first handed on and again when it was lost.

use std::time::Duration;

use domain::{Channel, SendSource, Timestamp};
use queue::Queue;
use store::action::Action;
use store::parcel::Parcel;
use wire::queue::{DispatchJob, SendMessageJob};

/// The dispatch queues.
#[derive(Debug, Clone)]
pub struct DispatchQueues {
    /// Of `dispatch-whatsapp`.
    pub whatsapp: Queue<DispatchJob>,
    /// Of `dispatch-sms`.
    pub sms: Queue<DispatchJob>,
    /// Of `dispatch-email`.
    pub email: Queue<DispatchJob>,
}

impl DispatchQueues {
    /// The queue of `channel`.
    pub fn of(&self, channel: Channel) -> &Queue<DispatchJob> {
        match channel {
            Channel::WhatsApp => &self.whatsapp,
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }
}

/// How long before a scheduled action is to start its job is put on the queue, with a delay. Longer than two ticks of reconcile.
pub(crate) const HANDED_OUT_BEFORE: Duration = Duration::from_mins(2);

/// The job that starts an action. One that is not split is written block by block: who covers an address is the first in order.
pub(crate) fn first(action: &Action) -> SendMessageJob {
    let to_block = if in_order(action) { 1 } else { action.blocks() };
    SendMessageJob::V1 { org_id: action.org_id.clone(), bulk_action_id: action.id, from_block: 0, to_block }
}

/// The job that writes one block of an action's targets.
pub(crate) fn block(action: &Action, block: u32) -> SendMessageJob {
    let (org_id, bulk_action_id) = (action.org_id.clone(), action.id);
    SendMessageJob::V1 { org_id, bulk_action_id, from_block: block, to_block: block + 1 }
}

/// Blocks that are not written and may be written now.
pub(crate) fn open_blocks(action: &Action) -> Vec<u32> {
    let missing = (0..action.blocks()).filter(|block| !action.blocks_done.contains(block));
    missing.take(if in_order(action) { 1 } else { usize::MAX }).collect()
}

/// Whether a block may be written only when those before it are.
pub(crate) fn in_order(action: &Action) -> bool {
    action.dedupe == domain::Dedupe::Address
}

/// The job that hands a parcel to its provider.
pub(crate) fn dispatch(action: &Action, parcel: &Parcel) -> DispatchJob {
    DispatchJob::V1 {
        org_id: action.org_id.clone(),
        bulk_action_id: action.id,
        chunk: parcel.chunk,
        channel: parcel.channel,
        direct: action.source == SendSource::Single,
    }
}

/// How long from `now` until `at`, in the whole seconds by which SQS delays: rounding down would bring the message early.
pub(crate) fn delay(now: Timestamp, at: Timestamp) -> Duration {
    Duration::from_secs(at.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
}

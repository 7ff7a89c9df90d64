//! The jobs with which functions drive each other: made when work is first handed on and again when it was lost.

use std::ops::Range;

use domain::{BulkActionId, Channel, OrgId};
use queue::Queue;
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

/// To dispatch the parcel of a chunk on a channel.
pub(crate) fn parcel(org: &OrgId, id: BulkActionId, chunk: u32, channel: Channel) -> DispatchJob {
    DispatchJob::V1 { org_id: org.clone(), bulk_action_id: id, chunk, channel }
}

/// To write the rows of `blocks`.
pub(crate) fn blocks(org: &OrgId, id: BulkActionId, blocks: Range<u32>) -> SendMessageJob {
    let Range { start: from_block, end: to_block } = blocks;
    SendMessageJob::V1 { org_id: org.clone(), bulk_action_id: id, from_block, to_block }
}

/// To write the rows of one block.
pub(crate) fn block(org: &OrgId, id: BulkActionId, block: u32) -> SendMessageJob {
    blocks(org, id, block..block + 1)
}

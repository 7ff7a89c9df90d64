//! Bodies of SQS messages. They carry ids and receipts, never content; each is versioned, and an old version stays readable for as
//! long as a dead-letter queue can hold it (14 days). `tests/fixtures/queue` has one frozen file per version.

use domain::receipt::Receipt;
use domain::{BulkActionId, Channel, OrgId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A body that a queue carries.
pub trait Job: Serialize + DeserializeOwned {
    /// The fair-queue group, so that one organisation's huge send does not hold up another's small one.
    fn group(&self) -> String;
}

/// `send-message`: write the rows of some blocks of a bulk action's targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum SendMessageJob {
    /// The first version.
    #[serde(rename = "1")]
    V1 {
        /// Whose action it is.
        org_id: OrgId,
        /// The action.
        bulk_action_id: BulkActionId,
        /// The first block.
        from_block: u32,
        /// The block after the last one. More than one block is split into messages of one.
        to_block: u32,
    },
}

/// `dispatch-*`: hand a parcel to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum DispatchJob {
    /// The first version.
    #[serde(rename = "1")]
    V1 {
        /// Whose parcel it is.
        org_id: OrgId,
        /// The action that it belongs to.
        bulk_action_id: BulkActionId,
        /// The chunk whose rows it holds.
        chunk: u32,
        /// The channel whose rows it holds.
        channel: Channel,
        /// Whether it is a single send or a reply, which does not wait behind the organisation's bulk sends.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        direct: bool,
    },
}

/// `apply-receipt`: receipts of one organisation, from one verified webhook call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum ApplyReceiptJob {
    /// The first version.
    #[serde(rename = "1")]
    V1 {
        /// Whose secret signed the call.
        org_id: OrgId,
        /// Which channel's provider called.
        channel: Channel,
        /// At most [`MAX_RECEIPTS`] receipts.
        receipts: Vec<Receipt>,
        /// When the call came; older bodies do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        came_at: Option<Timestamp>,
    },
}

/// Receipts in one SQS message: few enough that one message is applied well within a function's time.
pub const MAX_RECEIPTS: usize = 100;

impl Job for SendMessageJob {
    fn group(&self) -> String {
        match self {
            Self::V1 { org_id, .. } => org_id.to_string(),
        }
    }
}

impl Job for DispatchJob {
    fn group(&self) -> String {
        match self {
            // No organisation's id holds a colon.
            Self::V1 { org_id, direct: true, .. } => format!("{org_id}:direct"),
            Self::V1 { org_id, .. } => org_id.to_string(),
        }
    }
}

impl Job for ApplyReceiptJob {
    fn group(&self) -> String {
        match self {
            Self::V1 { org_id, .. } => org_id.to_string(),
        }
    }
}

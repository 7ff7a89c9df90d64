//! Conversations: the messages between the organisation and one address on one channel.

use domain::{Channel, ConversationId, MemberId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::fields::read;
use super::problem::Problem;

/// A conversation as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConversationView {
    /// Its id.
    pub id: ConversationId,
    /// Its channel.
    pub channel: Channel,
    /// Who is on the other side, as far as that is known.
    pub member_id: Option<MemberId>,
    /// The other side's address; `None` once its member was erased.
    pub address: Option<String>,
    /// Whether it is known who is on the other side.
    pub matched: bool,
    /// Who may be, where several members have the address and none is known.
    pub candidates: Vec<MemberId>,
    /// Messages that came in since it was last marked read.
    pub unread: u64,
    /// When the last message came in.
    pub last_inbound_at: Option<Timestamp>,
    /// How the last message begins.
    pub preview: String,
}

/// Reads the body of an assignment: the member on the other side.
///
/// # Errors
/// 422 with everything that does not fit.
pub fn read_assignment(body: &Value) -> Result<MemberId, Problem> {
    read(body, |f| f.required("member_id").id())
}

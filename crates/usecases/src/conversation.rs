//! Conversations as several functions see them.

use domain::ConversationId;
use domain::OrgId;
use domain::gate::{Correspondent, Planned};
use store::Store;
use store::conversation::{Conversation, OtherSide};
use store::directory::Scope;
use wire::api::conversation::ConversationView;
use wire::api::problem::Problem;

use crate::planner::Planner;
use crate::{Error, Refused};

/// The conversation whose id is in the path.
///
/// # Errors
/// 404 if the organisation has none of that id.
pub(crate) async fn find(store: &Store, org: &OrgId, id: &str) -> Result<Conversation, Refused> {
    let id = id_of(id)?;
    Ok(store.conversation(org, &id).await?.ok_or_else(not_found)?)
}

/// A text as an id.
///
/// # Errors
/// 404: what is no id names nothing.
pub(crate) fn id_of(text: &str) -> Result<ConversationId, Problem> {
    text.parse().map_err(|_| not_found())
}

pub(crate) fn not_found() -> Problem {
    Problem::not_found("conversation")
}

/// The conversation as the API shows it.
pub(crate) fn view(conversation: Conversation) -> ConversationView {
    let member_id = conversation.member().cloned();
    let candidates = match conversation.other_side {
        OtherSide::Unknown(candidates) => candidates.into_iter().collect(),
        OtherSide::Matched(_) | OtherSide::Assigned(_) => Vec::new(),
    };
    ConversationView {
        channel: conversation.id.channel,
        id: conversation.id,
        matched: member_id.is_some(),
        member_id,
        address: conversation.address.map(|address| address.as_str().to_owned()),
        candidates,
        unread: conversation.unread,
        last_inbound_at: conversation.last_inbound_at,
        preview: conversation.preview,
    }
}

/// What becomes of a message that is written in a conversation: it goes to the address that wrote, whatever other the member has.
///
/// # Errors
/// If the database gives no answer.
pub(crate) async fn planned(
    store: &Store,
    planner: &Planner,
    conversation: &Conversation,
) -> Result<Planned, Error> {
    let (org, channel) = (&conversation.org_id, conversation.id.channel);
    let mut opted_out = store.address(org, &conversation.id.address).await?.opt_outs.is_out(channel);
    let mut stored = None;
    if let Some(member) = conversation.member() {
        stored = store.member(org, member, planner.country()).await?;
        let of_member = store.member_opt_outs(org, member, planner.country()).await?.unwrap_or_default();
        opted_out |= of_member.iter().any(|out| out.channel == channel && out.scope == Scope::Member);
    }
    let member = stored.as_ref().map(|stored| &stored.member);
    let to = Correspondent { address: conversation.address.as_ref(), member, opted_out };
    planner.row_to(channel, to).ok_or(Error::Missing("what is to be said"))
}

//! Conversations as items.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::member::Address;
use domain::{ConversationId, MemberId, OrgId, Timestamp};

use super::{Activity, Conversation, OtherSide};
use crate::item::{Item, Reader, Writer, key, n, s, time};
use crate::transaction::next_version;
use crate::{Result, keys};

pub(super) fn key_of(org: &OrgId, id: &ConversationId) -> Item {
    key(keys::conversation(org, id), s(keys::conversation_on(id.channel)))
}

/// The sort key in `conversations`: when something was last written, then the id.
pub(super) fn active(at: Timestamp, id: &ConversationId) -> String {
    format!("{:013}#{id}", at.millis())
}

pub(super) fn parse_active(active: &str) -> Option<Activity> {
    let (at, id) = active.split_once('#')?;
    Some(Activity { at: at.parse().ok().map(Timestamp::from_millis)?, id: id.parse().ok()? })
}

/// The item of a conversation in the version that follows the one that was read.
pub(super) fn to_item(conversation: &Conversation, now: Timestamp) -> Item {
    let Conversation { org_id, id, .. } = conversation;
    let (member, assigned, candidates) = match &conversation.other_side {
        OtherSide::Unknown(candidates) => (None, false, Some(candidates)),
        OtherSide::Matched(member) => (Some(member), false, None),
        OtherSide::Assigned(member) => (Some(member), true, None),
    };
    let names = candidates.filter(|names| !names.is_empty());
    Writer::default()
        .set("pk", s(keys::conversation(org_id, id)))
        .set("sk", s(keys::conversation_on(id.channel)))
        .set("conversations_key", s(org_id.as_str()))
        .set("active", s(active(conversation.active_at, id)))
        .maybe("address", conversation.address.as_ref().map(|address| s(address.as_str())))
        .maybe("member", member.map(|member| s(member.as_str())))
        .maybe("assigned", assigned.then_some(AttributeValue::Bool(true)))
        .maybe(
            "candidates",
            names.map(|names| AttributeValue::Ss(names.iter().map(ToString::to_string).collect())),
        )
        .set("unread", n(conversation.unread))
        .maybe("last_inbound_at", conversation.last_inbound_at.map(time))
        .maybe("last_inbound", conversation.last_inbound.map(|id| s(id.to_string())))
        .set("preview", s(&conversation.preview))
        .set("version", n(next_version(conversation.seen, now)))
        .done()
}

pub(super) fn from_item(item: &Item) -> Result<Conversation> {
    let read = Reader(item);
    let Activity { at, id } = read.parsed("active", parse_active)?;
    let member: Option<MemberId> = read.parsed_opt("member", |member| member.parse().ok())?;
    let other_side = match member {
        Some(member) if read.flag("assigned") => OtherSide::Assigned(member),
        Some(member) => OtherSide::Matched(member),
        None => OtherSide::Unknown(candidates(&read, item)?),
    };
    Ok(Conversation {
        org_id: read.parsed("conversations_key", |org| org.parse().ok())?,
        id,
        address: read.text_opt("address")?.map(|text| Address::stored(text.to_owned())),
        other_side,
        unread: read.count("unread")?,
        last_inbound_at: read.time_opt("last_inbound_at")?,
        active_at: at,
        preview: read.text("preview")?.to_owned(),
        last_inbound: read.parsed_opt("last_inbound", |id| id.parse().ok())?,
        seen: read.number("version")?,
    })
}

fn candidates(read: &Reader<'_>, item: &Item) -> Result<BTreeSet<MemberId>> {
    let members = match item.get("candidates") {
        None => Some(BTreeSet::new()),
        Some(AttributeValue::Ss(ids)) => ids.iter().map(|id| id.parse().ok()).collect(),
        Some(_) => None,
    };
    members.ok_or_else(|| read.corrupt("candidates"))
}

//! Every key string of the three tables. Ids hold no `#`, so parts cannot run into each other.

use domain::{BulkActionId, Channel, ConversationId, MemberId, MessageId, OrgId, TemplateId};
use sha2::{Digest, Sha256};
use ulid::Ulid;

/// Sort key of an organisation's settings.
pub(crate) const ORG: &str = "ORG";
/// Sort key of a bulk action.
pub(crate) const ACTION: &str = "ACTION";
/// Sort key of what a bulk action says.
pub(crate) const CONTENT: &str = "CONTENT";
/// Sort key of a block of targets.
pub(crate) const TARGETS: &str = "TARGETS";
/// Sort key of an address.
pub(crate) const ADDRESS: &str = "ADDRESS";
/// Sort key of an address that covers others.
pub(crate) const COVER: &str = "COVER";
/// Sort key of an idempotency key.
pub(crate) const KEY: &str = "KEY";
/// Sort key of what an organisation was accepted lately.
pub(crate) const LIMIT: &str = "LIMIT";
/// Prefix of chunks' sort keys.
pub(crate) const CHUNK: &str = "CHUNK#";
/// Prefix of parcels' sort keys.
pub(crate) const PARCEL: &str = "PARCEL#";
/// Prefix of templates' sort keys.
pub(crate) const TEMPLATE: &str = "TEMPLATE#";
/// Prefix of channels' sort keys.
pub(crate) const CHANNEL: &str = "CHANNEL#";
/// End of meters' sort keys.
pub(crate) const METER: &str = "#METER";

/// Prefix of conversations' sort keys.
pub(crate) const CONVERSATION: &str = "CONVERSATION#";

/// Partitions over which an organisation's members are spread.
pub(crate) const MEMBER_SHARDS: u8 = 16;
/// Partitions of the work index.
pub(crate) const WORK_SHARDS: u8 = 8;

fn shard(text: &str, shards: u8) -> u8 {
    Sha256::digest(text.as_bytes()).first().map_or(0, |byte| byte % shards)
}

pub(crate) fn org(org: &OrgId) -> String {
    org.to_string()
}

pub(crate) fn channel(channel: Channel) -> String {
    format!("{CHANNEL}{channel}")
}

/// Sort key of what was given out of a sender's slots. Beside the channel's, so that one query reads both.
pub(crate) fn meter(channel: Channel) -> String {
    format!("{CHANNEL}{channel}{METER}")
}

pub(crate) fn template(id: &TemplateId) -> String {
    format!("{TEMPLATE}{id}")
}

pub(crate) fn member_shard(org: &OrgId, shard: u8) -> String {
    format!("{org}#M#{shard:02}")
}

pub(crate) fn member(org: &OrgId, id: &MemberId) -> String {
    member_shard(org, shard(id.as_str(), MEMBER_SHARDS))
}

pub(crate) fn address(org: &OrgId, keyed_hash: &str) -> String {
    format!("{org}#A#{keyed_hash}")
}

/// Partition of inbound messages that were acted on.
pub(crate) fn seen(org: &OrgId) -> String {
    format!("{org}#SEEN")
}

pub(crate) fn opt_out_log(org: &OrgId) -> String {
    format!("{org}#OPTOUTS")
}

/// Partition of an action and its parts.
pub(crate) fn send(org: &OrgId, send: Ulid) -> String {
    format!("{org}#{send}")
}

pub(crate) fn targets(org: &OrgId, send: Ulid, block: u32) -> String {
    format!("{org}#{send}#T#{block:03}")
}

pub(crate) fn chunk(chunk: u32) -> String {
    format!("{CHUNK}{chunk:05}")
}

pub(crate) fn parcel(chunk: u32, channel: Channel) -> String {
    format!("{PARCEL}{chunk:05}#{channel}")
}

/// Partition of a chunk's rows.
pub(crate) fn rows(org: &OrgId, send: Ulid, chunk: u32) -> String {
    format!("{org}#{send}#{chunk:05}")
}

/// Partition of the row that a message id names.
pub(crate) fn row(org: &OrgId, id: MessageId) -> String {
    rows(org, id.send, id.chunk)
}

/// Partition of the conversations with an address.
pub(crate) fn conversation(org: &OrgId, id: &ConversationId) -> String {
    format!("{org}#V#{}", id.address)
}

/// Sort key of the conversation on a channel.
pub(crate) fn conversation_on(channel: Channel) -> String {
    format!("{CONVERSATION}{channel}")
}

/// Partition of the `by-conversation` index of rows.
pub(crate) fn thread(org: &OrgId, id: &ConversationId) -> String {
    format!("{org}#{id}")
}

/// Partition of the address that covers others in a send.
pub(crate) fn cover(org: &OrgId, send: Ulid, channel: Channel, keyed_hash: &str) -> String {
    format!("{org}#{send}#C#{channel}#{keyed_hash}")
}

/// Partition of an idempotency key, by a hash of it and of the path.
pub(crate) fn idempotency_key(org: &OrgId, hash: &str) -> String {
    format!("{org}#K#{hash}")
}

/// Partition of what an organisation was accepted lately.
pub(crate) fn limit(org: &OrgId) -> String {
    format!("{org}#LIMIT")
}

/// Partition of the `by-member` index.
pub(crate) fn member_timeline(org: &OrgId, id: &MemberId) -> String {
    format!("{org}#{id}")
}

pub(crate) fn work_shard(send: Ulid) -> String {
    format!("WORK#{}", shard(&send.to_string(), WORK_SHARDS))
}

pub(crate) fn work_shards() -> impl Iterator<Item = String> {
    (0..WORK_SHARDS).map(|shard| format!("WORK#{shard}"))
}

/// The organisation and the action that an action's partition key names.
pub(crate) fn parse_send(pk: &str) -> Option<(OrgId, BulkActionId)> {
    let (org, ulid) = pk.split_once('#')?;
    Some((org.parse().ok()?, format!("ba_{ulid}").parse().ok()?))
}

/// The organisation and the message that a row's key names.
pub(crate) fn parse_row(pk: &str, slot: u16) -> Option<(OrgId, MessageId)> {
    let mut parts = pk.split('#');
    let (org, ulid, chunk) = (parts.next()?, parts.next()?, parts.next()?);
    let action: BulkActionId = format!("ba_{ulid}").parse().ok()?;
    Some((org.parse().ok()?, MessageId { send: action.ulid(), chunk: chunk.parse().ok()?, slot }))
}

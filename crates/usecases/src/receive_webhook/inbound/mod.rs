//! What members write. A message is recorded before its webhook is answered, in one transaction with its conversation and the message that it
//! answers: there is no queue in which it could be lost. Its row's id comes from the provider's, so that a repeated call finds it there.

mod answer;
mod attribution;

use std::time::Duration;

use domain::member::Address;
use domain::opt_out::Keyword;
use domain::settings::{ChannelSettings, KeywordReplies};
use domain::{BulkActionId, Channel, ConversationId, MessageId, MessageStatus, OrgId, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::chunk::Noted;
use store::conversation::{Arrival, Arrived, Conversation};
use store::directory::AddressRecord;
use store::row::{Inbound, Origin, Reaction, Row};
use ulid::Ulid;

use super::ReceiveWebhook;
use crate::{Error, opt_out};
use attribution::Attributed;

/// Tries to record a message while others write to its conversation.
const TRIES: u32 = 12;
/// The most of a message that fits into a row with room to spare, in bytes of JSON. No provider lets people write so much; a list of
/// contacts may come to more.
const MAX_TEXT: usize = 200 * 1024;
const MAX_MEDIA: usize = 100 * 1024;

/// A message that a member wrote, in whatever way it came.
pub(super) struct Message {
    pub(super) channel: Channel,
    /// Who wrote.
    pub(super) from: Address,
    /// The provider's id, the same each time that the message is delivered.
    pub(super) provider_message_id: String,
    pub(super) text: String,
    /// What came with the text or instead of it, as the provider describes it.
    pub(super) media: Vec<Value>,
    /// What that is, in a word.
    pub(super) kind: String,
    /// The provider's id of the message that it quotes.
    pub(super) quotes: Option<String>,
    /// When it was written, as far as the provider says so.
    pub(super) written_at: Timestamp,
    /// What it asks for if it is nothing but a keyword.
    pub(super) keyword: Option<Keyword>,
    /// Whether the provider has answered the keyword by itself.
    pub(super) provider_answered: bool,
}

/// The ids that a message has with us: of its row, and of the answer to it if it is a keyword.
struct Ids {
    row: MessageId,
    answer: Ulid,
}

impl Ids {
    /// By the time at which the message was first seen and a hash of what it is.
    fn of(message: &Message, first_seen: Timestamp) -> Self {
        let hash = Sha256::digest(format!("{}#{}", message.channel, message.provider_message_id));
        let ulid = |part: usize| {
            let random = hash.iter().skip(part * 10).take(10);
            let random = random.fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
            Ulid::from_parts(u64::try_from(first_seen.millis()).unwrap_or(0), random)
        };
        Self { row: MessageId { send: ulid(0), chunk: 0, slot: 0 }, answer: ulid(1) }
    }
}

/// Records a message and does what it asks for. Doing it again, also at the same time, changes nothing.
///
/// # Errors
/// If the database gives no answer; then the webhook must not be acknowledged.
pub(super) async fn receive(
    deps: &ReceiveWebhook,
    org: &OrgId,
    settings: &ChannelSettings,
    message: &Message,
) -> Result<(), Error> {
    let (store, now) = (&deps.store, deps.clock.now());
    let Message { channel, from, .. } = message;
    let at = store.first_seen(org, *channel, &message.provider_message_id, now).await?;
    let place = ConversationId { channel: *channel, address: store.address_hash(org, from) };
    let known = store.address(org, &place.address).await?;
    let heard = match message.keyword {
        Some(keyword) => {
            opt_out::record_keyword(store, deps.clock.as_ref(), org, *channel, from, at, keyword).await?
        }
        None => None,
    };
    // On a repeat of the call, the opt-out that was known is this one.
    let not_before = known.opt_outs.get(*channel).is_none_or(|known| known.at == at);
    let opts_out = not_before && heard.is_some_and(|heard| heard.keyword == Keyword::Stop && heard.is_out);

    let ids = Ids::of(message, at);
    let repeated = at != now && store.row(org, ids.row).await?.is_some();
    if !repeated {
        let receipt = Receipt { org, message, place: &place, known: &known, id: ids.row, at, opts_out };
        record(deps, &receipt).await?;
    }
    match heard {
        Some(heard) if settings.keyword_replies == KeywordReplies::Tidings && !message.provider_answered => {
            answer::answer(deps, org, &place, ids.answer, heard).await
        }
        Some(_) | None => Ok(()),
    }
}

/// A message with what is known about it.
struct Receipt<'a> {
    org: &'a OrgId,
    message: &'a Message,
    place: &'a ConversationId,
    /// Of the address that it came from.
    known: &'a AddressRecord,
    id: MessageId,
    /// When it was first seen.
    at: Timestamp,
    /// Whether its author has opted out by it.
    opts_out: bool,
}

async fn record(deps: &ReceiveWebhook, receipt: &Receipt<'_>) -> Result<(), Error> {
    let Receipt { org, message, place, id, at, .. } = *receipt;
    for attempt in 0..TRIES {
        let now = deps.clock.now();
        let mut conversation = match deps.store.conversation(org, place).await? {
            Some(conversation) => conversation,
            None => Conversation::begin(org.clone(), place.clone(), message.from.clone(), at),
        };
        // An address that was erased has come back by itself.
        conversation.address.get_or_insert_with(|| message.from.clone());
        let attributed = attribution::attribute(deps, receipt, &conversation, now).await?;
        conversation.receive(id, &shown(message), at, message.written_at.min(at));
        conversation.other_side = attributed.other_side.clone();
        let row = row(receipt, &conversation, &attributed);
        let reaction = reaction(deps, receipt, &attributed).await?;
        let arrival = Arrival { row: &row, conversation: &conversation, reaction: reaction.as_ref() };
        match deps.store.record_inbound(arrival, now).await? {
            Arrived::Yes => {
                tracing::info!(
                    org_id = %org, channel = %message.channel, message_id = %id, kind = message.kind,
                    matched = conversation.member().is_some(), answers = attributed.answered.is_some(),
                    "a message came in"
                );
                return Ok(());
            }
            Arrived::Before => return Ok(()),
            Arrived::Stale => tokio::time::sleep(Duration::from_millis(10) * 2_u32.pow(attempt.min(5))).await,
        }
    }
    Err(Error::Contended("the conversation"))
}

/// What a list of conversations shows of it.
fn shown(message: &Message) -> String {
    if message.text.trim().is_empty() { format!("[{}]", message.kind) } else { message.text.clone() }
}

fn row(receipt: &Receipt<'_>, conversation: &Conversation, attributed: &Attributed) -> Row {
    let Receipt { org, message, place, id, at, .. } = *receipt;
    let answered = attributed.answered.as_ref();
    let of_bulk = answered.filter(|(row, _)| row.origin == Origin::Bulk);
    let inbound = Inbound {
        text: fitting_text(&message.text),
        media: fitting_media(&message.media, &message.kind),
        in_reply_to: answered.map(|(row, _)| row.id),
        bulk_action_id: of_bulk.map(|(row, _)| BulkActionId::new(row.id.send)),
        attribution: answered.map(|(_, attribution)| *attribution),
    };
    Row {
        origin: Origin::Inbound(Box::new(inbound)),
        status: MessageStatus::Delivered,
        member_id: conversation.member().cloned(),
        address: Some(message.from.clone()),
        conversation: Some(place.clone()),
        provider_message_id: Some(message.provider_message_id.clone()),
        delivered_at: Some(at),
        ..Row::to_nobody(org.clone(), id, message.channel, at)
    }
}

/// What the message is to the one that it answers, once the change is promised to the counts.
async fn reaction(
    deps: &ReceiveWebhook,
    receipt: &Receipt<'_>,
    attributed: &Attributed,
) -> Result<Option<Reaction>, Error> {
    let Receipt { org, id, at, opts_out, .. } = *receipt;
    let Some((answered, _)) = &attributed.answered else { return Ok(None) };
    let mut reaction = Reaction::to(answered).replied(answered, at, id);
    if opts_out {
        reaction = reaction.opted_out(answered, at);
    }
    if reaction.is_known() {
        return Ok(None);
    }
    let noted = deps.notes.promise(&deps.store, deps.clock.as_ref(), org, answered.id).await?;
    Ok((noted == Noted::Yes).then_some(reaction))
}

/// The text, cut where it would not fit into a row.
fn fitting_text(text: &str) -> String {
    let mut room = MAX_TEXT;
    // A control character takes six bytes of JSON.
    let fits = |c: &char| {
        let cost = if c.is_control() { 6 } else { c.len_utf8().max(2) };
        room.checked_sub(cost).map(|left| room = left).is_some()
    };
    text.chars().take_while(fits).collect()
}

/// The media, or instead of what would not fit into a row what it was.
fn fitting_media(media: &[Value], kind: &str) -> Vec<Value> {
    let size: usize = media.iter().map(|part| part.to_string().len()).sum();
    if size <= MAX_MEDIA {
        return media.to_vec();
    }
    vec![json!({ "type": kind, "omitted": format!("{size} bytes are more than can be kept") })]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> Message {
        Message {
            channel: Channel::Sms,
            from: Address::stored("+64215550100".into()),
            provider_message_id: id.into(),
            text: String::new(),
            media: Vec::new(),
            kind: "text".into(),
            quotes: None,
            written_at: Timestamp::from_secs(1),
            keyword: None,
            provider_answered: false,
        }
    }

    #[test]
    fn a_message_has_the_same_ids_each_time_and_no_other_has_them() {
        let at = Timestamp::from_secs(1_764_000_000);
        let (first, again, other) =
            (Ids::of(&message("SM1"), at), Ids::of(&message("SM1"), at), Ids::of(&message("SM2"), at));
        assert_eq!((first.row, first.answer), (again.row, again.answer));
        assert!(first.row != other.row && first.row.send != first.answer);
        assert_eq!(first.row.send.timestamp_ms(), 1_764_000_000_000);
    }

    #[test]
    fn what_would_not_fit_into_a_row_is_cut_and_says_so() {
        assert_eq!(fitting_text("Yes"), "Yes");
        let long = fitting_text(&"\u{1}".repeat(300_000));
        assert!(serde_json::to_string(&long).unwrap().len() <= MAX_TEXT + 2);
        let small = vec![json!({ "type": "image", "image": { "id": "1" } })];
        assert_eq!(fitting_media(&small, "image"), small);
        let large = vec![json!({ "type": "contacts", "contacts": "x".repeat(200_000) })];
        let kept = fitting_media(&large, "contacts");
        assert_eq!(kept[0]["type"], "contacts");
        assert!(kept[0].to_string().len() < 200);
    }
}

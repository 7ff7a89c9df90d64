//! Asking the provider about one message: by the provider's id, or by what it was like if that id was lost.
//!
//! What is found by likeness counts as ours only if it cannot be another's. The provider sees to recipient, sender, text and time; here it is
//! made sure that no other message of ours explains it: every message to the address is known, the found one belongs to none of them, and
//! none of them is itself unknown.

use std::collections::BTreeSet;
use std::time::Duration;

use channels::{Asked, Known, LookUp, REQUEST_TIMEOUT, Sought};
use domain::content::Prepared;
use domain::member::Address;
use domain::{BulkActionId, ConversationId, Inquiry, MessageId, MessageStatus, Timestamp, Unknown};
use store::Store;
use store::parcel::CLAIM;
use store::row::{Origin, Row, TimelineSpan};

use crate::Error;

/// The most by which the provider's clock and ours differ, its whole seconds included.
const CLOCKS: Duration = Duration::from_secs(5);
/// How much later than we waited for it a request may still have been worked on.
const LATE: Duration = Duration::from_secs(30);
/// How old a message may be that was called now. Who had the address must be known for as long.
const LOOK_BACK: Duration = Duration::from_hours(30 * 24);
/// Messages to an address that are looked at, and how many at once. Of one that got more nothing is certain.
const PAGE: usize = 100;
const MAX_PAGES: usize = 5;
/// The most members with one address who are looked at.
const MAX_MEMBERS: usize = 20;

/// What came of asking.
pub(super) enum Answer {
    /// The provider has the message.
    Found(Known),
    /// It is not known to have it.
    Nothing(Inquiry),
    /// The message may still be on its way to the provider until then.
    NotYet(Timestamp),
    /// The provider did not answer.
    None,
}

/// Asks about `row`, which waits for a receipt. `said` is what its action says.
///
/// # Errors
/// If the database gives no answer.
pub(super) async fn inquire<L: LookUp>(
    store: &Store,
    line: &L,
    said: Option<&Prepared>,
    row: &Row,
    now: Timestamp,
) -> Result<Answer, Error> {
    if let Some(id) = &row.provider_message_id {
        return Ok(match line.by_id(id).await {
            Asked::Found(known) => Answer::Found(known),
            Asked::NotFound => Answer::Nothing(Inquiry::NotKnown),
            Asked::Refused(_) => Answer::Nothing(Inquiry::Refused),
            Asked::Failed(_) => Answer::None,
        });
    }
    let text = said.and_then(|said| text(said, row));
    let (Some(to), Some(text), Some(call)) = (&row.address, text, Call::of(row)) else {
        // It was emptied since, or nobody knows when it was called.
        return Ok(Answer::Nothing(Inquiry::NotAsked));
    };
    if now <= call.until {
        return Ok(Answer::NotYet(call.until + Duration::from_millis(1)));
    }
    let sought = Sought { to, text: &text, from: call.from, until: call.until };
    let found = match line.fitting(&sought).await {
        Asked::Found(found) => found,
        Asked::NotFound => return Ok(Answer::Nothing(Inquiry::NotCertain)),
        Asked::Refused(_) => return Ok(Answer::Nothing(Inquiry::Refused)),
        Asked::Failed(_) => return Ok(Answer::None),
    };
    if found.is_empty() {
        return Ok(Answer::Nothing(Inquiry::NothingLikeIt));
    }
    let Some(others) = others(store, row, to, call).await? else {
        return Ok(Answer::Nothing(Inquiry::NotCertain));
    };
    for other in others.iter().filter(|other| may_have_been_called_in(call, other)) {
        if may_say(store, &text, other).await? {
            return Ok(Answer::Nothing(Inquiry::NotCertain));
        }
    }
    Ok(only_ours(found, &others).map_or(Answer::Nothing(Inquiry::NotCertain), Answer::Found))
}

/// What the message says; `None` if nothing is left of it.
fn text(said: &Prepared, row: &Row) -> Option<String> {
    if row.erased {
        return None;
    }
    Some(said.render(&row.values).ok()?.text().to_owned())
}

/// Between which times the provider may have accepted a message whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Call {
    from: Timestamp,
    until: Timestamp,
}

impl Call {
    fn of(row: &Row) -> Option<Self> {
        let at = row.tried_at?;
        let took = match row.unknown? {
            Unknown::NoAnswer => REQUEST_TIMEOUT,
            // It began at some time within the claim, which the call of the group's mark opened.
            Unknown::Stopped => CLAIM,
        };
        Some(Self { from: at - CLOCKS, until: at + took + LATE })
    }

    fn overlaps(self, other: Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }
}

/// All other messages to the address that can have been called in the same time; `None` if it is not certain that these are all.
async fn others(store: &Store, row: &Row, to: &Address, call: Call) -> Result<Option<Vec<Row>>, Error> {
    let org = &row.org_id;
    let hash = store.address_hash(org, to);
    let record = store.address(org, &hash).await?;
    if !record.nobody_left_since(call.from - LOOK_BACK) || record.members.len() > MAX_MEMBERS {
        return Ok(None);
    }
    let mut rows = Vec::new();
    let members: BTreeSet<_> = record.members.iter().chain(&row.member_id).collect();
    for member in members {
        let page = async |span| store.timeline(org, member, span, PAGE).await;
        let Some(of_member) = all(page, call).await? else { return Ok(None) };
        rows.extend(of_member);
    }
    let conversation = ConversationId { channel: row.channel, address: hash };
    let page = async |span| store.rows_of_conversation(org, &conversation, span, PAGE).await;
    let Some(of_conversation) = all(page, call).await? else { return Ok(None) };
    rows.extend(of_conversation);

    let mut seen = BTreeSet::from([row.id]);
    let there = |other: &Row| {
        other.channel == row.channel
            && other.address.as_ref() == Some(to)
            && !matches!(other.origin, Origin::Inbound(_))
    };
    Ok(Some(rows.into_iter().filter(there).filter(|other| seen.insert(other.id)).collect()))
}

/// All rows of a list that can have been called in the time of `call`; `None` if there are too many.
async fn all<P>(page: P, call: Call) -> Result<Option<Vec<Row>>, Error>
where
    P: AsyncFn(TimelineSpan) -> store::Result<(Vec<Row>, Option<(Timestamp, MessageId)>)>,
{
    let mut rows = Vec::new();
    let mut span = TimelineSpan { from: Some(call.from - LOOK_BACK), to: Some(call.until), after: None };
    for _ in 0..MAX_PAGES {
        let (some, more) = page(span).await?;
        rows.extend(some);
        match more {
            None => return Ok(Some(rows)),
            after => span.after = after,
        }
    }
    Ok(None)
}

/// Whether the provider may have accepted `other` in the time of `call` without our knowing it.
fn may_have_been_called_in(call: Call, other: &Row) -> bool {
    let in_doubt = match other.status {
        MessageStatus::Queued
        | MessageStatus::Sending
        | MessageStatus::Sent
        | MessageStatus::Unconfirmed
        | MessageStatus::Delivered
        | MessageStatus::Read => other.provider_message_id.is_none(),
        // The provider refused it, or it was never called.
        MessageStatus::Failed | MessageStatus::Skipped => false,
    };
    // What waits may be under way at this moment.
    in_doubt && Call::of(other).is_none_or(|its| its.overlaps(call))
}

/// Whether `other` may say the same as `text`: certainly not only if it is known what it says.
async fn may_say(store: &Store, text: &str, other: &Row) -> Result<bool, Error> {
    let content = store.content(&other.org_id, BulkActionId::new(other.id.send)).await?;
    let said = content.as_ref().and_then(|content| content.message(other.channel));
    let said = said.and_then(|said| said.body.prepare().ok());
    Ok(said.and_then(|said| self::text(&said, other)).is_none_or(|says| says == text))
}

/// The one message that is none of `others`.
fn only_ours(found: Vec<Known>, others: &[Row]) -> Option<Known> {
    let theirs: BTreeSet<&str> =
        others.iter().filter_map(|other| other.provider_message_id.as_deref()).collect();
    let mut left = found.into_iter().filter(|known| !theirs.contains(known.provider_message_id.as_str()));
    let first = left.next()?;
    left.next().is_none().then_some(first)
}

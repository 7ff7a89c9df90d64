//! Recording what people and providers say about opting out. Each function returns when it is durable, and may be called
//! again with the same: webhooks come twice.

use domain::member::Address;
use domain::opt_out::{AddressHash, Change, Keyword, Lifter, Source};
use domain::{Channel, Clock, MessageId, OrgId, Timestamp};
use store::Store;
use store::chunk::Noted;
use store::directory::Recorded;
use store::row::Reaction;

use crate::trail::{Found, Trail};
use crate::{Error, Notes};

/// Records a change of an address's opt-out, for all members who have it, now or later.
///
/// # Errors
/// If the database gives no answer; then nothing may be acknowledged.
pub async fn record(
    store: &Store,
    clock: &dyn Clock,
    org: &OrgId,
    channel: Channel,
    address: &Address,
    change: Change,
) -> Result<Recorded, Error> {
    let hash = store.address_hash(org, address);
    let now = clock.now();
    let recorded = match change {
        Change::Out { source, at } => store.opt_out_address(org, channel, &hash, source, at, now).await?,
        Change::In { by, at } => store.opt_in_address(org, channel, &hash, by, at, now).await?,
    };
    tracing::info!(org_id = %org, %channel, out = change.is_out(), changed = recorded.was_out != recorded.is_out, "an opt-out was recorded");
    Ok(recorded)
}

/// A keyword that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Which: a YES that lifts an opt-out is a START.
    pub keyword: Keyword,
    /// Whether its author is opted out now.
    pub is_out: bool,
}

/// Records what a message asks for that is nothing but a keyword. `at` is when its webhook first came: what providers say about the time of a
/// message is in whole seconds, and theirs, and a repeat of an old call must not overwrite what was said since. `None` for a YES from an
/// address that is not opted out, which is an ordinary answer.
///
/// # Errors
/// If the database gives no answer; then the webhook must not be acknowledged.
pub async fn record_keyword(
    store: &Store,
    clock: &dyn Clock,
    org: &OrgId,
    channel: Channel,
    from: &Address,
    at: Timestamp,
    keyword: Keyword,
) -> Result<Option<Heard>, Error> {
    let start = Change::In { by: Lifter::Keyword, at };
    let (keyword, change) = match keyword {
        Keyword::Stop => (Keyword::Stop, Change::Out { source: Source::Keyword, at }),
        Keyword::Start => (Keyword::Start, start),
        Keyword::Yes => {
            let known = store.address(org, &store.address_hash(org, from)).await?.opt_outs;
            // A repeat of the call finds the opt-out lifted by the first.
            if !known.is_out(channel) && known.lifted_at(channel) != Some(at) {
                return Ok(None);
            }
            (Keyword::Start, start)
        }
        Keyword::Help => return Ok(Some(Heard { keyword, is_out: false })),
    };
    let is_out = record(store, clock, org, channel, from, change).await?.is_out;
    Ok(Some(Heard { keyword, is_out }))
}

/// Marks the message that makes an address opt out by `change`, if it does: `message` if that is known, else the last that it was sent. To be
/// called before the change is recorded, so that a call that is repeated because it failed finds out the same. What goes wrong here is logged and
/// no more: the opt-out itself must not wait for its statistics.
pub(crate) async fn blame(
    store: &Store,
    clock: &dyn Clock,
    notes: &Notes,
    about: Blamed<'_>,
    change: Change,
) {
    if let Err(error) = try_blame(store, clock, notes, about, change).await {
        tracing::warn!(org_id = %about.org, error = %telemetry::chain(&error), "an opt-out is not counted with the message that caused it");
    }
}

/// An opt-out whose cause is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blamed<'a> {
    pub(crate) org: &'a OrgId,
    pub(crate) channel: Channel,
    pub(crate) address: &'a AddressHash,
    /// The message that caused it, if that is known.
    pub(crate) message: Option<MessageId>,
}

/// Members of one address whose messages are looked at.
const MOST_MEMBERS: usize = 20;

async fn try_blame(
    store: &Store,
    clock: &dyn Clock,
    notes: &Notes,
    about: Blamed<'_>,
    change: Change,
) -> Result<(), Error> {
    let Blamed { org, channel, address, message } = about;
    let known = store.address(org, address).await?;
    let mut then = known.opt_outs.clone();
    then.apply(channel, change);
    if known.opt_outs.is_out(channel) || !then.is_out(channel) {
        return Ok(());
    }
    let row = if let Some(id) = message {
        store.row(org, id).await?.filter(|row| row.channel == channel)
    } else {
        let trail = Trail { store, org, channel, address, now: clock.now(), quoted: None };
        let mut found = Found::default();
        for member in known.members.iter().take(MOST_MEMBERS) {
            found = found.and(trail.of_member(member).await?);
        }
        found.latest.map(|(_, row)| row)
    };
    let Some(row) = row else { return Ok(()) };
    let reaction = Reaction::to(&row).opted_out(&row, change.at());
    if !reaction.is_known() && notes.promise(store, clock, org, row.id).await? == Noted::Yes {
        store.keep_reaction(org, &reaction).await?;
    }
    Ok(())
}

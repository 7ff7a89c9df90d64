//! Recording what people and providers say about opting out. Each function returns when it is durable, and may be called
//! again with the same: webhooks come twice.

use domain::member::Address;
use domain::opt_out::{Change, Keyword, Lifter, Source};
use domain::{Channel, Clock, OrgId};
use store::Store;
use store::directory::Recorded;

use crate::Error;

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

/// Records what a message asks for that is nothing but a keyword, and answers the keyword that it counts as: `Start` for a
/// YES from an address that is opted out, `None` for a YES from any other, which is an ordinary answer. `message` is the
/// provider's id of the message: a repeat of the call counts with the time of the first.
///
/// # Errors
/// If the database gives no answer; then the webhook must not be acknowledged.
pub async fn record_keyword(
    store: &Store,
    clock: &dyn Clock,
    org: &OrgId,
    channel: Channel,
    from: &Address,
    message: &str,
    keyword: Keyword,
) -> Result<Option<Keyword>, Error> {
    // When the webhook first came: what providers say about the time of a message is in whole seconds, and theirs, and a repeat of an old
    // call must not overwrite what was said since.
    let at = store.first_seen(org, channel, message, clock.now()).await?;
    match keyword {
        Keyword::Stop => {
            let stop = Change::Out { source: Source::Keyword, at };
            record(store, clock, org, channel, from, stop).await?;
        }
        Keyword::Start => {
            record(store, clock, org, channel, from, Change::In { by: Lifter::Keyword, at }).await?;
        }
        Keyword::Yes => {
            let known = store.address(org, &store.address_hash(org, from)).await?;
            if !known.opt_outs.is_out(channel) {
                return Ok(None);
            }
            record(store, clock, org, channel, from, Change::In { by: Lifter::Keyword, at }).await?;
            return Ok(Some(Keyword::Start));
        }
        Keyword::Help => {}
    }
    Ok(Some(keyword))
}

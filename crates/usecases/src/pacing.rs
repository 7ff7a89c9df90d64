//! What counts against a sender's rate, and when work that waits is due.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::content::{Body, Rendered};
use domain::pace::Terms;
use domain::variables::Variable;
use domain::{Channel, OrgId, Timestamp, segments};
use store::Store;

use crate::Error;
use crate::jobs::HANDED_OUT_BEFORE;

/// Work comes to its function so long before its slots are free: a message on a queue may be a second late.
const EARLY: Duration = Duration::from_secs(2);
/// How long before its time work is put on its queue at most (P7), so long before its slots.
pub(crate) const ON_QUEUE: Duration = HANDED_OUT_BEFORE.saturating_sub(EARLY);

/// Slots that a message takes: its segments if it is an SMS, else one.
pub(crate) fn units(channel: Channel, message: &Rendered) -> u64 {
    match channel {
        Channel::Sms => u64::from(segments::count(message.text()).segments).max(1),
        Channel::WhatsApp | Channel::Email => 1,
    }
}

/// As [`units`], of a message that is not written yet.
pub(crate) fn units_of(message: &Body, values: &BTreeMap<Variable, String>) -> u64 {
    let written = message.prepare().ok().and_then(|prepared| prepared.render(values).ok());
    written.map_or(1, |written| units(message.channel(), &written))
}

/// Work of a sender that takes its turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// The sender's terms.
    pub(crate) terms: Terms,
    /// Slots that it takes.
    pub(crate) units: u64,
    /// When it may begin.
    pub(crate) from: Timestamp,
}

/// Lets work of a sender queue up behind all that is planned. Answers when its slots are likely to be free.
///
/// # Errors
/// If DynamoDB gives no answer; repeating is safe.
pub(crate) async fn queue_up(
    store: &Store,
    org: &OrgId,
    channel: Channel,
    work: Work,
) -> Result<Timestamp, Error> {
    Ok(store.plan(org, channel, work.terms.length(work.units), work.from).await?)
}

/// When work is due whose slots are likely to be free at `start` and that may begin at `from`.
pub(crate) fn due(start: Timestamp, from: Timestamp) -> Timestamp {
    (start - EARLY).max(from)
}

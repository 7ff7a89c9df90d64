//! Inbound messages that said something about opting out: when each was first seen, so that a repeat of the call changes nothing.

use std::time::Duration;

use domain::{Channel, OrgId, Timestamp};

use crate::conditional::Conditional;
use crate::item::{Reader, Writer, n, s, time};
use crate::{Result, Store, keys};

/// Twilio keeps messages for 400 days, so nobody has an older call to repeat.
const KEPT_FOR: Duration = Duration::from_hours(400 * 24);

impl Store {
    /// When the message with this id of the provider was first seen: `now`, unless it was seen before. Providers repeat calls, and their
    /// signatures hold for ever.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn first_seen(
        &self,
        org: &OrgId,
        channel: Channel,
        provider_message_id: &str,
        now: Timestamp,
    ) -> Result<Timestamp> {
        let item = Writer::default()
            .set("pk", s(keys::seen(org)))
            .set("sk", s(format!("{channel}#{provider_message_id}")))
            .set("at", time(now))
            .set("ttl", n((now + KEPT_FOR).secs()))
            .done();
        match self.put_new(&self.tables.directory, item).await? {
            Conditional::Done(_) | Conditional::Refused(None) => Ok(now),
            Conditional::Refused(Some(seen)) => Reader(&seen).time("at"),
        }
    }
}

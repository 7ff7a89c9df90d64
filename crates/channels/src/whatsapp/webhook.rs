//! Meta's calls to us: what became of messages, what members wrote, and who stopped marketing messages.
//!
//! One call holds up to a thousand changes of several numbers, repeated and in any order, and grows new fields at any time. So
//! everything is read by itself: what is not understood is counted and loses nothing else. Verify first, with [`super::signature`]. Source:
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview>.

use std::fmt;

use domain::receipt::{Receipt, Report};
use domain::{MessageId, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::errors::{self, MetaError};
use super::inbound;
use crate::webhook::{Hidden, event_time, id};
use crate::{Secret, WebhookError};

/// What a verification request is answered with, in plain text; `None` means 403. `query` is the raw query of the URL.
pub fn verify_challenge(query: &str, verify_token: &Secret) -> Option<String> {
    let get = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let token = get("hub.verify_token")?;
    let expected = verify_token.expose().as_bytes();
    let genuine = !expected.is_empty() && bool::from(token.as_bytes().ct_eq(expected));
    (genuine && get("hub.mode")? == "subscribe").then(|| get("hub.challenge"))?
}

/// What one call brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// By the number of ours that it concerns.
    pub numbers: Vec<NumberEvents>,
    /// How much of it is not for us, or is not understood.
    pub ignored: usize,
}

/// What concerns one number of ours. The number must be the sender of the organisation whose secret signed the call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberEvents {
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// What became of messages that carry our id.
    pub receipts: Vec<Receipt>,
    /// What members wrote.
    pub inbound: Vec<Inbound>,
    /// Who stopped or resumed marketing messages in WhatsApp's own settings.
    pub preferences: Vec<Preference>,
}

/// A message that a member wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Meta's id of the message, the same each time it is delivered to us.
    pub provider_message_id: String,
    /// Who wrote, in E.164. Members who hide their number behind a user name have none.
    pub from: Option<String>,
    /// Meta's id of such a member.
    pub user_id: Option<String>,
    /// The type in the provider's words: `text`, `button`, `image`, `reaction`, ...
    pub kind: String,
    /// What it says: the text, the pressed button's, the caption, the emoji. May be empty.
    pub text: String,
    /// Meta's id of the message that it answers.
    pub context_id: Option<String>,
    /// When it was written.
    pub at: Timestamp,
    /// Whatever else it holds (a picture's id and type, a place, a contact), as the provider describes it: an object with its `type`.
    pub media: Option<Value>,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("provider_message_id", &self.provider_message_id)
            .field("kind", &self.kind)
            .field("at", &self.at)
            .field("from", &Hidden)
            .field("text", &Hidden)
            .finish_non_exhaustive()
    }
}

/// A choice that a member made in WhatsApp's settings. It counts for the whole channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Preference {
    /// Who, in E.164.
    pub from: String,
    /// Whether marketing messages stop; else they may come again.
    pub stop: bool,
    /// When it was chosen.
    pub at: Timestamp,
}

impl fmt::Debug for Preference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from: _, stop, at } = self;
        f.debug_struct("Preference").field("stop", stop).field("at", at).field("from", &Hidden).finish()
    }
}

#[derive(Deserialize)]
struct Call {
    object: String,
    entry: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    changes: Vec<Value>,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    value: Value,
}

#[derive(Deserialize)]
struct ChangeValue {
    metadata: Metadata,
    #[serde(default)]
    statuses: Vec<Value>,
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    user_preferences: Vec<Value>,
}

#[derive(Deserialize)]
struct Metadata {
    phone_number_id: String,
}

/// Reads a call. `received_at` stands in for times that Meta leaves out, and no event is later.
///
/// # Errors
/// If the body is not the JSON envelope of a webhook.
pub fn parse(raw: &[u8], received_at: Timestamp) -> Result<Events, WebhookError> {
    let call: Call = serde_json::from_slice(raw).map_err(|_| WebhookError::Malformed)?;
    let mut events = Events::default();
    if call.object != "whatsapp_business_account" {
        events.ignored = call.entry.len();
        return Ok(events);
    }
    for entry in call.entry {
        let Some(entry) = events.read::<Entry>(entry) else { continue };
        for change in entry.changes {
            if let Some(change) = events.read::<Change>(change) {
                events.add_change(change, received_at);
            }
        }
    }
    Ok(events)
}

impl Events {
    /// `value` as a `T`; what is none is counted.
    fn read<T: DeserializeOwned>(&mut self, value: Value) -> Option<T> {
        let read = serde_json::from_value(value).ok();
        self.ignored += usize::from(read.is_none());
        read
    }

    fn add_change(&mut self, change: Change, received_at: Timestamp) {
        if !matches!(change.field.as_str(), "messages" | "user_preferences") {
            self.ignored += 1;
            return;
        }
        let Some(value) = self.read::<ChangeValue>(change.value) else { return };
        let mut number = self.take(value.metadata.phone_number_id);
        for status in value.statuses {
            let status = serde_json::from_value(status).ok();
            self.keep(&mut number.receipts, status.and_then(|status| receipt(status, received_at)));
        }
        for message in value.messages {
            self.keep(&mut number.inbound, inbound::read(&message, received_at));
        }
        for preference in value.user_preferences {
            let raw = serde_json::from_value(preference).ok();
            self.keep(&mut number.preferences, raw.and_then(|raw| preference_of(raw, received_at)));
        }
        self.numbers.push(number);
    }

    /// What is already known of the number, taken out to be added to.
    fn take(&mut self, phone_number_id: String) -> NumberEvents {
        match self.numbers.iter().position(|number| number.phone_number_id == phone_number_id) {
            Some(at) => self.numbers.remove(at),
            None => NumberEvents { phone_number_id, ..NumberEvents::default() },
        }
    }

    fn keep<T>(&mut self, list: &mut Vec<T>, item: Option<T>) {
        self.ignored += usize::from(item.is_none());
        list.extend(item);
    }
}

#[derive(Deserialize)]
struct Status {
    id: String,
    #[serde(rename = "status")]
    word: String,
    timestamp: Option<Value>,
    biz_opaque_callback_data: Option<String>,
    #[serde(default)]
    errors: Vec<Value>,
}

/// The receipt in a status; `None` if the message is not ours or the status is none that we know.
fn receipt(status: Status, received_at: Timestamp) -> Option<Receipt> {
    let message_id: MessageId = status.biz_opaque_callback_data?.parse().ok()?;
    // An error that cannot be read leaves the failure a failure.
    let errors: Vec<MetaError> =
        status.errors.into_iter().filter_map(|error| serde_json::from_value(error).ok()).collect();
    let error = errors.iter().find(|error| error.is_known()).or(errors.first());
    let report = match status.word.as_str() {
        "sent" => Report::Sent,
        "delivered" => Report::Delivered,
        // A voice message that was played has been read.
        "read" | "played" => Report::Read,
        "failed" => errors::failure(error),
        _ => return None,
    };
    Some(Receipt {
        message_id,
        provider_message_id: id(status.id),
        report,
        at: event_time(unix_seconds(status.timestamp.as_ref()), received_at),
        provider_code: error.and_then(|error| error.code).map(|code| code.to_string()),
    })
}

#[derive(Deserialize)]
struct RawPreference {
    wa_id: Option<String>,
    category: String,
    value: String,
    timestamp: Option<Value>,
}

/// The choice, if it can be kept: of somebody who shows their number.
fn preference_of(raw: RawPreference, received_at: Timestamp) -> Option<Preference> {
    let stop = match (raw.category.as_str(), raw.value.as_str()) {
        ("marketing_messages", "stop") => true,
        ("marketing_messages", "resume") => false,
        _ => return None,
    };
    let at = event_time(unix_seconds(raw.timestamp.as_ref()), received_at);
    Some(Preference { from: e164(&raw.wa_id?)?, stop, at })
}

/// Meta's form of a number, which is E.164 without the `+`.
pub(super) fn e164(wa_id: &str) -> Option<String> {
    let digits = wa_id.strip_prefix('+').unwrap_or(wa_id);
    let plausible = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plausible.then(|| format!("+{digits}"))
}

/// Seconds since 1970, which Meta writes as text here and as a number there.
pub(super) fn unix_seconds(value: Option<&Value>) -> Option<Timestamp> {
    let value = value?;
    let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    (seconds > 0).then(|| Timestamp::from_secs(seconds))
}

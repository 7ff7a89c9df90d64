//! What members write, as their providers call us about it: with the real fields and the real signatures.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Channel, Clock, MessageId, OrgId, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;
use wire::api::http::{Reply, Request};

use crate::World;

/// Our own host, as Twilio calls it.
pub const PUBLIC_BASE_URL: &str = "https://tidings.test";
const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "a token for tests";
/// The number id of the world's WhatsApp channel.
const PHONE_NUMBER_ID: &str = "106540352242922";

/// The credentials of all channels of an organisation: the same for all but `other`.
pub fn secret_of(org: &OrgId) -> Value {
    let (sid, token) = match org.as_str() {
        "other" => ("AC00000000000000000000000000000002", "another token for tests"),
        _ => (ACCOUNT_SID, TOKEN),
    };
    json!({ "account_sid": sid, "auth_token": token, "app_secret": token, "verify_token": token })
}

/// A message of a member.
#[derive(Debug, Clone)]
pub struct Writes {
    channel: Channel,
    from: String,
    text: String,
    id: String,
    quotes: Option<String>,
    /// Instead of a text: a WhatsApp message's own fields, or fields of Twilio's form.
    other: Vec<(String, Value)>,
    forged: bool,
}

impl Writes {
    /// An SMS from a number in E.164, under Twilio's id of it.
    pub fn sms(from: &str, id: &str, text: &str) -> Self {
        Self::new(Channel::Sms, from, id, text)
    }

    /// A WhatsApp message, under Meta's id of it.
    pub fn whatsapp(from: &str, id: &str, text: &str) -> Self {
        Self::new(Channel::WhatsApp, from, id, text)
    }

    fn new(channel: Channel, from: &str, id: &str, text: &str) -> Self {
        let (from, text, id) = (from.to_owned(), text.to_owned(), id.to_owned());
        Self { channel, from, text, id, quotes: None, other: Vec::new(), forged: false }
    }

    /// It answers the message with this id of the provider.
    #[must_use]
    pub fn quoting(mut self, id: &str) -> Self {
        self.quotes = Some(id.to_owned());
        self
    }

    /// With another field: of Twilio's form, or of the WhatsApp message (`type` among them).
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.other.push((name.to_owned(), value.into()));
        self
    }

    /// By somebody who does not know the secret.
    #[must_use]
    pub fn forged(mut self) -> Self {
        self.forged = true;
        self
    }

    /// The signed webhook call.
    pub fn request(&self, now: Timestamp) -> Request {
        let mut request = match self.channel {
            Channel::WhatsApp => meta(&[self.message(now)], &[]),
            Channel::Sms | Channel::Email => self.twilio(),
        };
        if self.forged {
            request.body.push(b'!');
        }
        request
    }

    fn message(&self, now: Timestamp) -> Value {
        let from = self.from.trim_start_matches('+');
        let mut message = json!({
            "from": from, "id": self.id, "timestamp": now.secs().to_string(), "type": "text", "text": { "body": self.text },
        });
        if let Some(id) = &self.quotes {
            message["context"] = json!({ "from": "15550001111", "id": id });
        }
        for (name, value) in &self.other {
            message[name.as_str()] = value.clone();
        }
        message
    }

    fn twilio(&self) -> Request {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut fields: Vec<(String, String)> = [
            ("MessageSid", self.id.as_str()),
            ("AccountSid", ACCOUNT_SID),
            ("From", &self.from),
            ("To", "+6421000000"),
            ("Body", &self.text),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        fields.extend(self.quotes.iter().map(|id| ("OriginalRepliedMessageSid".to_owned(), id.clone())));
        fields.extend(self.other.iter().map(|(name, value)| (name.clone(), plain(value))));
        twilio_call("inbound", "", fields)
    }
}

/// A call of Twilio's, signed over the URL as it was called and the fields.
fn twilio_call(last: &str, raw_query: &str, mut fields: Vec<(String, String)>) -> Request {
    let mut url = format!("{PUBLIC_BASE_URL}/webhooks/twilio/demo/{last}");
    if !raw_query.is_empty() {
        url = format!("{url}?{raw_query}");
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    fields.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(url.as_bytes());
    for (name, value) in &fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let route = format!("POST /webhooks/twilio/{{org_id}}/{last}");
    Request { raw_query: raw_query.to_owned(), ..call(&route, "x-twilio-signature", signature, body) }
}

/// One call of Meta's with messages and preferences.
fn meta(messages: &[Value], preferences: &[Value]) -> Request {
    meta_call(&json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550001111", "phone_number_id": PHONE_NUMBER_ID },
        "messages": messages, "user_preferences": preferences,
    }))
}

/// A signed call of Meta's.
fn meta_call(value: &Value) -> Request {
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": value }] }],
    })
    .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    call("POST /webhooks/whatsapp/{org_id}", "x-hub-signature-256", signature, body)
}

/// A status callback of Twilio's about a message of ours; `code` is Twilio's error code.
pub fn twilio_status(ours: MessageId, sid: &str, status: &str, code: Option<u32>) -> Request {
    let mut fields: Vec<(String, String)> = [
        ("MessageSid", sid),
        ("AccountSid", ACCOUNT_SID),
        ("From", "+6421000000"),
        ("MessageStatus", status),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    fields.extend(code.map(|code| ("ErrorCode".to_owned(), code.to_string())));
    twilio_call("status", &format!("m={ours}"), fields)
}

/// A status webhook of Meta's about a message of ours; `code` is Meta's error code.
pub fn whatsapp_status(
    ours: MessageId,
    wamid: &str,
    status: &str,
    code: Option<u32>,
    now: Timestamp,
) -> Request {
    let mut said = json!({
        "id": wamid, "status": status, "timestamp": now.secs().to_string(), "recipient_id": "64210000000",
        "biz_opaque_callback_data": ours.to_string(),
    });
    if let Some(code) = code {
        said["errors"] = json!([{ "code": code, "title": "as told" }]);
    }
    meta_call(&json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550001111", "phone_number_id": PHONE_NUMBER_ID },
        "statuses": [said],
    }))
}

fn call(route: &str, header: &str, signature: String, body: String) -> Request {
    Request {
        route: route.to_owned(),
        path: BTreeMap::from([("org_id".to_owned(), "demo".to_owned())]),
        headers: BTreeMap::from([(header.to_owned(), signature)]),
        body: body.into_bytes(),
        ..Request::default()
    }
}

impl World {
    /// Several members write on WhatsApp, all in one call of Meta's.
    pub async fn inbound_together(&self, all: &[Writes]) -> Reply {
        let messages: Vec<Value> = all.iter().map(|writes| writes.message(self.clock.now())).collect();
        self.request(&meta(&messages, &[])).await
    }

    /// A member stops or resumes marketing messages in WhatsApp's own settings.
    pub async fn preference(&self, from: &str, value: &str) -> Reply {
        let preference = json!({
            "wa_id": from.trim_start_matches('+'), "category": "marketing_messages", "value": value,
            "timestamp": self.clock.now().secs(),
        });
        self.request(&meta(&[], &[preference])).await
    }
}

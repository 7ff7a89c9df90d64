//! Twilio's calls to us: what became of a message, and what a member wrote.
//!
//! Both are forms whose fields may grow at any time, so only those that we use are looked at. They are to be verified first, with
//! [`super::signature`]. Sources: <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>,
//! <https://www.twilio.com/docs/messaging/guides/webhook-request>.

use std::collections::HashMap;
use std::fmt;

use domain::receipt::Receipt;
use domain::{MessageId, Timestamp};

use super::status::report;
use crate::WebhookError;
use crate::webhook::{Hidden, id};

/// Twilio sends at most so many media with a message.
const MAX_MEDIA: usize = 10;
/// Longest name of a media type: two names of 127 characters (RFC 6838, 4.2).
const MAX_MEDIA_TYPE: usize = 255;

/// A call to the status callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// The account that the message belongs to; it must be the one whose token signed the call.
    pub account_sid: String,
    /// What it reports: nothing if it only repeats that the message was accepted, or is about a message that is not ours.
    pub receipt: Option<Receipt>,
}

/// Reads a call to the status callback. `query` is the raw query of the URL, which holds our id.
///
/// Twilio gives no reliable time, so the receipt has the time at which we got it.
///
/// # Errors
/// If Twilio's ids or the status are missing or cannot be such.
pub fn parse_status(
    query: &str,
    raw_body: &[u8],
    received_at: Timestamp,
) -> Result<StatusReport, WebhookError> {
    let form = Form::parse(raw_body);
    let account_sid = form.required("AccountSid")?;
    let sid = form.id("MessageSid")?;
    let status = form.required("MessageStatus")?;
    let code = form.get("ErrorCode").and_then(|code| code.parse().ok()).filter(|code| *code != 0);
    let receipt = our_id(query).zip(report(&status, code)).map(|(message_id, report)| Receipt {
        message_id,
        provider_message_id: Some(sid),
        report,
        at: received_at,
        provider_code: code.map(|code| code.to_string()),
    });
    Ok(StatusReport { account_sid, receipt })
}

fn our_id(query: &str) -> Option<MessageId> {
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "m")?.1.parse().ok()
}

/// What Twilio has understood of a reply and has already answered, where its opt-out management is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptOutType {
    /// The member wants no more messages.
    Stop,
    /// The member wants them again.
    Start,
    /// The member asks what this is.
    Help,
}

/// A picture or another file.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// Where it can be fetched, with the account's credentials.
    pub url: String,
    /// Its MIME type.
    pub content_type: String,
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

/// A message that a member wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The account that the number belongs to; it must be the one whose token signed the call.
    pub account_sid: String,
    /// Twilio's id of the message, the same each time it is delivered to us.
    pub provider_message_id: String,
    /// Who wrote: E.164, or a short code.
    pub from: String,
    /// The number or short code that was written to.
    pub to: String,
    /// What they wrote; may be empty when there are media.
    pub text: String,
    /// What Twilio made of it. Without its opt-out management there is none, and the words must be recognised by us.
    pub opt_out_type: Option<OptOutType>,
    /// What came along.
    pub media: Vec<Media>,
    /// Twilio's id of the message that is quoted.
    pub reply_to: Option<String>,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("provider_message_id", &self.provider_message_id)
            .field("opt_out_type", &self.opt_out_type)
            .field("from", &Hidden)
            .field("text", &Hidden)
            .finish_non_exhaustive()
    }
}

/// Reads a message that a member wrote.
///
/// The prefix with which Twilio marks its other channels (`whatsapp:+1...`) is left out, so that a STOP counts whichever way it came.
///
/// # Errors
/// If Twilio's ids or one of the two numbers are missing, or an id cannot be one.
pub fn parse_inbound(raw_body: &[u8]) -> Result<Inbound, WebhookError> {
    let form = Form::parse(raw_body);
    Ok(Inbound {
        account_sid: form.required("AccountSid")?,
        provider_message_id: form.id("MessageSid")?,
        from: form.number("From")?,
        to: form.number("To")?,
        text: form.get("Body").unwrap_or_default().to_owned(),
        opt_out_type: form.get("OptOutType").and_then(opt_out_type),
        media: media(&form),
        reply_to: form.get("OriginalRepliedMessageSid").map(str::to_owned).and_then(id),
    })
}

fn opt_out_type(text: &str) -> Option<OptOutType> {
    match text {
        "STOP" => Some(OptOutType::Stop),
        "START" => Some(OptOutType::Start),
        "HELP" => Some(OptOutType::Help),
        _ => None,
    }
}

fn media(form: &Form) -> Vec<Media> {
    let count: usize = form.get("NumMedia").and_then(|n| n.parse().ok()).unwrap_or(0);
    (0..count.min(MAX_MEDIA))
        .filter_map(|index| {
            let url = form.get(&format!("MediaUrl{index}"))?.to_owned();
            let content_type = form.get(&format!("MediaContentType{index}"));
            let content_type =
                content_type.filter(|name| name.len() <= MAX_MEDIA_TYPE).unwrap_or_default().to_owned();
            Some(Media { url, content_type })
        })
        .collect()
}

/// The fields of a form; of a field that comes twice the first counts.
struct Form(HashMap<String, String>);

impl Form {
    fn parse(raw: &[u8]) -> Self {
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(raw) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(fields)
    }

    /// The field's value, unless it is empty.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// An id of Twilio.
    fn id(&self, name: &'static str) -> Result<String, WebhookError> {
        self.get(name).map(str::to_owned).and_then(id).ok_or(WebhookError::Missing(name))
    }

    /// A number, without the mark of Twilio's other channels.
    fn number(&self, name: &'static str) -> Result<String, WebhookError> {
        let marked = self.required(name)?;
        let number = marked.split_once(':').map_or(marked.as_str(), |(_, number)| number);
        if number.is_empty() { Err(WebhookError::Missing(name)) } else { Ok(number.to_owned()) }
    }

    fn required(&self, name: &'static str) -> Result<String, WebhookError> {
        self.get(name).map(str::to_owned).ok_or(WebhookError::Missing(name))
    }
}

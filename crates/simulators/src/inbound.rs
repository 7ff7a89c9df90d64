//! `POST /inbound`: a member writes.

mod address;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::callback::Callback;
use crate::clock::now_ms;
use crate::database::DatabaseError;
use crate::problem::{FieldError, Problem, json_object};
use crate::schedule::{self, Planned};
use crate::twilio::{RetryPolicy, Sms};
use crate::webhook::{Attempt, Webhook, post};
use crate::whatsapp::Message;
use crate::world::World;
use crate::{ids, whatsapp};

/// The longest text of each channel.
const LONGEST_TEXT: usize = 4_096;

/// Something that a member wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "channel", rename_all = "lowercase")]
pub(crate) enum Written {
    Sms(Sms),
    WhatsApp(Message),
}

impl Written {
    /// What the provider itself does when a person writes.
    pub(crate) fn take_effect(&self, world: &World, at_ms: i64) {
        match self {
            Self::Sms(sms) => sms.take_effect(world),
            Self::WhatsApp(message) => message.take_effect(world, at_ms),
        }
    }

    /// The signed request, or `None` if the account is gone.
    pub(crate) fn webhook(&self, world: &World, at_ms: i64) -> Option<Webhook> {
        match self {
            Self::Sms(sms) => sms.webhook(world),
            Self::WhatsApp(message) => message.webhook(world, at_ms),
        }
    }

    /// Twilio's inbound URL is taken as configured with `#rc=5&rp=all`.
    pub(crate) fn retry_after(&self, attempt: &Attempt, attempts: u32, age: Duration) -> Option<Duration> {
        match self {
            Self::Sms(_) => RetryPolicy::all().retry_after(attempt, attempts),
            Self::WhatsApp(_) => whatsapp::retry_after(attempt, attempts, age),
        }
    }

    fn message_id(&self) -> &str {
        match self {
            Self::Sms(sms) => &sms.message_sid,
            Self::WhatsApp(message) => &message.wamid,
        }
    }
}

/// Where a member can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Sms,
    WhatsApp,
}

/// A body that fits.
#[derive(Debug)]
struct Request {
    channel: Channel,
    from: String,
    to: String,
    text: String,
    in_reply_to: Option<String>,
    org_id: Option<String>,
}

/// Posts the signed webhook, and answers with its status and body once it has answered. An attempt that the provider
/// would repeat is repeated in the background.
pub(crate) async fn inbound(State(world): State<Arc<World>>, body: Bytes) -> Response {
    match receive(&world, &body).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn receive(world: &Arc<World>, body: &[u8]) -> Result<Response, Problem> {
    let request = read(&json_object(body)?).map_err(Problem::fields)?;
    let written = address(world, request)?;
    let at_ms = now_ms();
    written.take_effect(world, at_ms);
    let webhook =
        written.webhook(world, at_ms).ok_or_else(|| unknown("to", "no account can sign for this address"))?;
    let attempt = post(&world.http, &webhook).await;
    let message_id = written.message_id().to_owned();
    if let Some(wait) = written.retry_after(&attempt, 1, Duration::ZERO) {
        try_again(world, written, at_ms, wait).await.map_err(|_| Problem::broken())?;
    }
    match attempt {
        Attempt::Answered { status, body } => {
            let content = json!({"status": status, "body": body, "provider_message_id": message_id});
            let status = StatusCode::from_u16(status).ok().filter(|status| *status != StatusCode::NO_CONTENT);
            Ok((status.unwrap_or(StatusCode::OK), Json(content)).into_response())
        }
        Attempt::NotConnected | Attempt::TimedOut => {
            let detail = "the webhook did not answer; it is tried again as the provider would";
            Err(Problem::new(StatusCode::BAD_GATEWAY, "No answer", detail))
        }
    }
}

async fn try_again(world: &World, written: Written, at_ms: i64, wait: Duration) -> Result<(), DatabaseError> {
    let due_after_ms = now_ms().abs_diff(at_ms) + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let planned = vec![Planned { callback: Callback::Written(written), occurs_after_ms: 0, due_after_ms }];
    let dues = world.database.run(move |connection| schedule::insert(connection, planned, at_ms)).await?;
    world.schedule.add(dues);
    Ok(())
}

fn unknown(field: &str, message: &str) -> Problem {
    Problem::fields(vec![FieldError::new(field, "unknown", message)])
}

/// Finds the account that the address belongs to.
fn address(world: &World, request: Request) -> Result<Written, Problem> {
    let accounts = world.accounts();
    let org = request.org_id.as_deref();
    let not_found = || unknown("to", "no account of this channel is known for this address");
    match request.channel {
        Channel::Sms => {
            let found = address::sms(world, &accounts, &request.to, org).ok_or_else(not_found)?;
            Ok(Written::Sms(Sms {
                org: found.org,
                account_sid: found.account_sid,
                message_sid: ids::twilio_sid(),
                from: request.from,
                to: found.number,
                service: found.service,
                text: request.text,
            }))
        }
        Channel::WhatsApp => {
            let found = address::whatsapp(world, &accounts, &request.to, org).ok_or_else(not_found)?;
            let wa_id = whatsapp::wa_id(&request.from);
            Ok(Written::WhatsApp(Message {
                org: found.org,
                phone_number_id: found.phone_number_id,
                wamid: ids::wamid(&wa_id),
                wa_id,
                text: request.text,
                in_reply_to: request.in_reply_to,
            }))
        }
    }
}

/// Reads a body.
///
/// # Errors
/// Everything that does not fit.
fn read(body: &Map<String, Value>) -> Result<Request, Vec<FieldError>> {
    const KNOWN: [&str; 6] = ["channel", "from", "to", "text", "in_reply_to", "org_id"];
    let mut errors: Vec<FieldError> = body
        .keys()
        .filter(|name| !KNOWN.contains(&name.as_str()))
        .map(|name| FieldError::new(name.clone(), "unknown_field", format!("{name} is not known here")))
        .collect();
    let mut text = |name: &'static str, required: bool| match body.get(name) {
        Some(Value::String(text)) if !text.is_empty() || name == "text" => Some(text.clone()),
        None | Some(Value::Null) if !required => None,
        None | Some(Value::Null) => {
            errors.push(FieldError::new(name, "required", format!("{name} is required")));
            None
        }
        Some(_) => {
            errors.push(FieldError::new(
                name,
                "wrong_type",
                format!("{name} must be a text that is not empty"),
            ));
            None
        }
    };
    let (channel, from, to) = (text("channel", true), text("from", true), text("to", true));
    let (content, in_reply_to, org_id) =
        (text("text", true), text("in_reply_to", false), text("org_id", false));
    let channel = channel.and_then(|name| match name.as_str() {
        "sms" => Some(Channel::Sms),
        "whatsapp" => Some(Channel::WhatsApp),
        _ => {
            errors.push(FieldError::new("channel", "not_allowed", "channel must be sms or whatsapp"));
            None
        }
    });
    if from.as_ref().is_some_and(|from| !is_number(from)) {
        errors.push(FieldError::new("from", "invalid", "from must be a phone number with its country code"));
    }
    if content.as_ref().is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
        errors.push(FieldError::new("text", "too_long", format!("text may have {LONGEST_TEXT} characters")));
    }
    match (channel, from, to, content) {
        (Some(channel), Some(from), Some(to), Some(text)) if errors.is_empty() => {
            let from = format!("+{}", whatsapp::wa_id(&from));
            Ok(Request { channel, from, to, text, in_reply_to, org_id })
        }
        _ => Err(errors),
    }
}

fn is_number(text: &str) -> bool {
    (7..=15).contains(&whatsapp::wa_id(text).len())
        && text.chars().all(|character| character.is_ascii_digit() || "+-() ".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(body: &Value) -> Vec<(String, &'static str)> {
        let mut errors: Vec<_> = read(body.as_object().unwrap())
            .unwrap_err()
            .into_iter()
            .map(|error| (error.field, error.code))
            .collect();
        errors.sort();
        errors
    }

    #[test]
    fn a_body_that_fits_is_read() {
        let body = json!({"channel": "sms", "from": "447700 900123", "to": "+15005550006", "text": ""});
        let request = read(body.as_object().unwrap()).unwrap();
        assert_eq!((request.from.as_str(), request.channel), ("+447700900123", Channel::Sms));
    }

    #[test]
    fn everything_wrong_is_named() {
        let all = [("channel", "required"), ("from", "required"), ("text", "required"), ("to", "required")];
        assert_eq!(errors(&json!({})), all.map(|(field, code)| (field.to_owned(), code)));
        let body = json!({"channel": "email", "from": "Ann", "to": 5, "text": "x", "body": "y"});
        let expected = [
            ("body", "unknown_field"),
            ("channel", "not_allowed"),
            ("from", "invalid"),
            ("to", "wrong_type"),
        ];
        assert_eq!(errors(&body), expected.map(|(field, code)| (field.to_owned(), code)));
    }
}

//! Handing an SMS to Twilio: `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`.

use std::time::Duration;

use domain::content::Rendered;
use domain::{FailureCode, MessageId};
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;

use super::errors;
use crate::http::{Answer, exchange};
use crate::{Outcome, Outgoing, Problem, REQUEST_TIMEOUT, Secret, Sender};

/// How Twilio retries our status callback: five times, after any failure. By default it would lose a report to one 5xx of ours
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>).
const CALLBACK_RETRIES: &str = "rc=5&rp=all";
/// The range of `ValidityPeriod`, in seconds.
const VALIDITY: std::ops::RangeInclusive<u64> = 1..=36_000;

/// One Twilio sender.
#[derive(Debug, Clone)]
pub struct TwilioConfig {
    /// Scheme and host of the API, `https://api.twilio.com`.
    pub base_url: String,
    /// `AC` and 32 hex digits.
    pub account_sid: String,
    /// The account's primary auth token, which also signs callbacks.
    pub auth_token: Secret,
    /// A number in E.164, a short code or an alphanumeric sender; or the `MG...` id of a messaging service.
    pub sender: String,
    /// Where reports go, without query and fragment: `{PUBLIC_BASE_URL}/webhooks/twilio/{org_id}/status`.
    pub status_callback: String,
    /// How long a message may wait in Twilio's queue, between a second and 10 hours (Twilio's default); afterwards it fails.
    pub validity_period: Option<Duration>,
}

/// Sends SMS through one Twilio sender.
#[derive(Debug, Clone)]
pub struct TwilioSender {
    http: reqwest::Client,
    config: TwilioConfig,
}

impl TwilioSender {
    /// A sender that uses the connections of `http`.
    pub fn new(http: reqwest::Client, config: TwilioConfig) -> Self {
        Self { http, config }
    }

    /// The URL of the account's messages.
    fn messages_url(&self) -> String {
        let base = self.config.base_url.trim_end_matches('/');
        format!("{base}/2010-04-01/Accounts/{}/Messages.json", self.config.account_sid)
    }

    /// The URL that Twilio calls with what becomes of the message. The fragment is for Twilio and never comes back.
    fn callback(&self, message_id: MessageId) -> String {
        format!("{}?m={message_id}#{CALLBACK_RETRIES}", self.config.status_callback)
    }

    fn form(&self, message: &Outgoing<'_>, text: &str) -> String {
        let sender = &self.config.sender;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", message.to.as_str())
            .append_pair(if is_service(sender) { "MessagingServiceSid" } else { "From" }, sender)
            .append_pair("Body", text)
            .append_pair("StatusCallback", &self.callback(message.message_id));
        if let Some(period) = self.config.validity_period {
            let seconds = period.as_secs().clamp(*VALIDITY.start(), *VALIDITY.end());
            form.append_pair("ValidityPeriod", &seconds.to_string());
        }
        form.finish()
    }
}

/// Whether `sender` names a messaging service, `^MG[0-9a-fA-F]{32}$`.
pub(super) fn is_service(sender: &str) -> bool {
    sender.strip_prefix("MG").is_some_and(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl Sender for TwilioSender {
    async fn send(&self, message: &Outgoing<'_>) -> Outcome {
        let Rendered::Text(text) = message.content else {
            let problem = Problem::ours("Only a text can be sent as an SMS");
            return Outcome::Refused { code: FailureCode::InternalError, problem };
        };
        let request = self
            .http
            .post(self.messages_url())
            .basic_auth(&self.config.account_sid, Some(self.config.auth_token.expose()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.form(message, text));
        match exchange(request).await {
            Ok(answer) if answer.is_success() => accepted(&answer),
            Ok(answer) => errors::refusal(&answer),
            Err(outcome) => outcome,
        }
    }

    fn timeout(&self) -> Duration {
        REQUEST_TIMEOUT
    }
}

#[derive(Deserialize)]
struct Created {
    sid: String,
    num_segments: Option<String>,
}

/// A success that does not name the message may still have sent it.
fn accepted(answer: &Answer) -> Outcome {
    match answer.json::<Created>() {
        Some(created) if !created.sid.is_empty() => Outcome::Accepted {
            // "0" until a messaging service has chosen its number.
            segments: created.num_segments.and_then(|n| n.parse().ok()).filter(|n| *n > 0),
            provider_message_id: created.sid,
        },
        _ => Outcome::Unknown { problem: answer.bare_problem() },
    }
}

//! Asking Twilio about a message whose report never came: `GET /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json`.

use domain::receipt::Receipt;
use domain::{MessageId, Timestamp};
use serde::Deserialize;

use super::send::TwilioSender;
use super::status::report;
use crate::Problem;
use crate::http::exchange;

/// What Twilio knows about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It knows the message. No receipt: it is still on its way.
    Found(Option<Receipt>),
    /// It does not know the message (any more: logs are kept for 400 days). That proves nothing.
    NotFound,
    /// It did not say.
    Failed(Problem),
}

#[derive(Deserialize)]
struct Message {
    status: String,
    error_code: Option<u32>,
}

impl TwilioSender {
    /// Asks what became of our message `message_id`, which Twilio accepted as `provider_message_id`. `now` is the time of the
    /// receipt, since Twilio does not say when a status began.
    pub async fn look_up(&self, message_id: MessageId, provider_message_id: &str, now: Timestamp) -> Lookup {
        if !provider_message_id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Lookup::NotFound;
        }
        let request = self
            .http
            .get(self.messages_url(&format!("/{provider_message_id}.json")))
            .basic_auth(&self.config.account_sid, Some(self.config.auth_token.expose()));
        let Ok(answer) = exchange(request).await else {
            return Lookup::Failed(Problem::ours("The provider did not answer"));
        };
        match answer.json::<Message>() {
            Some(message) if answer.is_success() => {
                Lookup::Found(report(&message.status, message.error_code).map(|report| Receipt {
                    message_id,
                    provider_message_id: Some(provider_message_id.to_owned()),
                    report,
                    at: now,
                    provider_code: message.error_code.map(|code| code.to_string()),
                }))
            }
            _ if answer.status == 404 => Lookup::NotFound,
            _ => Lookup::Failed(answer.bare_problem()),
        }
    }
}

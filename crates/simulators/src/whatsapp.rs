//! The WhatsApp Cloud API of Meta: sending, status webhooks and inbound messages.
//!
//! Shapes after Meta's documentation and `OpenAPI` file (see the fixtures in `tests/fixtures/whatsapp`).

mod check;
mod error;
mod inbound;
mod send;
mod status;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) use inbound::Message;
pub(crate) use status::{StatusReport, status_webhook};

use crate::accounts::WhatsAppAccount;
use crate::ids::digits_from;
use crate::webhook::{Attempt, Webhook};
use crate::world::World;

/// Meta tries for seven days.
const GIVES_UP_AFTER: Duration = Duration::from_hours(7 * 24);
/// "Immediately, then a few more times with decreasing frequency": the longest pause, kept short for a local stack.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new().route("/{version}/{phone_number_id}/messages", post(send::send))
}

/// After anything but a 2xx: soon, then ever more rarely.
pub(crate) fn retry_after(attempt: &Attempt, attempts: u32, age: Duration) -> Option<Duration> {
    if attempt.succeeded() || age > GIVES_UP_AFTER {
        return None;
    }
    Some(Duration::from_millis(100 << attempts.min(10)).min(LONGEST_PAUSE))
}

/// Only the digits: how Meta writes numbers in webhooks.
pub(crate) fn wa_id(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// The number that people see, derived from its id because the twin is told only the id.
pub(crate) fn display_number(phone_number_id: &str) -> String {
    format!("1555{}", digits_from(phone_number_id, 7))
}

/// One change of field `messages`, in the envelope of a webhook.
fn envelope(phone_number_id: &str, content: (&str, Value)) -> Value {
    let (name, items) = content;
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": display_number(phone_number_id),
            "phone_number_id": phone_number_id,
        },
    });
    value[name] = items;
    json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": digits_from(&format!("business account of {phone_number_id}"), 15),
            "changes": [{"value": value, "field": "messages"}],
        }],
    })
}

/// Signs the raw bytes of the body: `X-Hub-Signature-256`.
fn signed(world: &World, account: &WhatsAppAccount, body: &Value) -> Webhook {
    let body = body.to_string();
    Webhook {
        url: format!("{}/webhooks/whatsapp/{}", world.options.public_base_url, account.org),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", "facebookexternalua".to_owned()),
            ("x-hub-signature-256", signature(&account.app_secret, body.as_bytes())),
        ],
        body,
    }
}

fn signature(app_secret: &str, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()) else { return String::new() };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    #[test]
    fn signatures_equal_the_published_vectors() {
        let vectors = include_str!("../../../tests/fixtures/vectors/meta_x_hub_signature_256.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let mut checked = 0;
        for case in vectors["cases"].as_array().unwrap() {
            if case["expect"] != true {
                continue;
            }
            let body = BASE64.decode(case["body_b64"].as_str().unwrap()).unwrap();
            assert_eq!(signature(case["secret"].as_str().unwrap(), &body), case["header"].as_str().unwrap());
            checked += 1;
        }
        assert!(checked >= 3, "{checked}");
    }

    #[test]
    fn a_webhook_that_fails_is_tried_for_seven_days_and_ever_more_rarely() {
        let failed = Attempt::Answered { status: 500, body: String::new() };
        let hour = Duration::from_hours(1);
        assert_eq!(retry_after(&failed, 1, hour), Some(Duration::from_millis(200)));
        assert_eq!(retry_after(&failed, 40, hour), Some(LONGEST_PAUSE));
        assert_eq!(retry_after(&failed, 40, Duration::from_hours(169)), None);
        assert_eq!(retry_after(&Attempt::NotConnected, 2, hour), Some(Duration::from_millis(400)));
        assert_eq!(retry_after(&Attempt::Answered { status: 200, body: String::new() }, 1, hour), None);
    }
}

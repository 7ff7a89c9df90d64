//! Calls of providers, signed by whoever knows an organisation's secret: with the bytes and the fields that a test wants.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha256;
use testing::{PUBLIC_BASE_URL, secret_of};
use wire::api::http::Request;

pub(super) const TWILIO_STATUS: &str = "POST /webhooks/twilio/{org_id}/status";
pub(super) const TWILIO_INBOUND: &str = "POST /webhooks/twilio/{org_id}/inbound";
pub(super) const WHATSAPP: &str = "POST /webhooks/whatsapp/{org_id}";

/// The token and app secret of an organisation.
fn token(org: &str) -> String {
    let secret = secret_of(&org.parse().expect("an id"));
    secret["auth_token"].as_str().expect("a token").to_owned()
}

/// The account of an organisation with Twilio.
pub(super) fn account(org: &str) -> String {
    let secret = secret_of(&org.parse().expect("an id"));
    secret["account_sid"].as_str().expect("a SID").to_owned()
}

fn call(route: &str, org: &str, header: &str, signature: String, body: Vec<u8>) -> Request {
    Request {
        route: route.to_owned(),
        path: [("org_id".to_owned(), org.to_owned())].into(),
        headers: [(header.to_owned(), signature)].into(),
        body,
        ..Request::default()
    }
}

/// A form on one of Twilio's routes, at the URL of `org` and signed with its token. `query` is what the status callback was given.
pub(super) fn twilio(route: &str, org: &str, query: &str, body: &[u8]) -> Request {
    let last = route.rsplit('/').next().unwrap_or_default();
    let mut url = format!("{PUBLIC_BASE_URL}/webhooks/twilio/{org}/{last}");
    if !query.is_empty() {
        url = format!("{url}?{query}");
    }
    let mut fields: Vec<(String, String)> =
        form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    fields.sort();
    fields.dedup();
    let mut mac =
        Hmac::<Sha1>::new_from_slice(token(org).as_bytes()).expect("HMAC takes keys of every length");
    mac.update(url.as_bytes());
    for (name, value) in &fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    Request {
        raw_query: query.to_owned(),
        ..call(route, org, "x-twilio-signature", signature, body.to_vec())
    }
}

/// Fields as a form.
pub(super) fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

/// A call of Meta's to `org`, signed with its secret.
pub(super) fn whatsapp(org: &str, body: &[u8]) -> Request {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(token(org).as_bytes()).expect("HMAC takes keys of every length");
    mac.update(body);
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    call(WHATSAPP, org, "x-hub-signature-256", signature, body.to_vec())
}

/// One change of Meta's, for one of its numbers.
pub(super) fn meta(phone_number_id: &str, what: &str, items: &Value) -> Vec<u8> {
    let mut value = serde_json::json!({
        "messaging_product": "whatsapp", "metadata": { "display_phone_number": "1", "phone_number_id": phone_number_id },
    });
    value[what] = items.clone();
    serde_json::json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": value }] }],
    })
    .to_string()
    .into_bytes()
}

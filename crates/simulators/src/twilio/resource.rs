//! A message as the API shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::status::Status;
use super::{API_VERSION, pool_number};
use crate::clock::rfc2822;
use crate::ledger::Entry;

/// What Twilio remembers of a message beside the ledger's item. What becomes of it is decided when it is accepted, so
/// its status at any time follows from the clock and nothing has to be written later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) account_sid: String,
    pub(super) body: String,
    pub(super) from: Option<String>,
    pub(super) service: Option<String>,
    pub(super) num_media: usize,
    pub(super) num_segments: usize,
    /// When each status is reached, in milliseconds from acceptance.
    pub(super) course: Vec<(u64, Status)>,
}

/// The resource `sid` as it is at a time.
pub(super) fn resource(remembered: &Remembered, sid: &str, to: &str, at_ms: i64, now_ms: i64) -> Value {
    let reached = remembered
        .course
        .iter()
        .map(|(after_ms, status)| (at_ms.saturating_add_unsigned(*after_ms), *status))
        .rfind(|(when, _)| *when <= now_ms);
    let first = remembered.service.as_ref().map_or("queued", |_| "accepted");
    let account_sid = &remembered.account_sid;
    let uri = format!("/{API_VERSION}/Accounts/{account_sid}/Messages/{sid}");
    // A service picks the number, and counts the segments, when it sends.
    let (from, num_segments) = match (&remembered.service, reached) {
        (Some(_), None) => (None, 0),
        (Some(service), Some(_)) => (Some(pool_number(service)), remembered.num_segments),
        (None, _) => (remembered.from.clone(), remembered.num_segments),
    };
    json!({
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": remembered.body,
        "date_created": rfc2822(at_ms),
        "date_sent": reached.map(|_| rfc2822(at_ms)),
        "date_updated": rfc2822(reached.map_or(at_ms, |(when, _)| when)),
        "direction": "outbound-api",
        "error_code": reached.and_then(|(_, status)| status.error_code()),
        "error_message": Value::Null,
        "from": from,
        "messaging_service_sid": remembered.service,
        "num_media": remembered.num_media.to_string(),
        "num_segments": num_segments.to_string(),
        "price": Value::Null,
        "price_unit": Value::Null,
        "sid": sid,
        "status": reached.map_or(first, |(_, status)| status.name()),
        "subresource_uris": {"media": format!("{uri}/Media.json")},
        "to": to,
        "uri": format!("{uri}.json"),
    })
}

/// A message of the ledger; `None` if this version cannot read what was remembered of it.
pub(super) fn resource_of(entry: &Entry, now_ms: i64) -> Option<Value> {
    let remembered = serde_json::from_str(&entry.state).ok()?;
    Some(resource(&remembered, &entry.message_id, &entry.to, entry.at_ms, now_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "SMfedcba9876543210fedcba9876543210";
    const CREATED_MS: i64 = 1_792_095_151_000;

    fn remembered(service: bool) -> Remembered {
        Remembered {
            account_sid: "AC0123456789abcdef0123456789abcdef".to_owned(),
            body: "Hi Jessica, your order is ready. Reply STOP to opt out.".to_owned(),
            from: (!service).then(|| "+15005550006".to_owned()),
            service: service.then(|| "MG0123456789abcdef0123456789abcdef".to_owned()),
            num_media: 0,
            num_segments: 1,
            course: vec![(20, Status::Sent), (100, Status::Undelivered)],
        }
    }

    fn at(service: bool, after_ms: i64) -> Value {
        resource(&remembered(service), SID, "+14155552671", CREATED_MS, CREATED_MS + after_ms)
    }

    #[test]
    fn a_new_message_looks_like_the_samples() {
        for (service, sample) in [
            (false, include_str!("../../../../tests/fixtures/twilio/response.201.queued.json")),
            (true, include_str!("../../../../tests/fixtures/twilio/response.201.accepted.json")),
        ] {
            assert_eq!(at(service, 0), serde_json::from_str::<Value>(sample).unwrap());
        }
    }

    #[test]
    fn its_status_climbs_with_time() {
        assert_eq!(at(false, 20)["status"], "sent");
        assert_eq!(at(false, 99)["error_code"], Value::Null);
        let last = at(true, 100);
        assert_eq!(
            (last["status"].as_str(), last["error_code"].as_u64()),
            (Some("undelivered"), Some(30005))
        );
        assert_eq!(last["from"], pool_number("MG0123456789abcdef0123456789abcdef"));
        assert_eq!(last["num_segments"], "1");
    }
}

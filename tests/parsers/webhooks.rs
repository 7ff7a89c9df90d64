//! What providers call us with.

use std::sync::OnceLock;

use channels::Secret;
use channels::ses::sns::Envelope;
use channels::ses::webhook::parse_event;
use channels::twilio::signature::{Call, verify as twilio_signed};
use channels::twilio::webhook::{parse_inbound, parse_status};
use channels::whatsapp::signature::verify as meta_signed;
use channels::whatsapp::webhook::{parse, verify_challenge};
use domain::receipt::Receipt;

use super::now;

/// The longest id of a provider that is believed: keys have room for no more.
const MAX_ID: usize = 512;

fn receipt(receipt: &Receipt) {
    assert!(receipt.at <= now(), "nothing is reported from the future");
    assert!(receipt.provider_message_id.as_ref().is_none_or(|id| (1..=MAX_ID).contains(&id.len())));
    assert!(receipt.provider_code.as_ref().is_none_or(|code| code.chars().count() <= 64));
}

/// A form and, before its first line break, a query and a signature.
pub(super) fn twilio(bytes: &[u8]) {
    let (head, body) =
        bytes.iter().position(|byte| *byte == b'\n').map_or((bytes, bytes), |at| bytes.split_at(at));
    let head = String::from_utf8_lossy(head);
    for query in ["m=msg_01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0", &head] {
        if let Ok(report) = parse_status(query, body, now()) {
            assert!(!report.account_sid.is_empty());
            report.receipt.iter().for_each(receipt);
        }
    }
    if let Ok(message) = parse_inbound(body) {
        assert!(!message.from.is_empty() && message.media.len() <= 10);
        assert!((1..=MAX_ID).contains(&message.provider_message_id.len()));
    }
    let secret = Secret::new("a token");
    let url = format!("https://tidings.test/webhooks/twilio/demo/status?{head}");
    for settings in [None, Some("algorithm=HMAC_SHA256"), Some(&*head)] {
        let call = Call { url: &url, body, signature: Some(&head), settings };
        assert!(!twilio_signed(&[&secret], &call), "nobody guesses a signature");
        assert!(!twilio_signed(&[&Secret::new("")], &call), "an empty token signs nothing");
    }
}

/// A call of Meta's, and the query and the header beside it.
pub(super) fn whatsapp(bytes: &[u8]) {
    if let Ok(events) = parse(bytes, now()) {
        for number in &events.numbers {
            number.receipts.iter().for_each(receipt);
            for message in &number.inbound {
                assert!(message.at <= now() && (1..=MAX_ID).contains(&message.provider_message_id.len()));
                assert!(message.user_id.as_ref().is_none_or(|id| id.len() <= MAX_ID));
                assert!(message.kind.chars().count() <= 64);
            }
            assert!(number.preferences.iter().all(|preference| preference.at <= now()));
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let secret = Secret::new("a secret");
    assert!(!meta_signed(&secret, bytes, Some(&text)) && !meta_signed(&Secret::new(""), bytes, Some(&text)));
    assert_eq!(verify_challenge(&text, &Secret::new("a token that nobody knows")), None);
}

/// An envelope of SNS; and what should be its certificate, which is fetched from a host and so comes from outside, too.
pub(super) fn sns(bytes: &[u8]) {
    static GENUINE: OnceLock<Envelope> = OnceLock::new();
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert!(envelope.check("arn:aws:sns:us-east-1:1:ours", now()).is_err(), "the topic is another");
        if let Ok(url) = envelope.certificate_url(None) {
            assert!(on_sns(url), "{url}");
        }
        assert!(envelope.verify(certificate(), now()).is_err(), "nobody guesses a signature");
    }
    let genuine = GENUINE.get_or_init(|| {
        Envelope::parse(include_bytes!("../fixtures/aws/sns/notification.json")).expect("a sample")
    });
    assert!(genuine.verify(bytes, now()).is_err(), "nobody guesses a certificate");
}

fn certificate() -> &'static [u8] {
    include_bytes!("../fixtures/vectors/sns_test_cert.pem")
}

/// Another reading of the rule: a URL parser's host, in the form that browsers and clients agree on.
fn on_sns(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "https"
        && host.starts_with("sns.")
        && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
}

/// An event of SES within an envelope.
pub(super) fn ses(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(Some(event)) = parse_event(&text, now()) {
        assert!(event.receipts.len() <= 1);
        event.receipts.iter().for_each(receipt);
    }
}

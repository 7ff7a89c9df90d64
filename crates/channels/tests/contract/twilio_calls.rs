//! Twilio's calls to us: signatures, statuses, replies.

use channels::twilio::signature::{Call, verify};
use channels::twilio::webhook::{OptOutType, parse_inbound, parse_status};
use channels::{Secret, WebhookError};
use domain::FailureCode;
use domain::receipt::Report;
use serde::Deserialize;

use crate::{MESSAGE_ID, fixture, fixtures, message_id, now};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const SID: &str = "SMfedcba9876543210fedcba9876543210";

#[derive(Deserialize)]
struct Vectors {
    form: Vec<Vector>,
    json: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    secret: String,
    url_seen: String,
    #[serde(alias = "form_body", alias = "json_body")]
    body: String,
    signature: String,
    expect: bool,
}

fn vectors() -> Vectors {
    serde_json::from_str(&fixture("vectors/twilio_signature.json")).unwrap()
}

impl Vector {
    fn call(&self) -> Call<'_> {
        Call {
            url: &self.url_seen,
            body: self.body.as_bytes(),
            signature: Some(&self.signature),
            settings: None,
        }
    }
}

#[test]
fn every_signature_vector_has_the_agreed_verdict() {
    let Vectors { form, json } = vectors();
    for vector in form.iter().chain(&json) {
        assert_eq!(verify(&[&Secret::new(&vector.secret)], &vector.call()), vector.expect, "{}", vector.name);
    }
}

#[test]
fn no_other_secret_and_no_missing_signature_is_enough() {
    let secret = Secret::new("12345");
    for vector in vectors().form.iter().filter(|vector| vector.expect) {
        let call = vector.call();
        for wrong in ["12346", ""] {
            assert!(!verify(&[&Secret::new(wrong)], &call), "{}", vector.name);
        }
        assert!(!verify(&[], &call));
        assert!(!verify(&[&secret], &Call { signature: None, ..call }));
        assert!(
            verify(&[&Secret::new("old"), &secret], &call),
            "either of two secrets while one replaces the other"
        );
    }
}

#[test]
fn a_changed_json_body_is_refused() {
    let vectors = vectors();
    let vector = vectors.json.iter().find(|vector| vector.expect).unwrap();
    let body = vector.body.replace("DELIVERED", "FAILED");
    assert!(!verify(&[&Secret::new("12345")], &Call { body: body.as_bytes(), ..vector.call() }));
}

#[test]
fn the_newer_scheme_is_checked_with_its_own_algorithm_and_an_unknown_one_is_refused() {
    let key = Secret::new("12345");
    let call = Call {
        url: "https://example.com/x",
        body: b"A=1",
        // HMAC-SHA256 of `https://example.com/xA1`.
        signature: Some("zRX4EF2DQk84MRHJK0KiG4rQyB4bUsdJYCXpIC0YPV4="),
        settings: Some("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"),
    };
    assert!(verify(&[&key], &call));
    for settings in [None, Some("key=k,algorithm=HMAC_SHA1"), Some("key=k,algorithm=HMAC_SHA512")] {
        assert!(!verify(&[&key], &Call { settings, ..call }), "{settings:?}");
    }
}

fn report_in(sample: &str) -> Option<(Report, Option<String>)> {
    let query = format!("m={MESSAGE_ID}");
    let status = parse_status(&query, fixture(&format!("twilio/{sample}")).as_bytes(), now()).unwrap();
    assert_eq!(status.account_sid, ACCOUNT);
    status.receipt.map(|receipt| {
        assert_eq!((receipt.message_id, receipt.at), (message_id(), now()));
        assert_eq!(receipt.provider_message_id.as_deref(), Some(SID));
        (receipt.report, receipt.provider_code)
    })
}

#[test]
fn every_status_sample_is_read() {
    let failed = |code, provider_code: &str| Some((Report::Failed(code), Some(provider_code.to_owned())));
    let expected = [
        ("callback.queued.form", None),
        ("callback.sending.form", None),
        ("callback.sent.form", Some((Report::Sent, None))),
        ("callback.delivered.form", Some((Report::Delivered, None))),
        ("callback.whatsapp-read.form", Some((Report::Read, None))),
        ("callback.canceled.form", Some((Report::Failed(FailureCode::ProviderRejected), None))),
        ("callback.failed.21610.form", Some((Report::OptedOut, Some("21610".into())))),
        ("callback.failed.30001.form", failed(FailureCode::ProviderRejected, "30001")),
        ("callback.failed.30002.form", failed(FailureCode::ProviderRejected, "30002")),
        ("callback.undelivered.30003.form", failed(FailureCode::Undeliverable, "30003")),
        ("callback.undelivered.30005.form", failed(FailureCode::InvalidPhone, "30005")),
        ("callback.undelivered.30006.form", failed(FailureCode::InvalidPhone, "30006")),
        ("callback.undelivered.30007.form", failed(FailureCode::CarrierBlocked, "30007")),
        ("callback.undelivered.30008.form", failed(FailureCode::Undeliverable, "30008")),
    ];
    let samples = fixtures("twilio").into_iter().filter(|(name, _)| name.starts_with("callback."));
    assert_eq!(samples.count(), expected.len(), "every sample is in the table");
    for (sample, report) in expected {
        assert_eq!(report_in(sample), report, "{sample}");
    }
}

#[test]
fn a_status_of_a_message_that_is_not_ours_is_no_receipt() {
    let body = fixture("twilio/callback.delivered.form");
    for query in ["", "m=", "m=01J0", "n=1"] {
        assert_eq!(parse_status(query, body.as_bytes(), now()).unwrap().receipt, None, "{query}");
    }
}

#[test]
fn a_status_that_is_not_known_yet_is_no_error() {
    let body = fixture("twilio/callback.delivered.form").replace("=delivered", "=teleported");
    let status = parse_status(&format!("m={MESSAGE_ID}&new=1"), body.as_bytes(), now()).unwrap();
    assert_eq!(status.receipt, None);
}

#[test]
fn a_call_without_twilios_fields_is_named() {
    assert_eq!(parse_status("", b"", now()), Err(WebhookError::Missing("AccountSid")));
    assert_eq!(parse_inbound(b"AccountSid=AC1&MessageSid=SM1"), Err(WebhookError::Missing("From")));
    assert!(parse_inbound(b"\xff\xfe=%ff&&&=").is_err());
}

#[test]
fn a_number_that_is_nothing_but_a_channel_and_an_id_that_fits_no_key_are_none() {
    let call = |from: &str, sid: &str| {
        parse_inbound(format!("AccountSid=AC1&MessageSid={sid}&From={from}&To=%2B1").as_bytes())
    };
    assert_eq!(call("whatsapp:", "SM1"), Err(WebhookError::Missing("From")));
    assert_eq!(call("whatsapp:%2B15550100", &"x".repeat(513)), Err(WebhookError::Missing("MessageSid")));
    assert_eq!(call("whatsapp:%2B15550100", "SM1").unwrap().from, "+15550100");
}

#[test]
fn every_inbound_sample_is_read() {
    let expected = [
        ("inbound.text.form", "Yes please", None),
        ("inbound.free-text-revocation.form", "please don't text me anymore", None),
        ("inbound.optout-stop.form", "STOP", Some(OptOutType::Stop)),
        ("inbound.optout-start.form", "Unstop", Some(OptOutType::Start)),
        ("inbound.optout-help.form", "help", Some(OptOutType::Help)),
        ("inbound.stop-without-optouttype.form", " Stop. ", None),
        ("inbound.whatsapp-button-reply.form", "Unsubscribe", None),
        ("inbound.media.form", "", None),
    ];
    let samples = fixtures("twilio").into_iter().filter(|(name, _)| name.starts_with("inbound."));
    assert_eq!(samples.count(), expected.len(), "every sample is in the table");
    for (sample, text, opt_out_type) in expected {
        let inbound = parse_inbound(fixture(&format!("twilio/{sample}")).as_bytes()).unwrap();
        assert_eq!((inbound.text.as_str(), inbound.opt_out_type), (text, opt_out_type), "{sample}");
        assert_eq!(
            (inbound.from.as_str(), inbound.to.as_str()),
            ("+14155552671", "+15005550006"),
            "{sample}"
        );
        assert_eq!((inbound.account_sid.as_str(), inbound.provider_message_id.as_str()), (ACCOUNT, SID));
        assert_eq!(inbound.media.len(), usize::from(sample.contains("media")));
        assert_eq!(inbound.reply_to.is_some(), sample.contains("button"));
        let shown = format!("{inbound:?}");
        assert!(
            !shown.contains("4155552671") && (text.is_empty() || !shown.contains(&format!("\"{text}\"")))
        );
    }
}

#[test]
fn media_are_kept_with_their_type() {
    let inbound = parse_inbound(fixture("twilio/inbound.media.form").as_bytes()).unwrap();
    assert_eq!(inbound.media[0].content_type, "image/jpeg");
    assert!(inbound.media[0].url.ends_with("/Media/ME00000000000000000000000000000000"));
}

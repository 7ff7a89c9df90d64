//! Meta's calls to us: signatures, the challenge, statuses, messages, preferences.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channels::Secret;
use channels::whatsapp::signature::verify;
use channels::whatsapp::webhook::{Events, Inbound, NumberEvents, parse, verify_challenge};
use domain::receipt::{Receipt, Report};
use domain::{FailureCode, Timestamp};
use serde::Deserialize;

use crate::{MESSAGE_ID, cases, fixture, fixtures, message_id, now};

const NUMBER: &str = "106540352242922";
const WAMID: &str = "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQUFERjg0NDEzNDdFODU3MUMxMAA=";

#[derive(Deserialize)]
struct Vector {
    name: String,
    secret: String,
    body_b64: String,
    header: String,
    expect: Option<bool>,
}

#[test]
fn every_signature_vector_has_the_agreed_verdict() {
    for Vector { name, secret, body_b64, header, expect } in cases("vectors/meta_x_hub_signature_256.json") {
        let body = STANDARD.decode(body_b64).unwrap();
        // One case is left open: upper-case digits. They name the same bytes, so we take them.
        assert_eq!(verify(&Secret::new(secret), &body, Some(&header)), expect.unwrap_or(true), "{name}");
        assert!(!verify(&Secret::new("another secret"), &body, Some(&header)), "{name}");
        assert!(!verify(&Secret::new(""), &body, Some(&header)), "{name}");
    }
    assert!(!verify(&Secret::new("app-secret-for-tests"), b"", None));
}

#[test]
fn the_challenge_is_repeated_to_whoever_knows_the_token() {
    let token = Secret::new("my token");
    let answer = |query| verify_challenge(query, &token);
    let genuine = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=my+token";
    assert_eq!(answer(genuine).as_deref(), Some("1158201444"));
    assert_eq!(
        verify_challenge("hub.mode=subscribe&hub.challenge=1&hub.verify_token=", &Secret::new("")),
        None
    );
    for forged in [
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=my",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=my+token",
        "hub.challenge=1",
        "",
    ] {
        assert_eq!(answer(forged), None, "{forged}");
    }
}

fn read(json: &str) -> Events {
    parse(json.as_bytes(), now()).unwrap()
}

/// The receipts of a status sample whose statuses carry `callback_data`.
fn receipts(sample: &str, callback_data: &str) -> Vec<Receipt> {
    let mut body: serde_json::Value =
        serde_json::from_str(&fixture(&format!("whatsapp/status/{sample}"))).unwrap();
    let statuses = body.pointer_mut("/entry/0/changes/0/value/statuses").unwrap().as_array_mut().unwrap();
    for status in statuses {
        status["biz_opaque_callback_data"] = callback_data.into();
    }
    read(&body.to_string()).numbers.into_iter().flat_map(|number| number.receipts).collect()
}

#[test]
fn every_status_sample_is_read() {
    let failed = |code, provider_code: &str| (Report::Failed(code), Some(provider_code.to_owned()));
    let expected = [
        ("doc-sent.json", vec![(Report::Sent, None)]),
        ("doc-v24-no-conversation-no-pricing.json", vec![(Report::Sent, None)]),
        ("derived-delivered-cbp.json", vec![(Report::Delivered, None)]),
        ("derived-delivered-bsuid-only.json", vec![(Report::Delivered, None)]),
        ("derived-read-v24-with-callback-data.json", vec![(Report::Read, None)]),
        ("derived-failed-131026.json", vec![failed(FailureCode::InvalidPhone, "131026")]),
        ("derived-failed-131047-window.json", vec![failed(FailureCode::OutsideReplyWindow, "131047")]),
        ("derived-failed-131050-optout.json", vec![(Report::OptedOut, Some("131050".into()))]),
        ("doc-failed-131049.json", vec![failed(FailureCode::CarrierBlocked, "131049")]),
        (
            "derived-out-of-order-batch-read-before-sent.json",
            vec![(Report::Read, None), (Report::Delivered, None), (Report::Sent, None), (Report::Sent, None)],
        ),
    ];
    assert_eq!(fixtures("whatsapp/status").len(), expected.len(), "every sample is in the table");
    for (sample, reports) in expected {
        let receipts = receipts(sample, MESSAGE_ID);
        assert!(receipts.iter().all(|receipt| receipt.message_id == message_id()));
        let found: Vec<_> =
            receipts.into_iter().map(|receipt| (receipt.report, receipt.provider_code)).collect();
        assert_eq!(found, reports, "{sample}");
    }
}

#[test]
fn a_failure_whose_error_cannot_be_read_is_still_a_failure() {
    let status = |errors| {
        format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"changes":[{{"field":"messages","value":{{"metadata":
            {{"phone_number_id":"1"}},"statuses":[{{"id":"w","status":"failed","biz_opaque_callback_data":"{MESSAGE_ID}",
            "errors":{errors}}}]}}}}]}}]}}"#
        )
    };
    for (errors, code) in [
        (r#"[{"code":"new"}]"#, FailureCode::ProviderRejected),
        ("[]", FailureCode::ProviderRejected),
        (r#"[{"code":999999},{"code":131047}]"#, FailureCode::OutsideReplyWindow),
    ] {
        assert_eq!(read(&status(errors)).numbers[0].receipts[0].report, Report::Failed(code), "{errors}");
    }
}

#[test]
fn a_receipt_has_metas_id_and_metas_time() {
    let receipt = receipts("doc-sent.json", MESSAGE_ID).remove(0);
    assert_eq!(receipt.provider_message_id.as_deref(), Some(WAMID));
    assert_eq!(receipt.at, Timestamp::from_secs(1_750_030_073));
}

#[test]
fn no_event_is_later_than_its_arrival() {
    let early = Timestamp::from_secs(1_700_000_000);
    let body = fixture("whatsapp/inbound/text-message.json");
    let events = parse(body.as_bytes(), early).unwrap();
    assert_eq!(events.numbers[0].inbound[0].at, early);
}

#[test]
fn a_status_of_a_message_that_is_not_ours_is_counted_and_no_more() {
    for (name, body) in fixtures("whatsapp/status") {
        let events = read(&body);
        assert!(events.numbers.iter().all(|number| number.receipts.is_empty()), "{name}");
        assert!(events.ignored > 0, "{name}");
    }
    assert!(receipts("doc-sent.json", "m=01J0000000000000000000000;a=1").is_empty());
}

/// The only message of an inbound sample.
fn message(sample: &str) -> Inbound {
    let mut numbers = read(&fixture(&format!("whatsapp/inbound/{sample}"))).numbers;
    assert_eq!(numbers[0].phone_number_id, NUMBER);
    numbers.remove(0).inbound.remove(0)
}

#[test]
fn every_inbound_sample_is_read() {
    // Sample, type, text, whether it answers a message, whether it holds more than text.
    let expected = [
        ("text-message.json", "text", "Does it come in another color?", false, false),
        (
            "text-message-from-click-to-whatsapp-ad.json",
            "text",
            "Hello! Can I get more info on this?",
            false,
            false,
        ),
        ("text-message-with-context-product-inquiry.json", "text", "Is this still available?", true, false),
        ("derived-text-reply-with-context.json", "text", "Please stop messaging me", true, false),
        ("derived-text-username-no-phone.json", "text", "STOP", false, false),
        ("button-message.json", "button", "Unsubscribe", true, false),
        ("interactive-button-reply-message.json", "interactive", "Cancel", true, false),
        ("interactive-list-reply-message.json", "interactive", "Priority Mail Express", true, false),
        ("reaction-message.json", "reaction", "\u{1f44d}", true, false),
        ("image-message.json", "image", "Taj Mahal", false, true),
        ("location-message.json", "location", "Philz Coffee", false, true),
        ("contact-sharing-message.json", "contacts", "", false, true),
        ("order-message.json", "order", "", false, true),
        ("unsupported-message.json", "unsupported", "", false, true),
    ];
    for (sample, kind, text, answers, more) in expected {
        let inbound = message(sample);
        assert_eq!((inbound.kind.as_str(), inbound.text.as_str()), (kind, text), "{sample}");
        assert_eq!((inbound.context_id.is_some(), inbound.media.is_some()), (answers, more), "{sample}");
        assert!(inbound.provider_message_id.starts_with("wamid."));
        let hidden = sample == "derived-text-username-no-phone.json";
        assert_eq!(inbound.from.as_deref(), (!hidden).then_some("+16505551234"), "{sample}");
        assert_eq!(inbound.user_id.is_some(), hidden, "{sample}");
        let shown = format!("{inbound:?}");
        assert!(
            !shown.contains("16505551234") && (text.is_empty() || !shown.contains(&format!("\"{text}\"")))
        );
    }
    for (sample, kind) in [
        ("image-message.json", "image"),
        ("contact-sharing-message.json", "contacts"),
        ("unsupported-message.json", "errors"),
    ] {
        let media = message(sample).media.unwrap();
        assert!(media["type"].is_string() && !media[kind].is_null(), "{media}");
    }
    let events = read(&fixture("whatsapp/inbound/system-message.json"));
    assert_eq!((events.numbers[0].inbound.len(), events.ignored), (0, 1), "a notice is no message");
    assert_eq!(fixtures("whatsapp/inbound").len(), expected.len() + 1, "every sample is in the table");
}

#[test]
fn who_stops_marketing_messages_is_known_by_number() {
    let stop = read(&fixture("whatsapp/webhooks-other/doc-user-preferences-stop.json"));
    let preference = &stop.numbers[0].preferences[0];
    assert_eq!((preference.from.as_str(), preference.stop), ("+16505551234", true));
    assert_eq!(preference.at, Timestamp::from_secs(1_731_705_721));
    assert!(!format!("{preference:?}").contains("1650"));
    let hidden = read(&fixture("whatsapp/webhooks-other/derived-user-preferences-resume-bsuid.json"));
    assert_eq!((hidden.numbers[0].preferences.len(), hidden.ignored), (0, 1));
}

#[test]
fn a_batch_of_several_numbers_and_unknown_fields_is_taken_apart() {
    let events = read(&fixture("whatsapp/webhooks-other/derived-batch-two-entries-mixed-fields.json"));
    let summary =
        |number: &NumberEvents| (number.phone_number_id.clone(), number.receipts.len(), number.inbound.len());
    let numbers: Vec<_> = events.numbers.iter().map(summary).collect();
    assert_eq!(numbers, [("106540352242922".into(), 0, 0), ("106540352242923".into(), 0, 1)]);
    assert_eq!(events.ignored, 2, "the status that is not ours and the field that is not known yet");
    let template = read(&fixture("whatsapp/webhooks-other/derived-message-template-status-paused.json"));
    assert_eq!((template.numbers.len(), template.ignored), (0, 1));
}

#[test]
fn one_bad_entry_does_not_lose_the_others() {
    let status = format!(
        r#"{{"id":"wamid.1","status":"delivered","timestamp":"1750030073","biz_opaque_callback_data":"{MESSAGE_ID}"}}"#
    );
    let body = format!(
        r#"{{"object":"whatsapp_business_account","new":1,"entry":[7,{{"changes":[null,{{"field":"messages","value":{{
            "metadata":{{"phone_number_id":"1"}},"statuses":[null,{{"status":5}},{status},
            {{"id":"wamid.1","status":"evaporated","biz_opaque_callback_data":"{MESSAGE_ID}"}}],
            "messages":[{{"id":"wamid.2"}},[]]}}}}]}},{{"changes":[{{"field":"messages","value":{{
            "metadata":{{"phone_number_id":"1"}},"statuses":[{status}]}}}}]}}]}}"#
    );
    let events = read(&body);
    assert_eq!(events.numbers.len(), 1, "one number");
    assert_eq!(events.numbers[0].receipts.len(), 2);
    assert_eq!(events.ignored, 7);
}

#[test]
fn what_is_no_webhook_is_an_error_and_what_is_another_products_is_not() {
    for bad in ["", "null", "[]", "{}", r#"{"object":"whatsapp_business_account"}"#] {
        assert!(parse(bad.as_bytes(), now()).is_err(), "{bad}");
    }
    let other = read(r#"{"object":"instagram","entry":[{"changes":[]}]}"#);
    assert_eq!((other.numbers.len(), other.ignored), (0, 1));
}

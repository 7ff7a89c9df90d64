//! What SES reports.

use channels::WebhookError;
use channels::ses::webhook::{Event, parse_event};
use domain::receipt::Report;
use domain::{FailureCode, Timestamp};
use serde_json::{Value, json};

use crate::{MESSAGE_ID, fixture, fixtures, message_id, now};

/// A sample with the tags that our mails leave with.
fn tagged(text: &str) -> Value {
    let mut event: Value = serde_json::from_str(text).unwrap();
    event["mail"]["tags"]["message_id"] = json!([MESSAGE_ID]);
    event["mail"]["tags"]["org_id"] = json!(["st-ors"]);
    event
}

fn read(event: &Value) -> Option<Event> {
    let event = parse_event(&event.to_string(), now()).unwrap();
    if let Some(event) = &event {
        assert_eq!(event.org_id.as_str(), "st-ors");
        assert!(event.receipts.iter().all(|receipt| receipt.message_id == message_id()));
    }
    event
}

/// The report of an event and the addresses that it suppresses, each with whether it complained.
fn meaning(event: &Value) -> (Option<Report>, Vec<(String, bool)>) {
    let Some(event) = read(event) else { return (None, Vec::new()) };
    let suppress = event.suppress.into_iter().map(|entry| (entry.address, entry.complaint)).collect();
    (event.receipts.first().map(|receipt| receipt.report), suppress)
}

#[test]
fn every_event_sample_is_read() {
    let recipient = |complaint| vec![("recipient@example.com".to_owned(), complaint)];
    let expected = [
        ("send-record.json", Some(Report::Sent), vec![]),
        ("delivery-record.json", Some(Report::Delivered), vec![]),
        ("bounce-record.json", Some(Report::Failed(FailureCode::Bounced)), recipient(false)),
        ("complaint-record.json", Some(Report::Complained), recipient(true)),
        ("reject-record.json", Some(Report::Failed(FailureCode::ProviderRejected)), vec![]),
        ("rendering-failure-record.json", Some(Report::Failed(FailureCode::ProviderRejected)), vec![]),
        ("deliverydelay-record.json", None, vec![]),
        ("open-record.json", None, vec![]),
        ("click-record.json", None, vec![]),
        ("subscription-record.json", None, vec![]),
    ];
    assert_eq!(fixtures("aws/ses-events").len(), expected.len(), "every sample is in the table");
    for (sample, report, suppress) in expected {
        let event = tagged(&fixture(&format!("aws/ses-events/{sample}")));
        assert_eq!(meaning(&event), (report, suppress), "{sample}");
    }
}

#[test]
fn every_feedback_sample_is_read() {
    for (name, text) in fixtures("aws/ses-notifications") {
        let (report, suppress) = meaning(&tagged(&text));
        let expected = match name.split('-').next().unwrap() {
            "bounce" => Report::Failed(FailureCode::Bounced),
            "complaint" => Report::Complained,
            _ => Report::Delivered,
        };
        assert_eq!((report, suppress.is_empty()), (Some(expected), expected == Report::Delivered), "{name}");
    }
}

#[test]
fn the_detail_of_an_eventbridge_event_is_the_same_record() {
    let event: Value = serde_json::from_str(&fixture("aws/samples/eventbridge.email-bounced.json")).unwrap();
    let event = read(&tagged(&event["detail"].to_string())).unwrap();
    assert_eq!(event.receipts[0].provider_code.as_deref(), Some("Permanent OnAccountSuppressionList 5.1.1"));
    assert_eq!(event.suppress[0].address, "to@example.com");
    assert!(!format!("{event:?}").contains("to@example.com"));
}

#[test]
fn a_receipt_has_amazons_id_and_amazons_time() {
    let event = read(&tagged(&fixture("aws/ses-events/delivery-record.json"))).unwrap();
    let receipt = &event.receipts[0];
    assert_eq!(
        receipt.provider_message_id.as_deref(),
        Some("EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000")
    );
    assert_eq!(receipt.at, "2016-10-19T23:21:04.133Z".parse::<Timestamp>().unwrap());
}

#[test]
fn only_a_permanent_bounce_is_about_the_address() {
    let with = |kind: &str, sub_type: &str| {
        let mut event = tagged(&fixture("aws/ses-events/bounce-record.json"));
        event["bounce"]["bounceType"] = json!(kind);
        event["bounce"]["bounceSubType"] = json!(sub_type);
        let (report, suppress) = meaning(&event);
        (report.unwrap(), !suppress.is_empty())
    };
    for sub_type in
        ["General", "NoEmail", "Suppressed", "OnAccountSuppressionList", "OnTenantSuppressionList", "New"]
    {
        assert_eq!(with("Permanent", sub_type), (Report::Failed(FailureCode::Bounced), true), "{sub_type}");
    }
    for (kind, sub_type) in [("Transient", "MailboxFull"), ("Undetermined", "Undetermined"), ("New", "New")] {
        assert_eq!(with(kind, sub_type), (Report::Failed(FailureCode::Undeliverable), false), "{kind}");
    }
    assert_eq!(with("Transient", "ContentRejected"), (Report::Failed(FailureCode::CarrierBlocked), false));
}

#[test]
fn a_complaint_counts_unless_it_is_none() {
    let mut event = tagged(&fixture("aws/ses-events/complaint-record.json"));
    event["complaint"]["complaintFeedbackType"] = json!("not-spam");
    assert_eq!(meaning(&event), (None, vec![]));
    event["complaint"]["complaintFeedbackType"] = Value::Null;
    event["complaint"]["complaintSubType"] = json!("OnAccountSuppressionList");
    event["complaint"]["complainedRecipients"][0]["emailAddress"] = json!("R. <recipient@example.com>");
    // SES did not even send: it is a recipient who opted out, not one who complains again.
    assert_eq!(meaning(&event), (Some(Report::OptedOut), vec![("recipient@example.com".into(), true)]));
}

#[test]
fn an_event_without_our_message_still_suppresses() {
    let mut event = tagged(&fixture("aws/ses-events/bounce-record.json"));
    event["mail"]["tags"]["message_id"] = json!(["01J0"]);
    let event = read(&event).unwrap();
    assert_eq!((event.receipts.len(), event.suppress.len()), (0, 1));
}

#[test]
fn a_mail_of_somebody_else_means_nothing() {
    for folder in ["aws/ses-events", "aws/ses-notifications"] {
        for (name, text) in fixtures(folder) {
            assert_eq!(parse_event(&text, now()), Ok(None), "{name}");
        }
    }
}

#[test]
fn what_is_not_known_yet_is_no_error_and_what_is_no_event_is_one() {
    let mut event = tagged(&fixture("aws/ses-events/send-record.json"));
    event["eventType"] = json!("Teleported");
    assert_eq!(read(&event), None);
    let greeting = "Successfully validated SNS topic for Amazon SES event publishing.";
    assert_eq!(parse_event(greeting, now()), Ok(None));
    for bad in ["", "Hello world!", "[]", "{}"] {
        assert_eq!(parse_event(bad, now()), Err(WebhookError::Malformed), "{bad}");
    }
    let mut event = tagged(&fixture("aws/ses-events/bounce-record.json"));
    event.as_object_mut().unwrap().remove("bounce");
    assert_eq!(parse_event(&event.to_string(), now()), Err(WebhookError::Missing("bounce")));
}

//! Sending through Twilio.

use std::collections::BTreeSet;
use std::time::Duration;

use channels::twilio::{TwilioConfig, TwilioSender};
use channels::{Outcome, Secret, Sender, http_client};
use domain::content::Rendered;

use crate::fake::{self, Fake, nobody};
use crate::{Letter, MESSAGE_ID, assert_unknown_and_made_once, brief, fixture, problem};

const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const SID: &str = "SMfedcba9876543210fedcba9876543210";

fn sender(base_url: &str, sender: &str) -> TwilioSender {
    sender_over(http_client().unwrap(), base_url, sender)
}

fn sender_over(http: reqwest::Client, base_url: &str, sender: &str) -> TwilioSender {
    let config = TwilioConfig {
        base_url: base_url.into(),
        account_sid: "AC0123456789abcdef0123456789abcdef".into(),
        auth_token: Secret::new("token"),
        sender: sender.into(),
        status_callback: "https://hooks.example.com/webhooks/twilio/st-ors/status".into(),
        validity_period: Some(Duration::from_hours(4)),
    };
    TwilioSender::new(http, config)
}

fn letter() -> Letter {
    Letter::new("+14155552671", Rendered::Text("Hi Jessica & Örs: 10:00 + coffee".into()))
}

async fn send(base_url: &str) -> Outcome {
    sender(base_url, SERVICE).send(&letter().outgoing()).await
}

async fn send_to_one_that_answers(status: u16, body: &str) -> Outcome {
    let twilio = Fake::answering(status, &[], body).await;
    let outcome = send(&twilio.url).await;
    assert_eq!(twilio.requests(), 1, "never tried again by the client");
    outcome
}

#[tokio::test]
async fn the_request_is_the_one_that_twilio_documents() {
    let twilio = Fake::answering(201, &[], &fixture("twilio/response.201.queued.json")).await;
    send(&twilio.url).await;
    let seen = twilio.only_request();
    assert_eq!(seen.line, "POST /2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json");
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        seen.header("authorization"),
        "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp0b2tlbg=="
    );
    let sample = fixture("twilio/request.create.form");
    let names: BTreeSet<_> =
        form_urlencoded::parse(sample.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    assert_eq!(seen.form().into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>(), names);
    assert_eq!(seen.field("To").unwrap(), "+14155552671");
    assert_eq!(seen.field("MessagingServiceSid").unwrap(), SERVICE);
    assert_eq!(seen.field("Body").unwrap(), "Hi Jessica & Örs: 10:00 + coffee");
    assert_eq!(seen.field("ValidityPeriod").unwrap(), "14400");
    let callback =
        format!("https://hooks.example.com/webhooks/twilio/st-ors/status?m={MESSAGE_ID}#rc=5&rp=all");
    assert_eq!(seen.field("StatusCallback").unwrap(), callback);
}

#[tokio::test]
async fn a_sender_that_is_no_service_is_the_number_that_it_comes_from() {
    for number in ["+15005550006", "MGPARISH"] {
        let twilio = Fake::answering(201, &[], &fixture("twilio/response.201.queued.json")).await;
        sender(&twilio.url, number).send(&letter().outgoing()).await;
        let seen = twilio.only_request();
        assert_eq!((seen.field("From").as_deref(), seen.field("MessagingServiceSid")), (Some(number), None));
    }
}

#[tokio::test]
async fn an_accepted_message_has_twilios_id_and_its_segments_where_they_are_known() {
    for (sample, segments) in [("queued", Some(1)), ("accepted", None)] {
        let body = fixture(&format!("twilio/response.201.{sample}.json"));
        let outcome = send_to_one_that_answers(201, &body).await;
        assert_eq!(outcome, Outcome::Accepted { provider_message_id: SID.into(), segments });
    }
}

#[tokio::test]
async fn each_refusal_says_what_is_to_be_done() {
    let samples = [
        ("400.21211", "invalid_phone"),
        ("400.21408", "sender: configuration"),
        ("400.21610", "opted out"),
        ("400.21611", "slow down"),
        ("400.21614", "invalid_phone"),
        ("401.20003", "sender: credentials"),
        ("404.20404", "sender: configuration"),
        ("429.20429", "slow down"),
        ("500.20500", "unknown"),
    ];
    for (sample, expected) in samples {
        let (status, code) = sample.split_once('.').unwrap();
        let body = fixture(&format!("twilio/response.{sample}.json"));
        let outcome = send_to_one_that_answers(status.parse().unwrap(), &body).await;
        assert_eq!(brief(&outcome), expected, "{sample}");
        let problem = problem(&outcome).unwrap();
        assert_eq!(problem.code.as_deref(), Some(code));
        assert!(!problem.text.contains("+1500"), "{}", problem.text);
    }
}

#[tokio::test]
async fn what_has_no_sample_is_judged_by_its_class_or_its_status() {
    let cases = [
        (400, r#"{"code":21730,"message":"maintenance"}"#, "retry after 60"),
        (400, r#"{"code":63038,"message":"daily limit"}"#, "slow down after 3600"),
        (400, r#"{"code":21612,"message":"not reachable"}"#, "undeliverable"),
        (400, r#"{"code":30007,"message":"filtered"}"#, "carrier_blocked"),
        (400, r#"{"code":21617,"message":"too long"}"#, "provider_rejected"),
        (400, r#"{"code":90010,"message":"not active"}"#, "sender: suspended"),
        (400, r#"{"code":99999,"message":"new"}"#, "provider_rejected"),
        (400, "no json", "provider_rejected"),
        (401, "", "sender: credentials"),
        (404, "<html>", "sender: configuration"),
        (408, "", "unknown"),
        (429, "", "slow down"),
        (302, "", "unknown"),
        (502, "<html>bad gateway</html>", "unknown"),
        (503, r#"{"code":20503,"message":"unavailable"}"#, "unknown"),
        (201, "no json", "unknown"),
        (201, r#"{"status":"queued"}"#, "unknown"),
        (201, r#"{"sid":""}"#, "unknown"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(brief(&send_to_one_that_answers(status, body).await), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn the_wait_that_twilio_asks_for_is_kept() {
    let body = fixture("twilio/response.429.20429.json");
    for (header, expected) in
        [("7", "slow down after 7"), ("99999999", "slow down after 86400"), ("soon", "slow down")]
    {
        let twilio = Fake::answering(429, &[("retry-after", header)], &body).await;
        assert_eq!(brief(&send(&twilio.url).await), expected);
    }
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_unknown_and_is_made_once() {
    assert_unknown_and_made_once(async |url| {
        sender_over(fake::impatient(), url, SERVICE).send(&letter().outgoing()).await
    })
    .await;
}

#[tokio::test]
async fn a_request_that_reached_nobody_may_be_tried_again() {
    assert_eq!(brief(&send(&nobody().await).await), "retry");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Fake::answering(201, &[], &fixture("twilio/response.201.queued.json")).await;
    let twilio = Fake::answering(307, &[("location", &elsewhere.url)], "").await;
    assert_eq!(brief(&send(&twilio.url).await), "unknown");
    assert_eq!((twilio.requests(), elsewhere.requests()), (1, 0), "the credentials stay where they belong");
}

#[tokio::test]
async fn an_address_that_is_no_url_is_the_senders_problem() {
    assert_eq!(brief(&send("not a url").await), "sender: configuration");
}

#[tokio::test]
async fn only_a_text_becomes_an_sms() {
    let mail = Rendered::Email { subject: "S".into(), text: "T".into(), html: None };
    let letter = Letter::new("+14155552671", mail);
    assert_eq!(brief(&sender("http://unused", SERVICE).send(&letter.outgoing()).await), "internal_error");
}

//! Asking Twilio what became of a message.

use channels::twilio::TwilioLookUp;
use channels::{Asked, Known, LookUp, Secret, Sought, http_client};
use domain::FailureCode;
use domain::Timestamp;
use domain::member::Address;
use domain::receipt::Report;
use serde_json::{Value, json};

use crate::fake::{self, Fake, Mishap, nobody, unlucky};
use crate::fixture;

const ACCOUNT: &str = "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef";
const NUMBER: &str = "+15005550006";
const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const SID: &str = "SMfedcba9876543210fedcba9876543210";
const TO: &str = "+14155552671";
const TEXT: &str = "Hi Jessica, your order is ready. Reply STOP to opt out.";

fn asking(base_url: &str, sender: &str) -> TwilioLookUp {
    TwilioLookUp {
        http: http_client().unwrap(),
        base_url: base_url.into(),
        account_sid: "AC0123456789abcdef0123456789abcdef".into(),
        auth_token: Secret::new("token"),
        sender: sender.into(),
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The documented sample, with some fields changed.
fn message(changes: &Value) -> Value {
    let mut message: Value = serde_json::from_str(&fixture("twilio/response.201.queued.json")).unwrap();
    message.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    message
}

fn page(messages: &[Value], next: Option<&str>) -> String {
    json!({ "messages": messages, "next_page_uri": next, "page": 0, "page_size": 20 }).to_string()
}

async fn by_id(status: u16, body: &str) -> Asked<Known> {
    let twilio = Fake::answering(status, &[], body).await;
    let asked = asking(&twilio.url, NUMBER).by_id(SID).await;
    let seen = twilio.only_request();
    assert_eq!(seen.line, format!("GET {ACCOUNT}/Messages/{SID}.json"));
    assert_eq!(
        seen.header("authorization"),
        "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp0b2tlbg=="
    );
    asked
}

/// What is found among `messages` by who sends as `sender`.
async fn fitting(sender: &str, messages: &[Value]) -> Vec<String> {
    let twilio = Fake::answering(200, &[], &page(messages, None)).await;
    let Asked::Found(known) = seek(&twilio.url, sender).await else { panic!("an answer") };
    known.into_iter().map(|known| known.provider_message_id).collect()
}

async fn seek(base_url: &str, sender: &str) -> Asked<Vec<Known>> {
    let to = Address::stored(TO.into());
    let (from, until) = (time("2026-10-15T20:12:20Z"), time("2026-10-15T20:12:50Z"));
    asking(base_url, sender).fitting(&Sought { to: &to, text: TEXT, from, until }).await
}

#[tokio::test]
async fn a_message_that_is_known_tells_what_became_of_it() {
    let report = async |changes: Value| match by_id(200, &message(&changes).to_string()).await {
        Asked::Found(known) => known.report,
        other => panic!("{other:?}"),
    };
    for on_its_way in ["queued", "accepted", "sending", "scheduled", "something new"] {
        assert_eq!(report(json!({ "status": on_its_way })).await, None, "{on_its_way}");
    }
    assert_eq!(report(json!({ "status": "delivered" })).await, Some(Report::Delivered));
    assert_eq!(
        report(json!({ "status": "undelivered", "error_code": 30003 })).await,
        Some(Report::Failed(FailureCode::Undeliverable))
    );
    assert_eq!(report(json!({ "status": "failed", "error_code": 21610 })).await, Some(Report::OptedOut));

    let undelivered = json!({ "status": "undelivered", "error_code": 30005, "num_segments": "2" });
    let expected = Known {
        provider_message_id: SID.into(),
        accepted_at: Some(time("2026-10-15T20:12:31Z")),
        report: Some(Report::Failed(FailureCode::InvalidPhone)),
        provider_code: Some("30005".into()),
        segments: Some(2),
    };
    assert_eq!(by_id(200, &message(&undelivered).to_string()).await, Asked::Found(expected));
}

#[tokio::test]
async fn what_is_not_said_is_told_apart_from_what_is_not_known() {
    assert_eq!(by_id(404, &fixture("twilio/response.404.20404.json")).await, Asked::NotFound);
    for refused in [401, 403] {
        assert!(matches!(by_id(refused, "{}").await, Asked::Refused(_)), "{refused}");
    }
    for passing in [429, 500, 503, 400] {
        assert!(matches!(by_id(passing, "").await, Asked::Failed(_)), "{passing}");
    }
    assert!(matches!(by_id(200, "{\"sid\":\"SM1\"").await, Asked::Failed(_)), "an answer that breaks off");
    let another = message(&json!({ "sid": "SM00000000000000000000000000000000" })).to_string();
    assert!(matches!(by_id(200, &another).await, Asked::Failed(_)), "an answer about another message");
}

#[tokio::test]
async fn no_answer_is_not_an_answer() {
    assert!(matches!(asking(&nobody().await, NUMBER).by_id(SID).await, Asked::Failed(_)));
    for mishap in [Mishap::Silence, Mishap::Closed, Mishap::BrokenOff] {
        let (url, _) = unlucky(mishap).await;
        let asking = TwilioLookUp { http: fake::impatient(), ..asking(&url, NUMBER) };
        assert!(matches!(asking.by_id(SID).await, Asked::Failed(_)), "{mishap:?}");
    }
    assert!(matches!(asking("not a url", NUMBER).by_id(SID).await, Asked::Refused(_)));
}

#[tokio::test]
async fn what_is_no_id_of_twilios_is_not_put_into_a_path() {
    let twilio = Fake::answering(200, &[], "{}").await;
    for id in ["", "../../Accounts", "SM1?x=1", "SM 1"] {
        assert_eq!(asking(&twilio.url, NUMBER).by_id(id).await, Asked::NotFound, "{id}");
    }
    assert_eq!(twilio.requests(), 0);
}

#[tokio::test]
async fn the_list_is_asked_for_the_recipient_and_the_days_on_which_the_message_can_have_left() {
    let twilio = Fake::answering(200, &[], &page(&[], None)).await;
    assert_eq!(seek(&twilio.url, NUMBER).await, Asked::Found(Vec::new()));
    let expected = format!(
        "GET {ACCOUNT}/Messages.json?To=%2B14155552671&DateSent%3E=2026-10-15&DateSent%3C=2026-10-16&PageSize=20"
    );
    assert_eq!(twilio.only_request().line, expected);
}

#[tokio::test]
async fn only_a_message_like_ours_in_every_respect_fits() {
    let ours = message(&json!({}));
    assert_eq!(fitting(NUMBER, std::slice::from_ref(&ours)).await, [SID]);
    for other in [
        json!({ "to": "+14155552672" }),
        json!({ "from": "+15005550007" }),
        json!({ "body": format!("{TEXT} ") }),
        json!({ "body": null }),
        json!({ "date_created": "Thu, 15 Oct 2026 20:12:19 +0000" }),
        json!({ "date_created": "Thu, 15 Oct 2026 20:12:51 +0000" }),
        json!({ "date_created": "soon" }),
    ] {
        assert!(fitting(NUMBER, &[message(&other)]).await.is_empty(), "{other}");
    }
    let second = message(&json!({ "sid": "SM00000000000000000000000000000000" }));
    assert_eq!(fitting(NUMBER, &[ours, second]).await.len(), 2, "which of them is ours, nobody can tell");
}

#[tokio::test]
async fn of_a_messaging_service_it_is_the_service_that_counts() {
    let by_service = message(&json!({ "messaging_service_sid": SERVICE, "from": "+15005550009" }));
    assert_eq!(fitting(SERVICE, std::slice::from_ref(&by_service)).await, [SID]);
    assert!(fitting(SERVICE, &[message(&json!({}))]).await.is_empty());
    assert!(fitting("+15005550008", &[by_service]).await.is_empty());
}

#[tokio::test]
async fn a_list_is_read_to_its_end_or_not_believed() {
    let next = format!("{ACCOUNT}/Messages.json?Page=1");
    let first = page(&[message(&json!({ "to": "+14155550000" }))], Some(&next));
    let last = page(&[message(&json!({}))], None);
    let twilio = {
        let first = first.clone();
        Fake::choosing(move |line| if line.contains("Page=1") { last.clone() } else { first.clone() }).await
    };
    let Asked::Found(known) = seek(&twilio.url, NUMBER).await else { panic!("an answer") };
    assert_eq!((known.len(), twilio.requests()), (1, 2));

    let endless = Fake::answering(200, &[], &page(&[message(&json!({}))], Some(&next))).await;
    assert_eq!(seek(&endless.url, NUMBER).await, Asked::NotFound, "there may be a second one like it");
    assert_eq!(endless.requests(), 2);

    let elsewhere = page(&[message(&json!({}))], Some("//elsewhere.example.com/Messages.json"));
    let astray = Fake::answering(200, &[], &elsewhere).await;
    assert_eq!(seek(&astray.url, NUMBER).await, Asked::NotFound);
    assert_eq!(astray.requests(), 1, "the credentials stay where they belong");
}

use aws_sdk_ses::Client;
use aws_sdk_ses::config::retry::RetryConfig;
use aws_sdk_ses::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ses::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_ses::operation::send_raw_email::SendRawEmailError;
use aws_sdk_ses::primitives::Blob;
use aws_sdk_ses::types::{MessageTag, RawMessage};
use serde_json::{Value, json};

use crate::sns::assert_signed;
use crate::stage::{Call, Running, Stage};

/// A mail to one person.
pub(crate) struct Mail {
    to: String,
    raw: String,
}

pub(crate) fn mail(to: &str, more_headers: &str) -> Mail {
    let raw = format!(
        "From: News <news@example.com>\r\nTo: {to}\r\nReply-To: office@example.com\r\nSubject: Hi\r\n{more_headers}\
         MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nHi Ann\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hi Ann</p>\r\n--b--\r\n"
    );
    Mail { to: to.to_owned(), raw }
}

/// The SDK's own client, as the system uses it.
fn client(running: &Running) -> Client {
    let config = aws_sdk_ses::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(format!("{}/ses", running.url))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

pub(crate) async fn send(running: &Running, mail: &Mail) -> Result<String, SdkError<SendRawEmailError>> {
    let tag = MessageTag::builder().name("m").value("01J0").build().unwrap();
    let raw = RawMessage::builder().data(Blob::new(mail.raw.as_bytes())).build().unwrap();
    let request = client(running)
        .send_raw_email()
        .source("News <news@example.com>")
        .destinations(&mail.to)
        .raw_message(raw)
        .tags(tag)
        .configuration_set_name("bulk");
    request.send().await.map(|output| output.message_id)
}

fn event(call: &Call) -> Value {
    serde_json::from_str(call.json()["Message"].as_str().unwrap_or("null")).unwrap_or_default()
}

fn is_event(name: &'static str) -> impl Fn(&Call) -> bool {
    move |call| call.target == "/webhooks/ses" && event(call)["eventType"] == name
}

#[tokio::test]
async fn the_sdks_client_sends_and_the_events_are_signed_and_carry_the_tags() {
    let mut stage = Stage::open().await;
    stage.confirm_subscription().await;
    let message_id = send(&stage.running, &mail("ann@example.com", "")).await.unwrap();
    for name in ["Send", "Delivery"] {
        let call = stage.hooks.take(is_event(name)).await;
        assert_signed(&stage, &call).await;
        let event = event(&call);
        assert_eq!(event["mail"]["messageId"], message_id);
        assert_eq!(event["mail"]["destination"], json!(["ann@example.com"]));
        assert_eq!(event["mail"]["sourceArn"], "arn:aws:ses:eu-west-1:123456789012:identity/example.com");
        assert_eq!(event["mail"]["tags"]["m"], json!(["01J0"]));
        assert_eq!(event["mail"]["tags"]["ses:configuration-set"], json!(["bulk"]));
    }
    let items = stage.running.ledger().await;
    let item = &items[0];
    assert_eq!((&item["to"], &item["subject"]), (&json!("ann@example.com"), &json!("Hi")));
    assert_eq!((item["text"].as_str().map(str::trim), &item["provider"]), (Some("Hi Ann"), &json!("ses")));
    assert_eq!(item["request"]["html"].as_str().map(str::trim), Some("<p>Hi Ann</p>"));
    assert_eq!(item["request"]["Tags"], json!([{"Name": "m", "Value": "01J0"}]));
    let headers = item["request"]["headers"].as_array().unwrap();
    assert!(headers.contains(&json!({"name": "Reply-To", "value": "office@example.com"})));
}

#[tokio::test]
async fn endings_decide_what_becomes_of_a_mail() {
    let mut stage = Stage::open().await;
    stage.confirm_subscription().await;
    let refused = send(&stage.running, &mail("ann0001@example.com", "")).await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterValue"));

    send(&stage.running, &mail("ann0002@example.com", "")).await.unwrap();
    let bounce = event(&stage.hooks.take(is_event("Bounce")).await);
    assert_eq!(bounce["bounce"]["bounceType"], "Permanent");
    assert_eq!(bounce["bounce"]["bouncedRecipients"][0]["emailAddress"], "ann0002@example.com");

    send(&stage.running, &mail("ann0003@example.com", "")).await.unwrap();
    let lost = send(&stage.running, &mail("ann0005@example.com", "")).await.unwrap_err();
    assert!(matches!(lost, SdkError::DispatchFailure(_) | SdkError::ResponseError(_)), "{lost:?}");
    let delivery = event(&stage.hooks.take(is_event("Delivery")).await);
    assert_eq!(delivery["delivery"]["recipients"], json!(["ann0005@example.com"]));

    send(&stage.running, &mail("ann0006@example.com", "")).await.unwrap();
    let complaint = event(&stage.hooks.take(is_event("Complaint")).await);
    assert_eq!(complaint["complaint"]["complaintFeedbackType"], "abuse");
    let about_silent = |call: &Call| String::from_utf8_lossy(&call.body).contains("ann0003");
    assert_eq!(stage.hooks.left(about_silent), 0);
    assert_eq!(stage.running.ledger().await.len(), 4);
}

#[tokio::test]
async fn a_reader_who_stops_posts_to_the_one_click_address() {
    let mut stage = Stage::open().await;
    stage.confirm_subscription().await;
    let headers = format!(
        "List-Unsubscribe: <{}/unsubscribe/t0k3n>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        stage.hooks.url
    );
    send(&stage.running, &mail("ann0004@example.com", &headers)).await.unwrap();
    stage.hooks.take(is_event("Delivery")).await;
    let post = stage.hooks.take_path("/unsubscribe/t0k3n").await;
    assert_eq!(post.body, "List-Unsubscribe=One-Click");
    assert_eq!(post.header("content-type"), "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn a_mail_without_a_configuration_set_is_not_reported_on() {
    let mut stage = Stage::open().await;
    stage.confirm_subscription().await;
    let raw = RawMessage::builder().data(Blob::new(mail("quiet@example.com", "").raw)).build().unwrap();
    let request =
        client(&stage.running).send_raw_email().source("news@example.com").destinations("quiet@example.com");
    request.raw_message(raw).send().await.unwrap();
    send(&stage.running, &mail("ann@example.com", "")).await.unwrap();
    stage.hooks.take(is_event("Delivery")).await;
    let quiet = |call: &Call| String::from_utf8_lossy(&call.body).contains("quiet@");
    assert_eq!(stage.hooks.left(quiet), 0);
}

#[tokio::test]
async fn the_sdk_reads_throttling_failures_and_the_quota() {
    let stage = Stage::open().await;
    send(&stage.running, &mail("ann@example.com", "")).await.unwrap();
    let quota = client(&stage.running).get_send_quota().send().await.unwrap();
    assert_eq!((quota.max24_hour_send, quota.max_send_rate), (-1.0, 1_000.0));
    assert_eq!(format!("{}", quota.sent_last24_hours), "1");

    stage.running.behave(&json!({"provider": "ses", "rate_per_second": 1})).await;
    send(&stage.running, &mail("ann@example.com", "")).await.unwrap();
    let throttled = send(&stage.running, &mail("bob@example.com", "")).await.unwrap_err();
    assert_eq!(
        (throttled.code(), throttled.message()),
        (Some("Throttling"), Some("Maximum sending rate exceeded."))
    );
    let slower = client(&stage.running).get_send_quota().send().await.unwrap();
    assert_eq!(format!("{}", slower.max_send_rate), "1");

    stage.running.behave(&json!({"provider": "ses", "rate_per_second": null, "error_rate": 1})).await;
    let broken = send(&stage.running, &mail("ann@example.com", "")).await.unwrap_err();
    assert_eq!(broken.code(), Some("InternalFailure"));
    assert_eq!(broken.raw_response().unwrap().status().as_u16(), 500);
    assert_eq!(stage.running.ledger().await.len(), 2);
}

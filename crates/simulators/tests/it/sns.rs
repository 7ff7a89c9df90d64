use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::ses::{mail, send};
use crate::stage::{Call, Running, Stage, TOPIC};

/// Checks an envelope as AWS tells receivers to: the certificate of its URL, the named fields in order.
pub(crate) async fn assert_signed(stage: &Stage, call: &Call) {
    assert_eq!(call.target, "/webhooks/ses");
    let body = call.json();
    assert_eq!((call.header("x-amz-sns-topic-arn"), &body["TopicArn"]), (TOPIC, &json!(TOPIC)));
    assert_eq!(call.header("x-amz-sns-message-id"), body["MessageId"].as_str().unwrap());
    assert_eq!(call.header("x-amz-sns-message-type"), body["Type"].as_str().unwrap());
    assert_eq!(call.header("content-type"), "text/plain; charset=UTF-8");

    let mut text = String::new();
    for name in ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    {
        if let Some(value) = body[name].as_str() {
            text.extend([name, "\n", value, "\n"]);
        }
    }
    let url = body["SigningCertURL"].as_str().unwrap();
    assert!(url.starts_with(&stage.running.url) && url.ends_with("-local.pem"), "{url}");
    let pem = stage.running.http.get(url).send().await.unwrap().bytes().await.unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
    let certificate = pem.parse_x509().unwrap();
    let key = UnparsedPublicKey::new(
        &RSA_PKCS1_2048_8192_SHA256,
        &certificate.public_key().subject_public_key.data,
    );
    assert_eq!(body["SignatureVersion"], "2");
    let signature = BASE64.decode(body["Signature"].as_str().unwrap()).unwrap();
    key.verify(text.as_bytes(), &signature).unwrap();
}

fn is_question(call: &Call) -> bool {
    call.header("x-amz-sns-message-type") == "SubscriptionConfirmation"
}

#[tokio::test]
async fn the_subscription_is_asked_for_until_it_is_confirmed_and_events_wait_for_it() {
    let mut stage = Stage::open().await;
    send(&stage.running, &mail("ann@example.com", "")).await.unwrap();
    let first = stage.hooks.take(is_question).await;
    let second = stage.hooks.take(is_question).await;
    assert_signed(&stage, &first).await;
    assert_eq!(first.json()["MessageId"], second.json()["MessageId"]);
    assert_eq!(stage.hooks.left(|call| !is_question(call)), 0, "no event before it is confirmed");

    let wrong = first.json()["SubscribeURL"].as_str().unwrap().replace("Token=", "Token=x");
    assert_eq!(stage.running.http.get(wrong).send().await.unwrap().status(), 400);
    stage.confirm_subscription().await;
    let event = stage.hooks.take(|call| call.header("x-amz-sns-message-type") == "Notification").await;
    assert_signed(&stage, &event).await;
}

#[tokio::test]
async fn a_confirmed_subscription_and_the_certificate_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::open_in(Some(folder.path())).await;
    stage.confirm_subscription().await;
    let certificate = |running: &Running| {
        let request = running.http.get(format!("{}/sns/SimpleNotificationService-local.pem", running.url));
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    let before = certificate(&stage.running).await;
    stage.running.stop().await;

    let running = Running::start(Some(folder.path()), &stage.hooks.url).await;
    assert_eq!(certificate(&running).await, before);
    let mut stage = Stage { hooks: stage.hooks, running };
    stage.hooks.left(|_| true);
    send(&stage.running, &mail("ann@example.com", "")).await.unwrap();
    let event = stage.hooks.take(|call| call.header("x-amz-sns-message-type") == "Notification").await;
    assert_signed(&stage, &event).await;

    let url = format!("{}/sns/confirm", stage.running.url);
    let asked: Value = stage.running.http.post(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(asked, json!({"status": 200, "confirmed": true}));
}

#[tokio::test]
async fn a_notification_that_fails_comes_again_with_the_same_id() {
    let mut stage = Stage::open().await;
    stage.confirm_subscription().await;
    stage.hooks.answer(&[500]);
    send(&stage.running, &mail("ann@example.com", "")).await.unwrap();
    let is_send =
        |call: &Call| String::from_utf8_lossy(&call.body).contains("\\\"eventType\\\":\\\"Send\\\"");
    let first = stage.hooks.take(is_send).await;
    let again = stage.hooks.take(is_send).await;
    assert_eq!(first.json(), again.json());
}

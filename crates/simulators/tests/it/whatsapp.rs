use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::stage::{APP_SECRET, Call, PHONE_ID, Stage};

const HOOK: &str = "/webhooks/whatsapp/demo";

pub(crate) fn template(to: &str) -> Value {
    json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": to, "type": "template",
        "template": {"name": "reminder", "language": {"code": "en"}, "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "Ann"}]}]},
        "biz_opaque_callback_data": format!("m={to}"),
    })
}

fn text(to: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Hi"}})
}

fn assert_signed(call: &Call) {
    let mut mac = Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes()).unwrap();
    mac.update(&call.body);
    let expected = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    assert_eq!(call.header("x-hub-signature-256"), expected);
}

fn statuses(call: &Call) -> Vec<Value> {
    let value = &call.json()["entry"][0]["changes"][0]["value"];
    assert_eq!(value["metadata"]["phone_number_id"], PHONE_ID);
    value["statuses"].as_array().cloned().unwrap_or_default()
}

fn has_status(name: &'static str) -> impl Fn(&Call) -> bool {
    move |call| call.target == HOOK && statuses(call).iter().any(|status| status["status"] == name)
}

#[tokio::test]
async fn a_template_is_accepted_and_its_statuses_carry_the_callback_data_back() {
    let mut stage = Stage::open().await;
    let (status, body) = stage.running.whatsapp(&template("+447700900123")).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(body["contacts"], json!([{"input": "+447700900123", "wa_id": "447700900123"}]));
    let wamid = body["messages"][0]["id"].as_str().unwrap().to_owned();
    assert!(wamid.starts_with("wamid.") && body["messages"][0]["message_status"] == "accepted");

    for name in ["sent", "delivered"] {
        let call = stage.hooks.take(has_status(name)).await;
        assert_signed(&call);
        let status = &statuses(&call)[0];
        assert_eq!((&status["id"], &status["recipient_id"]), (&json!(wamid), &json!("447700900123")));
        assert_eq!(status["biz_opaque_callback_data"], "m=+447700900123");
        assert!(status["timestamp"].as_str().unwrap().parse::<u64>().is_ok());
    }
    let items = stage.running.ledger().await;
    assert_eq!((&items[0]["provider"], &items[0]["from"]), (&json!("whatsapp"), &json!(PHONE_ID)));
    assert_eq!(items[0]["text"], "[reminder en]: Ann");
    assert_eq!(items[0]["request"], template("+447700900123"));
}

#[tokio::test]
async fn endings_decide_what_becomes_of_a_message() {
    let mut stage = Stage::open().await;
    let (status, body) = stage.running.whatsapp(&template("+447700900001")).await.unwrap();
    assert_eq!((status, &body["error"]["code"]), (400, &json!(131_026)));

    stage.running.whatsapp(&template("+447700900002")).await.unwrap();
    let failed = stage.hooks.take(has_status("failed")).await;
    assert_eq!(statuses(&failed)[0]["errors"][0]["code"], 131_026);

    stage.running.whatsapp(&template("+447700900003")).await.unwrap();
    assert!(stage.running.whatsapp(&template("+447700900005")).await.is_err());
    let delivered = stage.hooks.take(has_status("delivered")).await;
    assert_eq!(statuses(&delivered)[0]["recipient_id"], "447700900005");
    let about_silent = |call: &Call| String::from_utf8_lossy(&call.body).contains("447700900003");
    assert_eq!(stage.hooks.left(about_silent), 0);
    assert_eq!(stage.running.ledger().await.len(), 3);
}

#[tokio::test]
async fn free_text_needs_a_message_from_the_person_within_24_hours() {
    let mut stage = Stage::open().await;
    let (status, body) = stage.running.whatsapp(&text("+447700900123")).await.unwrap();
    assert_eq!((status, &body["error"]["code"]), (400, &json!(131_047)));
    let hello = json!({"channel": "whatsapp", "from": "+447700900123", "to": PHONE_ID, "text": "Hello"});
    assert_eq!(stage.running.inbound(&hello).await.0, 200);
    assert_eq!(stage.running.whatsapp(&text("+447700900123")).await.unwrap().0, 200);
    assert_eq!(stage.running.whatsapp(&text("+447700900124")).await.unwrap().0, 400);
    let delivered = stage.hooks.take(has_status("delivered")).await;
    assert_eq!(statuses(&delivered)[0]["pricing"]["category"], "service");
}

#[tokio::test]
async fn a_member_who_stops_writes_it() {
    let mut stage = Stage::open().await;
    stage.running.whatsapp(&template("+447700900004")).await.unwrap();
    stage.hooks.take(has_status("delivered")).await;
    let stop = stage.hooks.take(|call| call.target == HOOK && statuses(call).is_empty()).await;
    assert_signed(&stop);
    let message = &stop.json()["entry"][0]["changes"][0]["value"]["messages"][0];
    assert_eq!((&message["from"], &message["text"]["body"]), (&json!("447700900004"), &json!("STOP")));
}

#[tokio::test]
async fn wrong_tokens_and_foreign_numbers_are_refused() {
    let stage = Stage::open().await;
    let url = |id: &str| format!("{}/whatsapp/v25.0/{id}/messages", stage.running.url);
    let post = |id: &str| stage.running.http.post(url(id)).json(&template("+447700900123"));
    for (request, status, code) in [
        (post(PHONE_ID), 401, 190),
        (post(PHONE_ID).bearer_auth("wrong"), 401, 190),
        (post("999").bearer_auth(crate::stage::ACCESS_TOKEN), 400, 100),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], code);
    }
    assert_eq!(stage.running.whatsapp(&json!([1])).await.unwrap().1["error"]["code"], 100);
}

#[tokio::test]
async fn statuses_that_are_due_together_share_a_webhook_and_a_failed_one_comes_again() {
    let mut stage = Stage::open().await;
    stage.running.behave(&json!({"provider": "whatsapp", "callback": {"delay_ms": 300}})).await;
    stage.hooks.answer(&[500]);
    let sends = (0..40).map(|n| {
        let running = &stage.running;
        async move { running.whatsapp(&template(&format!("+4477009011{n:02}"))).await.unwrap() }
    });
    futures_util::future::join_all(sends).await;
    let (mut seen, mut calls) = (Vec::new(), 0);
    // 40 sent and 40 delivered; those of the first call come twice.
    while seen.len() < 80 {
        let call = stage.hooks.take_path(HOOK).await;
        let status = statuses(&call);
        calls += 1;
        if calls > 1 {
            seen.extend(status.iter().map(|status| format!("{} {}", status["id"], status["status"])));
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 80, "each status once beside the call that failed");
    assert!(calls < 80, "{calls} calls");
}

#[tokio::test]
async fn some_messages_are_read_if_behaviour_says_so() {
    let mut stage = Stage::open().await;
    stage.running.behave(&json!({"provider": "whatsapp", "callback": {"read_rate": 1}})).await;
    stage.running.whatsapp(&template("+447700900123")).await.unwrap();
    for name in ["sent", "delivered", "read"] {
        stage.hooks.take(has_status(name)).await;
    }
}

use serde_json::json;

use crate::stage::{Call, NUMBER, PHONE_ID, Stage};
use crate::twilio::signature;

#[tokio::test]
async fn an_sms_is_posted_signed_and_its_webhooks_answer_is_passed_on() {
    let mut stage = Stage::open().await;
    let body =
        json!({"channel": "sms", "from": "+447700900123", "to": NUMBER, "text": "Grüße & mehr + 100%"});
    let (status, answer) = stage.running.inbound(&body).await;
    assert_eq!((status, &answer["status"], &answer["body"]), (200, &json!(200), &json!("<Response/>")));
    let call = stage.hooks.take_path("/webhooks/twilio/demo/inbound").await;
    assert_eq!(call.field("Body"), "Grüße & mehr + 100%");
    assert_eq!((call.field("FromCountry"), call.field("ToCountry")), ("GB".to_owned(), "US".to_owned()));
    assert_eq!(answer["provider_message_id"], call.field("MessageSid"));
    let url = format!("{}{}", stage.hooks.url, call.target);
    assert_eq!(call.header("x-twilio-signature"), signature(&url, &call));

    stage.hooks.answer(&[403]);
    assert_eq!(stage.running.inbound(&body).await.0, 403);
}

#[tokio::test]
async fn a_number_belongs_to_who_last_sent_from_it_or_to_the_organisation_that_is_named() {
    let mut stage = Stage::open().await;
    let other =
        stage.running.messages_url().replace(crate::stage::ACCOUNT, "AC00000000000000000000000000000002");
    let request =
        stage.running.http.post(other).basic_auth("AC00000000000000000000000000000002", Some("other-token"));
    let sent = request.body("To=%2B447700900123&From=%2B15005550099&Body=Hi").send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let write = |to: &str| json!({"channel": "sms", "from": "+447700900123", "to": to, "text": "Hi"});
    stage.running.inbound(&write("+15005550099")).await;
    stage.hooks.take_path("/webhooks/twilio/other/inbound").await;
    stage.running.inbound(&write("+15005550098")).await;
    stage.hooks.take_path("/webhooks/twilio/demo/inbound").await;
    let mut named = write("+15005550098");
    named["org_id"] = json!("other");
    stage.running.inbound(&named).await;
    stage.hooks.take_path("/webhooks/twilio/other/inbound").await;
    named["org_id"] = json!("nobody");
    let (status, problem) = stage.running.inbound(&named).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("to")));
    for channel in ["sms", "whatsapp"] {
        let mut unknown = write("St Mary");
        unknown["channel"] = json!(channel);
        let (status, problem) = stage.running.inbound(&unknown).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("to")));
    }
}

#[tokio::test]
async fn a_whatsapp_reply_names_the_message_that_it_answers() {
    let mut stage = Stage::open().await;
    let mut body = json!({"channel": "whatsapp", "from": "+447700900123", "to": PHONE_ID, "text": "Yes",
        "in_reply_to": "wamid.abc"});
    assert_eq!(stage.running.inbound(&body).await.0, 200);
    let call = stage.hooks.take_path("/webhooks/whatsapp/demo").await;
    let value = call.json()["entry"][0]["changes"][0]["value"].clone();
    let message = &value["messages"][0];
    assert_eq!((&message["context"]["id"], &message["from"]), (&json!("wamid.abc"), &json!("447700900123")));
    assert_eq!(value["contacts"][0]["wa_id"], "447700900123");

    // The number that people see leads to the same place.
    let display = value["metadata"]["display_phone_number"].as_str().unwrap();
    body["to"] = json!(format!("+{display}"));
    assert_eq!(stage.running.inbound(&body).await.0, 200);
    let call = stage.hooks.take_path("/webhooks/whatsapp/demo").await;
    assert_eq!(call.json()["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"], PHONE_ID);
}

#[tokio::test]
async fn what_the_webhook_fails_to_take_comes_again_as_the_same_message() {
    let mut stage = Stage::open().await;
    for body in [
        json!({"channel": "whatsapp", "from": "+447700900123", "to": PHONE_ID, "text": "Hi"}),
        json!({"channel": "sms", "from": "+447700900123", "to": NUMBER, "text": "Hi"}),
    ] {
        stage.hooks.answer(&[503]);
        let (status, answer) = stage.running.inbound(&body).await;
        assert_eq!((status, &answer["status"]), (503, &json!(503)));
        let is_inbound = |call: &Call| !call.target.ends_with("/ses");
        let first = stage.hooks.take(is_inbound).await;
        let again = stage.hooks.take(is_inbound).await;
        assert_eq!(first.body, again.body);
    }
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_by_field() {
    let stage = Stage::open().await;
    let (status, problem) =
        stage.running.inbound(&json!({"channel": "fax", "from": "x", "text": 1, "foo": 1})).await;
    assert_eq!(status, 422);
    let mut fields: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["channel", "foo", "from", "text", "to"]);
}

//! Sending through WhatsApp.

use channels::whatsapp::{WhatsAppConfig, WhatsAppSender};
use channels::{Outcome, Secret, Sender, http_client};
use domain::content::{Component, Parameter, ParameterSlot, Rendered};
use serde_json::{Value, json};

use crate::fake::{self, Fake, nobody};
use crate::{Letter, MESSAGE_ID, assert_unknown_and_made_once, brief, fixture, problem};

const WAMID: &str = "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQUFERjg0NDEzNDdFODU3MUMxMAA=";

fn sender(base_url: &str) -> WhatsAppSender {
    sender_over(http_client().unwrap(), base_url)
}

fn sender_over(http: reqwest::Client, base_url: &str) -> WhatsAppSender {
    let config = WhatsAppConfig {
        base_url: base_url.into(),
        api_version: "v25.0".into(),
        access_token: Secret::new("token"),
        phone_number_id: "106540352242922".into(),
    };
    WhatsAppSender::new(http, config)
}

fn text() -> Rendered {
    Rendered::Text("As requested, here is the link.".into())
}

fn parameter(component: Component, slot: ParameterSlot, index: Option<u8>, value: &str) -> Parameter {
    Parameter { slot, component, index, value: value.into() }
}

fn template(parameters: Vec<Parameter>) -> Rendered {
    Rendered::Template {
        name: "order_confirmation".into(),
        language: "en_US".into(),
        parameters,
        text: "how it reads".into(),
    }
}

async fn send(base_url: &str) -> Outcome {
    sender(base_url).send(&Letter::new("+16505551234", text()).outgoing()).await
}

async fn send_to_one_that_answers(status: u16, body: &str) -> Outcome {
    let meta = Fake::answering(status, &[], body).await;
    let outcome = send(&meta.url).await;
    assert_eq!(meta.requests(), 1, "never tried again by the client");
    outcome
}

/// The body of the request for `content`.
async fn request(content: Rendered) -> Value {
    let meta = Fake::answering(200, &[], &fixture("whatsapp/responses/doc-accepted.json")).await;
    sender(&meta.url).send(&Letter::new("+16505551234", content).outgoing()).await;
    let seen = meta.only_request();
    assert_eq!(seen.line, "POST /v25.0/106540352242922/messages");
    assert_eq!(seen.header("authorization"), "Bearer token");
    assert_eq!(seen.header("content-type"), "application/json");
    serde_json::from_str(&seen.body).unwrap()
}

/// A sample request, with our id in it.
fn sample(name: &str) -> Value {
    let mut sample: Value =
        serde_json::from_str(&fixture(&format!("whatsapp/requests/{name}.json"))).unwrap();
    sample["biz_opaque_callback_data"] = json!(MESSAGE_ID);
    sample
}

#[tokio::test]
async fn a_text_is_the_request_that_meta_documents() {
    assert_eq!(request(text()).await, sample("doc-text"));
}

#[tokio::test]
async fn named_parameters_are_the_request_that_meta_documents() {
    let named = |name: &str, value| parameter(Component::Body, ParameterSlot::Name(name.into()), None, value);
    let content = template(vec![named("customer_name", "Jessica"), named("order_number", "SKBUP2-4CPIG9")]);
    assert_eq!(request(content).await, sample("doc-template-named"));
}

#[tokio::test]
async fn positional_parameters_are_grouped_and_in_order() {
    let at = |component, position, index, value| {
        parameter(component, ParameterSlot::Position(position), index, value)
    };
    let content = template(vec![
        at(Component::Button, 1, Some(1), "o/abc123"),
        at(Component::Body, 2, None, "SKBUP2-4CPIG9"),
        at(Component::Body, 1, None, "Jessica"),
        at(Component::Header, 1, None, "Summer Sale"),
    ]);
    let mut expected = sample("doc-template-positional");
    // The sample also fills a quick-reply button, which our templates do not have.
    expected["template"]["components"].as_array_mut().unwrap().retain(|c| c["sub_type"] != "quick_reply");
    assert_eq!(request(content).await, expected);
}

#[tokio::test]
async fn each_button_is_a_component_of_its_own() {
    let button =
        |index, value| parameter(Component::Button, ParameterSlot::Name("path".into()), index, value);
    let body = request(template(vec![button(Some(1), "b"), button(None, "a")])).await;
    let text = |value| json!([{"type": "text", "text": value}]);
    let expected = json!([
        {"type": "button", "sub_type": "url", "index": "0", "parameters": text("a")},
        {"type": "button", "sub_type": "url", "index": "1", "parameters": text("b")},
    ]);
    assert_eq!(body["template"]["components"], expected);
}

#[tokio::test]
async fn a_template_without_parameters_has_no_components() {
    assert_eq!(request(template(vec![])).await["template"]["components"], json!([]));
}

#[tokio::test]
async fn every_answer_that_names_the_message_is_an_acceptance() {
    for sample in ["doc-accepted", "derived-accepted-held", "derived-accepted-wa-id-differs"] {
        let outcome =
            send_to_one_that_answers(200, &fixture(&format!("whatsapp/responses/{sample}.json"))).await;
        assert_eq!(
            outcome,
            Outcome::Accepted { provider_message_id: WAMID.into(), segments: None },
            "{sample}"
        );
    }
    for sample in ["spec-example-response", "spec-send-text-message", "spec-send-message-template-text"] {
        let outcome =
            send_to_one_that_answers(200, &fixture(&format!("whatsapp/responses/{sample}.json"))).await;
        assert_eq!(brief(&outcome), "accepted", "{sample}");
    }
}

#[tokio::test]
async fn each_refusal_says_what_is_to_be_done() {
    let samples = [
        (400, "derived-error-131047", "131047", "outside_reply_window"),
        (400, "derived-error-131056", "131056", "recipient later after 6"),
        (404, "derived-error-132001", "132001", "template_rejected"),
        (401, "derived-error-190.http401", "190", "sender: credentials"),
        (500, "derived-error-2-transient.http500", "2", "unknown"),
        (400, "doc-error-130429.http400", "130429", "slow down"),
    ];
    for (status, sample, code, expected) in samples {
        let outcome =
            send_to_one_that_answers(status, &fixture(&format!("whatsapp/responses/{sample}.json"))).await;
        assert_eq!(brief(&outcome), expected, "{sample}");
        assert_eq!(problem(&outcome).unwrap().code.as_deref(), Some(code));
    }
}

#[tokio::test]
async fn what_has_no_sample_is_judged_by_its_code_and_else_by_its_status() {
    let cases = [
        (400, json!({"code": 131_026, "message": "(#131026) Message undeliverable"}), "invalid_phone"),
        (400, json!({"code": 131_049, "message": "ecosystem"}), "carrier_blocked"),
        (400, json!({"code": 131_050, "message": "stopped"}), "opted out"),
        (400, json!({"code": 130_472, "message": "experiment"}), "provider_rejected"),
        (400, json!({"code": 132_015, "message": "paused"}), "sender: template_paused"),
        (400, json!({"code": 132_016, "message": "disabled"}), "template_rejected"),
        (400, json!({"code": 134_101, "message": "syncing"}), "retry after 600"),
        (403, json!({"code": 368, "message": "blocked"}), "sender: suspended"),
        (403, json!({"code": 275, "message": "permission"}), "sender: credentials"),
        (400, json!({"code": 80007, "message": "limit"}), "slow down"),
        (400, json!({"code": 100, "message": "bad parameter"}), "provider_rejected"),
        (
            400,
            json!({"code": 100, "error_subcode": 33, "message": "no such object"}),
            "sender: configuration",
        ),
        // Codes that Meta documents with a 5xx, and one that it would rather not have tried again.
        (500, json!({"code": 131_045, "message": "not registered"}), "sender: configuration"),
        (501, json!({"code": 131_051, "message": "unsupported"}), "provider_rejected"),
        (400, json!({"code": 131_026, "message": "x", "is_transient": true}), "unknown"),
        (400, json!({"code": 4, "message": "x", "is_transient": true}), "slow down"),
        // An error with a success's status.
        (200, json!({"code": 131_047, "message": "window"}), "outside_reply_window"),
        (400, json!({"code": 999_999, "message": "new"}), "provider_rejected"),
        (500, json!({"code": 999_999, "message": "new"}), "unknown"),
        (429, json!({"message": "no code"}), "slow down"),
    ];
    for (status, error, expected) in cases {
        let body = json!({ "error": error }).to_string();
        assert_eq!(brief(&send_to_one_that_answers(status, &body).await), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_judged_by_its_status() {
    let cases = [
        (200, "no json", "unknown"),
        (200, "{}", "unknown"),
        (200, r#"{"messages":[]}"#, "unknown"),
        (200, r#"{"error":"a new form"}"#, "unknown"),
        (200, r#"{"error":null,"messages":[{"id":"wamid.1"}]}"#, "accepted"),
        (400, "no json", "provider_rejected"),
        (403, "", "sender: credentials"),
        (404, "", "sender: configuration"),
        (301, "", "unknown"),
        (503, "<html>", "unknown"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(brief(&send_to_one_that_answers(status, body).await), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn the_wait_that_meta_asks_for_is_kept() {
    let body = fixture("whatsapp/responses/doc-error-130429.http400.json");
    let meta = Fake::answering(400, &[("retry-after", "12")], &body).await;
    assert_eq!(brief(&send(&meta.url).await), "slow down after 12");
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_unknown_and_is_made_once() {
    let letter = Letter::new("+16505551234", text());
    assert_unknown_and_made_once(async |url| {
        sender_over(fake::impatient(), url).send(&letter.outgoing()).await
    })
    .await;
}

#[tokio::test]
async fn a_request_that_reached_nobody_may_be_tried_again() {
    assert_eq!(brief(&send(&nobody().await).await), "retry");
}

#[tokio::test]
async fn a_mail_does_not_become_a_whatsapp_message() {
    let mail = Rendered::Email { subject: "S".into(), text: "T".into(), html: None };
    let letter = Letter::new("+16505551234", mail);
    assert_eq!(brief(&sender("http://unused").send(&letter.outgoing()).await), "internal_error");
}

use serde_json::{Value, json};

use crate::stage::{Call, NUMBER, Running, Stage};

fn status(name: &'static str) -> impl Fn(&Call) -> bool {
    move |call| call.field("MessageStatus") == name
}

/// Which of these are accepted, answered with an error, or not answered.
async fn outcomes(running: &Running, count: u32) -> Vec<String> {
    let mut outcomes = Vec::new();
    for n in 0..count {
        let to = format!("+4477009011{n:02}");
        let sent = running.sms(&[("To", &to), ("From", NUMBER), ("Body", "Hi")]).await;
        outcomes.push(sent.map_or_else(|_| "lost".to_owned(), |(status, _)| status.to_string()));
    }
    outcomes
}

#[tokio::test]
async fn a_change_leaves_other_fields_and_providers_as_they_were_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::open_in(Some(folder.path())).await;
    let before = stage.running.get("/behaviour").await;
    stage.running.behave(&json!({"provider": "ses", "latency_ms": 5, "callback": {"delay_ms": 7}})).await;
    let after = stage.running.behave(&json!({"provider": "ses", "callback": {"reorder": true}})).await;
    assert_eq!((&after["latency_ms"], &after["callback"]["delay_ms"]), (&json!(5), &json!(7)));
    assert_eq!((&after["callback"]["reorder"], &after["provider"]), (&json!(true), &json!("ses")));
    stage.running.stop().await;

    let running = Running::start(Some(folder.path()), &stage.hooks.url).await;
    let items = running.get("/behaviour").await["items"].clone();
    assert_eq!(items[2], after);
    assert_eq!((&items[0], &items[1]), (&before["items"][0], &before["items"][1]));
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_by_field_and_changes_nothing() {
    let stage = Stage::open().await;
    let before = stage.running.get("/behaviour").await;
    for (body, status, field) in [
        ("{", 400, None),
        ("[]", 422, Some("")),
        (r#"{"latency_ms": 1}"#, 422, Some("provider")),
        (r#"{"provider": "ses", "latency_ms": 1, "error_rate": 2}"#, 422, Some("error_rate")),
        (r#"{"provider": "ses", "callback": {"drop": 1}}"#, 422, Some("callback.drop")),
    ] {
        let url = format!("{}/behaviour", stage.running.url);
        let response = stage.running.http.put(url).body(body).send().await.unwrap();
        assert_eq!(response.status(), status, "{body}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["errors"][0]["field"].as_str(), field, "{body}");
    }
    assert_eq!(stage.running.get("/behaviour").await, before);
}

#[tokio::test]
async fn what_comes_faster_than_the_rate_is_refused_and_not_accepted() {
    let stage = Stage::open().await;
    stage.running.behave(&json!({"provider": "twilio", "rate_per_second": 2})).await;
    let outcomes = outcomes(&stage.running, 6).await;
    let accepted = outcomes.iter().filter(|outcome| *outcome == "201").count();
    assert!(accepted >= 2 && outcomes.contains(&"429".to_owned()), "{outcomes:?}");
    assert_eq!(stage.running.ledger().await.len(), accepted);
    stage.running.behave(&json!({"provider": "whatsapp", "rate_per_second": 0})).await;
    let (status, body) = stage.running.whatsapp(&crate::whatsapp::template("+447700900123")).await.unwrap();
    assert_eq!((status, &body["error"]["code"]), (400, &json!(130_429)));
}

#[tokio::test]
async fn errors_come_before_acceptance_and_lost_answers_after_it_and_a_seed_repeats_them() {
    let stage = Stage::open().await;
    let mixed =
        json!({"provider": "twilio", "error_rate": 0.3, "timeout_after_accept_rate": 0.3, "seed": 42});
    stage.running.behave(&mixed).await;
    let first = outcomes(&stage.running, 40).await;
    let count = |name: &str| first.iter().filter(|outcome| *outcome == name).count();
    assert!(count("201") > 5 && count("500") > 3 && count("lost") > 3, "{first:?}");
    assert_eq!(stage.running.ledger().await.len(), count("201") + count("lost"));
    stage.running.behave(&mixed).await;
    assert_eq!(outcomes(&stage.running, 40).await, first);

    stage.running.behave(&json!({"provider": "whatsapp", "error_rate": 1})).await;
    let (status, body) = stage.running.whatsapp(&crate::whatsapp::template("+447700900123")).await.unwrap();
    assert_eq!((status, &body["error"]["is_transient"]), (500, &json!(true)));
}

#[tokio::test]
async fn latency_comes_before_acceptance_so_that_a_client_that_gives_up_was_not_accepted() {
    let stage = Stage::open().await;
    stage.running.behave(&json!({"provider": "twilio", "latency_ms": 60_000})).await;
    let fields = [("To", "+447700900123"), ("From", NUMBER), ("Body", "Hi")];
    let waited =
        tokio::time::timeout(std::time::Duration::from_millis(200), stage.running.sms(&fields)).await;
    assert!(waited.is_err());
    assert!(stage.running.ledger().await.is_empty());
}

#[tokio::test]
async fn reports_are_doubled_dropped_and_reordered_as_set() {
    let mut stage = Stage::open().await;
    stage.running.behave(&json!({"provider": "twilio", "callback": {"duplicate_rate": 1}})).await;
    stage.sms_to("+447700900101", "").await;
    for name in ["sent", "sent", "delivered", "delivered"] {
        stage.hooks.take(status(name)).await;
    }

    let reorder = json!({"duplicate_rate": 0, "reorder": true, "delay_ms": 100});
    stage.running.behave(&json!({"provider": "twilio", "callback": reorder})).await;
    stage.sms_to("+447700900102", "").await;
    let order = [stage.hooks.take_path("/status").await, stage.hooks.take_path("/status").await];
    assert_eq!(order.map(|call| call.field("MessageStatus")), ["delivered", "sent"]);

    let drop_all = json!({"provider": "twilio", "callback": {"reorder": false, "drop_rate": 1}});
    stage.running.behave(&drop_all).await;
    stage.sms_to("+447700900104", "").await;
    stage.sms_to("+447700900004", "").await;
    stage.hooks.take_path("/webhooks/twilio/demo/inbound").await;
    assert_eq!(stage.hooks.left(|call| call.target.starts_with("/status")), 0, "the STOP is no report");
}

use std::time::Instant;

use serde_json::{Value, json};

use crate::stage::{NUMBER, Running, Stage};

#[tokio::test]
async fn all_that_was_accepted_is_listed_in_order_and_by_recipient() {
    let stage = Stage::open().await;
    let fields =
        [("To", "+447700900123"), ("From", NUMBER), ("Body", "Grüße"), ("MediaUrl", "https://e.com/a.png")];
    stage.running.sms(&fields).await.unwrap();
    stage.running.whatsapp(&crate::whatsapp::template("447700900123")).await.unwrap();
    crate::ses::send(&stage.running, &crate::ses::mail("ann@example.com", "")).await.unwrap();

    let items = stage.running.ledger().await;
    let providers: Vec<&str> = items.iter().map(|item| item["provider"].as_str().unwrap()).collect();
    assert_eq!(providers, ["twilio", "whatsapp", "ses"]);
    let mut sms = items[0].clone();
    assert!(sms["at"].take().as_str().unwrap().ends_with('Z'));
    assert!(sms["provider_message_id"].take().as_str().unwrap().starts_with("SM"));
    let request =
        json!({"To": "+447700900123", "From": NUMBER, "Body": "Grüße", "MediaUrl": "https://e.com/a.png"});
    let expected = json!({"provider": "twilio", "to": "+447700900123", "from": NUMBER, "text": "Grüße",
        "subject": null, "at": null, "provider_message_id": null, "request": request});
    assert_eq!(sms, expected);

    for (query, count) in [
        ("%2B447700900123", 2),
        ("+447700900123", 2),
        ("447700900123", 2),
        ("ann@example.com", 1),
        ("bob@example.com", 0),
        ("", 3),
    ] {
        let found = stage.running.get(&format!("/messages?to={query}")).await;
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn an_empty_ledger_is_an_empty_list() {
    assert_eq!(Stage::open().await.running.get("/messages").await, json!({"items": []}));
}

#[tokio::test]
async fn a_hundred_thousand_messages_are_listed_in_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::open_in(Some(folder.path())).await;
    stage.sms_to("+447700900123", "").await;
    stage.running.stop().await;
    // The rows themselves are copied: making them over HTTP is not what is tested.
    let connection = rusqlite::Connection::open(folder.path().join("simulators.sqlite")).unwrap();
    let copy = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
                INSERT INTO accepted (provider, account, recipient, sender, at_ms, message_id, item, state)
                SELECT provider, account, recipient || i, sender, at_ms, message_id || i, item, state FROM accepted, n";
    connection.execute(copy, []).unwrap();
    drop(connection);

    let running = Running::start(Some(folder.path()), &stage.hooks.url).await;
    let started = Instant::now();
    let text =
        running.http.get(format!("{}/messages", running.url)).send().await.unwrap().text().await.unwrap();
    let took = started.elapsed();
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 100_000);
    println!("{} MB in {took:?}", text.len() / 1_000_000);
}

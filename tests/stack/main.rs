//! The whole system as a new user starts it: the real function binaries over the Lambda Runtime API, the real gateway, and the providers'
//! twins, whose ledger is what counts.

mod client;
#[cfg(target_os = "linux")]
mod crash;
#[cfg(target_os = "linux")]
mod data_folder;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod running;
mod secrets;

use std::collections::BTreeMap;
use std::time::Duration;

use client::Client;
use local::{Binaries, Stack, StackOptions};
use serde_json::{Value, json};

/// The demo's windows are a minute, for people who look; a test does not.
const WINDOW_S: u32 = 10;

async fn start(folder: &std::path::Path) -> Stack {
    let options = StackOptions { seed: true, binaries: Binaries::Build, ..StackOptions::new(folder) };
    Stack::start(options).await.expect("the stack starts")
}

async fn shorten_windows(client: &Client) {
    for channel in ["sms", "whatsapp", "email"] {
        client.put(&format!("/channels/{channel}"), json!({ "receipt_window_s": WINDOW_S })).await;
    }
}

fn message(channel: &str) -> Value {
    match channel {
        "sms" => json!({ "channel": "sms", "body": "Hi {{member.first_names}}, service is at 10:00" }),
        "email" => json!({ "channel": "email", "subject": "Sunday", "body": "Hi {{member.first_names}}" }),
        _ => {
            let parameters = json!({ "1": "{{member.first_names}}", "2": "10:00" });
            json!({ "channel": "whatsapp", "template_id": "service_reminder", "parameters": parameters })
        }
    }
}

/// How many messages the twins hold for each address.
async fn ledger(client: &Client, provider: &str) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for item in client.get("/sim/messages").await["items"].as_array().expect("items") {
        if item["provider"] == provider {
            *times.entry(item["to"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
        }
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_reaches_every_member_over_every_channel_and_finds_the_history_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = start(folder.path()).await;
    let client = Client::of(&stack);
    shorten_windows(&client).await;

    let mut ids = Vec::new();
    for channel in ["sms", "whatsapp", "email"] {
        let body = json!({ "type": "send_message", "selection": { "all_matching": {} }, "messages": [message(channel)] });
        let action = client.post("/bulk-actions", body, 202).await;
        ids.push((channel, action["id"].as_str().expect("an id").to_owned()));
    }
    for (channel, id) in &ids {
        let action = client.settled(id).await;
        let of = |name: &str| action[name].as_u64().expect("a count");
        assert_eq!(action["status"], "partial", "{channel}: some of the demo's members cannot be reached");
        let parts = of("success_count") + of("failed_count") + of("skipped_count") + of("unconfirmed_count");
        assert_eq!((parts, of("pending_count")), (of("total"), 0));
        assert!(of("total") >= 60);
        assert_eq!(of("unconfirmed_count"), 1, "{channel}: exactly the member whose provider never reports");

        let failed = client.get(&format!("/bulk-actions/{id}/failed-items?limit=200")).await;
        let listed: u64 =
            failed["counts"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
        assert_eq!(
            listed,
            of("failed_count") + of("skipped_count"),
            "{channel}: every one of them with its reason"
        );
    }
    for (provider, channel) in [("twilio", "sms"), ("whatsapp", "whatsapp"), ("ses", "email")] {
        let rows = client.messages(&ids.iter().find(|(of, _)| *of == channel).expect("an action").1).await;
        let sent: usize =
            rows.iter().filter(|row| !row["sent_at"].is_null() || row["status"] == "unconfirmed").count();
        let accepted = ledger(&client, provider).await;
        assert_eq!(
            accepted.values().sum::<usize>(),
            sent,
            "{provider}: one message per member who could be reached"
        );
    }
    stack.stop().await;

    let stack = start(folder.path()).await;
    let client = Client::of(&stack);
    for (_, id) in &ids {
        assert_eq!(client.get(&format!("/bulk-actions/{id}")).await["status"], "partial", "history is there");
    }
    assert!(client.all("/members?limit=200").await.len() >= 60, "and so are the members");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_that_throttle_stumble_and_accept_without_answering_deliver_nobody_a_second_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = start(folder.path()).await;
    let client = Client::of(&stack);
    shorten_windows(&client).await;
    let behaviour = json!({
        "provider": "twilio", "rate_per_second": 30, "timeout_after_accept_rate": 0.1, "seed": 7,
        "callback": { "duplicate_rate": 0.5, "reorder": true, "delay_ms": 50 },
    });
    client.put("/sim/behaviour", behaviour).await;
    let members: Vec<Value> = (0..300)
        .map(|i| json!({ "id": format!("x{i}"), "first_names": "Ana", "primary_phone": format!("+6421{:07}", 5_001_000 + i * 10) }))
        .collect();
    let ids: Vec<Value> = members.iter().map(|member| member["id"].clone()).collect();
    client.post("/members/import", json!({ "members": members }), 200).await;
    let body = json!({ "type": "send_message", "target_ids": ids, "messages": [message("sms")] });
    let action = client.post("/bulk-actions", body, 202).await;
    let action = client.settled(action["id"].as_str().expect("an id")).await;
    assert_eq!((&action["status"], &action["success_count"]), (&json!("completed"), &json!(300)), "{action}");
    let accepted = ledger(&client, "twilio").await;
    assert_eq!(accepted.len(), 300);
    assert!(accepted.values().all(|times| *times == 1), "somebody got it twice");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_calls_are_refused_with_problems_and_bad_tokens_by_the_gateway() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = StackOptions { binaries: Binaries::Build, ..StackOptions::new(folder.path()) };
    let stack = Stack::start(options).await.expect("the stack starts");
    let client = Client::of(&stack);
    let problem = client.post("/bulk-actions", json!({ "type": "send_message", "colour": 1 }), 422).await;
    let fields: Vec<&str> =
        problem["errors"].as_array().expect("errors").iter().filter_map(|e| e["field"].as_str()).collect();
    assert_eq!(fields, ["target_ids", "messages", "colour"]);
    assert_eq!(client.status("GET", "/bulk-actions", Some("nonsense")).await, 401);
    assert_eq!(client.status("GET", "/bulk-actions", None).await, 401);
    assert_eq!(client.status("GET", "/nowhere", None).await, 404);
    assert_eq!(client.status("POST", "/webhooks/twilio/demo/status", None).await, 403, "unsigned");
    assert_eq!(
        client.status("POST", "/webhooks/twilio/nobody/status", None).await,
        403,
        "unknown organisation"
    );
    assert_eq!(client.status("POST", "/webhooks/ses", None).await, 403);
    assert_eq!(client.status("GET", "/unsubscribe/nonsense", None).await, 404);
    tokio::time::timeout(Duration::from_secs(20), stack.stop()).await.expect("the stack stops");
}

use serde_json::{Value, json};

use super::world::{World, ok, problem};

fn message() -> Value {
    json!({
        "id": "msg_1-0-0", "direction": "outbound", "status": "delivered", "member_id": "m001", "address": "+64211234567",
        "channel": "sms", "text": "Hi", "history": [
            {"status": "queued", "at": "2026-01-01T10:00:00Z", "detail": "Selected by ana, as the only one named"},
            {"status": "delivered", "at": "2026-01-01T10:00:09Z", "detail": "Reported by the SMS provider"},
        ],
    })
}

#[tokio::test]
async fn one_message_is_shown_with_its_history() {
    let world = World::start(|_| ok(&message())).await;
    let out = world.run("message msg_1-0-0").await.good();
    assert!(out.starts_with("msg_1-0-0  delivered\n  to           m001 (+64211234567)\n"), "{out}");
    assert!(out.ends_with("2026-01-01 10:00:09  delivered    Reported by the SMS provider\n"), "{out}");
    assert_eq!(world.run("message msg_1-0-0 --json").await.json(), message());
    assert_eq!(world.calls(), ["GET /messages/msg_1-0-0"; 2]);
}

#[tokio::test]
async fn a_message_that_is_not_there_is_an_error() {
    let world = World::start(|_| problem(404, "not-found", "Not found", "There is no such message")).await;
    assert!(world.run("message msg_1-0-0").await.bad().contains("There is no such message"));
    assert!(world.calls() == ["GET /messages/msg_1-0-0"]);
}

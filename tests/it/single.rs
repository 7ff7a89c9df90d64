//! One message to one member, through the same engine.

use serde_json::{Value, json};
use testing::{Answer, World};

use crate::support::{body, problem, settle};

async fn send(world: &World, request: Value) -> Value {
    body(&world.call("POST /messages", &[], request).await)
}

#[tokio::test]
async fn a_single_message_is_sent_once_and_is_no_bulk_action() {
    let world = World::start().await;
    world.members(1).await;
    let message =
        send(&world, json!({ "member_id": "m0", "channel": "sms", "body": "Hi {{member.first_names}}" }))
            .await;
    assert_eq!((&message["source"], &message["bulk_action_id"]), (&json!("single"), &Value::Null));
    assert_eq!((&message["status"], &message["text"]), (&json!("queued"), &json!("Hi Ana0")));
    settle(&world).await;
    assert_eq!(world.provider.accepted().len(), 1);
    let id = message["id"].as_str().unwrap();
    assert_eq!(world.ok("GET /messages/{id}", &[("id", id)], Value::Null).await["status"], "delivered");
    assert_eq!(world.ok("GET /bulk-actions", &[], Value::Null).await["items"], json!([]));
    let of_member = world.request_query("GET /messages", "member_id=m0").await;
    assert_eq!(body(&of_member)["items"][0]["id"], id);
}

#[tokio::test]
async fn who_cannot_be_reached_or_has_opted_out_has_a_message_that_says_so() {
    let world = World::start().await;
    world.members(1).await;
    world.member("nophone", json!({ "first_names": "Bo" })).await;
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "m0"), ("channel", "sms")], json!({})).await;
    for (member, status, code) in [
        ("nophone", "failed", "no_phone"),
        ("m0", "skipped", "opted_out"),
        ("ghost", "failed", "member_not_found"),
    ] {
        let message = send(&world, json!({ "member_id": member, "channel": "sms", "body": "Hi" })).await;
        assert_eq!((&message["status"], &message["failure_code"]), (&json!(status), &json!(code)));
    }
    settle(&world).await;
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn a_single_message_that_was_lost_on_its_queue_is_found_again() {
    let world = World::start().await;
    world.members(1).await;
    send(&world, json!({ "member_id": "m0", "channel": "sms", "body": "Hi" })).await;
    world.purge();
    world.live(std::time::Duration::from_mins(4)).await;
    assert_eq!(world.provider.accepted().len(), 1);
    settle(&world).await;
}

#[tokio::test]
async fn an_answer_that_never_came_is_not_sent_again() {
    let world = World::start().await;
    world.members(1).await;
    world.provider.answer(|_| Answer::AcceptAndLoseAnswer);
    let message = send(&world, json!({ "member_id": "m0", "channel": "sms", "body": "Hi" })).await;
    world.drain().await;
    world.live(std::time::Duration::from_mins(5)).await;
    assert_eq!(world.provider.calls().len(), 1);
    let id = message["id"].as_str().unwrap();
    assert_eq!(world.ok("GET /messages/{id}", &[("id", id)], Value::Null).await["status"], "unconfirmed");
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let world = World::start().await;
    let whatsapp = json!({ "member_id": "m0", "channel": "whatsapp", "body": "Hi" });
    let reply = world.call("POST /messages", &[], whatsapp).await;
    assert_eq!(problem(&reply), (422, "invalid-body".into()));
    assert!(reply.body.contains("template_id"));
    let unknown = json!({ "member_id": "m0", "channel": "sms", "template_id": "none" });
    assert!(world.call("POST /messages", &[], unknown).await.body.contains("\"template_id\""));
}

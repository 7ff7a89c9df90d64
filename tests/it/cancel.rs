//! Cancelling: until the send starts, and one winner.

use std::time::Duration;

use serde_json::{Value, json};
use testing::World;

use crate::support::{assert_once_each, body, problem, settle, summary};

async fn scheduled(world: &World) -> domain::BulkActionId {
    let members = world.members(3).await;
    let time = domain::Clock::now(world.clock.as_ref()) + Duration::from_mins(1);
    world
        .send(json!({
            "target_ids": members, "schedule_at": time.to_string(), "messages": [{ "channel": "sms", "body": "Hi" }],
        }))
        .await
}

async fn cancel(world: &World, id: domain::BulkActionId) -> wire::api::http::Reply {
    world.call("POST /bulk-actions/{id}/cancel", &[("id", &id.to_string())], json!({})).await
}

#[tokio::test]
async fn a_cancelled_send_writes_no_row_and_counts_all_as_skipped() {
    let world = World::start().await;
    let id = scheduled(&world).await;
    let action = body(&cancel(&world, id).await);
    assert_eq!(summary(&action), ("cancelled".into(), [0, 0, 3, 0, 0]));
    world.clock.advance(Duration::from_mins(2));
    settle(&world).await;
    assert!(world.provider.calls().is_empty());
    let after = world.action(id).await;
    assert_eq!(summary(&after), ("cancelled".into(), [0, 0, 3, 0, 0]));
    let list = world.ok("GET /messages", &[], Value::Null).await;
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn a_send_that_has_started_cannot_be_cancelled_and_says_where_it_is() {
    let world = World::start().await;
    let members = world.members(2).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    let reply = cancel(&world, id).await;
    assert_eq!(problem(&reply), (409, "not-cancellable".into()));
    assert_eq!(serde_json::from_str::<Value>(&reply.body).unwrap()["current_status"], "delegated");
    settle(&world).await;
    assert_once_each(&world, 2);
}

#[tokio::test]
async fn of_a_cancel_and_a_start_that_meet_exactly_one_wins() {
    for _ in 0..5 {
        let world = World::start().await;
        let id = scheduled(&world).await;
        world.clock.advance(Duration::from_secs(61));
        let (reply, _) = tokio::join!(cancel(&world, id), world.drain());
        world.drain().await;
        match reply.status {
            200 => assert!(world.provider.calls().is_empty(), "cancelled, and yet sent"),
            409 => assert_once_each(&world, 3),
            other => panic!("{other} {}", reply.body),
        }
        settle(&world).await;
    }
}

#[tokio::test]
async fn what_is_cancelled_cannot_be_retried_for_there_is_no_row() {
    let world = World::start().await;
    let id = scheduled(&world).await;
    cancel(&world, id).await;
    let reply = world.call("POST /bulk-actions/{id}/retry", &[("id", &id.to_string())], json!({})).await;
    assert_eq!(problem(&reply), (409, "nothing_to_retry".into()));
    world.clock.advance(Duration::from_mins(2));
    world.drain().await;
}

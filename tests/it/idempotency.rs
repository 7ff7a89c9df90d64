//! Idempotency keys, and the limit of bulk actions.

use std::time::Duration;

use serde_json::{Value, json};
use testing::World;
use wire::api::http::Reply;

use crate::support::{assert_once_each, body, problem, settle};

fn send(to: &[String], text: &str) -> Value {
    json!({ "type": "send_message", "target_ids": to, "messages": [{ "channel": "sms", "body": text }] })
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_done_once_and_answered_as_it_is_now() {
    let world = World::start().await;
    let members = world.members(2).await;
    let first = world.call_once("k1", "POST /bulk-actions", &[], send(&members, "Hi")).await;
    settle(&world).await;
    let again = world.call_once("k1", "POST /bulk-actions", &[], send(&members, "Hi")).await;
    assert_eq!((again.status, header(&again, "idempotent-replayed")), (202, Some("true")));
    assert_eq!(header(&again, "location"), header(&first, "location"));
    let (first, again) = (body(&first), body(&again));
    assert_eq!((&first["id"], &again["status"]), (&again["id"], &json!("completed")));
    settle(&world).await;
    assert_once_each(&world, 2);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_on_another_path_is_another_key() {
    let world = World::start().await;
    let members = world.members(1).await;
    assert_eq!(world.call_once("k", "POST /bulk-actions", &[], send(&members, "Hi")).await.status, 202);
    let other = world.call_once("k", "POST /bulk-actions", &[], send(&members, "Hello")).await;
    assert_eq!(problem(&other), (409, "idempotency-key-reused".into()));
    let single = json!({ "member_id": "m0", "channel": "sms", "body": "Hi" });
    assert_eq!(world.call_once("k", "POST /messages", &[], single).await.status, 202);
    settle(&world).await;
}

#[tokio::test]
async fn of_many_requests_with_one_key_at_once_one_is_done() {
    let world = World::start().await;
    let members = world.members(1).await;
    let call = || world.call_once("k", "POST /bulk-actions", &[], send(&members, "Hi"));
    let replies = futures_util::future::join_all((0..8).map(|_| call())).await;
    let ids: std::collections::BTreeSet<String> = replies
        .iter()
        .filter(|reply| reply.status == 202)
        .map(|reply| body(reply)["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    assert!(replies.iter().all(|reply| reply.status == 202 || reply.status == 409));
    settle(&world).await;
    assert_once_each(&world, 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let world = World::start().await;
    let members = world.members(1).await;
    let first = body(&world.call_once("k", "POST /bulk-actions", &[], send(&members, "Hi")).await);
    settle(&world).await;
    world.clock.advance(Duration::from_hours(24));
    let second = body(&world.call_once("k", "POST /bulk-actions", &[], send(&members, "Hi")).await);
    assert_ne!(first["id"], second["id"]);
    settle(&world).await;
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let world = World::start().await;
    let members = world.members(1).await;
    for bad in ["", "a\tb", "\u{e9}", &"x".repeat(65)] {
        let reply = world.call_once(bad, "POST /bulk-actions", &[], send(&members, "Hi")).await;
        assert_eq!(problem(&reply), (400, "bad-request".into()), "{bad:?}");
    }
}

#[tokio::test]
async fn the_eleventh_bulk_action_in_a_minute_has_to_wait_and_is_told_how_long() {
    let world = World::start().await;
    let members = world.members(1).await;
    for second in 0..10 {
        world.send_sms(&members, &format!("Hi {second}")).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let reply = world.call("POST /bulk-actions", &[], send(&members, "Hi")).await;
    assert_eq!((problem(&reply), header(&reply, "retry-after")), ((429, "rate-limit".into()), Some("50")));
    world.clock.advance(Duration::from_secs(50));
    world.send_sms(&members, "Now").await;
    settle(&world).await;
}

#[tokio::test]
async fn exactly_ten_of_many_at_once_are_accepted() {
    let world = World::start().await;
    let members = world.members(1).await;
    let call = || world.call("POST /bulk-actions", &[], send(&members, "Hi"));
    let replies = futures_util::future::join_all((0..24).map(|_| call())).await;
    let accepted = replies.iter().filter(|reply| reply.status == 202).count();
    assert_eq!(accepted, 10);
    assert!(replies.iter().all(|reply| [202, 429, 409].contains(&reply.status)));
    settle(&world).await;
    assert_eq!(world.provider.accepted().len(), 10);
}

#[tokio::test]
async fn what_is_refused_or_repeated_uses_nothing_up() {
    let world = World::start().await;
    let members = world.members(1).await;
    for _ in 0..20 {
        let bad = json!({ "type": "send_message", "target_ids": members, "messages": [] });
        assert_eq!(world.call_once("bad", "POST /bulk-actions", &[], bad).await.status, 422);
        assert_eq!(world.call_once("k", "POST /bulk-actions", &[], send(&members, "Hi")).await.status, 202);
    }
    // The key of a refused request is free.
    assert_eq!(world.call_once("bad", "POST /bulk-actions", &[], send(&members, "Hi")).await.status, 202);
    for _ in 0..8 {
        world.send_sms(&members, "Hi").await;
    }
    assert_eq!(world.call("POST /bulk-actions", &[], send(&members, "Hi")).await.status, 429);
    settle(&world).await;
    assert_eq!(world.provider.accepted().len(), 10);
}

//! A send that starts at a time.

use std::time::Duration;

use serde_json::{Value, json};
use testing::World;

use crate::support::{assert_once_each, problem, settle, summary};

const MINUTE: Duration = Duration::from_mins(1);

async fn at(world: &World, after: Duration, more: Value) -> domain::BulkActionId {
    let members = world.members(3).await;
    let time = domain::Clock::now(world.clock.as_ref()) + after;
    let mut body = json!({
        "target_ids": members, "schedule_at": time.to_string(), "messages": [{ "channel": "sms", "body": "Hi" }],
    });
    body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    world.send(body).await
}

#[tokio::test]
async fn a_scheduled_send_starts_at_its_time_and_not_before() {
    let world = World::start().await;
    let id = at(&world, 60 * MINUTE, json!({})).await;
    world.live(59 * MINUTE).await;
    assert!(world.provider.calls().is_empty());
    assert_eq!(world.action(id).await["status"], "queued");
    world.clock.advance(Duration::from_millis(59_999));
    world.drain().await;
    assert!(world.provider.calls().is_empty(), "a millisecond before its time");
    world.clock.advance(Duration::from_secs(1));
    world.drain().await;
    assert_once_each(&world, 3);
    settle(&world).await;
    assert_eq!(summary(&world.action(id).await).0, "completed");
}

#[tokio::test]
async fn a_send_that_is_due_soon_needs_no_reconcile() {
    let world = World::start().await;
    at(&world, Duration::from_secs(90), json!({})).await;
    world.drain().await;
    assert!(world.provider.calls().is_empty());
    world.clock.advance(Duration::from_secs(91));
    world.drain().await;
    assert_once_each(&world, 3);
    settle(&world).await;
}

#[tokio::test]
async fn a_send_whose_time_came_while_nothing_ran_starts_as_soon_as_something_does() {
    let world = World::start().await;
    let id = at(&world, 60 * MINUTE, json!({})).await;
    world.clock.advance(5 * 60 * MINUTE);
    settle(&world).await;
    settle(&world).await;
    assert_once_each(&world, 3);
    assert_eq!(summary(&world.action(id).await).0, "completed");
}

#[tokio::test]
async fn a_schedule_that_is_missed_by_more_than_its_usefulness_fails_as_missed() {
    let world = World::start().await;
    let id = at(&world, 60 * MINUTE, json!({})).await;
    world.clock.advance(26 * 60 * MINUTE);
    world.reconcile().await;
    world.drain().await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("failed".into(), [0, 3, 0, 0, 0]));
    assert_eq!(action["failure_reason"], "schedule_missed");
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn a_lost_start_is_found_again() {
    let world = World::start().await;
    at(&world, Duration::from_secs(90), json!({})).await;
    world.purge();
    world.live(6 * MINUTE).await;
    assert_once_each(&world, 3);
    settle(&world).await;
}

#[tokio::test]
async fn a_start_lies_at_most_a_minute_back_and_a_year_ahead() {
    let world = World::start().await;
    let members = world.members(1).await;
    let send = |time: domain::Timestamp| {
        json!({
            "type": "send_message", "target_ids": members, "schedule_at": time.to_string(),
            "messages": [{ "channel": "sms", "body": "Hi" }],
        })
    };
    let now = domain::Clock::now(world.clock.as_ref());
    for bad in [now - Duration::from_secs(61), now + Duration::from_hours(366 * 24)] {
        let reply = world.call("POST /bulk-actions", &[], send(bad)).await;
        assert_eq!(problem(&reply), (422, "invalid-body".into()));
        assert!(reply.body.contains("schedule_at"));
    }
    let reply = world.call("POST /bulk-actions", &[], send(now - MINUTE)).await;
    assert_eq!(reply.status, 202, "up to a minute back counts as now");
    world.drain().await;
    assert_once_each(&world, 1);
    settle(&world).await;
}

#[tokio::test]
async fn what_was_not_handed_over_while_it_was_useful_fails_as_expired() {
    let world = World::start().await;
    let members = world.members(2).await;
    let until = domain::Clock::now(world.clock.as_ref()) + MINUTE;
    let id = world
        .send(json!({
            "target_ids": members, "expires_at": until.to_string(), "messages": [{ "channel": "sms", "body": "Hi" }],
        }))
        .await;
    world.drain_one("send-message").await;
    world.clock.advance(2 * MINUTE);
    settle(&world).await;
    assert!(world.provider.calls().is_empty());
    let codes = crate::support::failed_items(&world, id).await;
    assert!(codes.len() == 2 && codes.values().all(|code| code == "expired"), "{codes:?}");
}

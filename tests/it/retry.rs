//! Retrying: by row, each row once, as a new action.

use std::time::Duration;

use domain::{BulkActionId, FailureCode};
use serde_json::{Value, json};
use testing::{Answer, World};

use crate::support::{accepted_per_address, body, problem, settle, summary};

async fn retry(world: &World, id: BulkActionId, scope: &str) -> wire::api::http::Reply {
    let path = [("id", id.to_string())];
    let path: Vec<(&str, &str)> = path.iter().map(|(name, id)| (*name, id.as_str())).collect();
    world.call("POST /bulk-actions/{id}/retry", &path, json!({ "scope": scope })).await
}

fn id_of(action: &Value) -> BulkActionId {
    action["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// A send to 250 of whom those with a number that ends in 7 are refused.
async fn partly_failed(world: &World) -> BulkActionId {
    let members = world.members(250).await;
    world.provider.answer(|seen| {
        if seen.to.ends_with('7') { Answer::Refuse(FailureCode::Undeliverable) } else { Answer::Accept }
    });
    let id = world.send_sms(&members, "Hi").await;
    settle(world).await;
    assert_eq!(summary(&world.action(id).await), ("partial".into(), [225, 25, 0, 0, 0]));
    world.provider.answer(|_| Answer::Accept);
    id
}

#[tokio::test]
async fn a_retry_is_a_new_action_for_the_failed_rows_and_leaves_the_first_as_it_was() {
    let world = World::start().await;
    let first = partly_failed(&world).await;
    let action = body(&retry(&world, first, "failed").await);
    assert_eq!((&action["retry_of"], &action["total"]), (&json!(first.to_string()), &json!(25)));
    assert_eq!(action["messages"], world.action(first).await["messages"]);
    settle(&world).await;
    assert_eq!(summary(&world.action(id_of(&action)).await), ("completed".into(), [25, 0, 0, 0, 0]));
    assert_eq!(summary(&world.action(first).await), ("partial".into(), [225, 25, 0, 0, 0]));
    let times = accepted_per_address(&world);
    assert!(times.len() == 250 && times.values().all(|times| *times == 1), "{times:?}");
}

#[tokio::test]
async fn a_row_is_retried_once() {
    let world = World::start().await;
    let first = partly_failed(&world).await;
    assert_eq!(retry(&world, first, "failed").await.status, 202);
    assert_eq!(problem(&retry(&world, first, "failed").await), (409, "nothing_to_retry".into()));
    settle(&world).await;
}

#[tokio::test]
async fn of_two_retries_that_meet_each_row_goes_to_one() {
    let world = World::start().await;
    let first = partly_failed(&world).await;
    let replies = tokio::join!(
        retry(&world, first, "failed"),
        retry(&world, first, "failed"),
        retry(&world, first, "all")
    );
    let mut statuses = [replies.0.status, replies.1.status, replies.2.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409]);
    settle(&world).await;
    assert!(accepted_per_address(&world).values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_retry_of_a_retry_takes_what_failed_again() {
    let world = World::start().await;
    let first = partly_failed(&world).await;
    world.provider.answer(|seen| {
        if seen.to.ends_with("17") { Answer::Refuse(FailureCode::Undeliverable) } else { Answer::Accept }
    });
    let second = id_of(&body(&retry(&world, first, "failed").await));
    settle(&world).await;
    world.provider.answer(|_| Answer::Accept);
    let third = body(&retry(&world, second, "failed").await);
    settle(&world).await;
    let left = summary(&world.action(second).await).1[1];
    assert!(left > 0 && third["total"] == left, "{third}");
    let times = accepted_per_address(&world);
    assert!(times.len() == 250 && times.values().all(|times| *times == 1));
}

#[tokio::test]
async fn unconfirmed_rows_are_retried_only_when_a_person_says_so() {
    let world = World::start().await;
    let members = world.members(3).await;
    world.provider.answer(|seen| if seen.to.ends_with('1') { Answer::NoAnswer } else { Answer::Accept });
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.provider.answer(|_| Answer::Accept);
    world.report(|_| vec![domain::receipt::Report::Delivered]).await;
    world.drain().await;
    world.live(Duration::from_mins(4)).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [2, 0, 0, 1, 0]));
    assert_eq!(problem(&retry(&world, id, "failed").await), (409, "nothing_to_retry".into()));
    let action = body(&retry(&world, id, "unconfirmed").await);
    assert_eq!(action["total"], 1);
    settle(&world).await;
    assert_eq!(world.provider.accepted().len(), 3);
}

#[tokio::test]
async fn a_retry_sends_only_the_channels_that_failed_and_skips_opt_outs_again() {
    let world = World::start().await;
    let members = world.members(2).await;
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "m1"), ("channel", "sms")], json!({})).await;
    world.provider.answer(|seen| {
        if seen.to.contains("ana0@") { Answer::Refuse(FailureCode::Bounced) } else { Answer::Accept }
    });
    let id = world
        .send(json!({
            "target_ids": members,
            "messages": [{ "channel": "sms", "body": "Hi" }, { "channel": "email", "subject": "S", "body": "Hi" }],
        }))
        .await;
    settle(&world).await;
    assert_eq!(summary(&world.action(id).await), ("partial".into(), [2, 1, 1, 0, 0]));
    world.provider.answer(|_| Answer::Accept);
    let action = body(&retry(&world, id, "failed").await);
    assert_eq!(action["total"], 2, "one mail that failed, one SMS that was skipped");
    settle(&world).await;
    assert_eq!(summary(&world.action(id_of(&action)).await), ("completed".into(), [1, 0, 1, 0, 0]));
    assert_eq!(world.provider.accepted().len(), 3);
}

#[tokio::test]
async fn what_was_never_written_can_be_retried() {
    let world = World::start().await;
    let members = world.members(120).await;
    let time = domain::Clock::now(world.clock.as_ref()) + Duration::from_hours(1);
    let id = world
        .send(json!({
            "target_ids": members, "schedule_at": time.to_string(), "messages": [{ "channel": "sms", "body": "Hi" }],
        }))
        .await;
    world.clock.advance(Duration::from_hours(30));
    world.reconcile().await;
    world.drain().await;
    assert_eq!(world.action(id).await["failure_reason"], "schedule_missed");
    let action = body(&retry(&world, id, "failed").await);
    assert_eq!(action["total"], 120);
    assert_eq!(problem(&retry(&world, id, "failed").await), (409, "nothing_to_retry".into()));
    settle(&world).await;
    crate::support::assert_once_each(&world, 120);
}

#[tokio::test]
async fn an_action_whose_rows_are_not_written_cannot_be_retried_yet() {
    let world = World::start().await;
    let members = world.members(2).await;
    let id = world.send_sms(&members, "Hi").await;
    let reply = retry(&world, id, "failed").await;
    assert_eq!(problem(&reply), (409, "not-retryable".into()));
    assert_eq!(serde_json::from_str::<Value>(&reply.body).unwrap()["current_status"], "queued");
    settle(&world).await;
}

#[tokio::test]
async fn first_reachable_chooses_afresh() {
    let world = World::start().await;
    world.member("m", json!({ "primary_phone": "+64211234567", "email": "m@example.org" })).await;
    world.provider.answer(|_| Answer::Refuse(FailureCode::Undeliverable));
    let id = world
        .send(json!({
            "target_ids": ["m"], "routing": "first_reachable",
            "messages": [{ "channel": "sms", "body": "Hi" }, { "channel": "email", "subject": "S", "body": "Hi" }],
        }))
        .await;
    settle(&world).await;
    world.provider.answer(|_| Answer::Accept);
    world.member("m", json!({ "email": "m@example.org" })).await;
    assert_eq!(retry(&world, id, "failed").await.status, 202);
    settle(&world).await;
    let accepted = world.provider.accepted();
    assert!(accepted.len() == 1 && accepted[0].channel == domain::Channel::Email, "{accepted:?}");
}

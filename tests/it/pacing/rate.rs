//! Rates and limits, and how much of them is used.

use std::time::Duration;

use serde_json::json;
use testing::{Answer, World};

use super::{accepted_in, change, last_call, most_in, now, rate};
use crate::support::{assert_once_each, settle, summary};

const MINUTE: Duration = Duration::from_mins(1);
/// Here the calls of a group come together, in the last slot of the group; that no second is too full is the simulation's to judge.
const TEN_SECONDS: Duration = Duration::from_secs(10);

#[tokio::test]
async fn sends_that_share_a_sender_keep_its_rate_together() {
    let world = World::start().await;
    rate(&world, 7).await;
    let members = world.members(120).await;
    world.send_sms(&members[..60], "Hi").await;
    world.send_sms(&members[60..], "Hi too").await;
    world.pass(MINUTE).await;
    assert_once_each(&world, 120);
    assert!(most_in(TEN_SECONDS, &world.provider.calls()) <= 70 + 3);
    settle(&world).await;
}

#[tokio::test]
async fn nearly_all_slots_are_used_while_work_waits() {
    let world = World::start().await;
    rate(&world, 10).await;
    let members = world.members(1_500).await;
    let begin = now(&world);
    world.send_sms(&members, "Hi").await;
    world.pass(Duration::from_secs(130)).await;
    let used = accepted_in(&world, begin, MINUTE, MINUTE);
    assert!((570..=600).contains(&used), "{used} of 600 slots");
    world.pass(MINUTE).await;
    assert_once_each(&world, 1_500);
    settle(&world).await;
}

#[tokio::test]
async fn segments_of_an_sms_take_a_slot_each() {
    let world = World::start().await;
    rate(&world, 6).await;
    let members = world.members(30).await;
    let long = "long ".repeat(90);
    world.send_sms(&members, &long).await;
    world.pass(Duration::from_secs(20)).await;
    let calls = world.provider.calls();
    assert_eq!(calls.len(), 30);
    assert!(most_in(TEN_SECONDS, &calls) <= 20 + 1, "three segments each");
    settle(&world).await;
}

#[tokio::test]
async fn a_limit_per_day_spreads_a_send_over_days_and_says_so() {
    let world = World::start().await;
    change(&world, "sms", json!({ "per_day": 100 })).await;
    let members = world.members(250).await;
    let body = json!({
        "type": "send_message", "target_ids": members, "messages": [{ "channel": "sms", "body": "Hi" }],
    });
    let preview = world.ok("POST /bulk-actions/preview", &[], body.clone()).await;
    assert_eq!(preview["spans_days"], 3);
    let begin = now(&world);
    let id = world.send(body).await;
    assert_eq!(world.action(id).await["spans_days"], 3);
    for sent in [100, 200] {
        world.drain().await;
        world.live(Duration::from_hours(23)).await;
        assert_eq!(
            world.provider.calls().len(),
            sent,
            "{} after the beginning",
            now(&world).since(begin).as_secs()
        );
        world.live(Duration::from_mins(80)).await;
    }
    assert_once_each(&world, 250);
    let last = last_call(&world);
    assert!(last.since(begin) > Duration::from_hours(48));
    settle(&world).await;
}

#[tokio::test]
async fn a_new_limit_per_day_is_used_at_once_as_far_as_it_has_room() {
    let world = World::start().await;
    let members = world.members(8).await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    change(&world, "sms", json!({ "per_day": 11 })).await;
    world.send_sms(&members, "Hi again").await;
    world.drain().await;
    assert_eq!(world.provider.accepted().len(), 11);
    world.live(Duration::from_hours(25)).await;
    assert_eq!(world.provider.accepted().len(), 16);
}

#[tokio::test]
async fn what_asks_for_patience_slows_the_sender_down_and_is_no_attempt() {
    let world = World::start().await;
    rate(&world, 20).await;
    let members = world.members(600).await;
    let begin = now(&world);
    world.provider.answer(move |seen| {
        let first = seen.at < begin + Duration::from_secs(1);
        if first { Answer::Throttle(Some(Duration::from_secs(3))) } else { Answer::Accept }
    });
    let id = world.send_sms(&members, "Hi").await;
    world.pass(Duration::from_secs(25)).await;
    let slow = accepted_in(&world, begin, Duration::from_secs(5), Duration::from_secs(20));
    assert!(slow <= 210, "half the pace at most: {slow}");
    world.pass(2 * MINUTE).await;
    assert_once_each(&world, 600);
    let refused =
        world.provider.calls().into_iter().find(|call| call.at < begin + Duration::from_secs(1)).unwrap();
    let message =
        world.ok("GET /messages/{id}", &[("id", &refused.message_id.to_string())], json!(null)).await;
    assert_eq!(message["attempts"], 1, "{message}");
    settle(&world).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [600, 0, 0, 0, 0]));
}

#[tokio::test]
async fn a_limit_of_one_recipient_holds_up_nobody_else() {
    let world = World::start().await;
    change(&world, "whatsapp", json!({ "rate_per_second": 20 })).await;
    let members = world.members(40).await;
    let begin = now(&world);
    world.provider.answer(move |seen| {
        let pair = seen.to.ends_with('7') && seen.at < begin + Duration::from_secs(4);
        if pair { Answer::ThrottleRecipient(Duration::from_secs(6)) } else { Answer::Accept }
    });
    let template =
        json!({ "channel": "whatsapp", "name": "hi", "language": "en", "body": "Hi", "status": "approved" });
    world.ok("PUT /templates/{id}", &[("id", "hi")], template).await;
    world
        .send(json!({ "target_ids": members, "messages": [{ "channel": "whatsapp", "template_id": "hi" }] }))
        .await;
    world.pass(Duration::from_secs(15)).await;
    assert_once_each(&world, 40);
    let others = world.provider.accepted().into_iter().filter(|seen| !seen.to.ends_with('7'));
    assert!(others.map(|seen| seen.at).max().unwrap() < begin + Duration::from_secs(4));
    settle(&world).await;
}

#[tokio::test]
async fn a_single_send_does_not_wait_behind_a_bulk_send() {
    let world = World::start().await;
    rate(&world, 1).await;
    let members = world.members(301).await;
    world.send_sms(&members[..300], "Hi").await;
    world.drain_one("send-message").await;
    let single = json!({ "member_id": "m300", "channel": "sms", "body": "You are next" });
    world.ok("POST /messages", &[], single).await;
    // The bulk send has taken its slots and goes on after it.
    world.work_next("dispatch-sms").await;
    let asked = now(&world);
    world.work_next("dispatch-sms").await;
    let accepted = world.provider.accepted();
    let single = accepted.iter().find(|seen| seen.text == "You are next").expect("it is sent");
    assert!(single.at.since(asked) <= Duration::from_secs(4));
    assert!(accepted.len() < 60, "{} of the bulk send went before", accepted.len() - 1);
    world.purge();
}

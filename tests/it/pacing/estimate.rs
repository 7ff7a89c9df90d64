//! What is expected, while a send waits and when it is through.

use std::time::Duration;

use serde_json::json;
use testing::World;

use super::{change, expected_in, last_call, now, rate, time_of};
use crate::support::settle;

const MINUTE: Duration = Duration::from_mins(1);

fn about(duration: Duration, secs: u64) -> bool {
    duration.as_secs().abs_diff(secs) <= secs / 20 + 5
}

#[tokio::test]
async fn an_estimate_counts_what_the_sender_has_to_do_before() {
    let world = World::start().await;
    rate(&world, 10).await;
    let members = world.members(1_800).await;
    let first = world.send_sms(&members[..1_200], "Hi").await;
    assert!(about(expected_in(&world, first).await, 123));
    world.drain_one("send-message").await;
    world.drain_one("send-message").await;
    let body = json!({
        "type": "send_message", "target_ids": members[1_200..], "messages": [{ "channel": "sms", "body": "Hi" }],
    });
    let preview = world.ok("POST /bulk-actions/preview", &[], body.clone()).await;
    assert!(about(time_of(&preview, "estimated_completion").since(now(&world)), 185), "{preview}");
    let second = world.ok("POST /bulk-actions", &[], body).await;
    assert_eq!(preview["estimated_completion"], second["estimated_completion"]);
    world.pass(4 * MINUTE).await;
    settle(&world).await;
}

#[tokio::test]
async fn an_estimate_knows_of_patience_and_of_the_room_that_is_left_of_the_day() {
    let world = World::start().await;
    change(&world, "sms", json!({ "rate_per_second": 10, "per_day": 300 })).await;
    let members = world.members(300).await;
    world.send_sms(&members[..200], "Hi").await;
    world.pass(MINUTE).await;
    settle(&world).await;
    let expected = |count: usize| {
        let body = json!({
            "type": "send_message", "target_ids": members[..count], "messages": [{ "channel": "sms", "body": "Hi" }],
        });
        let world = &world;
        async move {
            let preview = world.ok("POST /bulk-actions/preview", &[], body).await;
            (time_of(&preview, "estimated_completion").since(now(world)), preview["spans_days"].clone())
        }
    };
    let (in_room, days) = expected(100).await;
    assert!(about(in_room, 10), "{in_room:?}");
    assert_eq!(days, 1);
    let (beyond, _) = expected(101).await;
    assert!(beyond > Duration::from_hours(23), "{beyond:?}");

    change(&world, "sms", json!({ "per_day": null })).await;
    world.provider.answer(|_| testing::Answer::Throttle(Some(Duration::from_secs(20))));
    world.send_sms(&members[..1], "Hi").await;
    world.drain_one("send-message").await;
    world.work_next("dispatch-sms").await;
    let (slowed, _) = expected(100).await;
    assert!(about(slowed, 40), "20 s of silence and half the pace: {slowed:?}");
    world.provider.answer(|_| testing::Answer::Accept);
    world.pass(MINUTE).await;
    settle(&world).await;
}

#[tokio::test]
async fn while_a_send_goes_on_its_estimate_follows_what_happens() {
    let world = World::start().await;
    rate(&world, 10).await;
    let members = world.members(1_900).await;
    let id = world.send_sms(&members, "Hi").await;
    assert!(about(expected_in(&world, id).await, 195));
    world.pass(MINUTE).await;
    let expected = expected_in(&world, id).await;
    assert!(about(expected, 135), "{expected:?}");
    rate(&world, 20).await;
    world.pass(Duration::from_secs(61)).await;
    let (expected, asked) = (expected_in(&world, id).await, now(&world));
    world.pass(3 * MINUTE).await;
    settle(&world).await;
    // What is on its queue already comes when it was to come at the old pace.
    assert!(about(expected, last_call(&world).since(asked).as_secs()), "{expected:?}");
}

#[tokio::test]
async fn what_waits_behind_others_is_expected_by_the_pace_that_its_sender_has_now() {
    let world = World::start().await;
    rate(&world, 10).await;
    let members = world.members(3_600).await;
    world.send_sms(&members[..3_000], "Hi").await;
    world.drain_one("send-message").await;
    let last = world.send_sms(&members[3_000..], "Hi too").await;
    world.drain_one("send-message").await;
    world.pass(Duration::from_secs(5)).await;
    assert!(about(expected_in(&world, last).await, 364));
    for per_second in [1, 40, 5] {
        rate(&world, per_second).await;
        world.pass(Duration::from_secs(61)).await;
        let left = 3_600 - world.provider.accepted().len() as u64;
        let expected = expected_in(&world, last).await;
        assert!(about(expected, left / u64::from(per_second)), "{left} left at {per_second}: {expected:?}");
    }
    rate(&world, 50).await;
    world.pass(5 * MINUTE).await;
    settle(&world).await;
}

#[tokio::test]
async fn a_finished_send_shows_how_good_its_estimate_was() {
    let world = World::start().await;
    rate(&world, 10).await;
    let members = world.members(200).await;
    let id = world.send_sms(&members, "Hi").await;
    let promised = world.action(id).await["estimated_completion"].clone();
    world.pass(Duration::from_secs(40)).await;
    settle(&world).await;
    let action = world.action(id).await;
    assert_eq!(action["status"], "completed");
    let (made, promised) = (time_of(&action, "estimated_completion"), promised.as_str().unwrap());
    assert_eq!(made.to_string(), promised, "as it was made");
    let last = last_call(&world);
    assert_eq!(time_of(&action, "last_sent_at"), last);
    assert!(last.apart(made) < Duration::from_secs(5), "{made} expected, {last}");
}

#[tokio::test]
async fn a_lost_answer_does_not_make_a_message_leave_later_than_it_did() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.provider.answer(|_| testing::Answer::AcceptAndLoseAnswer);
    let id = world.send_sms(&members, "Hi").await;
    let begin = now(&world);
    world.drain().await;
    world.clock.advance(Duration::from_secs(40));
    settle(&world).await;
    assert_eq!(time_of(&world.action(id).await, "last_sent_at"), begin);
}

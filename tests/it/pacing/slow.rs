//! Slots that are long: slow senders, long messages, and rates that fall while a group is in hand.

use std::time::Duration;

use serde_json::json;
use testing::World;

use super::{accepted_in, change, now, rate};
use crate::support::{assert_once_each, settle, settles_with_all_sent_once};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_sender_of_one_message_a_minute_leaves_nobody_out() {
    let world = World::start().await;
    change(&world, "sms", json!({ "rate_per_second": 0.017 })).await;
    let members = world.members(6).await;
    let id = world.send_sms(&members, "Hi").await;
    world.pass(5 * MINUTE).await;
    assert!(world.provider.accepted().len() >= 5, "{} in five minutes", world.provider.accepted().len());
    world.pass(2 * MINUTE).await;
    settles_with_all_sent_once(&world, id, 6).await;
}

#[tokio::test]
async fn a_reply_of_a_slow_sender_waits_for_its_slot_and_is_not_lost() {
    let world = World::start().await;
    change(&world, "sms", json!({ "rate_per_second": 0.01 })).await;
    let members = world.members(3).await;
    for member in &members {
        let message = json!({ "member_id": member, "channel": "sms", "body": "Hi" });
        world.ok("POST /messages", &[], message).await;
    }
    world.pass(6 * MINUTE).await;
    assert_once_each(&world, 3);
}

#[tokio::test]
async fn long_messages_use_the_slots_that_they_may_have() {
    let world = World::start().await;
    rate(&world, 1).await;
    let members = world.members(150).await;
    let begin = now(&world);
    // Five segments, so one message in 5.1 s.
    world.send_sms(&members, &"\u{4e16}".repeat(300)).await;
    world.pass(6 * MINUTE).await;
    let used = accepted_in(&world, begin, MINUTE, 5 * MINUTE);
    assert!((54..=59).contains(&used), "{used} of 58 messages in five minutes");
    rate(&world, 1_000).await;
    world.pass(10 * MINUTE).await;
    assert_once_each(&world, 150);
    settle(&world).await;
}

#[tokio::test]
async fn a_rate_that_falls_while_a_group_is_in_hand_makes_nobody_unknown() {
    let world = World::start().await;
    rate(&world, 80).await;
    let members = world.members(100).await;
    let id = world.send_sms(&members, "Hi").await;
    let lower = async {
        while world.provider.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        change(&world, "sms", json!({ "rate_per_second": 0.5 })).await;
    };
    tokio::join!(world.pass(MINUTE), lower);
    assert!(world.provider.accepted().len() < 100);
    world.pass(5 * MINUTE).await;
    rate(&world, 80).await;
    world.pass(5 * MINUTE).await;
    settles_with_all_sent_once(&world, id, 100).await;
}

//! What waits gets its turn by what its sender really does.

use std::time::Duration;

use domain::Clock;
use serde_json::json;
use testing::{Answer, World};

use super::{accepted_in, change, last_call, now, rate};
use crate::support::{assert_once_each, settle};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_rate_that_is_raised_is_used_within_two_ticks() {
    let world = World::start().await;
    rate(&world, 2).await;
    let members = world.members(1_900).await;
    let begin = now(&world);
    world.send_sms(&members, "Hi").await;
    world.pass(MINUTE).await;
    assert!(accepted_in(&world, begin, Duration::ZERO, MINUTE) <= 120);
    rate(&world, 10).await;
    let begin = now(&world);
    world.pass(4 * MINUTE).await;
    let used = accepted_in(&world, begin, 2 * MINUTE, MINUTE);
    assert!((570..=600).contains(&used), "{used} of 600 slots");
    world.pass(MINUTE).await;
    assert_once_each(&world, 1_900);
    settle(&world).await;
}

#[tokio::test]
async fn a_rate_that_is_lowered_is_kept_and_nothing_goes_to_and_fro() {
    let world = World::start().await;
    rate(&world, 20).await;
    let members = world.members(1_900).await;
    world.send_sms(&members, "Hi").await;
    world.pass(Duration::from_secs(20)).await;
    rate(&world, 1).await;
    // Here one job runs at a time: parcels of the former rate may wait for one another longer than reconcile waits for them.
    world.work_is_lost();
    let (begin, sent) = (now(&world), world.provider.accepted().len());
    let jobs = world.pass(10 * MINUTE).await;
    let after = world.provider.accepted().len() - sent;
    assert!((570..=640).contains(&after), "{after} in ten minutes");
    // At most the parcels of two minutes of the former rate come back once; 600 messages take a job for each half minute.
    assert!(jobs <= 2 * 24 + 40, "{jobs} jobs");
    assert!(accepted_in(&world, begin, MINUTE, MINUTE) >= 57);
    rate(&world, 1_000).await;
    world.pass(4 * MINUTE).await;
    assert_once_each(&world, 1_900);
    settle(&world).await;
}

#[tokio::test]
async fn a_hole_that_expired_work_leaves_is_filled() {
    let world = World::start().await;
    rate(&world, 1).await;
    let members = world.members(700).await;
    let soon = (now(&world) + 2 * MINUTE).to_string();
    let body = |to: &[String]| json!({ "target_ids": to, "messages": [{ "channel": "sms", "body": "Hi" }] });
    let mut first = body(&members[..500]);
    first["expires_at"] = json!(soon);
    world.send(first).await;
    world.drain_one("send-message").await;
    world.send(body(&members[500..])).await;
    let begin = now(&world);
    world.pass(7 * MINUTE).await;
    assert_once_each(&world, world.provider.accepted().len());
    let second = accepted_in(&world, begin, 4 * MINUTE, 2 * MINUTE);
    assert!(second >= 114, "{second} of 120 slots, four minutes before its turn was planned");
    world.work_is_lost();
    rate(&world, 1_000).await;
    world.pass(4 * MINUTE).await;
    settle(&world).await;
}

#[tokio::test]
async fn work_is_on_its_queue_at_most_two_minutes_before_its_slots() {
    let world = World::start().await;
    rate(&world, 1).await;
    let members = world.members(900).await;
    world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    let handed_out = world.waiting("dispatch-sms");
    assert_eq!(handed_out, 2, "its slots begin now and in 102 seconds");
    world.reconcile().await;
    assert_eq!(world.waiting("dispatch-sms"), handed_out);
    world.purge();
}

#[tokio::test]
async fn a_sender_that_a_person_paused_gets_no_work_until_he_resumes_it() {
    let world = World::start().await;
    rate(&world, 10).await;
    let members = world.members(1_900).await;
    let id = world.send_sms(&members, "Hi").await;
    world.pass(Duration::from_secs(30)).await;
    change(&world, "sms", json!({ "status": "paused" })).await;
    let sent = world.provider.calls().len();
    let back = world.pass(3 * MINUTE).await;
    assert!(back <= 2 * 12 + 4, "{back} parcels came back");
    let jobs = world.pass(30 * MINUTE).await;
    assert_eq!(jobs, 0, "nothing is handed out");
    assert_eq!(world.provider.calls().len(), sent);
    assert_eq!(world.action(id).await["paused"]["channel"], "sms");
    change(&world, "sms", json!({ "status": "active" })).await;
    let begin = now(&world);
    world.pass(4 * MINUTE).await;
    let used = accepted_in(&world, begin, MINUTE, MINUTE);
    assert!(used >= 570, "{used} of 600 slots");
    assert_once_each(&world, 1_900);
    settle(&world).await;
}

#[tokio::test]
async fn a_day_that_is_used_up_keeps_work_off_its_queue_until_there_is_room() {
    let world = World::start().await;
    change(&world, "sms", json!({ "rate_per_second": 20, "per_day": 150 })).await;
    let members = world.members(600).await;
    let body = json!({
        "target_ids": members, "messages": [{ "channel": "sms", "body": "Hi" }],
        "expires_at": (now(&world) + Duration::from_hours(200)).to_string(),
    });
    world.send(body).await;
    world.pass(3 * MINUTE).await;
    assert_eq!(world.provider.calls().len(), 150);
    assert_eq!(world.pass(2 * Duration::from_hours(1)).await, 0, "nothing comes and goes");
    change(&world, "sms", json!({ "per_day": 1_000 })).await;
    world.pass(2 * MINUTE).await;
    assert_once_each(&world, 600);
    settle(&world).await;
}

#[tokio::test]
async fn a_refused_message_that_waits_for_its_time_is_not_brought_forward() {
    let world = World::start().await;
    let members = world.members(2).await;
    let first = now(&world);
    world.provider.answer(move |seen| {
        let too_soon = seen.at < first + 10 * MINUTE;
        if too_soon { Answer::ThrottleRecipient(10 * MINUTE) } else { Answer::Accept }
    });
    world.send_sms(&members, "Hi").await;
    world.pass(9 * MINUTE).await;
    assert_eq!(world.provider.calls().len(), 2);
    world.pass(2 * MINUTE).await;
    assert_once_each(&world, 2);
    let last = last_call(&world);
    assert!(last.since(first) < 11 * MINUTE && world.clock.now() > last);
    settle(&world).await;
}

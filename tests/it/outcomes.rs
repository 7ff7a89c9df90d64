//! What becomes of a provider's answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::FailureCode;
use serde_json::{Value, json};
use testing::{Answer, Credentials, World};

use crate::support::{arrives, assert_once_each, failed_items, settle, settles_with_all_sent_once, summary};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn an_answer_that_never_came_is_unknown_and_never_sent_again() {
    let world = World::start().await;
    let members = world.members(40).await;
    world.provider.answer(|seen| match seen.to.as_bytes().last() {
        Some(b'3') => Answer::AcceptAndLoseAnswer,
        Some(b'4') => Answer::NoAnswer,
        _ => Answer::Accept,
    });
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.report(|seen| if seen.to.ends_with('3') { Vec::new() } else { arrives(seen) }).await;
    world.drain().await;
    world.live(10 * MINUTE).await;
    assert_eq!(world.provider.calls().len(), 40, "nobody was called twice");
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [32, 0, 0, 8, 0]));

    settle(&world).await;
    assert_eq!(
        summary(&world.action(id).await),
        ("completed".into(), [36, 0, 0, 4, 0]),
        "receipts resolve what was accepted"
    );
}

#[tokio::test]
async fn a_refusal_for_being_too_fast_is_tried_again_until_it_goes_through() {
    let world = World::start().await;
    let members = world.members(50).await;
    let calls = AtomicUsize::new(0);
    world.provider.answer(move |_| {
        if calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
            Answer::Throttle(Some(Duration::from_secs(5)))
        } else {
            Answer::Accept
        }
    });
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    assert!(world.provider.accepted().len() < 50);
    world.live(10 * MINUTE).await;
    assert_once_each(&world, 50);
    settle(&world).await;
    assert_eq!(summary(&world.action(id).await).0, "completed");
}

#[tokio::test]
async fn a_provider_that_is_not_reached_is_given_up_after_a_few_attempts() {
    let world = World::start().await;
    let members = world.members(2).await;
    world.provider.answer(|_| Answer::NotReached);
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(15 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("failed".into(), [0, 2, 0, 0, 0]));
    assert!(failed_items(&world, id).await.values().all(|code| code == "provider_unavailable"));
    assert_eq!(world.provider.calls().len(), 10, "five attempts each");
}

#[tokio::test]
async fn a_refusal_of_the_recipient_fails_that_recipient_only() {
    let world = World::start().await;
    let members = world.members(3).await;
    world.provider.answer(|seen| {
        if seen.to.ends_with('1') { Answer::Refuse(FailureCode::InvalidPhone) } else { Answer::Accept }
    });
    let id = world.send_sms(&members, "Hi").await;
    settle(&world).await;
    assert_eq!(summary(&world.action(id).await), ("partial".into(), [2, 1, 0, 0, 0]));
    let items =
        world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
    assert_eq!(items["items"][0]["code"], "invalid_phone");
    assert_eq!(items["items"][0]["provider_code"], "42", "the provider's own code is kept beside ours");
}

#[tokio::test]
async fn a_recipient_who_opted_out_at_the_provider_is_skipped_and_remembered() {
    let world = World::start().await;
    let members = world.members(2).await;
    world.provider.answer(|seen| if seen.to.ends_with('1') { Answer::OptedOut } else { Answer::Accept });
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.provider.answer(|_| Answer::Accept);
    let second = world.send_sms(&members, "Hi again").await;
    world.drain().await;
    assert_eq!(world.provider.calls().len(), 3, "the second send does not try again");
    assert_eq!(failed_items(&world, second).await, [("m1".to_owned(), "opted_out".to_owned())].into());
}

#[tokio::test]
async fn a_sender_that_is_refused_as_a_whole_pauses_and_goes_on_when_the_cause_is_gone() {
    let world = World::start().await;
    let members = world.members(250).await;
    world.provider.answer(|_| Answer::RefuseSender);
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    assert!(world.provider.calls().len() <= 3 * 20, "not ten thousand members one by one");
    let channels = world.ok("GET /channels", &[], Value::Null).await;
    let sms = channels["items"].as_array().unwrap().iter().find(|c| c["channel"] == "sms").unwrap().clone();
    assert_eq!(sms["status"], "paused");
    assert!(sms["status_reason"].as_str().unwrap().contains("credentials"));
    assert_eq!(world.action(id).await["paused"]["channel"], "sms");

    world.provider.answer(|_| Answer::Accept);
    world.live(10 * MINUTE).await;
    assert_once_each(&world, 250);
    settle(&world).await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("completed".into(), [250, 0, 0, 0, 0]));
    assert_eq!(action["paused"], json!(null));
}

#[tokio::test]
async fn a_channel_without_credentials_pauses_and_says_so_and_goes_on_when_they_are_there() {
    let world = World::start().await;
    let members = world.members(30).await;
    world.provider.credentials(Credentials::Unfit);
    let id = world.send_sms(&members, "Hi").await;
    assert_eq!(world.drain().await, 0, "no job fails for it");
    assert!(world.provider.calls().is_empty());
    let paused = world.action(id).await["paused"].clone();
    assert!(paused["reason"].as_str().unwrap_or_default().contains("credentials"), "{paused}");

    world.provider.credentials(Credentials::Whole);
    world.live(10 * MINUTE).await;
    settles_with_all_sent_once(&world, id, 30).await;
}

#[tokio::test]
async fn credentials_that_were_put_right_are_read_again_when_the_sender_is_tried() {
    let world = World::start().await;
    let members = world.members(30).await;
    world.provider.credentials(Credentials::Unfit);
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.provider.credentials(Credentials::Renewed);
    world.live(3 * MINUTE).await;
    assert_once_each(&world, 30);
    settle(&world).await;
}

#[tokio::test]
async fn credentials_that_nobody_can_read_for_an_hour_fail_nobody() {
    let world = World::start().await;
    let members = world.members(30).await;
    world.provider.credentials(Credentials::NoAnswer);
    let id = world.send_sms(&members, "Hi").await;
    world.pass(60 * MINUTE).await;
    assert!(world.provider.calls().is_empty());
    assert_eq!(summary(&world.action(id).await), ("delegated".into(), [0, 0, 0, 0, 30]));

    world.provider.credentials(Credentials::Whole);
    world.pass(5 * MINUTE).await;
    settles_with_all_sent_once(&world, id, 30).await;
}

#[tokio::test]
async fn a_channel_that_is_deleted_while_work_waits_fails_what_waits() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    world.ok("DELETE /channels/{channel}", &[("channel", "sms")], Value::Null).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("failed".into(), [0, 3, 0, 0, 0]));
    assert!(failed_items(&world, id).await.values().all(|code| code == "channel_not_configured"));
}

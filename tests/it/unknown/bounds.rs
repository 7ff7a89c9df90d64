//! What keeps asking from getting in the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::receipt::Report;
use serde_json::{Value, json};
use testing::{Answer, Credentials, Told, World};

use super::{MINUTE, asked, messages, statuses, told};
use crate::support::summary;

#[tokio::test]
async fn a_provider_that_does_not_answer_is_asked_ever_less_often_and_for_an_hour_at_most() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.provider.tell(|_| Told::NoAnswer);
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(60 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await).1, [0, 0, 0, 0, 1], "the hour is not over");
    let before = asked(&world).0;
    assert!((5..=8).contains(&before), "{before} questions");
    world.live(3 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [0, 0, 0, 1, 0]));
    assert_eq!(asked(&world).0, before + 1, "it is asked a last time");
    let detail = told(&world, &messages(&world, id).await[0], "unconfirmed").await;
    assert!(detail.contains("was asked about it and did not answer"), "{detail}");
}

#[tokio::test]
async fn a_provider_that_answers_again_is_heard() {
    let world = World::start().await;
    let members = world.members(3).await;
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    world.provider.answer(
        |seen| {
            if seen.to.ends_with('1') { Answer::AcceptAndLoseAnswer } else { Answer::Accept }
        },
    );
    world.provider.tell(move |_| {
        if is_up.load(Ordering::SeqCst) { Told::Report(Report::Delivered) } else { Told::NoAnswer }
    });
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(10 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await).1, [0, 0, 0, 0, 3]);
    up.store(true, Ordering::SeqCst);
    world.live(10 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [3, 0, 0, 0, 0]));
}

#[tokio::test]
async fn what_cannot_be_asked_in_one_tick_is_asked_in_the_next() {
    let world = World::start().await;
    let members = world.members(300).await;
    world.provider.tell(|_| Told::Report(Report::Delivered));
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    assert_eq!(asked(&world).0, 250, "one organisation's share of a tick");
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(summary(&world.action(id).await).1, [250, 0, 0, 0, 50], "none of them is given up for it");
    world.live(2 * MINUTE).await;
    assert_eq!((asked(&world).0, summary(&world.action(id).await).1), (300, [300, 0, 0, 0, 0]));
}

#[tokio::test]
async fn a_channel_that_is_gone_keeps_nothing_from_settling() {
    let world = World::start().await;
    let members = world.members(2).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.ok("DELETE /channels/{channel}", &[("channel", "sms")], Value::Null).await;
    world.live(2 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [0, 0, 0, 2, 0]));
    assert_eq!(asked(&world), (0, 0));
    let detail = told(&world, &messages(&world, id).await[0], "unconfirmed").await;
    assert!(detail.contains("could not be asked about it"), "{detail}");
}

#[tokio::test]
async fn credentials_that_are_missing_or_wrong_keep_nothing_from_settling() {
    let world = World::start().await;
    let members = world.members(2).await;
    let first = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.provider.credentials(Credentials::Unfit);
    world.live(2 * MINUTE).await;
    assert_eq!(summary(&world.action(first).await), ("completed".into(), [0, 0, 0, 2, 0]));
    assert_eq!(asked(&world), (0, 0));

    world.provider.credentials(Credentials::Whole);
    world.provider.tell(|_| Told::Refused);
    let second = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    assert_eq!(summary(&world.action(second).await), ("completed".into(), [0, 0, 0, 2, 0]));
    assert_eq!(asked(&world), (2, 0), "asking again would change nothing");
}

#[tokio::test]
async fn a_sender_that_is_paused_can_still_be_asked() {
    let world = World::start().await;
    let members = world.members(1).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.ok("PUT /channels/{channel}", &[("channel", "sms")], json!({ "status": "paused" })).await;
    world.provider.tell(|_| Told::Report(Report::Delivered));
    world.live(2 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [1, 0, 0, 0, 0]));
}

#[tokio::test]
async fn whoever_watches_asks_nobody_and_ends_no_window() {
    let world = World::start().await;
    let members = world.members(5).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    for _ in 0..40 {
        world.clock.advance(Duration::from_secs(6));
        assert_eq!(summary(&world.action(id).await).1, [0, 0, 0, 0, 5], "that is reconcile's");
    }
    assert_eq!(asked(&world), (0, 0));
    world.live(2 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [0, 0, 0, 5, 0]));
}

#[tokio::test]
async fn a_message_of_another_channel_does_not_wait_for_an_answer_about_an_sms() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.provider.tell(|_| Told::NoAnswer);
    let id = world
        .send(json!({
            "target_ids": members,
            "messages": [
                { "channel": "sms", "body": "Hi" },
                { "channel": "email", "subject": "Hello", "body": "Hi" },
            ],
        }))
        .await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    let mut messages = messages(&world, id).await;
    messages.sort_by_key(|message| message["channel"].as_str().unwrap_or_default().to_owned());
    assert_eq!(statuses(&messages), ["unconfirmed", "sent"]);
    world.live(62 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [0, 0, 0, 2, 0]));
}

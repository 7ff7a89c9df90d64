//! A message that is listed counts as ours only if it cannot be another's.

use std::time::Duration;

use domain::Channel;
use domain::receipt::Report;
use serde_json::json;
use testing::{Answer, Seen, Told, World};

use super::{MINUTE, asked, household, messages, statuses, told};

/// Everything that was accepted has arrived, if one asks.
async fn world() -> World {
    let world = World::start().await;
    world.provider.tell(|_| Told::Report(Report::Delivered));
    world
}

#[tokio::test]
async fn two_of_the_same_text_to_one_address_are_not_told_apart() {
    let world = world().await;
    let members = household(&world, &["ana", "ben"]).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.provider.answer(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Answer::AcceptAndLoseAnswer,
        _ => Answer::NoAnswer,
    });
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(5 * MINUTE).await;
    assert_eq!(asked(&world), (0, 2));
    let messages = messages(&world, id).await;
    assert_eq!(statuses(&messages), ["unconfirmed", "unconfirmed"]);
    let detail = told(&world, &messages[0], "unconfirmed").await;
    assert!(detail.contains("may as well be another one"), "{detail}");
}

#[tokio::test]
async fn two_that_say_something_else_are_told_apart() {
    let world = world().await;
    let members = household(&world, &["ana", "ben"]).await;
    world.provider.answer(|seen| {
        if seen.text.ends_with("ana") { Answer::AcceptAndLoseAnswer } else { Answer::NoAnswer }
    });
    let id = world.send_sms(&members, "Hi {{member.first_names}}").await;
    world.drain().await;
    world.live(5 * MINUTE).await;
    assert_eq!(statuses(&messages(&world, id).await), ["delivered", "unconfirmed"]);
}

#[tokio::test]
async fn a_message_that_is_known_to_be_anothers_is_not_taken() {
    let world = world().await;
    let members = household(&world, &["ana", "ben"]).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.provider.answer(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Answer::Accept,
        _ => Answer::NoAnswer,
    });
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(5 * MINUTE).await;
    let messages = messages(&world, id).await;
    let mut of = statuses(&messages);
    of.sort_unstable();
    assert_eq!(of, ["delivered", "unconfirmed"]);
    let ids: Vec<_> = messages.iter().map(|message| message["provider_message_id"].clone()).collect();
    assert!(ids.contains(&json!("SM1")) && ids.contains(&json!(null)), "{ids:?}");
}

#[tokio::test]
async fn a_message_of_somebody_who_has_given_the_address_up_is_not_taken() {
    let world = world().await;
    let members = household(&world, &["ana", "ben"]).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.provider.answer(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Answer::Accept,
        _ => Answer::NoAnswer,
    });
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    let known = messages(&world, id).await;
    let known = known.iter().find(|message| message["provider_message_id"] == "SM1").expect("one has its id");
    let who = known["member_id"].as_str().expect("a member").to_owned();
    world.member(&who, json!({ "first_names": who, "primary_phone": "+64217654321" })).await;
    world.live(5 * MINUTE).await;
    let messages = messages(&world, id).await;
    let taken = messages.iter().filter(|message| message["provider_message_id"] == "SM1").count();
    assert_eq!(taken, 1, "one message of the provider's is one of ours");
    assert!(statuses(&messages).contains(&"unconfirmed"));
}

#[tokio::test]
async fn the_same_text_in_another_send_is_another_message() {
    let world = world().await;
    let members = household(&world, &["ana"]).await;
    let first = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.provider.answer(|_| Answer::NoAnswer);
    world.clock.advance(Duration::from_secs(10));
    let second = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(5 * MINUTE).await;
    assert_eq!(statuses(&messages(&world, first).await), ["delivered"]);
    assert_eq!(statuses(&messages(&world, second).await), ["unconfirmed"]);
}

#[tokio::test]
async fn a_message_that_somebody_else_sent_from_the_same_number_leaves_it_open() {
    let world = world().await;
    let members = household(&world, &["ana"]).await;
    world.provider.answer(|_| Answer::AcceptAndLoseAnswer);
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    let ours = world.provider.accepted()[0].clone();
    let elsewhere = |seconds| Seen { at: ours.at + Duration::from_secs(seconds), ..ours.clone() };
    world.provider.accept_from_elsewhere(elsewhere(100));
    world.provider.accept_from_elsewhere(Seen { channel: Channel::WhatsApp, ..elsewhere(1) });
    world.provider.accept_from_elsewhere(Seen { text: "Hi!".into(), ..elsewhere(1) });
    let other = world.send_sms(&world.members(1).await, "Hi").await;
    world.drain().await;
    world.provider.accept_from_elsewhere(Seen { to: "+64211000000".into(), ..elsewhere(2) });
    world.live(5 * MINUTE).await;
    assert_eq!(statuses(&messages(&world, id).await), ["delivered"], "all others differ in something");
    assert_eq!(statuses(&messages(&world, other).await), ["unconfirmed"], "one is exactly like it");
}

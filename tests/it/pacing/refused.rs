//! Senders that are refused as a whole.

use std::time::Duration;

use serde_json::{Value, json};
use testing::{Answer, World};

use super::{change, now, rate};
use crate::support::{assert_once_each, settle, summary};

const MINUTE: Duration = Duration::from_mins(1);

async fn template(world: &World) {
    let template =
        json!({ "channel": "whatsapp", "name": "hi", "language": "en", "body": "Hi", "status": "approved" });
    world.ok("PUT /templates/{id}", &[("id", "hi")], template).await;
}

/// The status of a channel and the reason.
async fn status(world: &World, channel: &str) -> (String, String) {
    let channels = world.ok("GET /channels", &[], Value::Null).await;
    let items = channels["items"].as_array().cloned().unwrap_or_default();
    let item = items.into_iter().find(|item| item["channel"] == channel).unwrap_or_default();
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("status_reason"))
}

#[tokio::test]
async fn a_template_that_the_provider_has_paused_pauses_the_sender_and_fails_nobody() {
    let world = World::start().await;
    change(&world, "whatsapp", json!({ "rate_per_second": 80 })).await;
    template(&world).await;
    let members = world.members(2_000).await;
    world.provider.answer(|_| Answer::PauseTemplate);
    let body = json!({ "target_ids": members, "messages": [{ "channel": "whatsapp", "template_id": "hi" }] });
    let id = world.send(body).await;
    world.pass(30 * MINUTE).await;
    let calls = world.provider.calls().len();
    assert!(calls <= 20 * 4 + 40, "{calls} calls: a few groups, and one message each minute");
    let (paused, reason) = status(&world, "whatsapp").await;
    assert_eq!(paused, "paused");
    assert!(reason.contains("template"), "{reason}");
    let action = world.action(id).await;
    assert_eq!(action["paused"], json!({ "channel": "whatsapp", "reason": reason }));
    assert_eq!(action["estimated_completion"], Value::Null, "nobody knows");
    assert_eq!(summary(&action), ("delegated".into(), [0, 0, 0, 0, 2_000]));

    world.provider.answer(|_| Answer::Accept);
    world.pass(5 * MINUTE).await;
    assert_once_each(&world, 2_000);
    assert_eq!(status(&world, "whatsapp").await.0, "active");
    settle(&world).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [2_000, 0, 0, 0, 0]));
}

#[tokio::test]
async fn of_all_that_wait_for_a_refused_sender_one_message_a_minute_tries_it_again() {
    let world = World::start().await;
    rate(&world, 50).await;
    let members = world.members(1_900).await;
    world.provider.answer(|_| Answer::RefuseSender);
    world.send_sms(&members, "Hi").await;
    world.pass(5 * MINUTE).await;
    let (before, begin) = (world.provider.calls().len(), now(&world));
    let jobs = world.pass(60 * MINUTE).await;
    let tried = world.provider.calls().len() - before;
    let minutes = usize::try_from(now(&world).since(begin).as_secs() / 60).unwrap();
    assert!((20..=minutes + 1).contains(&tried), "{tried} tries in {minutes} minutes");
    assert!(jobs <= 2 * tried + 2, "{jobs} jobs for {tried} tries");
    world.provider.answer(|_| Answer::Accept);
    world.pass(5 * MINUTE).await;
    assert_once_each(&world, 1_900);
    settle(&world).await;
}

//! Every channel's reports carry our own id: so they resolve an answer that was lost, whenever they come.

use domain::receipt::Report;
use domain::{Channel, FailureCode};
use serde_json::json;
use testing::{Answer, World};

use super::{MINUTE, messages, statuses, told};
use crate::support::summary;

async fn to_everybody(world: &World) -> domain::BulkActionId {
    let members = world.members(2).await;
    let template = json!({
        "channel": "whatsapp", "name": "reminder", "language": "en", "status": "approved", "body": "Hi",
    });
    world.ok("PUT /templates/{id}", &[("id", "reminder")], template).await;
    let id = world
        .send(json!({
            "target_ids": members,
            "messages": [
                { "channel": "whatsapp", "template_id": "reminder" },
                { "channel": "sms", "body": "Hi" },
                { "channel": "email", "subject": "Hello", "body": "Hi" },
            ],
        }))
        .await;
    world.drain().await;
    id
}

#[tokio::test]
async fn a_report_resolves_an_answer_that_was_lost_on_every_channel() {
    let world = World::start().await;
    world.provider.answer(|_| Answer::AcceptAndLoseAnswer);
    let id = to_everybody(&world).await;
    let unknown = messages(&world, id).await;
    assert!(
        unknown.iter().all(|m| m["status"] == "sending" && m["provider_message_id"].is_null()),
        "{unknown:?}"
    );
    world
        .report(|seen| match (seen.channel, seen.message_id.slot < 3) {
            (_, true) => vec![Report::Delivered],
            (Channel::Sms, false) => vec![Report::Sent, Report::Failed(FailureCode::Undeliverable)],
            (Channel::WhatsApp | Channel::Email, false) => vec![Report::Sent],
        })
        .await;
    world.drain().await;
    let known = messages(&world, id).await;
    let mut of = statuses(&known);
    of.sort_unstable();
    assert_eq!(of, ["delivered", "delivered", "delivered", "failed", "sent", "sent"]);
    assert!(
        known.iter().all(|m| m["provider_message_id"].is_string() && m["sent_at"].is_string()),
        "{known:?}"
    );
    world.live(3 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("partial".into(), [3, 1, 0, 2, 0]));
    assert_eq!(world.provider.calls().len(), 6, "nothing was sent again");
}

#[tokio::test]
async fn a_report_that_comes_after_the_window_still_resolves_it() {
    let world = World::start().await;
    world.provider.answer(|_| Answer::AcceptAndLoseAnswer);
    world.provider.tell(|_| testing::Told::NotKnown);
    let id = to_everybody(&world).await;
    world.live(3 * MINUTE).await;
    let unknown = messages(&world, id).await;
    assert!(unknown.iter().all(|message| message["status"] == "unconfirmed"), "{unknown:?}");
    for message in &unknown {
        let detail = told(&world, message, "unconfirmed").await;
        assert!(detail.starts_with("The answer to handing the message over never came"), "{detail}");
        assert!(detail.ends_with("may reach the person a second time."), "{detail}");
        let asked = detail.contains("Asked about it");
        assert_eq!(asked, message["channel"] == "sms", "the others cannot be asked: {detail}");
    }
    world.report(|_| vec![Report::Delivered]).await;
    world.drain().await;
    world.live(3 * MINUTE).await;
    let known = messages(&world, id).await;
    assert!(
        known.iter().all(|m| m["status"] == "delivered" && m["provider_message_id"].is_string()),
        "{known:?}"
    );
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [6, 0, 0, 0, 0]));
}

#[tokio::test]
async fn what_was_accepted_and_never_reported_on_says_so_for_each_channel() {
    let world = World::start().await;
    let id = to_everybody(&world).await;
    world.live(3 * MINUTE).await;
    for message in messages(&world, id).await {
        let detail = told(&world, &message, "unconfirmed").await;
        let expected = match message["channel"].as_str() {
            Some("whatsapp") => "WhatsApp has the message",
            Some("sms") => "The SMS provider has the message",
            _ => "The email provider has the message",
        };
        assert!(detail.starts_with(expected), "{detail}");
    }
}

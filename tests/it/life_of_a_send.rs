//! A send from its acceptance to its end.

use std::time::Duration;

use serde_json::{Value, json};
use testing::World;

use crate::support::{arrives, assert_once_each, failed_items, settle, settles_with_all_sent_once, summary};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn every_member_gets_the_message_once_and_the_action_completes() {
    let world = World::start().await;
    let members = world.members(250).await;
    let id = world.send_sms(&members, "Hi {{member.first_names}}, service is at 10:00").await;
    assert_eq!(summary(&world.action(id).await), ("queued".into(), [0, 0, 0, 0, 250]));

    world.drain().await;
    assert_eq!(world.action(id).await["status"], "delegated");
    assert_once_each(&world, 250);
    assert_eq!(world.provider.accepted()[0].text.find("Hi Ana"), Some(0));

    settle(&world).await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("completed".into(), [250, 0, 0, 0, 0]));
    assert_eq!((&action["sent_count"], &action["delivered_count"]), (&json!(250), &json!(250)));
    let statuses: Vec<&Value> = action["history"].as_array().unwrap().iter().map(|m| &m["status"]).collect();
    assert_eq!(statuses, ["queued", "processing", "delegated", "completed"]);
}

#[tokio::test]
async fn an_action_of_several_blocks_writes_every_row() {
    let world = World::start().await;
    let members = world.members(2_300).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    settles_with_all_sent_once(&world, id, 2_300).await;
}

#[tokio::test]
async fn members_who_cannot_be_reached_fail_with_their_reason() {
    let world = World::start().await;
    world.member("good", json!({ "first_names": "Ana", "primary_phone": "+64211234567" })).await;
    world.member("nophone", json!({ "first_names": "Bo" })).await;
    world.member("badphone", json!({ "first_names": "Cy", "primary_phone": "12" })).await;
    world.member("noname", json!({ "primary_phone": "+64211234568" })).await;
    let all = ["good", "nophone", "badphone", "noname", "ghost"].map(str::to_owned);
    let id = world.send_sms(&all, "Hi {{member.first_names}}").await;
    settle(&world).await;

    assert_eq!(summary(&world.action(id).await), ("partial".into(), [1, 4, 0, 0, 0]));
    let codes = failed_items(&world, id).await;
    let expected = [
        ("badphone", "invalid_phone"),
        ("ghost", "member_not_found"),
        ("noname", "missing_variable"),
        ("nophone", "no_phone"),
    ];
    assert_eq!(codes, expected.map(|(member, code)| (member.to_owned(), code.to_owned())).into());
    assert_eq!(world.provider.calls().len(), 1, "nobody else was tried");
    let items =
        world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
    let bad = items["items"].as_array().unwrap().iter().find(|item| item["member_id"] == "badphone").unwrap();
    assert_eq!(bad["address"], "12", "it is what somebody has to correct");
}

#[tokio::test]
async fn a_missing_variable_is_named() {
    let world = World::start().await;
    world.member("m", json!({ "primary_phone": "+64211234567" })).await;
    let id = world.send_sms(&["m".to_owned()], "{{member.fields.seat}}").await;
    world.drain().await;
    let items =
        world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
    let message = items["items"][0]["message"].as_str().unwrap();
    assert!(message.contains("member.fields.seat"), "{message}");
    world.live(2 * MINUTE).await;
    assert_eq!(world.action(id).await["status"], "failed");
}

#[tokio::test]
async fn a_member_named_twice_gets_one_message() {
    let world = World::start().await;
    let members = world.members(1).await;
    let twice = [members[0].clone(), members[0].clone()];
    let id = world.send_sms(&twice, "Hi").await;
    world.drain().await;
    assert_once_each(&world, 1);
    assert_eq!(world.action(id).await["duplicates_removed"], 1);
}

#[tokio::test]
async fn all_matching_members_are_frozen_at_acceptance() {
    let world = World::start().await;
    world.members(5).await;
    let id = world
        .send(json!({
            "selection": { "all_matching": {} }, "messages": [{ "channel": "sms", "body": "Hi" }],
        }))
        .await;
    world.member("late", json!({ "primary_phone": "+64211234567" })).await;
    world.drain().await;
    assert_eq!(world.action(id).await["total"], 5);
    assert_once_each(&world, 5);
}

#[tokio::test]
async fn each_channel_is_a_message_of_its_own() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world
        .send(json!({
            "target_ids": members,
            "messages": [
                { "channel": "sms", "body": "Hi" },
                { "channel": "email", "subject": "Hello", "body": "Hi {{member.first_names}}" },
            ],
        }))
        .await;
    world.drain().await;
    assert_once_each(&world, 6);
    assert_eq!(world.action(id).await["total"], 6);
    let mail = world.provider.accepted().into_iter().find(|seen| seen.to.contains('@')).unwrap();
    assert!(mail.unsubscribe_url.is_some(), "every mail has a way out");
}

#[tokio::test]
async fn first_reachable_sends_one_message_per_member() {
    let world = World::start().await;
    let mut members = world.members(2).await;
    world.member("mailonly", json!({ "email": "only@example.org" })).await;
    members.push("mailonly".into());
    let id = world.send(json!({
        "target_ids": members, "routing": "first_reachable",
        "messages": [{ "channel": "sms", "body": "Hi" }, { "channel": "email", "subject": "Hello", "body": "Hi" }],
    })).await;
    world.drain().await;
    assert_once_each(&world, 3);
    assert_eq!(world.action(id).await["total"], 3);
}

#[tokio::test]
async fn a_whatsapp_template_is_filled_for_each_recipient() {
    let world = World::start().await;
    let members = world.members(1).await;
    let template = json!({
        "channel": "whatsapp", "name": "service_reminder", "language": "en", "status": "approved",
        "body": "Hi {{1}}, service is at {{2}}",
        "parameters": [{ "position": 1, "component": "body" }, { "position": 2, "component": "body" }],
    });
    world.ok("PUT /templates/{id}", &[("id", "reminder")], template).await;
    let parameters = json!({ "1": "{{member.first_names}}", "2": "10:00" });
    world
        .send(json!({
            "target_ids": members,
            "messages": [{ "channel": "whatsapp", "template_id": "reminder", "parameters": parameters }],
        }))
        .await;
    world.drain().await;
    assert_eq!(world.provider.accepted()[0].text, "Hi Ana0, service is at 10:00");
}

#[tokio::test]
async fn a_message_without_a_report_is_unconfirmed_after_its_window_and_a_late_report_corrects_it() {
    let world = World::start().await;
    let members = world.members(2).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(4 * MINUTE).await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("completed".into(), [0, 0, 0, 2, 0]));
    let finished_at = action["finished_at"].clone();

    world
        .report(|seen| {
            vec![if seen.to.ends_with('0') {
                domain::receipt::Report::Delivered
            } else {
                domain::receipt::Report::Failed(domain::FailureCode::Undeliverable)
            }]
        })
        .await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("partial".into(), [1, 1, 0, 0, 0]));
    assert_eq!(action["finished_at"], finished_at, "the end stays");
    assert!(action["corrected_at"].is_string());
    assert_eq!(action["history"].as_array().unwrap().last().unwrap()["by"], "late_receipt");
}

#[tokio::test]
async fn what_was_not_sent_while_it_was_useful_expires() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send(json!({
        "target_ids": members, "messages": [{ "channel": "sms", "body": "Hi" }], "expires_at": "2026-12-01T09:30:00Z",
    })).await;
    world.clock.advance(Duration::from_hours(1));
    world.drain().await;
    world.live(3 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("failed".into(), [0, 3, 0, 0, 0]));
    assert!(failed_items(&world, id).await.values().all(|code| code == "expired"));
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn whoever_watches_sees_counts_that_are_at_most_five_seconds_old() {
    let world = World::start().await;
    let members = world.members(120).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(6));
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("completed".into(), [120, 0, 0, 0, 0]), "without reconcile having run");
    world.live(2 * MINUTE).await;
}

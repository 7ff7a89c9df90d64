//! Members are read again before a message that has waited for hours leaves.

use std::time::Duration;

use domain::BulkActionId;
use serde_json::{Value, json};
use testing::World;

use super::{change, now};
use crate::support::{failed_items, settle, summary};

/// Six members; the sender takes one message a day until a limit is lifted, so that the other five wait for hours.
async fn waiting(world: &World) -> BulkActionId {
    change(world, "sms", json!({ "per_day": 1 })).await;
    let members = world.members(6).await;
    let body = json!({
        "target_ids": members, "messages": [{ "channel": "sms", "body": "Hi {{member.first_names}}" }],
        "expires_at": (now(world) + Duration::from_hours(100)).to_string(),
    });
    let id = world.send(body).await;
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.provider.calls().len(), 1);
    id
}

async fn hours_later(world: &World) {
    world.live(Duration::from_hours(2)).await;
    change(world, "sms", json!({ "per_day": null })).await;
    settle(world).await;
    settle(world).await;
}

fn sent(world: &World) -> Vec<(String, String)> {
    let mut sent: Vec<_> = world.provider.accepted().into_iter().map(|seen| (seen.to, seen.text)).collect();
    sent.sort();
    sent
}

fn phone(i: usize) -> String {
    format!("+6421{:07}", 1_000_000 + i)
}

#[tokio::test]
async fn address_and_variables_are_those_of_the_hour_in_which_a_message_leaves() {
    let world = World::start().await;
    let id = waiting(&world).await;
    world.member("m2", json!({ "first_names": "Bea", "primary_phone": phone(2) })).await;
    world.member("m3", json!({ "first_names": "Ana3", "primary_phone": "+64217777777" })).await;
    hours_later(&world).await;
    let mut expected: Vec<_> = [0, 1, 4, 5].iter().map(|i| (phone(*i), format!("Hi Ana{i}"))).collect();
    expected.extend([(phone(2), "Hi Bea".to_owned()), ("+64217777777".to_owned(), "Hi Ana3".to_owned())]);
    expected.sort();
    assert_eq!(sent(&world), expected);
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [6, 0, 0, 0, 0]));
    let log = world.request_query("GET /messages", &format!("bulk_action_id={id}")).await;
    assert!(log.body.contains("+64217777777"), "the log shows where it went");
}

#[tokio::test]
async fn who_cannot_be_reached_any_more_fails_with_the_reason_of_the_hour() {
    let world = World::start().await;
    let id = waiting(&world).await;
    world.member("m1", json!({ "first_names": "Ana1" })).await;
    world.ok("DELETE /members/{id}", &[("id", "m2")], Value::Null).await;
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "m3"), ("channel", "sms")], json!({})).await;
    world.member("m4", json!({ "primary_phone": phone(4) })).await;
    world.member("m5", json!({ "first_names": "Ana5", "primary_phone": "12" })).await;
    hours_later(&world).await;
    let expected = [
        ("m1", "no_phone"),
        ("m2", "member_not_found"),
        ("m3", "opted_out"),
        ("m4", "missing_variable"),
        ("m5", "invalid_phone"),
    ];
    let expected = expected.map(|(member, code)| (member.to_owned(), code.to_owned())).into();
    assert_eq!(failed_items(&world, id).await, expected);
    assert_eq!(world.provider.calls().len(), 1);
    assert_eq!(summary(&world.action(id).await), ("partial".into(), [1, 4, 1, 0, 0]));
}

#[tokio::test]
async fn what_was_written_within_the_hour_is_sent_as_it_was_written() {
    let world = World::start().await;
    waiting(&world).await;
    world.member("m2", json!({ "first_names": "Bea", "primary_phone": phone(2) })).await;
    world.live(Duration::from_mins(50)).await;
    change(&world, "sms", json!({ "per_day": null })).await;
    settle(&world).await;
    settle(&world).await;
    assert!(sent(&world).contains(&(phone(2), "Hi Ana2".to_owned())));
}

#[tokio::test]
async fn an_erased_member_gets_nothing_however_long_the_message_waited() {
    let world = World::start().await;
    let id = waiting(&world).await;
    world.ok("POST /members/{id}/erase", &[("id", "m2")], json!({})).await;
    hours_later(&world).await;
    assert_eq!(world.provider.accepted().len(), 5);
    assert_eq!(failed_items(&world, id).await, [("m2".to_owned(), "member_not_found".to_owned())].into());
}

#[tokio::test]
async fn a_household_gets_its_message_where_it_was_going_although_its_first_member_has_moved() {
    let world = World::start().await;
    change(&world, "sms", json!({ "per_day": 1 })).await;
    world.members(2).await;
    world.member("m2", json!({ "first_names": "Ana2", "primary_phone": phone(1) })).await;
    let id = waiting_household(&world).await;
    world.member("m1", json!({ "first_names": "Ana1", "primary_phone": "+64217777777" })).await;
    hours_later(&world).await;
    assert_eq!(sent(&world), [(phone(0), "Hi Ana0".to_owned()), (phone(1), "Hi Ana1".to_owned())]);
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [2, 0, 1, 0, 0]));
}

async fn waiting_household(world: &World) -> BulkActionId {
    let body = json!({
        "target_ids": ["m0", "m1", "m2"], "messages": [{ "channel": "sms", "body": "Hi {{member.first_names}}" }],
        "dedupe": "address", "expires_at": (now(world) + Duration::from_hours(100)).to_string(),
    });
    let id = world.send(body).await;
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.provider.calls().len(), 1);
    id
}

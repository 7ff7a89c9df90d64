//! An opt-out wins, at both gates.

use serde_json::{Value, json};
use testing::World;

use crate::support::failed_items;

async fn opt_out(world: &World, member: &str, channel: &str) {
    world
        .ok("PUT /members/{id}/opt-outs/{channel}", &[("id", member), ("channel", channel)], json!({}))
        .await;
}

#[tokio::test]
async fn a_member_who_opted_out_is_skipped_before_the_queue_is_built() {
    let world = World::start().await;
    let members = world.members(3).await;
    opt_out(&world, "m1", "sms").await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    assert_eq!(world.provider.calls().len(), 2);
    assert_eq!(failed_items(&world, id).await, [("m1".to_owned(), "opted_out".to_owned())].into());
    let action = world.action(id).await;
    let items =
        world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
    assert_eq!(items["items"][0]["message"], "Opted out of SMS");
    assert_eq!((&action["skipped_count"], &action["failed_count"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn an_opt_out_between_the_rows_and_the_call_still_wins() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    opt_out(&world, "m1", "sms").await;
    world.drain().await;
    assert_eq!(world.provider.calls().len(), 2, "gate 2 saw it");
    assert_eq!(failed_items(&world, id).await, [("m1".to_owned(), "opted_out".to_owned())].into());
}

#[tokio::test]
async fn an_opt_out_of_one_channel_leaves_the_others_open() {
    let world = World::start().await;
    let members = world.members(1).await;
    opt_out(&world, "m0", "sms").await;
    world.send(json!({
        "target_ids": members,
        "messages": [{ "channel": "sms", "body": "Hi" }, { "channel": "email", "subject": "Hello", "body": "Hi" }],
    })).await;
    world.drain().await;
    let accepted = world.provider.accepted();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].channel, domain::Channel::Email);
}

#[tokio::test]
async fn the_opt_out_of_an_address_counts_for_every_member_who_has_it_now_or_later() {
    let world = World::start().await;
    world.member("first", json!({ "primary_phone": "+64211234567" })).await;
    opt_out(&world, "first", "sms").await;
    world.member("second", json!({ "primary_phone": "021 123 4567", "country": "NZ" })).await;
    let id = world.send_sms(&["second".to_owned()], "Hi").await;
    world.drain().await;
    assert!(world.provider.calls().is_empty());
    assert_eq!(failed_items(&world, id).await["second"], "opted_out");
}

#[tokio::test]
async fn a_lifted_opt_out_lets_messages_through_again() {
    let world = World::start().await;
    let members = world.members(1).await;
    opt_out(&world, "m0", "sms").await;
    world.clock.advance(std::time::Duration::from_secs(1));
    world
        .ok("DELETE /members/{id}/opt-outs/{channel}", &[("id", "m0"), ("channel", "sms")], Value::Null)
        .await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    assert_eq!(world.provider.accepted().len(), 1);
}

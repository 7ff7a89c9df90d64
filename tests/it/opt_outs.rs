//! An opt-out wins, at both gates.

use std::time::Duration;

use domain::member::Address;
use domain::{Channel, Clock, MessageId};
use serde_json::{Value, json};
use store::row::Row;
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

/// Found by the crash tests: the parcel said that gate 1 had looked when the second worker did, so that gate 2 did not look as far back as
/// the first worker's rows.
#[tokio::test]
async fn an_opt_out_wins_over_rows_whose_writer_was_stopped_before_it_could_hand_them_on() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    let row = |(slot, member): (u16, &String)| Row {
        address: Some(Address::stored(format!("+6421{:07}", 1_000_000 + u32::from(slot)))),
        ..Row::queued(
            World::org(),
            MessageId { send: id.ulid(), chunk: 0, slot },
            member.parse().unwrap(),
            Channel::Sms,
            world.clock.now(),
        )
    };
    let rows: Vec<Row> = (0..).zip(&members).map(row).collect();
    assert_eq!(world.store.create_rows(&rows).await.unwrap(), [true; 3]);
    world.purge();
    world.clock.advance(Duration::from_secs(5));
    opt_out(&world, "m1", "sms").await;
    world.live(Duration::from_mins(5)).await;
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
    assert_eq!(accepted[0].channel, Channel::Email);
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
    world.clock.advance(Duration::from_secs(1));
    world
        .ok("DELETE /members/{id}/opt-outs/{channel}", &[("id", "m0"), ("channel", "sms")], Value::Null)
        .await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    assert_eq!(world.provider.accepted().len(), 1);
}

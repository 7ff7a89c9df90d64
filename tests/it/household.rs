//! Household sense: one message per address.

use domain::FailureCode;
use serde_json::{Value, json};
use testing::{Answer, World};

use crate::support::{accepted_per_address, assert_once_each, body, settle, summary};

const FAMILY: &str = "+64211234567";

async fn family(world: &World) {
    for (id, name) in [("c", "Cy"), ("a", "Ana"), ("b", "Bo")] {
        world.member(id, json!({ "first_names": name, "primary_phone": FAMILY })).await;
    }
    world.member("d", json!({ "first_names": "Di", "primary_phone": "+64217654321" })).await;
}

fn to(ids: &[&str]) -> Value {
    json!({ "target_ids": ids, "dedupe": "address", "messages": [{ "channel": "sms", "body": "Hi {{member.first_names}}" }] })
}

#[tokio::test]
async fn one_message_goes_to_an_address_and_covers_the_others_who_have_it() {
    let world = World::start().await;
    family(&world).await;
    let id = world.send(to(&["b", "a", "d", "c"])).await;
    settle(&world).await;
    assert_once_each(&world, 2);
    let to_family = world.provider.accepted().into_iter().find(|seen| seen.to == FAMILY).unwrap();
    assert_eq!(to_family.text, "Hi Bo", "the first in order of the targets");
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [2, 0, 2, 0, 0]));

    let log = world.ok("GET /messages", &[], Value::Null).await;
    let of =
        |member: &str| log["items"].as_array().unwrap().iter().find(|m| m["member_id"] == member).unwrap();
    for covered in ["a", "c"] {
        assert_eq!(
            (&of(covered)["status"], &of(covered)["failure_code"]),
            (&json!("skipped"), &json!("covered"))
        );
        assert_eq!(of(covered)["covered_by"], of("b")["id"]);
    }
}

#[tokio::test]
async fn the_cover_is_the_first_who_can_be_reached() {
    let world = World::start().await;
    family(&world).await;
    world.member("a", json!({ "primary_phone": FAMILY })).await;
    let id = world.send(to(&["a", "b", "c"])).await;
    settle(&world).await;
    assert_eq!(world.provider.accepted()[0].text, "Hi Bo", "a has no first name");
    assert_eq!(summary(&world.action(id).await), ("partial".into(), [1, 1, 1, 0, 0]));
}

#[tokio::test]
async fn an_address_is_covered_across_the_whole_send() {
    let world = World::start().await;
    family(&world).await;
    let mut ids = vec!["b".to_owned()];
    ids.extend(world.members(2_300).await);
    ids.push("a".to_owned());
    ids.insert(1_200, "c".to_owned());
    let id = world.send(json!({ "target_ids": ids, "dedupe": "address", "messages": [{ "channel": "sms", "body": "Hi {{member.first_names}}" }] })).await;
    settle(&world).await;
    assert_once_each(&world, 2_301);
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [2_301, 0, 2, 0, 0]));
}

#[tokio::test]
async fn a_lost_block_is_written_again_in_its_turn() {
    let world = World::start().await;
    family(&world).await;
    let mut ids = vec!["b".to_owned()];
    ids.extend(world.members(1_100).await);
    ids.push("a".to_owned());
    world.send(json!({ "target_ids": ids, "dedupe": "address", "messages": [{ "channel": "sms", "body": "Hi" }] })).await;
    world.drain_one("send-message").await;
    world.purge();
    for _ in 0..3 {
        world.live(std::time::Duration::from_mins(3)).await;
    }
    settle(&world).await;
    assert_once_each(&world, 1_101);
}

#[tokio::test]
async fn retrying_a_cover_that_failed_takes_the_household_again_and_one_that_arrived_nobody() {
    let world = World::start().await;
    family(&world).await;
    world.provider.answer(|seen| {
        if seen.to == FAMILY { Answer::Refuse(FailureCode::Undeliverable) } else { Answer::Accept }
    });
    let id = world.send(to(&["b", "a", "d", "c"])).await;
    settle(&world).await;
    world.provider.answer(|_| Answer::Accept);
    let path = id.to_string();
    let action = body(&world.call("POST /bulk-actions/{id}/retry", &[("id", &path)], json!({})).await);
    assert_eq!(action["total"], 3);
    settle(&world).await;
    assert_once_each(&world, 2);

    let id = world.send(to(&["b", "a", "c"])).await;
    settle(&world).await;
    let path = id.to_string();
    let reply = world.call("POST /bulk-actions/{id}/retry", &[("id", &path)], json!({})).await;
    assert_eq!(reply.status, 409, "they were covered by what arrived");
    assert_eq!(accepted_per_address(&world)[FAMILY], 2, "once for each of the two sends");
}

#[tokio::test]
async fn without_dedupe_everybody_gets_their_own() {
    let world = World::start().await;
    family(&world).await;
    world
        .send(json!({ "target_ids": ["a", "b", "c"], "messages": [{ "channel": "sms", "body": "Hi" }] }))
        .await;
    settle(&world).await;
    assert_eq!(accepted_per_address(&world)[FAMILY], 3);
}

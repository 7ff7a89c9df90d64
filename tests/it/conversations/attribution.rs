//! Which message is answered.

use std::time::Duration;

use serde_json::{Value, json};
use testing::{World, Writes};

use super::{PHONE, conversation, last_inbound, messages, reactions, texts};
use crate::support::arrives;

const DAY: Duration = Duration::from_hours(24);

/// A world in which the only member was sent two messages, `SM1` and `SM2`.
async fn sent_two() -> (World, [domain::BulkActionId; 2]) {
    let world = World::start().await;
    let members = world.members(1).await;
    let first = world.send_sms(&members, "First").await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(10));
    let second = world.send_sms(&members, "Second").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    (world, [first, second])
}

#[tokio::test]
async fn a_reply_answers_the_last_message_that_was_sent_there() {
    let (world, [first, second]) = sent_two().await;
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(world.inbound(&Writes::sms(PHONE, "IN1", "Yes, I come")).await.status, 200);
    let inbound = last_inbound(&world).await;
    assert_eq!(inbound["bulk_action_id"], json!(second));
    assert_eq!((&inbound["attribution"], &inbound["status"]), (&json!("latest"), &json!("delivered")));
    assert_eq!((&inbound["member_id"], &inbound["provider_message_id"]), (&json!("m0"), &json!("IN1")));
    let thread = messages(&world).await;
    assert_eq!(texts(&thread), ["Yes, I come", "Second", "First"], "bulk messages are in their place");
    assert_eq!(thread[0]["in_reply_to"], thread[1]["id"]);
    assert_eq!((reactions(&world, first).await, reactions(&world, second).await), ((0, 0), (1, 0)));
    let answered =
        world.ok("GET /messages/{id}", &[("id", thread[1]["id"].as_str().unwrap())], Value::Null).await;
    let told = answered["history"].to_string();
    assert!(told.contains(&format!("Answered by {}", thread[0]["id"].as_str().unwrap())), "{told}");
}

#[tokio::test]
async fn a_reply_that_quotes_a_message_answers_that_one() {
    let (world, [first, second]) = sent_two().await;
    world.inbound(&Writes::sms(PHONE, "IN1", "This one").quoting("SM1")).await;
    let inbound = last_inbound(&world).await;
    assert_eq!((&inbound["bulk_action_id"], &inbound["attribution"]), (&json!(first), &json!("quoted")));
    assert_eq!((reactions(&world, first).await, reactions(&world, second).await), ((1, 0), (0, 0)));
}

#[tokio::test]
async fn a_second_answer_to_a_message_counts_it_once() {
    let (world, [_, second]) = sent_two().await;
    world.inbound(&Writes::sms(PHONE, "IN1", "Yes")).await;
    world.clock.advance(Duration::from_secs(1));
    world.inbound(&Writes::sms(PHONE, "IN2", "No, sorry")).await;
    assert_eq!(last_inbound(&world).await["bulk_action_id"], json!(second));
    assert_eq!(reactions(&world, second).await, (1, 0));
}

#[tokio::test]
async fn what_comes_more_than_seven_days_later_answers_nothing_unless_it_quotes() {
    let (world, [first, second]) = sent_two().await;
    world.clock.advance(Duration::from_hours(7 * 24 - 1));
    world.inbound(&Writes::sms(PHONE, "IN1", "In time")).await;
    assert_eq!(last_inbound(&world).await["bulk_action_id"], json!(second));
    world.clock.advance(Duration::from_hours(2));
    world.inbound(&Writes::sms(PHONE, "IN2", "Too late")).await;
    let late = last_inbound(&world).await;
    assert_eq!(
        (&late["text"], &late["in_reply_to"], &late["attribution"]),
        (&json!("Too late"), &Value::Null, &Value::Null)
    );
    world.clock.advance(DAY * 22);
    world.inbound(&Writes::sms(PHONE, "IN3", "Quoted").quoting("SM1")).await;
    assert_eq!(last_inbound(&world).await["bulk_action_id"], json!(first), "within thirty days");
    world.clock.advance(DAY * 2);
    world.inbound(&Writes::sms(PHONE, "IN4", "Quoted too late").quoting("SM1")).await;
    assert_eq!(last_inbound(&world).await["in_reply_to"], Value::Null);
}

#[tokio::test]
async fn a_message_that_was_not_sent_is_answered_by_nobody() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "m0"), ("channel", "sms")], json!({})).await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.inbound(&Writes::sms(PHONE, "IN1", "Why do you not write?")).await;
    assert_eq!(last_inbound(&world).await["in_reply_to"], Value::Null);
}

#[tokio::test]
async fn an_answer_that_comes_before_our_own_record_of_the_call_finds_its_message() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    // The dispatcher stops while the provider has the message.
    world.provider.answer(|_| panic!("killed"));
    world.crash_one("dispatch-sms").await;
    world.inbound(&Writes::sms(PHONE, "IN1", "Already read")).await;
    let thread = messages(&world).await;
    assert_eq!(thread[0]["in_reply_to"], thread[1]["id"]);
    world.purge();
}

#[tokio::test]
async fn of_several_members_with_one_number_the_one_who_was_last_sent_something_wrote() {
    let world = World::start().await;
    for id in ["ana", "ben"] {
        world.member(id, json!({ "primary_phone": PHONE })).await;
    }
    world.inbound(&Writes::sms(PHONE, "IN1", "Who am I?")).await;
    let unknown = conversation(&world).await;
    assert_eq!((&unknown["matched"], &unknown["candidates"]), (&json!(false), &json!(["ana", "ben"])));
    for (id, inbound) in [("ana", "IN2"), ("ben", "IN3")] {
        world.clock.advance(Duration::from_secs(10));
        world.send_sms(&[id.to_owned()], "Hi").await;
        world.drain().await;
        world.inbound(&Writes::sms(PHONE, inbound, "Me")).await;
        let known = conversation(&world).await;
        assert_eq!((&known["member_id"], &known["candidates"]), (&json!(id), &json!([])));
        assert_eq!(last_inbound(&world).await["member_id"], json!(id));
    }
}

#[tokio::test]
async fn a_secondary_phone_is_known_too() {
    let world = World::start().await;
    world
        .member(
            "ana",
            json!({ "primary_phone": "+6421999999", "secondary_phone": "021 100 0000", "country": "NZ" }),
        )
        .await;
    world.inbound(&Writes::sms(PHONE, "IN1", "From my other phone")).await;
    assert_eq!(conversation(&world).await["member_id"], json!("ana"));
}

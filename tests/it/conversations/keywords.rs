//! STOP, START, YES and HELP, and the other ways to opt out.

use std::time::Duration;

use domain::opt_out::Source;
use domain::receipt::Report;
use domain::{Channel, Clock};
use serde_json::{Value, json};
use testing::{World, Writes};

use super::{PHONE, conversation, messages, reactions, texts};
use crate::support::{arrives, failed_items};

/// A world whose only member was sent something on `channel`.
async fn sent() -> (World, domain::BulkActionId, Vec<String>) {
    let world = World::start().await;
    let members = world.members(1).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(30));
    (world, id, members)
}

/// Whether a send now reaches the only member.
async fn reaches(world: &World, members: &[String]) -> bool {
    world.clock.advance(Duration::from_secs(1));
    let before = world.provider.calls().len();
    let id = world.send_sms(members, "Once more").await;
    world.drain().await;
    let reached = world.provider.calls().len() > before;
    assert_eq!(reached, failed_items(world, id).await.is_empty());
    reached
}

/// Tidings answers SMS keywords, and not Twilio.
async fn answer_ourselves(world: &World) {
    let settings = json!({ "sender": "+6421000000", "keyword_replies": "tidings" });
    world.ok("PUT /channels/{channel}", &[("channel", "sms")], settings).await;
}

#[tokio::test]
async fn stop_opts_out_shows_in_the_conversation_and_counts_with_its_cause() {
    let (world, id, members) = sent().await;
    answer_ourselves(&world).await;
    world.inbound(&Writes::sms(PHONE, "IN1", " Ｓtop! ")).await;
    let thread = messages(&world).await;
    assert_eq!(texts(&thread), [" Ｓtop! ", "Hi"], "and is not answered");
    assert_eq!(reactions(&world, id).await, (1, 1));
    assert!(!reaches(&world, &members).await);
    let told =
        world.ok("GET /messages/{id}", &[("id", thread[1]["id"].as_str().unwrap())], Value::Null).await;
    assert!(told["history"].to_string().contains("opted out because of it"), "{told}");
}

#[tokio::test]
async fn a_stop_of_somebody_who_is_out_already_has_no_cause() {
    let (world, id, _) = sent().await;
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "m0"), ("channel", "sms")], json!({})).await;
    world.clock.advance(Duration::from_secs(1));
    world.inbound(&Writes::sms(PHONE, "IN1", "STOP")).await;
    assert_eq!(reactions(&world, id).await, (1, 0));
}

#[tokio::test]
async fn what_twilio_understood_counts_whatever_the_text() {
    let (world, id, members) = sent().await;
    world.inbound(&Writes::sms(PHONE, "IN1", "arrêt").with("OptOutType", "STOP")).await;
    assert_eq!(reactions(&world, id).await, (1, 1));
    assert!(!reaches(&world, &members).await);
}

#[tokio::test]
async fn help_is_answered_once() {
    let (world, ..) = sent().await;
    answer_ourselves(&world).await;
    for _ in 0..2 {
        world.inbound(&Writes::sms(PHONE, "IN1", "help?")).await;
        world.drain().await;
        world.clock.advance(Duration::from_secs(30));
    }
    let answers: Vec<String> = world.provider.accepted().into_iter().skip(1).map(|seen| seen.text).collect();
    assert_eq!(answers, ["St Mark sends you these messages. Reply STOP to get no more."]);
    assert_eq!(texts(&messages(&world).await), [answers[0].as_str(), "help?", "Hi"]);
}

#[tokio::test]
async fn help_is_answered_with_the_organisations_own_words() {
    let world = World::start().await;
    let words = "St Mark, {{org.name}}: ring 09 555 0100. Reply STOP to get no more.";
    let organisation = json!({ "name": "St Mark", "country": "NZ", "help_text": words });
    world.ok("PUT /organisation", &[], organisation).await;
    world.inbound(&Writes::whatsapp(PHONE, "W1", "INFO")).await;
    world.drain().await;
    assert_eq!(
        world.provider.accepted()[0].text,
        "St Mark, St Mark: ring 09 555 0100. Reply STOP to get no more."
    );
}

#[tokio::test]
async fn help_text_that_cannot_be_written_gives_way_to_our_own() {
    let world = World::start().await;
    let organisation = json!({ "name": "St Mark", "country": "NZ", "help_text": "Ask {{who knows}}" });
    world.ok("PUT /organisation", &[], organisation).await;
    world.inbound(&Writes::whatsapp(PHONE, "W1", "HELP")).await;
    world.drain().await;
    assert!(world.provider.accepted()[0].text.starts_with("St Mark sends you"));
}

#[tokio::test]
async fn help_is_not_answered_where_the_provider_answers() {
    let (world, ..) = sent().await;
    world.inbound(&Writes::sms(PHONE, "IN1", "HELP")).await;
    answer_ourselves(&world).await;
    world.clock.advance(Duration::from_mins(1));
    world.inbound(&Writes::sms(PHONE, "IN2", "HELP").with("OptOutType", "HELP")).await;
    world.drain().await;
    assert_eq!(world.provider.calls().len(), 1, "the bulk message alone");
    assert_eq!(messages(&world).await.len(), 3);
}

#[tokio::test]
async fn yes_from_an_address_that_is_not_opted_out_is_an_ordinary_answer() {
    let (world, id, members) = sent().await;
    answer_ourselves(&world).await;
    world.inbound(&Writes::sms(PHONE, "IN1", "Yes!")).await;
    world.drain().await;
    assert_eq!(world.provider.calls().len(), 1, "nothing is answered");
    assert_eq!(reactions(&world, id).await, (1, 0));
    assert!(reaches(&world, &members).await);
}

#[tokio::test]
async fn start_and_yes_lift_a_stop_and_are_confirmed() {
    for word in ["START", "yes"] {
        let (world, _, members) = sent().await;
        answer_ourselves(&world).await;
        world.inbound(&Writes::sms(PHONE, "IN1", "STOP")).await;
        assert!(!reaches(&world, &members).await);
        for _ in 0..2 {
            world.clock.advance(Duration::from_mins(1));
            world.inbound(&Writes::sms(PHONE, "IN2", word)).await;
            world.drain().await;
        }
        let answers: Vec<String> =
            world.provider.accepted().into_iter().skip(1).map(|seen| seen.text).collect();
        assert_eq!(answers, ["St Mark: you get our messages again. Reply STOP to get no more."], "{word}");
        assert!(reaches(&world, &members).await);
    }
}

#[tokio::test]
async fn start_never_lifts_a_complaint() {
    let (world, _, members) = sent().await;
    answer_ourselves(&world).await;
    let hash = world.store.address_hash(&World::org(), &domain::member::Address::stored(PHONE.into()));
    let now = world.clock.now();
    world
        .store
        .opt_out_address(&World::org(), Channel::Sms, &hash, Source::Complaint, now, now)
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(1));
    world.inbound(&Writes::sms(PHONE, "IN1", "START")).await;
    world.drain().await;
    assert_eq!(world.provider.calls().len(), 1, "nothing is confirmed");
    assert!(!reaches(&world, &members).await);
}

#[tokio::test]
async fn an_old_stop_that_comes_again_changes_nothing() {
    let (world, id, members) = sent().await;
    world.inbound(&Writes::sms(PHONE, "IN1", "STOP")).await;
    world.clock.advance(Duration::from_mins(1));
    world.inbound(&Writes::sms(PHONE, "IN2", "START")).await;
    world.clock.advance(Duration::from_mins(1));
    world.inbound(&Writes::sms(PHONE, "IN1", "STOP")).await;
    assert!(reaches(&world, &members).await);
    assert_eq!(
        (conversation(&world).await["unread"].clone(), reactions(&world, id).await),
        (json!(2), (1, 1))
    );
}

#[tokio::test]
async fn of_a_stop_and_a_start_in_one_call_the_stop_wins() {
    let world = World::start().await;
    let members = world.members(1).await;
    world
        .inbound_together(&[Writes::whatsapp(PHONE, "W1", "START"), Writes::whatsapp(PHONE, "W2", "STOP")])
        .await;
    world.drain().await;
    let hash = world.store.address_hash(&World::org(), &domain::member::Address::stored(PHONE.into()));
    assert!(world.store.address(&World::org(), &hash).await.unwrap().opt_outs.is_out(Channel::WhatsApp));
    assert!(reaches(&world, &members).await, "SMS is another channel");
}

#[tokio::test]
async fn an_opt_out_that_a_receipt_tells_of_holds_until_it_is_lifted_and_not_again() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    let report = async || {
        world.report(|_| vec![Report::OptedOut]).await;
        world.drain().await;
    };
    report().await;
    assert!(!reaches(&world, &members).await);
    world.inbound(&Writes::sms(PHONE, "IN1", "START")).await;
    world.clock.advance(Duration::from_secs(1));
    report().await;
    assert!(reaches(&world, &members).await, "it was told of again");
}

#[tokio::test]
async fn an_unsubscribe_link_counts_with_the_last_mail() {
    let world = World::start().await;
    let members = world.members(1).await;
    let mail = json!({ "channel": "email", "subject": "Hello", "body": "Hi" });
    let id = world.send(json!({ "target_ids": members, "messages": [mail] })).await;
    world.drain().await;
    let url = world.provider.accepted()[0].unsubscribe_url.clone().unwrap();
    let token = url.rsplit('/').next().unwrap();
    for _ in 0..2 {
        let reply = world.call("POST /unsubscribe/{token}", &[("token", token)], Value::Null).await;
        assert_eq!(reply.status, 200);
    }
    assert_eq!(reactions(&world, id).await, (0, 1));
}

#[tokio::test]
async fn a_choice_in_whatsapps_settings_counts_with_the_last_message() {
    let world = World::start().await;
    world.members(1).await;
    world.inbound(&Writes::whatsapp(PHONE, "W1", "Hello")).await;
    let conversation = conversation(&world).await;
    let reply = world
        .ok(
            "POST /conversations/{id}/messages",
            &[("id", conversation["id"].as_str().unwrap())],
            json!({ "body": "Hi" }),
        )
        .await;
    world.drain().await;
    for value in ["stop", "resume", "stop"] {
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(world.preference(PHONE, value).await.status, 200);
    }
    let told = world.ok("GET /messages/{id}", &[("id", reply["id"].as_str().unwrap())], Value::Null).await;
    let told = told["history"].to_string();
    assert_eq!(told.matches("opted out because of it").count(), 1, "{told}");
}

//! Answers that people type.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use testing::{World, Writes};

use super::{PHONE, conversation, messages, text, texts};

/// A world in which a member wrote on WhatsApp, and the conversation's id.
async fn wrote_on_whatsapp() -> (World, String) {
    let world = World::start().await;
    world.members(1).await;
    world.inbound(&Writes::whatsapp(PHONE, "W1", "When is the service?")).await;
    let id = text(&conversation(&world).await["id"]);
    (world, id)
}

#[tokio::test]
async fn a_reply_goes_to_the_address_that_wrote_and_stands_in_the_conversation() {
    let world = World::start().await;
    world
        .member(
            "ana",
            json!({ "first_names": "Ana", "primary_phone": "+6421999999", "secondary_phone": PHONE }),
        )
        .await;
    world.inbound(&Writes::sms(PHONE, "IN1", "When is the service?")).await;
    let id = text(&conversation(&world).await["id"]);
    world.clock.advance(Duration::from_secs(5));
    let reply = world
        .call(
            "POST /conversations/{id}/messages",
            &[("id", &id)],
            json!({ "body": "At 10, {{member.first_names}}" }),
        )
        .await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let sent: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((&sent["source"], &sent["member_id"]), (&json!("single"), &json!("ana")));
    assert!(
        reply
            .headers
            .iter()
            .any(|(name, value)| name == "location" && value.ends_with(sent["id"].as_str().unwrap()))
    );
    world.drain().await;
    let seen = &world.provider.accepted()[0];
    assert_eq!((seen.to.as_str(), seen.text.as_str()), (PHONE, "At 10, Ana"));
    assert_eq!(texts(&messages(&world).await), ["At 10, Ana", "When is the service?"]);
    let after = conversation(&world).await;
    assert_eq!((&after["preview"], &after["unread"]), (&json!("At 10, Ana"), &json!(1)));
}

#[tokio::test]
async fn an_answer_to_a_reply_is_linked_to_it_and_to_no_bulk_action() {
    let (world, id) = wrote_on_whatsapp().await;
    let reply =
        world.ok("POST /conversations/{id}/messages", &[("id", &id)], json!({ "body": "At 10" })).await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(5));
    world.inbound(&Writes::whatsapp(PHONE, "W2", "Thank you")).await;
    let thanks = messages(&world).await.remove(0);
    assert_eq!((&thanks["in_reply_to"], &thanks["bulk_action_id"]), (&reply["id"], &Value::Null));
}

#[tokio::test]
async fn on_whatsapp_free_text_needs_that_the_member_wrote_within_a_day() {
    let (world, id) = wrote_on_whatsapp().await;
    let reply = async || {
        world.call("POST /conversations/{id}/messages", &[("id", &id)], json!({ "body": "At 10" })).await
    };
    world.clock.advance(Duration::from_secs(24 * 3600 - 1));
    assert_eq!(reply().await.status, 202);
    world.clock.advance(Duration::from_secs(2));
    let late = reply().await;
    let problem: Value = serde_json::from_str(&late.body).unwrap();
    assert_eq!((late.status, &problem["errors"][0]["code"]), (422, &json!("outside_reply_window")));
    let template = json!({ "name": "again", "channel": "whatsapp", "language": "en", "body": "Write to us", "status": "approved" });
    world.ok("PUT /templates/{id}", &[("id", "again")], template).await;
    let template = json!({ "template_id": "again" });
    let opened = world.call("POST /conversations/{id}/messages", &[("id", &id)], template).await;
    assert_eq!(opened.status, 202, "a template may be sent at any time: {}", opened.body);
    world.inbound(&Writes::whatsapp(PHONE, "W2", "Here I am")).await;
    assert_eq!(reply().await.status, 202);
    world.drain().await;
}

#[tokio::test]
async fn a_reply_does_not_wait_behind_a_bulk_send() {
    let (world, id) = wrote_on_whatsapp().await;
    let sms = json!({ "channel": "sms", "body": "Hi" });
    world.send(json!({ "target_ids": ["m0"], "messages": [sms] })).await;
    world.drain_one("send-message").await;
    world.ok("POST /conversations/{id}/messages", &[("id", &id)], json!({ "body": "At 10" })).await;
    let groups = (world.groups("dispatch-sms").await, world.groups("dispatch-whatsapp").await);
    assert_eq!(groups, (vec!["demo".to_owned()], vec!["demo:direct".to_owned()]));
    world.drain().await;
}

#[tokio::test]
async fn a_reply_to_an_address_that_opted_out_is_skipped() {
    let (world, id) = wrote_on_whatsapp().await;
    world.clock.advance(Duration::from_secs(5));
    world.inbound(&Writes::whatsapp(PHONE, "W2", "STOP")).await;
    let reply =
        world.call("POST /conversations/{id}/messages", &[("id", &id)], json!({ "body": "But" })).await;
    let row: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (reply.status, &row["status"], &row["failure_code"]),
        (202, &json!("skipped"), &json!("opted_out"))
    );
    world.drain().await;
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn a_reply_whose_author_opts_out_before_it_leaves_is_not_sent() {
    let (world, id) = wrote_on_whatsapp().await;
    world.ok("POST /conversations/{id}/messages", &[("id", &id)], json!({ "body": "At 10" })).await;
    world.clock.advance(Duration::from_secs(5));
    world.inbound(&Writes::whatsapp(PHONE, "W2", "STOP")).await;
    world.drain().await;
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn a_reply_that_is_repeated_with_its_key_is_sent_once_also_when_the_window_has_closed() {
    let (world, id) = wrote_on_whatsapp().await;
    let request = |text: &str| {
        let mut request = wire::api::http::Request {
            route: "POST /conversations/{id}/messages".into(),
            path: BTreeMap::from([("id".into(), id.clone())]),
            headers: BTreeMap::from([
                ("content-type".into(), "application/json".into()),
                ("idempotency-key".into(), "k1".into()),
            ]),
            body: json!({ "body": text }).to_string().into_bytes(),
            ..wire::api::http::Request::default()
        };
        request.caller = Some(domain::permission::Caller {
            sub: "u".into(),
            org_id: World::org(),
            permissions: vec!["messaging.send".into()],
        });
        request
    };
    world.clock.advance(Duration::from_hours(2));
    let first = world.request(&request("At 10")).await;
    world.drain().await;
    world.clock.advance(Duration::from_hours(23));
    assert_eq!(world.request(&request("At 11")).await.status, 409, "the key stands for another body");
    let again = world.request(&request("At 10")).await;
    let id_of =
        |reply: &wire::api::http::Reply| serde_json::from_str::<Value>(&reply.body).unwrap()["id"].clone();
    assert_eq!((first.status, again.status, id_of(&first)), (202, 202, id_of(&again)));
    assert_eq!(world.provider.calls().len(), 1);
}

#[tokio::test]
async fn a_reply_that_lacks_a_value_fails_and_says_which() {
    let world = World::start().await;
    world.inbound(&Writes::sms("+64219999999", "IN1", "Hello")).await;
    let id = text(&conversation(&world).await["id"]);
    let row = world
        .ok(
            "POST /conversations/{id}/messages",
            &[("id", &id)],
            json!({ "body": "Hi {{member.first_names}}" }),
        )
        .await;
    assert_eq!((&row["status"], &row["failure_code"]), (&json!("failed"), &json!("missing_variable")));
    let row = world
        .ok("POST /conversations/{id}/messages", &[("id", &id)], json!({ "body": "Hi, from {{org.name}}" }))
        .await;
    assert_eq!((&row["status"], &row["member_id"]), (&json!("queued"), &Value::Null));
    world.drain().await;
    assert_eq!(world.provider.accepted()[0].text, "Hi, from St Mark");
}

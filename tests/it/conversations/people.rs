//! Who wrote what, and who has seen it.

use std::time::Duration;

use serde_json::{Value, json};
use testing::{World, Writes};

use super::{PHONE, call_as, conversation, conversations, get, items, last_inbound, messages, text, texts};

const STRANGER: &str = "+64219999999";

async fn timeline(world: &World, member: &str) -> Vec<Value> {
    items(&get(world, "GET /messages", "", &format!("member_id={member}")).await)
}

#[tokio::test]
async fn a_bulk_send_begins_no_conversation() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    assert!(conversations(&world).await.is_empty());
}

#[tokio::test]
async fn an_unknown_number_can_be_assigned_and_its_older_messages_go_with_it() {
    let world = World::start().await;
    world.members(1).await;
    for (id, text) in [("IN1", "Hello"), ("IN2", "Anybody there?")] {
        world.clock.advance(Duration::from_secs(1));
        world.inbound(&Writes::sms(STRANGER, id, text)).await;
    }
    let unmatched = conversation(&world).await;
    assert_eq!((&unmatched["matched"], &unmatched["member_id"]), (&json!(false), &Value::Null));
    assert_eq!(unmatched["address"], json!(STRANGER));
    let id = unmatched["id"].as_str().unwrap();
    assert!(timeline(&world, "m0").await.is_empty());

    let assigned =
        world.ok("POST /conversations/{id}/assign", &[("id", id)], json!({ "member_id": "m0" })).await;
    assert_eq!((&assigned["matched"], &assigned["member_id"]), (&json!(true), &json!("m0")));
    assert_eq!(texts(&timeline(&world, "m0").await), ["Anybody there?", "Hello"]);
    world.clock.advance(Duration::from_secs(1));
    world.member("other", json!({ "primary_phone": STRANGER })).await;
    world.inbound(&Writes::sms(STRANGER, "IN3", "Still me")).await;
    assert_eq!(last_inbound(&world).await["member_id"], json!("m0"), "what a person said stays");

    assert!(items(&get(&world, "GET /conversations", "", "unmatched=true").await).is_empty());
    assert_eq!(items(&get(&world, "GET /conversations", "", "unmatched=false&channel=sms").await).len(), 1);
    assert!(items(&get(&world, "GET /conversations", "", "channel=whatsapp").await).is_empty());
}

#[tokio::test]
async fn a_conversation_is_assigned_to_a_member_who_exists_and_only_if_it_does() {
    let world = World::start().await;
    world.members(1).await;
    world.inbound(&Writes::sms(STRANGER, "IN1", "Hello")).await;
    let id = text(&conversation(&world).await["id"]);
    let assign = async |id: &str, member: &str| {
        world.call("POST /conversations/{id}/assign", &[("id", id)], json!({ "member_id": member })).await
    };
    let refused = assign(&id, "nobody").await;
    let problem: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!((refused.status, &problem["errors"][0]["code"]), (422, &json!("not_found")));
    let none = "conv_sms_00000000000000000000000000000000";
    for none in [none, "conv_sms_x", "nonsense"] {
        assert_eq!(assign(none, "m0").await.status, 404, "{none}");
        assert_eq!(world.call("POST /conversations/{id}/read", &[("id", none)], json!({})).await.status, 404);
    }
}

#[tokio::test]
async fn what_came_in_is_unread_until_somebody_reads_it() {
    let world = World::start().await;
    world.members(1).await;
    world.inbound(&Writes::sms(PHONE, "IN1", "One")).await;
    world.clock.advance(Duration::from_secs(1));
    world.inbound(&Writes::sms(PHONE, "IN2", "Two")).await;
    let unread = conversation(&world).await;
    assert_eq!((&unread["unread"], &unread["preview"]), (&json!(2), &json!("Two")));
    let id = unread["id"].as_str().unwrap();
    assert_eq!(world.call("POST /conversations/{id}/read", &[("id", id)], json!({})).await.status, 204);
    assert_eq!(conversation(&world).await["unread"], json!(0));
    world.inbound(&Writes::sms(PHONE, "IN3", "Three")).await;
    assert_eq!(get(&world, "GET /conversations/{id}", id, "").await["unread"], json!(1));
}

#[tokio::test]
async fn conversations_are_listed_by_their_last_message_and_paged() {
    let world = World::start().await;
    for number in 0..5 {
        world.clock.advance(Duration::from_secs(1));
        world.inbound(&Writes::sms(&format!("+6421500000{number}"), &format!("IN{number}"), "Hi")).await;
    }
    world.clock.advance(Duration::from_secs(1));
    world.inbound(&Writes::sms("+64215000001", "IN9", "Again")).await;
    let mut seen = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = get(&world, "GET /conversations", "", &query).await;
        seen.extend(items(&page).iter().map(|one| one["address"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [1, 4, 3, 2, 0].map(|number| format!("+6421500000{number}")));
}

#[tokio::test]
async fn the_messages_of_a_conversation_are_paged_in_one_order_with_what_else_was_sent_there() {
    let world = World::start().await;
    let members = world.members(1).await;
    let mut expected = Vec::new();
    for number in 0..4 {
        for writes in [true, false] {
            world.clock.advance(Duration::from_secs(1));
            let text = format!("{} {number}", if writes { "in" } else { "out" });
            if writes {
                world.inbound(&Writes::sms(PHONE, &format!("IN{number}"), &text)).await;
            } else {
                world.send_sms(&members, &text).await;
                world.drain().await;
            }
            expected.insert(0, text);
        }
    }
    // A mail is no part of a conversation by SMS.
    world.send(json!({ "target_ids": members, "messages": [{ "channel": "email", "subject": "S", "body": "Mail" }] })).await;
    world.drain().await;
    let id = text(&conversation(&world).await["id"]);
    let mut seen = Vec::new();
    let mut query = "limit=3".to_owned();
    loop {
        let page = get(&world, "GET /conversations/{id}/messages", &id, &query).await;
        seen.extend(texts(&items(&page)).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=3&cursor={cursor}");
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn media_and_other_types_are_kept_as_the_provider_describes_them() {
    let world = World::start().await;
    let url = "https://api.twilio.com/2010-04-01/Accounts/AC/Messages/MM/Media/ME";
    let picture = Writes::sms(PHONE, "IN1", "").with("NumMedia", "1").with("MediaUrl0", url);
    world.inbound(&picture.with("MediaContentType0", "image/jpeg")).await;
    assert_eq!(last_inbound(&world).await["media"], json!([{ "url": url, "content_type": "image/jpeg" }]));
    assert_eq!(conversation(&world).await["preview"], json!("[image]"));

    let image = json!({ "id": "1003383421387256", "mime_type": "image/jpeg", "caption": "Our garden" });
    let errors = json!([{ "code": 131_051, "title": "Message type unknown" }]);
    for (id, kind, name, value) in [
        ("W1", "image", "image", &image),
        ("W2", "unsupported", "errors", &errors),
        ("W3", "newest_type", "newest_type", &image),
    ] {
        world.clock.advance(Duration::from_secs(1));
        world.inbound(&Writes::whatsapp(PHONE, id, "").with("type", kind).with(name, value.clone())).await;
    }
    let conversation = items(&get(&world, "GET /conversations", "", "channel=whatsapp").await).remove(0);
    let id = conversation["id"].as_str().unwrap();
    let kept = items(&get(&world, "GET /conversations/{id}/messages", id, "").await);
    let media: Vec<&Value> = kept.iter().rev().map(|message| &message["media"][0]).collect();
    assert_eq!(*media[0], json!({ "type": "image", "image": image }));
    assert_eq!(*media[1], json!({ "type": "unsupported", "errors": errors }));
    assert_eq!(*media[2], json!({ "type": "newest_type", "newest_type": image }));
    assert_eq!(kept[2]["text"], json!("Our garden"));
    assert_eq!(conversation["preview"], json!("[newest_type]"));
}

#[tokio::test]
async fn a_webhook_that_comes_twice_is_applied_once() {
    let world = World::start().await;
    world.members(1).await;
    let writes = Writes::sms(PHONE, "IN1", "Hello");
    world.inbound(&writes).await;
    world.clock.advance(Duration::from_hours(3));
    assert_eq!(world.inbound(&writes).await.status, 200);
    assert_eq!((conversation(&world).await["unread"].clone(), messages(&world).await.len()), (json!(1), 1));
}

#[tokio::test]
async fn a_webhook_that_comes_several_times_at_once_is_applied_once() {
    let world = World::start().await;
    let members = world.members(1).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    let (first, second) = (Writes::sms(PHONE, "IN1", "One"), Writes::sms(PHONE, "IN2", "Two"));
    let (a, b, c, d) = tokio::join!(
        world.inbound(&first),
        world.inbound(&second),
        world.inbound(&first),
        world.inbound(&second)
    );
    assert_eq!([a, b, c, d].map(|reply| reply.status), [200; 4]);
    assert_eq!((conversation(&world).await["unread"].clone(), messages(&world).await.len()), (json!(2), 3));
    assert_eq!(super::reactions(&world, id).await, (1, 0));
}

#[tokio::test]
async fn one_call_of_metas_with_many_messages_records_them_all() {
    let world = World::start().await;
    let all: Vec<Writes> = (0..40)
        .map(|number| {
            Writes::whatsapp(
                &format!("+6421600{:04}", number % 20),
                &format!("W{number}"),
                &format!("Text {number}"),
            )
        })
        .collect();
    assert_eq!(world.inbound_together(&all).await.status, 200);
    let found = conversations(&world).await;
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|one| one["unread"] == json!(2)), "{found:?}");
}

#[tokio::test]
async fn who_hides_their_number_has_a_conversation_too() {
    let world = World::start().await;
    let hidden = Writes::whatsapp(PHONE, "W1", "Hello").with("from", Value::Null);
    world.inbound(&hidden.with("from_user_id", "US.13491208655302741918")).await;
    let found = conversation(&world).await;
    assert_eq!((&found["address"], &found["matched"]), (&json!("US.13491208655302741918"), &json!(false)));
}

#[tokio::test]
async fn an_old_form_of_a_number_finds_its_member() {
    let world = World::start().await;
    world.member("ana", json!({ "primary_phone": "+52 55 1234 5678" })).await;
    world.inbound(&Writes::whatsapp("+5215512345678", "W1", "Hola")).await;
    assert_eq!(conversation(&world).await["member_id"], json!("ana"));
}

#[tokio::test]
async fn other_organisations_see_nothing() {
    let world = World::start().await;
    world.members(1).await;
    world.inbound(&Writes::sms(PHONE, "IN1", "Hello")).await;
    let id = text(&conversation(&world).await["id"]);
    let all = "messaging.view messaging.send members.edit";
    let call = async |route: &str, body: Value| call_as(&world, "other", all, (route, &id, ""), body).await;
    assert!(call("GET /conversations", Value::Null).await.body.contains("\"items\":[]"));
    for (route, body) in [
        ("GET /conversations/{id}", Value::Null),
        ("GET /conversations/{id}/messages", Value::Null),
        ("POST /conversations/{id}/messages", json!({ "body": "Hi" })),
        ("POST /conversations/{id}/read", json!({})),
    ] {
        assert_eq!(call(route, body).await.status, 404, "{route}");
    }
    assert_eq!(conversation(&world).await["unread"], json!(1));
}

#[tokio::test]
async fn reading_and_writing_need_their_permissions() {
    let world = World::start().await;
    world.members(1).await;
    world.inbound(&Writes::sms(PHONE, "IN1", "Hello")).await;
    let id = text(&conversation(&world).await["id"]);
    let call = async |permission: &str, route: &str, body: Value| {
        call_as(&world, "demo", permission, (route, &id, ""), body).await.status
    };
    for (route, body) in [
        ("POST /conversations/{id}/messages", json!({ "body": "Hi" })),
        ("POST /conversations/{id}/read", json!({})),
        ("POST /conversations/{id}/assign", json!({ "member_id": "m0" })),
    ] {
        assert_eq!(call("messaging.view members.edit", route, body.clone()).await, 403, "{route}");
        assert!(call("messaging.send", route, body).await < 300, "{route}");
    }
    for route in ["GET /conversations", "GET /conversations/{id}", "GET /conversations/{id}/messages"] {
        assert_eq!(call("members.edit messaging.manage", route, Value::Null).await, 403, "{route}");
        assert_eq!(call("messaging.send", route, Value::Null).await, 200, "{route}");
    }
    world.drain().await;
}

#[tokio::test]
async fn a_forged_message_changes_nothing() {
    let world = World::start().await;
    let forged = testing::Writes::sms(PHONE, "IN1", "STOP").forged();
    assert_eq!(world.inbound(&forged).await.status, 403);
    assert!(conversations(&world).await.is_empty());
}

//! What a send is accepted with stays as it was: its targets, its content, its templates.

use std::time::Duration;

use serde_json::{Value, json};
use testing::World;

use crate::support::{failed_items, settle};

async fn in_an_hour(world: &World, mut body: Value) -> domain::BulkActionId {
    body["schedule_at"] =
        json!((domain::Clock::now(world.clock.as_ref()) + Duration::from_hours(1)).to_string());
    world.send(body).await
}

async fn an_hour_later(world: &World) {
    world.live(Duration::from_mins(61)).await;
    settle(world).await;
}

#[tokio::test]
async fn a_member_deleted_after_acceptance_fails_as_not_found_and_a_new_one_is_not_added() {
    let world = World::start().await;
    world.members(2).await;
    let id = in_an_hour(
        &world,
        json!({ "selection": { "all_matching": {} }, "messages": [{ "channel": "sms", "body": "Hi" }] }),
    )
    .await;
    world.ok("DELETE /members/{id}", &[("id", "m1")], Value::Null).await;
    world.member("new", json!({ "primary_phone": "+64217777777" })).await;
    an_hour_later(&world).await;
    let accepted: Vec<String> = world.provider.accepted().into_iter().map(|seen| seen.to).collect();
    assert_eq!(accepted, ["+64211000000"]);
    assert_eq!(failed_items(&world, id).await, [("m1".to_owned(), "member_not_found".to_owned())].into());
}

#[tokio::test]
async fn a_template_that_changes_or_goes_does_not_change_what_was_accepted() {
    let world = World::start().await;
    let members = world.members(1).await;
    let template = |body: &str| json!({ "channel": "sms", "name": "T", "body": body, "status": "approved" });
    world.ok("PUT /templates/{id}", &[("id", "t")], template("At 10:00, {{member.first_names}}")).await;
    let send = json!({ "target_ids": members, "messages": [{ "channel": "sms", "template_id": "t" }] });
    in_an_hour(&world, send.clone()).await;
    in_an_hour(&world, send).await;
    world.ok("PUT /templates/{id}", &[("id", "t")], template("Cancelled")).await;
    world.ok("DELETE /templates/{id}", &[("id", "t")], Value::Null).await;
    an_hour_later(&world).await;
    let texts: Vec<String> = world.provider.accepted().into_iter().map(|seen| seen.text).collect();
    assert_eq!(texts, ["At 10:00, Ana0", "At 10:00, Ana0"]);
}

#[tokio::test]
async fn a_member_who_moves_before_the_rows_are_written_is_reached_where_they_are() {
    let world = World::start().await;
    world.members(1).await;
    in_an_hour(
        &world,
        json!({ "target_ids": ["m0"], "messages": [{ "channel": "sms", "body": "Hi {{member.first_names}}" }] }),
    )
    .await;
    world.member("m0", json!({ "first_names": "Ana", "primary_phone": "+64217777777" })).await;
    an_hour_later(&world).await;
    let seen = world.provider.accepted().remove(0);
    assert_eq!((seen.to.as_str(), seen.text.as_str()), ("+64217777777", "Hi Ana"));
}

#[tokio::test]
async fn named_parameters_of_a_whatsapp_template_are_filled_by_name_or_by_their_default() {
    let world = World::start().await;
    let members = world.members(1).await;
    let template = json!({
        "channel": "whatsapp", "name": "reminder", "language": "en", "status": "approved",
        "body": "Hi {{first_name}}, service is at {{time}}",
        "parameters": [
            { "name": "first_name", "component": "body" },
            { "name": "time", "component": "body", "default": "10:00" },
        ],
    });
    world.ok("PUT /templates/{id}", &[("id", "r")], template).await;
    let message = |parameters: Value| {
        json!({
            "target_ids": members,
            "messages": [{ "channel": "whatsapp", "template_id": "r", "parameters": parameters }],
        })
    };
    world.send(message(json!({ "first_name": "{{member.first_names}}" }))).await;
    world.send(message(json!({ "first_name": "you", "time": "11:00" }))).await;
    settle(&world).await;
    let mut texts: Vec<String> = world.provider.accepted().into_iter().map(|seen| seen.text).collect();
    texts.sort();
    assert_eq!(texts, ["Hi Ana0, service is at 10:00", "Hi you, service is at 11:00"]);
    let mut lacking = message(json!({ "tiem": "11:00" }));
    lacking["type"] = json!("send_message");
    let reply = world.call("POST /bulk-actions", &[], lacking).await;
    for field in ["messages[0].parameters.first_name", "messages[0].parameters.tiem"] {
        assert!(reply.body.contains(field), "{field} in {}", reply.body);
    }
}

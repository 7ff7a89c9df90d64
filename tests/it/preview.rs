//! The preview says what the send then does.

use serde_json::{Value, json};
use testing::World;

use crate::support::{body, settle, summary};

async fn people(world: &World) -> Vec<String> {
    world
        .member(
            "ana",
            json!({ "first_names": "Ana", "primary_phone": "+64211234567", "email": "ana@example.org" }),
        )
        .await;
    world.member("bo", json!({ "first_names": "Bo", "primary_phone": "12" })).await;
    world.member("cy", json!({ "primary_phone": "+64211234568", "email": "cy@example.org" })).await;
    world.member("di", json!({ "first_names": "Di", "primary_phone": "+64211234569" })).await;
    world.member("eve", json!({ "first_names": "Eve", "primary_phone": "+64211234567" })).await;
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "di"), ("channel", "sms")], json!({})).await;
    ["ana", "bo", "cy", "di", "eve", "ghost"].map(str::to_owned).into()
}

#[tokio::test]
async fn a_preview_and_the_send_agree_on_everybody() {
    let world = World::start().await;
    let ids = people(&world).await;
    for (routing, dedupe) in [("all", "none"), ("first_reachable", "none"), ("all", "address")] {
        let request = json!({
            "type": "send_message", "target_ids": ids, "routing": routing, "dedupe": dedupe,
            "messages": [
                { "channel": "sms", "body": "Hi {{member.first_names}}" },
                { "channel": "email", "subject": "S", "body": "Hello {{member.first_names | default(\"friend\")}}" },
            ],
        });
        let preview = world.ok("POST /bulk-actions/preview", &[], request.clone()).await;
        let before = world.provider.accepted().len();
        let id = world.send(request).await;
        settle(&world).await;
        let accepted = world.provider.accepted().len() - before;
        let action = world.action(id).await;
        assert_eq!(preview["total"], action["total"], "{routing} {dedupe}");
        assert_eq!(preview["reachable"], accepted, "{routing} {dedupe}");
        let [_, failed, skipped, ..] = summary(&action).1;
        assert_eq!(preview["unreachable"]["count"], failed + skipped);
        let items =
            world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
        assert_eq!(preview["unreachable"]["by_code"], items["counts"], "{routing} {dedupe}");
    }
}

#[tokio::test]
async fn a_preview_tells_segments_samples_and_who_is_flagged() {
    let world = World::start().await;
    let ids = people(&world).await;
    let twice = [ids.clone(), ids].concat();
    let request = json!({
        "type": "send_message", "target_ids": twice,
        "messages": [{ "channel": "sms", "body": format!("Kia ora {{{{member.first_names}}}} {}", "x".repeat(160)) }],
    });
    let preview = world.ok("POST /bulk-actions/preview", &[], request).await;
    assert_eq!((&preview["total"], &preview["duplicates_removed"]), (&json!(6), &json!(6)));
    let sms = json!({ "channel": "sms", "reachable": 2, "segments": 4, "encoding": "GSM-7" });
    assert_eq!(preview["by_channel"], json!([sms]));
    assert!(preview["samples"][0]["body"].as_str().unwrap().starts_with("Kia ora Ana "));
    let flagged: Vec<(&str, &str)> = preview["flagged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flag| (flag["member_id"].as_str().unwrap(), flag["code"].as_str().unwrap()))
        .collect();
    let expected = [
        ("bo", "invalid_phone"),
        ("cy", "missing_variable"),
        ("di", "opted_out"),
        ("ghost", "member_not_found"),
    ];
    assert_eq!(flagged, expected);
    assert!(preview["estimated_completion"].is_string() && preview["spans_days"] == 1);
}

#[tokio::test]
async fn a_preview_writes_nothing() {
    let world = World::start().await;
    let ids = people(&world).await;
    let request = json!({ "type": "send_message", "target_ids": ids, "messages": [{ "channel": "sms", "body": "Hi" }] });
    for _ in 0..12 {
        body(&world.call("POST /bulk-actions/preview", &[], request.clone()).await);
    }
    world.drain().await;
    assert!(world.provider.calls().is_empty());
    assert_eq!(world.ok("GET /bulk-actions", &[], Value::Null).await["items"], json!([]));
    world.send(request).await;
    settle(&world).await;
}

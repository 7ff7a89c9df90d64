//! Bad input is answered with a problem that names each field, and leaves nothing behind.

use std::collections::BTreeMap;

use domain::permission::Caller;
use serde_json::{Value, json};
use testing::World;
use wire::api::http::Request;

async fn problem(world: &World, body: Value) -> Value {
    let reply = world.call("POST /bulk-actions", &[], body).await;
    assert!((400..500).contains(&reply.status), "{} {}", reply.status, reply.body);
    assert!(reply.headers.contains(&("content-type".into(), "application/problem+json".into())));
    serde_json::from_str(&reply.body).expect("JSON")
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["errors"]
        .as_array()
        .map(|errors| errors.iter().filter_map(|e| e["field"].as_str()).collect())
        .unwrap_or_default()
}

#[tokio::test]
async fn every_field_that_does_not_fit_is_named() {
    let world = World::start().await;
    let sms = json!({ "channel": "sms", "body": "Hi" });
    let cases = [
        (json!({}), vec!["type", "target_ids", "messages"]),
        (json!({ "type": "send_message", "target_ids": [], "messages": [sms] }), vec!["target_ids"]),
        (
            json!({ "type": "send_message", "target_ids": ["a#b", "ok"], "messages": [sms] }),
            vec!["target_ids[0]"],
        ),
        (json!({ "type": "send_message", "target_ids": ["a"], "messages": [] }), vec!["messages"]),
        (
            json!({ "type": "send_message", "target_ids": ["a"], "messages": [sms], "dryrun": true }),
            vec!["dryrun"],
        ),
        (
            json!({ "type": "send_message", "target_ids": ["a"], "messages": [{ "channel": "sms", "body": "{{member.age}}" }] }),
            vec!["messages[0].body"],
        ),
        (
            json!({ "type": "send_message", "target_ids": ["a"], "messages": [{ "channel": "sms", "body": "{{unsubscribe_url}}" }] }),
            vec!["messages[0].body"],
        ),
        (
            json!({ "type": "send_message", "target_ids": ["a"], "messages": [{ "channel": "email", "subject": "a\r\nBcc: x@y.z", "body": "Hi" }] }),
            vec!["messages[0].subject"],
        ),
        (
            json!({ "type": "send_message", "target_ids": ["a"], "messages": [{ "channel": "whatsapp", "template_id": "nope" }] }),
            vec!["messages[0].template_id"],
        ),
        (
            json!({ "type": "send_message", "target_ids": ["a"], "messages": [sms], "expires_at": "2020-01-01T00:00:00Z" }),
            vec!["expires_at"],
        ),
        (
            json!({ "type": "send_message", "selection": { "all_matching": { "unit_id": "none" } }, "messages": [sms] }),
            vec!["selection.all_matching"],
        ),
    ];
    for (body, expected) in cases {
        let problem = problem(&world, body.clone()).await;
        assert_eq!(fields(&problem), expected, "{body}");
    }
    let list = world.ok("GET /bulk-actions", &[], Value::Null).await;
    assert_eq!(list["items"], json!([]), "nothing was written");
}

#[tokio::test]
async fn a_channel_that_is_not_set_up_is_refused_at_once() {
    let world = World::start().await;
    world.ok("DELETE /channels/{channel}", &[("channel", "sms")], Value::Null).await;
    let body = json!({ "type": "send_message", "target_ids": ["a"], "messages": [{ "channel": "sms", "body": "Hi" }] });
    assert_eq!(fields(&problem(&world, body).await), ["messages[0].channel"]);
}

#[tokio::test]
async fn a_template_that_is_not_approved_needs_a_permission_of_its_own() {
    let world = World::start().await;
    let template = json!({ "channel": "sms", "name": "Draft", "body": "Hi", "status": "pending" });
    world.ok("PUT /templates/{id}", &[("id", "draft")], template).await;
    let body = json!({ "type": "send_message", "target_ids": ["a"], "messages": [{ "channel": "sms", "template_id": "draft" }] });
    let problem = problem(&world, body).await;
    assert_eq!(
        (&problem["status"], &problem["permission"]),
        (&json!(403), &json!("messaging.template_override"))
    );
}

#[tokio::test]
async fn a_body_that_is_no_json_or_too_large_or_of_another_kind_is_refused() {
    let world = World::start().await;
    let request = |body: Vec<u8>, content_type: &str, permissions: &str| Request {
        route: "POST /bulk-actions".into(),
        headers: BTreeMap::from([("content-type".into(), content_type.into())]),
        body,
        caller: Some(Caller {
            sub: "t".into(),
            org_id: World::org(),
            permissions: Caller::parse_permissions(permissions),
        }),
        ..Request::default()
    };
    let may = "members.edit messaging.send";
    for (request, status) in [
        (request(b"{".to_vec(), "application/json", may), 400),
        (request(vec![b' '; 4 * 1024 * 1024 + 1], "application/json", may), 413),
        (request(b"{}".to_vec(), "text/plain", may), 415),
        (request(b"{}".to_vec(), "application/json", "messaging.send"), 403),
        (request(b"\xff\xfe".to_vec(), "application/json", may), 400),
    ] {
        let reply = world.request(&request).await;
        assert_eq!(reply.status, status, "{}", reply.body);
    }
}

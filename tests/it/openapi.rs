//! `infra/openapi.yaml` describes the routes of the contract, and functions serve them. That answers are as it describes them is held in
//! every test: a world lets no other answer pass.

use std::collections::BTreeSet;

use domain::permission::Caller;
use serde_json::{Value, json};
use testing::World;
use testing::conformance::{Example, contract};
use wire::api::http::{Reply, Request};

/// Every route that callers may rely on.
const CONTRACT: &[&str] = &[
    "GET /session",
    "GET /organisation",
    "PUT /organisation",
    "GET /channels",
    "PUT /channels/{channel}",
    "DELETE /channels/{channel}",
    "GET /templates",
    "GET /templates/{id}",
    "PUT /templates/{id}",
    "DELETE /templates/{id}",
    "GET /members",
    "GET /members/{id}",
    "PUT /members/{id}",
    "DELETE /members/{id}",
    "POST /members/{id}/erase",
    "POST /members/import",
    "GET /members/{id}/opt-outs",
    "PUT /members/{id}/opt-outs/{channel}",
    "DELETE /members/{id}/opt-outs/{channel}",
    "POST /bulk-actions/preview",
    "POST /bulk-actions",
    "GET /bulk-actions",
    "GET /bulk-actions/{id}",
    "GET /bulk-actions/{id}/failed-items",
    "GET /bulk-actions/{id}/stats",
    "POST /bulk-actions/{id}/cancel",
    "POST /bulk-actions/{id}/retry",
    "POST /messages",
    "GET /messages",
    "GET /messages/{id}",
    "GET /conversations",
    "GET /conversations/{id}",
    "GET /conversations/{id}/messages",
    "POST /conversations/{id}/messages",
    "POST /conversations/{id}/read",
    "POST /conversations/{id}/assign",
    "POST /webhooks/twilio/{org_id}/status",
    "POST /webhooks/twilio/{org_id}/inbound",
    "GET /webhooks/whatsapp/{org_id}",
    "POST /webhooks/whatsapp/{org_id}",
    "POST /webhooks/ses",
    "GET /unsubscribe/{token}",
    "POST /unsubscribe/{token}",
];

fn request(route: &str, content_type: &str, body: Vec<u8>) -> Request {
    let parameters = [("id", "m001"), ("channel", "sms"), ("org_id", "nobody"), ("token", "none")];
    let permissions = "members.view members.edit messaging.send messaging.view messaging.manage";
    Request {
        route: route.to_owned(),
        path: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        headers: [("content-type".to_owned(), content_type.to_owned())].into(),
        body,
        caller: Some(Caller {
            sub: "tester".into(),
            org_id: World::org(),
            permissions: Caller::parse_permissions(permissions),
        }),
        ..Request::default()
    }
}

fn is_no_route(reply: &Reply) -> bool {
    let problem: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    reply.status == 404 && problem["detail"] == "There is no such route"
}

#[test]
fn the_description_has_exactly_the_routes_of_the_contract() {
    let described: BTreeSet<&str> = contract().routes().map(|(route, _)| route).collect();
    assert_eq!(described, CONTRACT.iter().copied().collect());
}

#[test]
fn nothing_is_described_that_no_route_uses() {
    assert!(contract().unused().is_empty(), "{:?}", contract().unused());
}

#[test]
fn every_example_of_a_request_is_as_the_request_is_described() {
    let mut count = 0;
    for (route, operation) in contract().routes() {
        for example in &operation.examples {
            assert_eq!(example.check(), Ok(()), "{route}: {}", example.body);
            count += 1;
        }
    }
    assert!(count > 20, "there are examples");
}

#[tokio::test]
async fn every_route_is_served_by_the_function_that_the_description_names() {
    let world = World::start().await;
    let mut not_served = BTreeSet::new();
    for (route, _) in contract().routes() {
        let body = if route.starts_with("GET") { Vec::new() } else { b"{}".to_vec() };
        let request = request(route, "application/json", body);
        if is_no_route(&world.answer(&request).await) {
            not_served.insert(route);
        } else {
            world.request(&request).await;
        }
    }
    assert!(not_served.is_empty(), "{not_served:?}");
    assert!(is_no_route(&world.call("GET /nowhere", &[], Value::Null).await));
}

/// What the examples speak of.
async fn demo(world: &World) {
    for id in ["m001", "m002", "m003", "m004"] {
        let member = json!({
            "first_names": "Ana", "primary_phone": "+64212410100", "email": "ana@example.org", "unit": { "id": "choir", "name": "Choir" },
        });
        world.member(id, member).await;
    }
    let slot = |position: u32| json!({ "position": position, "component": "body" });
    let reminder = json!({
        "channel": "whatsapp", "name": "service_reminder", "language": "en", "body": "Hi {{1}}, at {{2}}", "parameters": [slot(1), slot(2)],
    });
    world.ok("PUT /templates/{id}", &[("id", "service_reminder")], reminder).await;
    let reminder = json!({ "channel": "sms", "name": "Reminder", "body": "At 10:00" });
    world.ok("PUT /templates/{id}", &[("id", "sms_reminder")], reminder).await;
}

#[tokio::test]
async fn every_example_of_a_request_is_understood() {
    let world = World::start().await;
    demo(&world).await;
    // A conversation is not made by a request.
    let served = contract().routes().filter(|(route, _)| !route.contains("/conversations"));
    // Settings come last: what they change decides what can be sent.
    let (settings, others): (Vec<_>, Vec<_>) = served.partition(|(route, _)| route.starts_with("PUT"));
    for (route, operation) in others.into_iter().chain(settings) {
        for Example { media_type, body, .. } in &operation.examples {
            let bytes = body.as_str().map_or_else(|| body.to_string(), str::to_owned).into_bytes();
            let reply = world.request(&request(route, media_type, bytes)).await;
            let answer: Value = serde_json::from_str(&reply.body).unwrap_or(json!(reply.body));
            // There is no action or conversation of the id in the path.
            let is_taken = reply.status < 300 && answer["errors"].as_array().is_none_or(Vec::is_empty);
            assert!(is_taken || reply.status == 404, "{route} with {body}: {} {answer}", reply.status);
        }
    }
    world.purge();
}

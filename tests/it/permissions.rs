//! Who may do what, route by route, and organisations apart.

use std::collections::{BTreeMap, BTreeSet};

use domain::permission::Caller;
use serde_json::{Value, json};
use testing::conformance::contract;
use testing::{World, Writes};
use wire::api::http::{Reply, Request};

use crate::support::{problem, settle};

const ALL: &str =
    "members.view members.edit messaging.view messaging.send messaging.manage messaging.template_override";

/// What a route asks for: any one of these sets of permissions, each as a token has it. Routes without a token are left out.
const NEEDS: &[(&str, &[&str])] = &[
    ("GET /session", &[""]),
    (
        "GET /organisation",
        &["messaging.view", "messaging.send", "messaging.manage", "messaging.template_override"],
    ),
    ("PUT /organisation", &["messaging.manage"]),
    (
        "GET /channels",
        &["messaging.view", "messaging.send", "messaging.manage", "messaging.template_override"],
    ),
    ("PUT /channels/{channel}", &["messaging.manage"]),
    ("DELETE /channels/{channel}", &["messaging.manage"]),
    (
        "GET /templates",
        &["messaging.view", "messaging.send", "messaging.manage", "messaging.template_override"],
    ),
    (
        "GET /templates/{id}",
        &["messaging.view", "messaging.send", "messaging.manage", "messaging.template_override"],
    ),
    ("PUT /templates/{id}", &["messaging.manage"]),
    ("DELETE /templates/{id}", &["messaging.manage"]),
    ("GET /members", &["members.view", "members.edit", "messaging.send"]),
    ("GET /members/{id}", &["members.view", "members.edit", "messaging.send"]),
    ("PUT /members/{id}", &["members.edit"]),
    ("DELETE /members/{id}", &["members.edit"]),
    ("POST /members/{id}/erase", &["members.edit"]),
    ("POST /members/import", &["members.edit"]),
    ("GET /members/{id}/opt-outs", &["members.view", "members.edit", "messaging.send"]),
    ("PUT /members/{id}/opt-outs/{channel}", &["members.edit"]),
    ("DELETE /members/{id}/opt-outs/{channel}", &["members.edit"]),
    ("POST /bulk-actions/preview", &["members.edit messaging.send"]),
    ("POST /bulk-actions", &["members.edit messaging.send"]),
    ("GET /bulk-actions", &["messaging.view", "messaging.send"]),
    ("GET /bulk-actions/{id}", &["messaging.view", "messaging.send"]),
    ("GET /bulk-actions/{id}/failed-items", &["messaging.view", "messaging.send"]),
    ("GET /bulk-actions/{id}/stats", &["messaging.view", "messaging.send"]),
    ("POST /bulk-actions/{id}/cancel", &["members.edit messaging.send"]),
    ("POST /bulk-actions/{id}/retry", &["members.edit messaging.send"]),
    ("POST /messages", &["members.edit messaging.send"]),
    ("GET /messages", &["messaging.view", "messaging.send"]),
    ("GET /messages/{id}", &["messaging.view", "messaging.send"]),
    ("GET /conversations", &["messaging.view", "messaging.send"]),
    ("GET /conversations/{id}", &["messaging.view", "messaging.send"]),
    ("GET /conversations/{id}/messages", &["messaging.view", "messaging.send"]),
    ("POST /conversations/{id}/messages", &["messaging.send"]),
    ("POST /conversations/{id}/read", &["messaging.send"]),
    ("POST /conversations/{id}/assign", &["messaging.send"]),
];

/// The ids of things that the demo organisation has.
struct Ids(BTreeMap<&'static str, String>);

impl Ids {
    /// The id in a route's path, by what the path begins with.
    fn of(&self, route: &str) -> String {
        let (_, path) = route.split_once(' ').expect("a method and a path");
        let what = path.split('/').nth(1).unwrap_or_default();
        self.0.get(what).cloned().unwrap_or_else(|| "none".into())
    }
}

/// A request with a body that the description gives as an example.
fn request(ids: &Ids, route: &str, org: &str, permissions: &str) -> Request {
    let operation = contract().routes().find(|(described, _)| *described == route).expect("a route").1;
    let example = operation.examples.iter().find(|example| example.media_type == "application/json");
    Request {
        route: route.to_owned(),
        path: [("id".to_owned(), ids.of(route)), ("channel".to_owned(), "sms".to_owned())].into(),
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body: example.map(|example| example.body.to_string().into_bytes()).unwrap_or_default(),
        caller: Some(Caller {
            sub: "somebody".into(),
            org_id: org.parse().expect("an id"),
            permissions: Caller::parse_permissions(permissions),
        }),
        ..Request::default()
    }
}

/// A world in which every kind of thing is there.
async fn world() -> (World, Ids) {
    let world = World::start().await;
    let members = world.members(2).await;
    world
        .ok(
            "PUT /templates/{id}",
            &[("id", "t1")],
            json!({ "channel": "sms", "name": "Reminder", "body": "Hi", "status": "approved" }),
        )
        .await;
    let action = world.send_sms(&members, "Hi").await;
    settle(&world).await;
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "m1"), ("channel", "email")], json!({})).await;
    let seen = world.provider.accepted().remove(0);
    world.inbound(&Writes::sms(&seen.to, "SM900", "Thank you")).await;
    settle(&world).await;
    let conversations = world.ok("GET /conversations", &[], Value::Null).await;
    let conversation = conversations["items"][0]["id"].as_str().expect("a conversation").to_owned();
    let ids = BTreeMap::from([
        ("members", "m0".to_owned()),
        ("templates", "t1".to_owned()),
        ("bulk-actions", action.to_string()),
        ("messages", seen.message_id.to_string()),
        ("conversations", conversation),
    ]);
    (world, Ids(ids))
}

#[test]
fn every_route_with_a_token_has_its_permission_here() {
    let open = ["/webhooks/", "/unsubscribe/"];
    let with_token = |route: &str| !open.iter().any(|path| route.contains(path));
    let described: BTreeSet<&str> =
        contract().routes().map(|(route, _)| route).filter(|route| with_token(route)).collect();
    assert_eq!(described, NEEDS.iter().map(|(route, _)| *route).collect());
}

#[tokio::test]
async fn without_its_permission_a_route_is_refused_by_name_and_with_it_it_is_not() {
    let (world, ids) = world().await;
    for (route, needs) in NEEDS {
        for allowed in *needs {
            let reply = world.request(&request(&ids, route, "demo", allowed)).await;
            assert!(![401, 403].contains(&reply.status), "{route} with {allowed}: {}", reply.body);
            settle(&world).await;
            world.clock.advance(std::time::Duration::from_mins(1));
        }
        if needs.contains(&"") {
            continue;
        }
        // Everything but one permission of each set.
        let missing: BTreeSet<&str> = needs.iter().filter_map(|set| set.split(' ').next()).collect();
        let left: Vec<&str> = ALL.split(' ').filter(|name| !missing.contains(name)).collect();
        let reply = world.request(&request(&ids, route, "demo", &left.join(" "))).await;
        assert_eq!(problem(&reply), (403, "missing-permission".into()), "{route}");
        let named: Value = serde_json::from_str(&reply.body).unwrap();
        assert!(missing.contains(named["permission"].as_str().unwrap()), "{route}: {named}");
    }
    settle(&world).await;
}

/// Everything that the demo organisation can read of itself.
async fn everything(world: &World, ids: &Ids) -> BTreeMap<&'static str, (u16, Value)> {
    let mut all = BTreeMap::new();
    for (route, _) in NEEDS.iter().filter(|(route, _)| route.starts_with("GET ")) {
        let reply = world.request(&request(ids, route, "demo", ALL)).await;
        all.insert(*route, (reply.status, serde_json::from_str(&reply.body).unwrap_or_default()));
    }
    all
}

fn is_nothing(reply: &Reply) -> bool {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    reply.status == 404 || body["items"].as_array().is_some_and(Vec::is_empty)
}

#[tokio::test]
async fn another_organisation_reads_nothing_of_ours_and_moves_nothing() {
    let (world, ids) = world().await;
    let before = everything(&world, &ids).await;
    for (route, (status, _)) in &before {
        assert_eq!(*status, 200, "{route}");
    }
    let sent = world.provider.calls().len();
    // Reading first: what the other organisation makes for itself below has ids of its own choosing.
    for (route, _) in NEEDS.iter().filter(|(route, _)| route.starts_with("GET ")) {
        let reply = world.request(&request(&ids, route, "other", ALL)).await;
        let own = *route == "GET /session";
        assert!(own || is_nothing(&reply), "{route}: {}", reply.body);
    }
    for (route, _) in NEEDS.iter().filter(|(route, _)| !route.starts_with("GET ")) {
        let reply = world.request(&request(&ids, route, "other", ALL)).await;
        assert!(reply.status < 500, "{route}: {}", reply.body);
        let ours_by_id = ["/bulk-actions/{id}", "/conversations/{id}"];
        if ours_by_id.iter().any(|path| route.contains(path)) {
            assert_eq!(reply.status, 404, "{route}: {}", reply.body);
        }
    }
    world.drain().await;
    assert_eq!(everything(&world, &ids).await, before);
    assert_eq!(world.provider.calls().len(), sent, "the other organisation has no member of these ids");
}

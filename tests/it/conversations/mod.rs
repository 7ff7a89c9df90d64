//! What members write, and what becomes of it.

mod attribution;
mod keywords;
mod people;
mod reply;

use std::collections::BTreeMap;

use domain::permission::Caller;
use serde_json::Value;
use testing::World;
use wire::api::http::{Reply, Request};

/// The phone of the world's first member.
const PHONE: &str = "+64211000000";

/// Calls the API as somebody of `org` with these permissions. `call` is a route, `id` what is in its path, `query` what follows it.
async fn call_as(
    world: &World,
    org: &str,
    permissions: &str,
    call: (&str, &str, &str),
    body: Value,
) -> Reply {
    let (route, id, query) = call;
    let request = Request {
        route: route.to_owned(),
        path: BTreeMap::from([("id".to_owned(), id.to_owned())]),
        raw_query: query.to_owned(),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        caller: Some(Caller {
            sub: "somebody".into(),
            org_id: org.parse().expect("an id"),
            permissions: Caller::parse_permissions(permissions),
        }),
    };
    world.request(&request).await
}

async fn get(world: &World, route: &str, id: &str, query: &str) -> Value {
    let reply = call_as(world, "demo", "messaging.view", (route, id, query), Value::Null).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    serde_json::from_str(&reply.body).expect("JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().expect("a list").clone()
}

/// All conversations.
async fn conversations(world: &World) -> Vec<Value> {
    items(&get(world, "GET /conversations", "", "").await)
}

/// The only conversation.
async fn conversation(world: &World) -> Value {
    let mut all = conversations(world).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The messages of the only conversation, newest first.
async fn messages(world: &World) -> Vec<Value> {
    let id = text(&conversation(world).await["id"]);
    items(&get(world, "GET /conversations/{id}/messages", &id, "").await)
}

/// The last thing that was written in the only conversation by its member.
async fn last_inbound(world: &World) -> Value {
    messages(world).await.into_iter().find(|message| message["direction"] == "inbound").expect("one came in")
}

/// `(replied, opted_out)` of an action, once it is counted.
async fn reactions(world: &World, action: domain::BulkActionId) -> (u64, u64) {
    world.live(std::time::Duration::from_mins(2)).await;
    let chunks = world.store.chunks(&World::org(), action.ulid()).await.expect("chunks");
    let of =
        |count: fn(&domain::counts::Counts) -> u64| chunks.iter().map(|chunk| count(&chunk.total())).sum();
    (of(|counts| counts.replied), of(|counts| counts.opted_out))
}

fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["text"].as_str().unwrap_or("-")).collect()
}

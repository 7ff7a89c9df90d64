//! What several tests ask.

use std::collections::BTreeMap;

use domain::member::Address;
use domain::permission::Caller;
use domain::receipt::Report;
use domain::{BulkActionId, Channel, MessageId, MessageStatus};
use serde_json::Value;
use store::row::{Inbound, Origin, Row};
use testing::{Seen, World};
use ulid::Ulid;
use wire::api::http::{Reply, Request};

/// What a provider reports on a message that arrives.
pub(crate) fn arrives(_: &Seen) -> Vec<Report> {
    vec![Report::Sent, Report::Delivered]
}

/// How often each address was accepted: every number must be one.
pub(crate) fn accepted_per_address(world: &World) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for seen in world.provider.accepted() {
        *times.entry(seen.to).or_insert(0) += 1;
    }
    times
}

/// Holds the ledger to: each of `count` addresses exactly once.
pub(crate) fn assert_once_each(world: &World, count: usize) {
    let times = accepted_per_address(world);
    assert_eq!(times.len(), count, "addresses that got a message");
    assert!(times.values().all(|times| *times == 1), "a message was sent twice: {times:?}");
}

/// Lets everything settle, and holds an action to: all its `count` recipients were sent it, each once.
pub(crate) async fn settles_with_all_sent_once(world: &World, id: BulkActionId, count: u32) {
    assert_once_each(world, usize::try_from(count).unwrap_or(usize::MAX));
    settle(world).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [u64::from(count), 0, 0, 0, 0]));
}

/// A problem document's status and the last part of its type.
pub(crate) fn problem(reply: &Reply) -> (u16, String) {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let kind = body["type"].as_str().unwrap_or_default();
    (reply.status, kind.trim_start_matches("/problems/").to_owned())
}

/// The body of an answer that is expected to be a success.
pub(crate) fn body(reply: &Reply) -> Value {
    assert!(reply.status < 300, "{} {}", reply.status, reply.body);
    serde_json::from_str(&reply.body).unwrap_or_default()
}

/// Everything is delivered that was accepted, and the counts follow.
pub(crate) async fn settle(world: &World) {
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    world.live(std::time::Duration::from_mins(2)).await;
}

/// Holds an action to the law of its counters.
pub(crate) fn assert_adds_up(action: &Value) {
    let of = |name: &str| action[name].as_u64().unwrap_or_else(|| panic!("{name} in {action}"));
    let parts = ["success_count", "failed_count", "skipped_count", "unconfirmed_count", "pending_count"];
    assert_eq!(of("total"), parts.iter().map(|name| of(name)).sum::<u64>(), "{action}");
    assert!(
        of("sent_count") >= of("delivered_count") && of("delivered_count") >= of("read_count"),
        "{action}"
    );
}

/// `(status, success, failed, skipped, unconfirmed, pending)` of an action.
pub(crate) fn summary(action: &Value) -> (String, [u64; 5]) {
    assert_adds_up(action);
    let of = |name: &str| action[name].as_u64().unwrap_or_default();
    let counts =
        ["success_count", "failed_count", "skipped_count", "unconfirmed_count", "pending_count"].map(of);
    (action["status"].as_str().unwrap_or_default().to_owned(), counts)
}

/// The codes of an action's failed items, by member.
pub(crate) async fn failed_items(world: &World, id: BulkActionId) -> BTreeMap<String, String> {
    let items =
        world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
    let items = items["items"].as_array().cloned().unwrap_or_default();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    items.iter().map(|item| (text(item, "member_id"), text(item, "code"))).collect()
}

/// The answer to `GET /messages` with these parameters.
pub(crate) async fn get_messages(world: &World, query: &str) -> Reply {
    let permissions = Caller::parse_permissions("messaging.view");
    let request = Request {
        route: "GET /messages".into(),
        raw_query: query.into(),
        caller: Some(Caller { sub: "reader".into(), org_id: World::org(), permissions }),
        ..Request::default()
    };
    world.request(&request).await
}

/// All messages of the log that `query` asks for, in pages of at most `limit`.
pub(crate) async fn in_pages(world: &World, query: &str, limit: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let reply = get_messages(world, &format!("{query}&limit={limit}{cursor}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let page: Value = serde_json::from_str(&reply.body).expect("JSON");
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= limit);
        all.extend(items.iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

/// The same in one go.
pub(crate) async fn listed(world: &World, query: &str) -> Vec<Value> {
    in_pages(world, query, 200).await
}

/// The ids of messages, in their order.
pub(crate) fn ids(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["id"].as_str().unwrap_or_default()).collect()
}

/// An SMS comes in now, from a member if one is named, and perhaps as an answer. `number` tells apart those of one moment. Answers its id.
pub(crate) async fn inbound(
    world: &World,
    number: u128,
    member: Option<&str>,
    answers: Option<MessageId>,
) -> String {
    let now = domain::Clock::now(world.clock.as_ref());
    let send = Ulid::from_parts(u64::try_from(now.millis()).expect("after 1970"), 1_000_000 + number);
    let inbound = Inbound {
        text: format!("Thank you {number}"),
        media: vec![serde_json::json!({ "url": "https://example.org/picture" })],
        in_reply_to: answers,
        bulk_action_id: answers.map(|id| domain::BulkActionId::new(id.send)),
        attribution: answers.map(|_| domain::Attribution::Latest),
    };
    let id = MessageId { send, chunk: 0, slot: 0 };
    let row = Row {
        origin: Origin::Inbound(Box::new(inbound)),
        status: MessageStatus::Delivered,
        member_id: member.map(|member| member.parse().expect("an id")),
        address: Some(Address::stored("+64211000000".into())),
        delivered_at: Some(now),
        ..Row::to_nobody(World::org(), id, Channel::Sms, now)
    };
    assert_eq!(world.store.create_rows(&[row]).await.expect("the engine answers"), [true]);
    id.to_string()
}

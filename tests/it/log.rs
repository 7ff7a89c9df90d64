//! The communication log in its three views.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::receipt::Report;
use domain::{BulkActionId, Clock, MessageId};
use serde_json::{Value, json};
use testing::World;

use crate::support::{arrives, get_messages, ids, in_pages, inbound, listed};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

async fn single(world: &World, member: &str, text: &str) -> String {
    let body = json!({ "member_id": member, "channel": "sms", "body": text });
    world.ok("POST /messages", &[], body).await["id"].as_str().expect("an id").to_owned()
}

/// Bulk sends, single sends and what members write, among each other in time. Answers how many messages there are.
async fn busy_day(world: &World) -> usize {
    let members = world.members(130).await;
    for (number, count) in [(0_u32, 3), (1, 130), (2, 1), (3, 40)] {
        for other in 0..7 {
            world.clock.advance(SECOND);
            inbound(world, u128::from(number * 10 + other), (other % 2 == 0).then_some("m0"), None).await;
        }
        world.clock.advance(SECOND);
        single(world, "m1", "Hi").await;
        world.send_sms(&members[..count], "Hi {{member.first_names}}").await;
        world.drain().await;
    }
    world.clock.advance(SECOND);
    single(world, "m0", "Bye").await;
    world.drain().await;
    4 * 7 + 5 + 174
}

#[tokio::test]
async fn everything_is_in_the_organisations_log_once_and_in_order_whatever_the_pages() {
    let world = World::start().await;
    let count = busy_day(&world).await;
    let whole = listed(&world, "").await;
    assert_eq!(whole.len(), count);
    let unique: BTreeSet<&str> = ids(&whole).into_iter().collect();
    assert_eq!(unique.len(), count);
    let times: Vec<&str> = whole.iter().map(|message| message["created_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    for limit in [1, 7, 50] {
        assert_eq!(ids(&in_pages(&world, "", limit).await), ids(&whole), "{limit} at a time");
    }
    let sources: BTreeSet<String> =
        whole.iter().map(|message| format!("{} {}", message["direction"], message["source"])).collect();
    let expected = [r#""inbound" null"#, r#""outbound" "bulk_action""#, r#""outbound" "single""#];
    assert_eq!(sources, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn what_happens_between_two_pages_neither_doubles_nor_loses_a_message() {
    let world = World::start().await;
    busy_day(&world).await;
    let before = listed(&world, "").await;
    let first: Value = serde_json::from_str(&get_messages(&world, "limit=20").await.body).unwrap();
    for number in 0..30 {
        world.clock.advance(SECOND);
        inbound(&world, 500 + number, None, None).await;
    }
    single(&world, "m1", "Later").await;
    world.send_sms(&["m0".to_owned()], "Later").await;
    world.drain().await;
    let mut all = first["items"].as_array().unwrap().clone();
    let mut cursor = first["next_cursor"].as_str().map(str::to_owned);
    while let Some(at) = cursor {
        let reply = get_messages(&world, &format!("limit=20&cursor={at}")).await;
        let page: Value = serde_json::from_str(&reply.body).unwrap();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(ids(&all), ids(&before), "what is newer than the list is not on its later pages");
}

#[tokio::test]
async fn a_direction_is_filtered_in_every_view() {
    let world = World::start().await;
    let count = busy_day(&world).await;
    let all_are = |messages: &[Value], direction: &str| {
        assert!(!messages.is_empty());
        assert!(messages.iter().all(|message| message["direction"] == direction), "{direction}");
        messages.len()
    };
    for limit in [9, 200] {
        let incoming = in_pages(&world, "direction=inbound", limit).await;
        let outgoing = in_pages(&world, "direction=outbound", limit).await;
        assert_eq!(all_are(&incoming, "inbound"), 28);
        assert_eq!(all_are(&outgoing, "outbound"), count - 28);
        let of_member = in_pages(&world, "member_id=m0&direction=inbound", limit).await;
        assert_eq!(all_are(&of_member, "inbound"), 16);
        let to_member = in_pages(&world, "member_id=m0&direction=outbound", limit).await;
        assert_eq!(all_are(&to_member, "outbound"), 5, "four bulk sends and a single one");
    }
    assert_eq!(listed(&world, "direction=inbound&channel=email").await.len(), 0);
}

#[tokio::test]
async fn answers_to_a_bulk_action_are_found_with_it_and_are_none_of_its_rows() {
    let world = World::start().await;
    let members = world.members(2).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    let answered = MessageId { send: id.ulid(), chunk: 0, slot: 1 };
    world.clock.advance(MINUTE);
    inbound(&world, 1, None, None).await;
    let first = inbound(&world, 2, Some("m0"), Some(answered)).await;
    let second = inbound(&world, 3, Some("m1"), Some(answered)).await;

    let rows = listed(&world, &format!("bulk_action_id={id}")).await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["direction"] == "outbound"));
    let answers = listed(&world, &format!("bulk_action_id={id}&direction=inbound")).await;
    assert_eq!(ids(&answers), [second.as_str(), first.as_str()]);
    assert_eq!(
        (&answers[0]["in_reply_to"], &answers[0]["bulk_action_id"], &answers[0]["attribution"]),
        (&json!(answered), &json!(id), &json!("latest"))
    );
    let of_member = listed(&world, &format!("bulk_action_id={id}&direction=inbound&member_id=m0")).await;
    assert_eq!(ids(&of_member), [first.as_str()]);
    assert_eq!(listed(&world, &format!("bulk_action_id={id}&member_id=m0")).await.len(), 1);
}

#[tokio::test]
async fn a_span_of_time_holds_the_same_of_every_kind() {
    let world = World::start().await;
    busy_day(&world).await;
    let whole = listed(&world, "").await;
    let at = |place: usize| whole[place]["created_at"].as_str().unwrap();
    // Within the third of the sends, and between two inbound messages.
    for (from, to) in [(at(150), at(20)), (at(206), at(46)), (at(48), at(44))] {
        let expected: Vec<&str> = whole
            .iter()
            .filter(|message| (from..to).contains(&message["created_at"].as_str().unwrap()))
            .map(|message| message["id"].as_str().unwrap())
            .collect();
        for limit in [6, 200] {
            let found = in_pages(&world, &format!("from={from}&to={to}"), limit).await;
            assert_eq!(ids(&found), expected, "from {from} to {to}");
        }
    }
}

#[tokio::test]
async fn a_request_looks_at_no_more_than_its_share_and_says_that_there_may_be_more() {
    let world = World::start().await;
    let now = world.clock.now();
    let rows: Vec<store::row::Row> = (0..2_300_u32)
        .map(|number| {
            let at = now - Duration::from_secs(number.into());
            let send = ulid::Ulid::from_parts(u64::try_from(at.millis()).unwrap(), number.into());
            let id = MessageId { send, chunk: 0, slot: 0 };
            store::row::Row {
                origin: store::row::Origin::Inbound(Box::default()),
                ..store::row::Row::to_nobody(World::org(), id, domain::Channel::Sms, at)
            }
        })
        .collect();
    world.store.create_rows(&rows).await.unwrap();
    let page = async |query: &str| -> Value {
        serde_json::from_str(&get_messages(&world, query).await.body).unwrap()
    };
    let first = page("channel=email").await;
    assert_eq!(first["items"], json!([]));
    let next = first["next_cursor"].as_str().expect("it has not looked at everything");
    let last = page(&format!("channel=email&cursor={next}")).await;
    assert_eq!((&last["items"], &last["next_cursor"]), (&json!([]), &json!(null)));
    assert_eq!(in_pages(&world, "channel=sms", 200).await.len(), 2_300);
}

#[tokio::test]
async fn a_cursor_continues_its_own_list_only() {
    let world = World::start().await;
    busy_day(&world).await;
    let first: Value = serde_json::from_str(&get_messages(&world, "limit=5").await.body).unwrap();
    let cursor = first["next_cursor"].as_str().unwrap();
    for other in ["member_id=m0", "direction=inbound", "channel=sms"] {
        let reply = get_messages(&world, &format!("{other}&cursor={cursor}")).await;
        assert_eq!(reply.status, 400, "{other}");
    }
}

#[tokio::test]
async fn a_single_send_shows_by_itself_and_by_its_member_and_not_as_a_bulk_action() {
    let world = World::start().await;
    world.members(1).await;
    let id = single(&world, "m0", "Hi {{member.first_names}}").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    let message = world.ok("GET /messages/{id}", &[("id", &id)], Value::Null).await;
    assert_eq!(
        (&message["source"], &message["bulk_action_id"], &message["text"], &message["status"]),
        (&json!("single"), &json!(null), &json!("Hi Ana0"), &json!("delivered"))
    );
    assert_eq!(ids(&listed(&world, "member_id=m0").await), [id.as_str()]);
    assert_eq!(ids(&listed(&world, "").await), [id.as_str()]);
    let as_bulk = BulkActionId::new(id.parse::<MessageId>().unwrap().send);
    assert_eq!(listed(&world, &format!("bulk_action_id={as_bulk}")).await, [json!(null); 0]);
    world.live(2 * MINUTE).await;
}

#[tokio::test]
async fn what_a_member_wrote_shows_with_its_history() {
    let world = World::start().await;
    let answered = MessageId { send: ulid::Ulid::from_parts(1, 1), chunk: 0, slot: 0 };
    let id = inbound(&world, 1, Some("m0"), Some(answered)).await;
    let message = world.ok("GET /messages/{id}", &[("id", &id)], Value::Null).await;
    assert_eq!(
        (&message["direction"], &message["source"], &message["text"]),
        (&json!("inbound"), &json!(null), &json!("Thank you 1"))
    );
    let history = message["history"].as_array().unwrap();
    assert_eq!(history.len(), 1);
    let detail = history[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("Received") && detail.contains(&answered.to_string()), "{detail}");
}

#[tokio::test]
async fn a_covered_message_names_its_cover_and_tells_how_that_fared() {
    let world = World::start().await;
    for id in ["ana", "bo"] {
        world.member(id, json!({ "first_names": id, "primary_phone": "+64211234567" })).await;
    }
    let message = json!([{ "channel": "sms", "body": "Hi {{member.first_names}}" }]);
    let id =
        world.send(json!({ "target_ids": ["ana", "bo"], "dedupe": "address", "messages": message })).await;
    world.drain().await;
    let of = async |member: &str| listed(&world, &format!("member_id={member}")).await[0].clone();
    let (cover, covered) = (of("ana").await, of("bo").await);
    assert_eq!((&covered["covered_by"], &covered["status"]), (&cover["id"], &json!("skipped")));
    assert_eq!(covered["failure_message"], "Covered by the message to the same address, which was sent");

    world.report(|_| vec![Report::Delivered]).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    let expected = json!("Covered by the message to the same address, which was delivered");
    assert_eq!(of("bo").await["failure_message"], expected);
    let id_of = covered["id"].as_str().unwrap();
    let one = world.ok("GET /messages/{id}", &[("id", id_of)], Value::Null).await;
    assert_eq!(one["history"].as_array().unwrap().last().unwrap()["detail"], expected);
    let failed =
        world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
    assert_eq!((&failed["items"][0]["code"], &failed["items"][0]["message"]), (&json!("covered"), &expected));
    assert_eq!(failed["counts"], json!({ "covered": 1 }));
}

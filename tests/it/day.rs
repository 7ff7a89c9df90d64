//! A day in the life of an organisation, as one story.

use std::collections::{BTreeMap, BTreeSet};

use domain::{BulkActionId, Channel, FailureCode};
use serde_json::{Value, json};
use testing::{Answer, Seen, World, Writes};
use wire::api::http::Request;

use crate::support::{body, settle, summary};

const FAMILIES: u64 = 10;

/// 500 rows: 488 people, 30 of them in families who share a phone, and 12 rows that are none.
fn rows() -> Vec<Value> {
    let mut rows: Vec<Value> = (0..488)
        .map(|i| {
            // The first 30 are families of three.
            let phone = if i < 30 { i / 3 } else { 100 + i };
            json!({
                "id": format!("m{i}"), "first_names": format!("Ana{i}"), "email": format!("ana{i}@example.org"),
                "primary_phone": format!("+6421{:07}", 1_000_000 + phone),
            })
        })
        .collect();
    rows[40]["primary_phone"] = json!("12");
    rows[41]["primary_phone"] = Value::Null;
    rows[42]["first_names"] = Value::Null;
    for bad in 0..12 {
        rows.insert(bad * 40, json!({ "id": format!("bad {bad}"), "first_names": "Nobody" }));
    }
    rows
}

fn to_all(text: &str) -> Value {
    json!({
        "type": "send_message", "selection": { "all_matching": {} }, "dedupe": "address",
        "messages": [
            { "channel": "sms", "body": format!("Hi {{{{member.first_names}}}}, {text}") },
            { "channel": "email", "subject": "Sunday", "body": format!("Hi {{{{member.first_names}}}}, {text}. {{{{unsubscribe_url}}}}") },
        ],
    })
}

/// How often each address got something on a channel, of what was accepted from `since` on.
fn ledger(world: &World, since: usize, channel: Channel) -> BTreeMap<String, u64> {
    let mut times = BTreeMap::new();
    for seen in world.provider.accepted().into_iter().skip(since).filter(|seen| seen.channel == channel) {
        *times.entry(seen.to).or_insert(0) += 1;
    }
    times
}

fn once_each(times: &BTreeMap<String, u64>) -> bool {
    times.values().all(|times| *times == 1)
}

async fn action(world: &World, id: BulkActionId) -> (String, [u64; 5]) {
    summary(&world.action(id).await)
}

async fn one_click(world: &World, mail: &Seen) -> u16 {
    let url = mail.unsubscribe_url.as_deref().expect("every mail has a link");
    let token = url.rsplit('/').next().unwrap_or_default().to_owned();
    for route in ["GET /unsubscribe/{token}", "POST /unsubscribe/{token}"] {
        let path = [("token".to_owned(), token.clone())].into();
        let reply = world.request(&Request { route: route.into(), path, ..Request::default() }).await;
        if route.starts_with("POST") {
            return reply.status;
        }
        assert_eq!(reply.status, 200);
    }
    0
}

#[tokio::test]
async fn a_day_in_the_life() {
    let world = World::start().await;

    // Morning: the members come from the other system, some rows are bad and are named.
    let imported = world.ok("POST /members/import", &[], json!({ "members": rows() })).await;
    assert_eq!(imported["imported"], 488);
    let bad: BTreeSet<u64> =
        imported["errors"].as_array().unwrap().iter().map(|error| error["row"].as_u64().unwrap()).collect();
    assert_eq!(bad.len(), 12, "{}", imported["errors"]);

    // The composer says who will not be reached.
    let preview = world.ok("POST /bulk-actions/preview", &[], to_all("service is at 10:00")).await;
    assert_eq!(preview["total"], 2 * 488);
    let by_code =
        json!({ "covered": 2 * FAMILIES, "invalid_phone": 1, "missing_variable": 2, "no_phone": 1 });
    assert_eq!(preview["unreachable"]["by_code"], by_code);

    // The send. Five phones are switched off.
    let off = |seen: &Seen| seen.channel == Channel::Sms && seen.to.ends_with("77");
    world.provider.answer(move |seen| {
        if off(seen) { Answer::Refuse(FailureCode::Undeliverable) } else { Answer::Accept }
    });
    let first = world.send(to_all("service is at 10:00")).await;
    settle(&world).await;
    let (texts, mails) = (ledger(&world, 0, Channel::Sms), ledger(&world, 0, Channel::Email));
    assert!(once_each(&texts) && once_each(&mails), "one message per phone and per mailbox");
    let refused = (world.provider.calls().len() - world.provider.accepted().len()) as u64;
    let reached =
        |texts: &BTreeMap<String, u64>, mails: &BTreeMap<String, u64>| (texts.len() + mails.len()) as u64;
    assert_eq!(preview["reachable"], reached(&texts, &mails) + refused);
    let (status, [landed, failed, skipped, unconfirmed, pending]) = action(&world, first).await;
    assert_eq!((status.as_str(), unconfirmed, pending), ("partial", 0, 0));
    assert_eq!(landed, reached(&texts, &mails));
    assert_eq!((failed, skipped), (refused + 4, 2 * FAMILIES));

    // Answers come in: they stand beside the send that they answer.
    let phone = |i: usize| format!("+6421{:07}", 1_000_000 + i);
    world.inbound(&Writes::sms(&phone(150), "SM1", "We will be there")).await;
    let conversations = world.ok("GET /conversations", &[], Value::Null).await;
    let conversation = &conversations["items"][0];
    assert_eq!((&conversation["member_id"], &conversation["unread"]), (&json!("m50"), &json!(1)));
    let id = conversation["id"].as_str().unwrap();
    let thread = world.ok("GET /conversations/{id}/messages", &[("id", id)], Value::Null).await;
    assert_eq!(thread["items"][0]["bulk_action_id"], first.to_string());
    let reply =
        world.call("POST /conversations/{id}/messages", &[("id", id)], json!({ "body": "Lovely" })).await;
    assert_eq!(reply.status, 202);

    // A family has had enough of texts, one member of mails.
    world.inbound(&Writes::sms(&phone(3), "SM2", "Stop.")).await;
    let mail = world.provider.accepted().into_iter().find(|seen| seen.to == "ana60@example.org").unwrap();
    assert_eq!(one_click(&world, &mail).await, 200);
    settle(&world).await;
    let told = world.ok("GET /bulk-actions/{id}/stats", &[("id", &first.to_string())], Value::Null).await;
    assert_eq!((&told["replied"], &told["opted_out"]), (&json!(2), &json!(2)), "{told}");

    // The phones are on again: those who failed get it, nobody else.
    world.provider.answer(|_| Answer::Accept);
    let before = world.provider.accepted().len();
    let path = first.to_string();
    let retried = body(&world.call("POST /bulk-actions/{id}/retry", &[("id", &path)], json!({})).await);
    settle(&world).await;
    assert_eq!((world.provider.accepted().len() - before) as u64, refused, "{retried}");
    let texts = ledger(&world, 0, Channel::Sms);
    assert_eq!(texts[&phone(150)], 2, "the send and our answer");
    assert!(texts.iter().all(|(to, times)| *times == 1 || *to == phone(150)));
    assert_eq!(action(&world, first).await.1, [landed, failed, skipped, 0, 0], "the first stays as it was");

    // The next send respects it all.
    let before = world.provider.accepted().len();
    let second = world.send(to_all("thank you for coming")).await;
    settle(&world).await;
    let (texts, mails) = (ledger(&world, before, Channel::Sms), ledger(&world, before, Channel::Email));
    assert!(once_each(&texts) && once_each(&mails));
    assert!(!texts.contains_key(&phone(3)), "the family that said STOP");
    assert!(mails.contains_key("ana9@example.org"), "STOP was about texts");
    assert!(
        !mails.contains_key("ana60@example.org") && texts.contains_key(&phone(160)),
        "a link is about mails"
    );
    let (_, [landed, failed, skipped, ..]) = action(&world, second).await;
    assert_eq!((failed, skipped), (4, 2 * (FAMILIES - 1) + 3 + 1));
    assert_eq!(landed, reached(&texts, &mails));
}

use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::world::{Seen, World, ok, page_of_two};

fn items() -> Vec<Value> {
    let item = |member: &str, address: Value, code: &str, message: &str, provider_code: Value| {
        json!({
            "message_id": format!("msg_{member}"), "member_id": member, "channel": "sms", "address": address, "code": code,
            "message": message, "provider_code": provider_code, "at": "2026-01-01T10:00:00.123Z",
        })
    };
    vec![
        item("m053", json!("+64212410001"), "invalid_phone", "Not a phone number", json!("21211")),
        item("m060", Value::Null, "no_phone", "The member has no phone number", Value::Null),
        item("m066", json!("+64212418004"), "opted_out", "Opted out of SMS", Value::Null),
    ]
}

fn answer(seen: &Seen) -> Value {
    let code = seen.parameter("code");
    let items: Vec<Value> =
        items().into_iter().filter(|item| code.is_empty() || item["code"] == code).collect();
    let mut page = page_of_two(&items, seen);
    page["counts"] = json!({"invalid_phone": 1, "no_phone": 1, "opted_out": 1});
    page
}

#[tokio::test]
async fn all_pages_are_one_table_with_the_counts_below() {
    let world = World::start(|seen| ok(&answer(seen))).await;
    let expected = "\
TIME (UTC)           MEMBER  CHANNEL  ADDRESS       CODE           REASON
2026-01-01 10:00:00  m053    sms      +64212410001  invalid_phone  Not a phone number (21211)
2026-01-01 10:00:00  m060    sms                    no_phone       The member has no phone number
2026-01-01 10:00:00  m066    sms      +64212418004  opted_out      Opted out of SMS

in the whole send
    invalid_phone              1
    no_phone                   1
    opted_out                  1
";
    assert_eq!(world.run("failures ba_1").await.good(), expected);
    assert_eq!(world.calls(), ["GET /bulk-actions/ba_1/failed-items"; 2]);
    assert_eq!(world.run("failures ba_1 --json").await.json(), Value::from(items()));
}

#[tokio::test]
async fn one_code_is_left_to_the_api_to_choose() {
    let world = World::start(|seen| ok(&answer(seen))).await;
    let out = world.run("failures ba_1 --code no_phone").await.good();
    assert!(out.contains("m060") && !out.contains("m053"), "{out}");
    let none = world.run("failures ba_1 --code bounced").await.good();
    assert!(none.starts_with("nobody with this code; in the whole send:\n    invalid_phone"), "{none}");
}

#[tokio::test]
async fn a_send_without_failures_says_so() {
    let world = World::start(|_| ok(&json!({"items": [], "next_cursor": null, "counts": {}}))).await;
    assert_eq!(world.run("failures ba_1").await.good(), "nobody failed or was skipped\n");
    assert_eq!(world.run("failures ba_1 --json").await.json(), json!([]));
}

#[tokio::test]
async fn csv_is_one_file_of_all_pages() {
    let next = "</bulk-actions/ba_1/failed-items?code=no_phone&limit=10000&cursor=a%2Bb>; rel=\"next\"";
    let world = World::start(move |seen| match seen.parameter("cursor") {
        "" => ([("link", next)], "message_id,code\r\nmsg_1,no_phone\r\n").into_response(),
        // A page may hold nothing and yet not be the last; its link may be relative.
        "a+b" => ([("link", "<?cursor=c>; rel=next")], "message_id,code\r\n").into_response(),
        _ => "message_id,code\r\nmsg_2,\"no\nphone\"\r\n".into_response(),
    })
    .await;
    let out = world.run("failures ba_1 --csv --code no_phone").await.good();
    assert_eq!(out, "message_id,code\r\nmsg_1,no_phone\r\nmsg_2,\"no\nphone\"\r\n");
    let seen = world.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|seen| seen.header("accept") == "text/csv"));
    assert_eq!((seen[0].parameter("code"), seen[0].parameter("limit")), ("no_phone", "10000"));
}

//! Many and large.

use serde_json::{Value, json};
use testing::World;
use wire::api::http::Request;

use super::{Inhabited, Watch};

fn create(inhabited: &Inhabited, ids: &[String]) -> Request {
    let sms = json!({ "channel": "sms", "body": "Hi" });
    let body = json!({ "type": "send_message", "target_ids": ids, "messages": [sms] });
    Request { body: body.to_string().into_bytes(), ..inhabited.request("POST /bulk-actions") }
}

fn ids(count: usize, length: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:0>length$}")).collect()
}

#[tokio::test]
async fn as_many_targets_as_a_body_holds_are_taken_and_one_more_is_refused() {
    let inhabited = Inhabited::start().await;
    let mut watch = Watch::new(&inhabited.world);
    // 100,000 ids of 64 characters come to 6.7 MB.
    let reply = watch.send("100,000 long ids", &create(&inhabited, &ids(100_000, 64))).await;
    assert_eq!(reply.status, 413);
    let reply = watch.send("100,001 ids", &create(&inhabited, &ids(100_001, 20))).await;
    assert_eq!(reply.status, 422, "{}", reply.body);
    let reply = watch.send("ids that are none", &create(&inhabited, &vec!["a b".to_owned(); 100_000])).await;
    assert_eq!(reply.status, 422);
    assert!(reply.body.len() < 500_000, "an answer has a limit of its own: {} bytes", reply.body.len());
    for taken in [ids(100_000, 36), ids(60_000, 64)] {
        let reply = watch.send("as many as fit", &create(&inhabited, &taken)).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        let action: Value = serde_json::from_str(&reply.body).expect("JSON");
        assert_eq!(action["total"], taken.len());
    }
    let reply =
        watch.send("one id 100,000 times", &create(&inhabited, &vec!["m001".to_owned(); 100_000])).await;
    let action: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(
        (reply.status, &action["total"], &action["duplicates_removed"]),
        (202, &json!(1), &json!(99_999))
    );
    watch.finish().await;
}

#[tokio::test]
async fn an_import_of_rows_that_are_all_wrong_says_so_within_the_size_of_an_answer() {
    let world = World::start().await;
    let contents = world.contents();
    let before = contents.read().await;
    let row = json!({ "id": "#", "first_names": "\u{202e}", "email": 1, "country": "??", "fields": { "a b": 1 }, "x": 1 });
    let reply = world.call("POST /members/import", &[], json!({ "members": vec![row.clone(); 5_000] })).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.len() < 6_000_000, "{} bytes", reply.body.len());
    let reply = world.call("POST /members/import", &[], json!({ "members": vec![row; 5_001] })).await;
    assert_eq!(reply.status, 422);
    assert_eq!(contents.read().await, before);
}

#[tokio::test]
async fn a_member_of_the_largest_values_is_kept_sent_to_and_listed() {
    let world = World::start().await;
    let largest = "\u{1f600}".repeat(1_000);
    let fields: Value = (0..50).map(|number| (format!("{number:0>64}"), json!(largest))).collect();
    let line = "\u{1f600}".repeat(200);
    for id in ["large", "larger"] {
        let member = json!({
            "first_names": line, "last_names": line, "unit": { "id": "u", "name": line }, "fields": fields,
            "primary_phone": "+64212410100",
        });
        world.member(id, member).await;
    }
    let names: Vec<String> = (0..50).map(|number| format!("{{{{member.fields.{number:0>64}}}}}")).collect();
    let mail = json!({ "channel": "email", "subject": "S", "body": names.concat() });
    let sms = json!({ "channel": "sms", "body": "{{member.first_names}}" });
    let body = json!({ "target_ids": ["large", "larger"], "messages": [sms, mail] });
    let id = world.send(body).await;
    crate::support::settle(&world).await;
    let action = world.action(id).await;
    assert_eq!((&action["success_count"], &action["failed_count"]), (&json!(2), &json!(2)), "{action}");
    let list = world.ok("GET /members", &[], Value::Null).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
}

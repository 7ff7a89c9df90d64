use serde_json::{Value, json};

use super::world::{World, ok, page_of_two};

fn rows() -> Vec<Value> {
    let row = |id: &str, direction: &str, member: Value, status: Value, text: Value, reason: Value| {
        json!({
            "id": id, "direction": direction, "member_id": member, "channel": "sms", "address": "+64211234567",
            "status": status, "text": text, "failure_message": reason, "media": [], "created_at": "2026-01-01T10:00:00Z",
        })
    };
    vec![
        row("msg_4", "inbound", Value::Null, Value::Null, json!("Who is\nthis?\u{1b}[2J"), Value::Null),
        row("msg_3", "inbound", json!("m001"), Value::Null, json!("Coming!"), Value::Null),
        row(
            "msg_2",
            "outbound",
            json!("m001"),
            json!("delivered"),
            json!("Hi Aroha, ".repeat(30)),
            Value::Null,
        ),
        row("msg_1", "outbound", json!("m060"), json!("failed"), Value::Null, json!("No phone")),
    ]
}

#[tokio::test]
async fn the_log_is_a_line_for_each_message() {
    let world = World::start(|seen| ok(&page_of_two(&rows(), seen))).await;
    let ran = world.run("log").await;
    assert_eq!(ran.err, "");
    let out = ran.good();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "TIME (UTC)           WAY  CHANNEL  STATUS     MEMBER        TEXT");
    assert_eq!(lines[1], "2026-01-01 10:00:00  in   sms                 +64211234567  Who is this? [2J");
    assert_eq!(lines[2], "2026-01-01 10:00:00  in   sms                 m001          Coming!");
    assert!(
        lines[3]
            .starts_with("2026-01-01 10:00:00  out  sms      delivered  m001          Hi Aroha, Hi Aroha,")
    );
    assert!(lines[3].ends_with('…') && lines[3].chars().count() == 160, "{}", lines[3]);
    assert_eq!(lines[4], "2026-01-01 10:00:00  out  sms      failed     m060          [No phone]");
    assert_eq!(lines.len(), 5);
}

#[tokio::test]
async fn filters_and_the_limit_are_the_apis() {
    let world = World::start(|seen| ok(&page_of_two(&rows(), seen))).await;
    let line =
        "log --member m001 --action ba_1 --channel sms --status delivered --direction outbound --limit 3";
    let ran = world.run(&format!("{line} --json")).await;
    assert_eq!(ran.err, "there are older ones; --limit shows more\n");
    assert_eq!(ran.json(), json!(rows()[..3]));
    let seen = world.seen();
    assert_eq!(seen.len(), 2);
    for (name, value) in [
        ("member_id", "m001"),
        ("bulk_action_id", "ba_1"),
        ("channel", "sms"),
        ("status", "delivered"),
        ("direction", "outbound"),
        ("limit", "3"),
    ] {
        assert!(seen.iter().all(|seen| seen.parameter(name) == value), "{name}");
    }
    assert_eq!(seen[0].query.len(), 6);
}

#[tokio::test]
async fn an_empty_page_is_not_the_end() {
    let world = World::start(|seen| match seen.before {
        0 => ok(&json!({"items": [], "next_cursor": "x"})),
        _ => ok(&json!({"items": [rows()[1]], "next_cursor": null})),
    })
    .await;
    assert!(world.run("log").await.good().contains("Coming!"));
}

#[tokio::test]
async fn an_empty_log_says_so() {
    let world = World::start(|_| ok(&json!({"items": [], "next_cursor": null}))).await;
    assert_eq!(world.run("log").await.good(), "no messages\n");
    assert_eq!(world.run("log --json").await.good(), "[]\n");
}

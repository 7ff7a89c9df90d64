use axum::{http::StatusCode, response::IntoResponse};
use serde_json::{Value, json};

use super::world::{World, accepted, not_found, ok, page_of_two, problem, run};

fn conversations() -> Vec<Value> {
    let conversation = |id: &str, member: Value, candidates: Value, unread: u32, preview: &str| {
        json!({
            "id": id, "channel": "sms", "member_id": member, "address": "+64211234567", "matched": !member.is_null(),
            "candidates": candidates, "unread": unread, "last_inbound_at": "2026-01-01T10:00:00Z", "preview": preview,
        })
    };
    vec![
        conversation("cv_1", json!("m001"), json!([]), 2, "Coming!\nAll of us"),
        conversation("cv_2", Value::Null, json!(["m067", "m068"]), 1, "Which day?"),
        conversation("cv_3", Value::Null, json!([]), 0, "Who is this?"),
    ]
}

fn messages() -> Vec<Value> {
    let message = |direction: &str, status: Value, at: &str, text: Value, media: Value| json!({"direction": direction, "status": status, "created_at": at, "text": text, "media": media});
    vec![
        message("outbound", json!("delivered"), "2026-01-01T10:02:00Z", json!("See you"), json!([])),
        message("inbound", Value::Null, "2026-01-01T10:01:00Z", Value::Null, json!([{"type": "image"}])),
        message("inbound", Value::Null, "2026-01-01T10:00:00Z", json!("Coming!\nAll of us"), json!([])),
    ]
}

async fn world() -> World {
    World::start(|seen| match seen.call.as_str() {
        "GET /conversations" => ok(&page_of_two(&conversations(), seen)),
        "GET /conversations/cv_1" => ok(&conversations()[0]),
        "GET /conversations/cv_1/messages" => ok(&page_of_two(&messages(), seen)),
        "POST /conversations/cv_1/messages" if seen.body["body"] == "Late" => problem(
            422,
            "outside-reply-window",
            "Cannot reply",
            "The 24 hours after their last message are over",
        ),
        "POST /conversations/cv_1/messages" => accepted(
            &json!({"id": "msg_9", "status": "queued", "address": "+64211234567", "failure_message": null}),
        ),
        "POST /conversations/cv_2/messages" => {
            accepted(&json!({"id": "msg_9", "status": "skipped", "failure_message": "Opted out of SMS"}))
        }
        "POST /conversations/cv_1/read" => StatusCode::NO_CONTENT.into_response(),
        "POST /conversations/cv_2/assign" => ok(&json!({"id": "cv_2", "member_id": "m067"})),
        _ => not_found(),
    })
    .await
}

#[tokio::test]
async fn conversations_are_listed_with_what_is_unread_and_who_it_is() {
    let world = world().await;
    let expected = "\
ID    UNREAD  LAST (UTC)           CHANNEL  WHO                             PREVIEW
cv_1       2  2026-01-01 10:00:00  sms      m001                            Coming! All of us
cv_2       1  2026-01-01 10:00:00  sms      +64211234567, one of m067 m068  Which day?
cv_3          2026-01-01 10:00:00  sms      +64211234567, unmatched         Who is this?
";
    assert_eq!(world.run("inbox").await.good(), expected);
    assert_eq!(world.run("inbox --unmatched --channel sms --json").await.json(), json!(conversations()));
    let asked = world.seen().pop().unwrap();
    assert_eq!((asked.parameter("unmatched"), asked.parameter("channel")), ("true", "sms"));
    assert_eq!(world.seen()[0].parameter("unmatched"), "");
}

#[tokio::test]
async fn a_conversation_is_shown_in_the_order_in_which_it_went() {
    let world = world().await;
    let ran = world.run("inbox cv_1").await;
    assert!(
        ran.err.contains(&format!("answer with: cargo run -- inbox cv_1 --reply TEXT {}", world.place()))
    );
    let expected = "\
m001 by sms, +64211234567, 2 unread

TIME (UTC)           WAY  STATUS     TEXT
2026-01-01 10:00:00  in              Coming!
                                     All of us
2026-01-01 10:01:00  in              [1 attached]
2026-01-01 10:02:00  out  delivered  See you
";
    assert_eq!(ran.good(), expected);
    assert_eq!(world.run("inbox cv_1 --json").await.json(), json!(messages()));
}

#[tokio::test]
async fn a_reply_goes_out_once() {
    let world = world().await;
    let words = format!("inbox cv_1 {} --reply", world.place());
    let words: Vec<&str> = words.split(' ').chain(["See you there"]).collect();
    assert_eq!(run(&words).await.good(), "reply msg_9 to +64211234567 is queued\n");
    let seen = &world.seen()[0];
    assert_eq!(
        (seen.call.as_str(), &seen.body),
        ("POST /conversations/cv_1/messages", &json!({"body": "See you there"}))
    );
    assert!(!seen.header("idempotency-key").is_empty());
}

#[tokio::test]
async fn a_reply_that_cannot_go_out_says_why() {
    let world = world().await;
    let said = world.run("inbox cv_1 --reply Late").await.bad();
    assert_eq!(said, "error: 422 Cannot reply: The 24 hours after their last message are over\n");
    assert_eq!(
        world.run("inbox cv_2 --reply Hi").await.bad(),
        "error: the reply is skipped: Opted out of SMS\n"
    );
    let ran = world.run("inbox cv_2 --reply Hi --json").await;
    assert_eq!((ran.status, ran.err.as_str()), (1, ""));
    assert!(ran.out.contains("\"skipped\""), "{}", ran.out);
}

#[tokio::test]
async fn a_conversation_is_marked_as_read_and_assigned() {
    let world = world().await;
    assert_eq!(world.run("inbox cv_1 --read").await.good(), "conversation cv_1 is read\n");
    assert_eq!(world.run("inbox cv_1 --read --json").await.json(), Value::Null);
    assert_eq!(world.run("inbox cv_2 --assign m067").await.good(), "conversation cv_2 is with m067\n");
    let seen = world.seen();
    assert_eq!((&seen[0].body, &seen[2].body), (&json!({}), &json!({"member_id": "m067"})));
}

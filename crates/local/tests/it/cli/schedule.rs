//! `send` that leaves later, and `send --preview`: nobody waits for these.

use serde_json::json;

use super::world::{World, accepted, ok};

const LINE: &str = "send --channel sms --body Hi --all --at 2999-12-01T22:00:00+13:00";

async fn world() -> World {
    let created = json!({
        "id": "ba_1", "status": "queued", "schedule_at": "2999-12-01T09:00:00Z", "expires_at": "2999-12-02T09:00:00Z",
        "total": 69,
    });
    World::start(move |_| accepted(&created)).await
}

#[tokio::test]
async fn a_send_for_later_says_when_it_leaves_and_how_to_call_it_off() {
    let world = world().await;
    let out = world.run(LINE).await.good();
    assert!(out.starts_with("bulk action ba_1\n  leaves       2999-12-01 09:00:00 UTC, in "), "{out}");
    let place = world.place();
    let rest = format!(
        " days\n  expires      2999-12-02 09:00:00 UTC\n  messages     69\n  \
         follow it    cargo run -- status ba_1 --watch {place}\n  \
         cancel it    cargo run -- cancel ba_1 {place}\n"
    );
    assert!(out.ends_with(&rest), "{out}");
    let seen = world.seen();
    assert_eq!(seen.len(), 1, "it does not wait");
    assert_eq!(seen[0].body["schedule_at"], "2999-12-01T09:00:00Z");
    assert!(!seen[0].header("idempotency-key").is_empty());
}

#[tokio::test]
async fn a_send_for_later_is_printed_as_json() {
    assert_eq!(world().await.run(&format!("{LINE} --json")).await.json()["id"], "ba_1");
}

#[tokio::test]
async fn a_preview_asks_with_the_same_body_and_sends_nothing() {
    let preview = json!({
        "total": 2, "reachable": 1, "unreachable": {"count": 1, "by_code": {"no_phone": 1}}, "flagged": [],
        "by_channel": [{"channel": "sms", "reachable": 1, "segments": 1, "encoding": "gsm7"}], "samples": [],
        "duplicates_removed": 0, "estimated_completion": null, "spans_days": null,
    });
    let answer = preview.clone();
    let world = World::start(move |_| ok(&answer)).await;
    let line =
        "send --channel sms --body Hi --unit choir --dedupe address --expires 2999-12-01T12:00:00Z --preview";
    let out = world.run(line).await.good();
    assert!(
        out.starts_with("2 messages: 1 would be sent, 1 would not\n    no_phone                   1\n"),
        "{out}"
    );
    assert_eq!(world.run(&format!("{line} --json")).await.json(), preview);
    assert_eq!(world.calls(), ["POST /bulk-actions/preview"; 2]);
    let asked = json!({
        "type": "send_message", "messages": [{"channel": "sms", "body": "Hi"}],
        "selection": {"all_matching": {"unit_id": "choir"}}, "dedupe": "address", "expires_at": "2999-12-01T12:00:00Z",
    });
    assert_eq!(world.seen()[0].body, asked);
}

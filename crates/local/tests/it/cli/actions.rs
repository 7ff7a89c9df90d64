//! `status`, `retry` and `cancel`.

use serde_json::{Value, json};

use super::world::{World, accepted, after, not_found, ok, problem};

fn action(id: &str, status: &str, pending: u64) -> Value {
    json!({
        "id": id, "status": status, "total": 3, "success_count": 3 - pending, "failed_count": 0, "skipped_count": 0,
        "unconfirmed_count": 0, "read_count": 0, "pending_count": pending, "messages": [{"channel": "sms"}],
        "routing": "all", "dedupe": "none", "history": [{"status": "queued", "at": "2026-01-01T10:00:00Z", "by": "ana"}],
    })
}

#[tokio::test]
async fn status_shows_an_action_as_it_is() {
    let world = World::start(|_| ok(&action("ba_1", "delegated", 2))).await;
    let out = world.run("status ba_1").await.good();
    assert!(out.starts_with("ba_1  delegated\n  channels     sms\n\n  total              3\n"), "{out}");
    assert!(
        out.ends_with(
            "  pending            2\n\nTIME (UTC)           STATUS  BY\n2026-01-01 10:00:00  queued  ana\n"
        ),
        "{out}"
    );
    assert_eq!(world.run("status ba_1 --json").await.json(), action("ba_1", "delegated", 2));
    assert_eq!(world.calls(), ["GET /bulk-actions/ba_1"; 2]);
}

#[tokio::test]
async fn status_follows_an_action_until_it_has_settled() {
    let world = World::start(|seen| {
        let pending = 2_u64.saturating_sub(seen.before as u64);
        ok(&action("ba_1", if pending == 0 { "completed" } else { "delegated" }, pending))
    })
    .await;
    let ran = world.run("status ba_1 --watch").await;
    assert_eq!(ran.err, "1/3  delegated\n2/3  delegated\n3/3  completed\n");
    assert!(ran.good().starts_with("ba_1  completed\n"));
}

#[tokio::test]
async fn a_retry_names_the_new_action_and_can_be_waited_for() {
    let world = World::start(|seen| match seen.call.as_str() {
        "POST /bulk-actions/ba_1/retry" => accepted(&action("ba_2", "queued", 3)),
        "GET /bulk-actions/ba_2" => ok(&action("ba_2", "completed", 0)),
        "GET /bulk-actions/ba_2/failed-items" => ok(&json!({"items": [], "next_cursor": null, "counts": {}})),
        _ => not_found(),
    })
    .await;
    let expected = format!(
        "bulk action ba_2 retries ba_1\n  messages     3\n  follow it    cargo run -- status ba_2 --watch {}\n",
        world.place()
    );
    assert_eq!(world.run("retry ba_1").await.good(), expected);
    assert_eq!(world.run("retry ba_1 --scope unconfirmed --json").await.json()["id"], "ba_2");
    let waited = world.run("retry ba_1 --scope all --wait").await;
    assert!(waited.err.starts_with("bulk action ba_2 retries ba_1\n"), "{}", waited.err);
    assert!(waited.good().starts_with("completed\n"));
    let retries = world.seen().into_iter().filter(|seen| seen.call == "POST /bulk-actions/ba_1/retry");
    let (scopes, keys): (Vec<_>, Vec<_>) =
        retries.map(|seen| (seen.body["scope"].clone(), seen.header("idempotency-key").to_owned())).unzip();
    assert_eq!(scopes, ["failed", "unconfirmed", "all"]);
    assert!(keys.iter().all(|key| !key.is_empty()));
}

#[tokio::test]
async fn a_cancelled_action_says_what_will_not_be_sent() {
    let mut cancelled = action("ba_1", "cancelled", 0);
    cancelled["skipped_count"] = json!(3);
    let answer = cancelled.clone();
    let world = World::start(move |_| ok(&answer)).await;
    let out = world.run("cancel ba_1").await.good();
    assert_eq!(out, "bulk action ba_1 is cancelled; 3 messages will not be sent\n");
    assert_eq!(world.run("cancel ba_1 --json").await.json(), cancelled);
    assert_eq!(world.calls(), ["POST /bulk-actions/ba_1/cancel"; 2]);
    assert_eq!(world.seen()[0].body, json!({}));
}

#[tokio::test]
async fn what_cannot_be_done_is_one_sentence() {
    let world = World::start(|seen| match seen.call.as_str() {
        "POST /bulk-actions/ba_1/cancel" => {
            problem(409, "conflict", "Conflict", "It is delegated; only a queued action can be cancelled")
        }
        "POST /bulk-actions/ba_1/retry" => {
            problem(409, "nothing_to_retry", "Conflict", "Nothing is left to retry")
        }
        "POST /bulk-actions/ba_2/retry" => {
            after(12, problem(429, "rate-limit", "Too many requests", "At most 10 sends in 60 seconds."))
        }
        _ => not_found(),
    })
    .await;
    for (line, says) in [
        ("cancel ba_1", "It is delegated; only a queued action can be cancelled"),
        ("retry ba_1", "Nothing is left to retry"),
        ("retry ba_2", "At most 10 sends in 60 seconds; try again in 12 s"),
        ("cancel ba_9", "There is no such bulk action: ba_9, in the organisation demo"),
        ("status ba_9 --watch", "There is no such bulk action: ba_9, in the organisation demo"),
    ] {
        assert_eq!(world.run(line).await.bad(), format!("error: {says}\n"), "{line}");
    }
}

//! `send` that leaves at once: watched to its end and summed up.

use std::collections::BTreeMap;

use axum::{http::StatusCode, response::IntoResponse, response::Response};
use serde_json::{Value, json};

use super::world::{Seen, World, accepted, after, lost, ok, page_of_two, problem};

const LINE: &str = "send --channel sms --body Hi --all";

/// An action of three that settles at its third reading, with a failure for each of `codes`.
async fn world(codes: &'static [&'static str]) -> World {
    World::start(move |seen| answer(codes, seen)).await
}

fn answer(codes: &[&str], seen: &Seen) -> Response {
    match seen.call.as_str() {
        "POST /bulk-actions" => accepted(&json!({"id": "ba_1"})),
        "GET /bulk-actions/ba_1" => match seen.before {
            0 => ok(&json!({"status": "queued", "total": 3, "pending_count": 3})),
            // A stack that stumbles is asked again.
            1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            _ => ok(&settled(codes.len())),
        },
        "GET /bulk-actions/ba_1/failed-items" => {
            let items: Vec<Value> =
                codes.iter().map(|code| json!({"code": code, "message": format!("About {code}")})).collect();
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for code in codes {
                *counts.entry(code).or_default() += 1;
            }
            let mut page = page_of_two(&items, seen);
            page["counts"] = json!(counts);
            ok(&page)
        }
        _ => problem(404, "not-found", "Not found", "There is no such thing"),
    }
}

fn settled(failed: usize) -> Value {
    json!({
        "status": if failed == 0 { "completed" } else { "partial" }, "total": 3, "pending_count": 0,
        "success_count": 3 - failed, "failed_count": failed, "skipped_count": 0, "unconfirmed_count": 0,
        "read_count": 0,
    })
}

#[tokio::test]
async fn a_send_is_watched_to_its_end_and_summed_up() {
    let world = world(&["no_phone", "no_phone", "opted_out"]).await;
    let ran = world.run(LINE).await;
    assert!(ran.err.contains("bulk action ba_1\n0/3  queued\n"), "{}", ran.err);
    let expected = "\
partial
  total              3
  landed             0
  read               0
  failed             3
  skipped            0
  unconfirmed        0
    no_phone                   2  About no_phone
    opted_out                  1  About opted_out
";
    assert_eq!(ran.good(), expected);
    let seen = &world.seen()[0];
    assert_eq!(seen.body["selection"], json!({"all_matching": {}}));
    assert_eq!(seen.claims["org_id"], "demo");
}

#[tokio::test]
async fn of_the_failures_only_so_many_are_read_as_there_are_kinds() {
    let world = world(&["no_phone", "no_phone", "no_phone"]).await;
    world.run(LINE).await.good();
    let read = world.calls().into_iter().filter(|call| call.ends_with("/failed-items")).count();
    assert_eq!(read, 1, "the counts of the first page are those of the whole action");
}

#[tokio::test]
async fn the_action_as_it_ended_is_printed_as_json() {
    let ran = world(&["no_phone"]).await.run(&format!("{LINE} --json")).await;
    assert!(ran.err.contains("1/3") || ran.err.contains("3/3"), "{}", ran.err);
    assert_eq!(ran.json(), settled(1));
}

#[tokio::test]
async fn the_exit_status_tells_whether_the_system_is_to_blame() {
    let strict = format!("{LINE} --strict");
    assert_eq!(world(&[]).await.run(&strict).await.status, 0);
    assert_eq!(world(&["invalid_phone"]).await.run(&strict).await.status, 1);
    assert_eq!(world(&["invalid_phone"]).await.run(LINE).await.status, 0);
    assert_eq!(world(&["internal_error"]).await.run(LINE).await.status, 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let world = World::start(|seen| match (seen.call.as_str(), seen.before) {
        ("POST /bulk-actions", 0) => lost(),
        // The first request is still at work.
        ("POST /bulk-actions", 1) => after(1, problem(409, "in-progress", "Conflict", "This key is in use")),
        _ => answer(&[], seen),
    })
    .await;
    world.run(LINE).await.good();
    let creates: Vec<Seen> =
        world.seen().into_iter().filter(|seen| seen.call == "POST /bulk-actions").collect();
    assert_eq!(creates.len(), 3);
    let key = creates[0].header("idempotency-key");
    assert!((1..=64).contains(&key.len()));
    assert!(creates.iter().all(|seen| seen.header("idempotency-key") == key && seen.body == creates[0].body));
}

#[tokio::test]
async fn two_sends_have_two_keys() {
    let world = world(&[]).await;
    world.run(LINE).await.good();
    world.run(LINE).await.good();
    let seen = world.seen();
    let keys: Vec<&str> = seen
        .iter()
        .filter(|seen| seen.call == "POST /bulk-actions")
        .map(|seen| seen.header("idempotency-key"))
        .collect();
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn an_answer_that_is_lost_twice_leaves_it_open() {
    let world = World::start(|_| lost()).await;
    let said = world.run(LINE).await.bad();
    assert!(said.contains("nobody knows whether it was done; look at `cargo run -- log --port"), "{said}");
    assert_eq!(world.calls().len(), 2);
}

#[tokio::test]
async fn a_conflict_at_the_first_request_is_an_answer() {
    let world =
        World::start(|_| after(1, problem(409, "in-progress", "Conflict", "This key is in use"))).await;
    let said = world.run(LINE).await.bad();
    assert_eq!(said, "error: This key is in use; try again in 1 s\n");
    assert_eq!(world.calls().len(), 1);
}

//! Delivery rates.

use std::time::Duration;

use domain::receipt::Report;
use domain::{BulkActionId, FailureCode};
use serde_json::{Value, json};
use testing::{Answer, World};

use crate::support::{arrives, summary};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

async fn stats(world: &World, id: BulkActionId) -> Value {
    world.ok("GET /bulk-actions/{id}/stats", &[("id", &id.to_string())], Value::Null).await
}

/// Numbers of a view, in the order of the names.
fn numbers(view: &Value, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| view[name].as_u64().unwrap_or_else(|| panic!("{name} in {view}"))).collect()
}

/// Holds the intervals to the totals: whatever is counted was counted at some time, and the times are in order.
fn assert_spread(stats: &Value) {
    let intervals = stats["over_time"].as_array().expect("intervals");
    for name in ["sent", "delivered", "read", "failed"] {
        let sum: u64 = intervals.iter().map(|interval| interval[name].as_u64().expect("a number")).sum();
        assert_eq!(Some(sum), stats[name].as_u64(), "{name} in {stats}");
    }
    let times: Vec<&str> =
        intervals.iter().map(|interval| interval["at"].as_str().expect("a time")).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[tokio::test]
async fn rates_tell_what_became_of_the_messages_by_channel_and_over_time() {
    let world = World::start().await;
    let mut members = world.members(150).await;
    world.member("nomail", json!({ "first_names": "Bo", "primary_phone": "+64219999999" })).await;
    members.push("nomail".into());
    world.provider.answer(|seen| {
        if seen.to == "+64211000001" { Answer::Refuse(FailureCode::InvalidPhone) } else { Answer::Accept }
    });
    let messages = json!([
        { "channel": "sms", "body": "Hi" }, { "channel": "email", "subject": "Hello", "body": "Hi" },
    ]);
    let id = world.send(json!({ "target_ids": members, "messages": messages })).await;
    world.drain().await;
    world.clock.advance(5 * MINUTE);
    world.report(|seen| if seen.to.contains('@') { vec![Report::Delivered] } else { Vec::new() }).await;
    world.drain().await;
    world.live(3 * MINUTE).await;

    let stats = stats(&world, id).await;
    assert_spread(&stats);
    let rates =
        ["total", "sent", "delivered", "read", "failed", "skipped", "unconfirmed", "replied", "opted_out"];
    assert_eq!(numbers(&stats, &rates), [302, 300, 150, 0, 2, 0, 150, 0, 0]);
    let of = |place: usize| numbers(&stats["by_channel"][place], &rates);
    assert_eq!(stats["by_channel"][0]["channel"], "sms");
    assert_eq!(of(0), [151, 150, 0, 0, 1, 0, 150, 0, 0]);
    assert_eq!(of(1), [151, 150, 150, 0, 1, 0, 0, 0, 0]);
    let first = &stats["over_time"][0];
    assert_eq!(first["at"], "2026-12-01T09:00:00.000Z");
    assert_eq!(numbers(first, &["sent", "delivered", "failed"]), [300, 0, 2]);
    assert_eq!(stats["over_time"][1]["at"], "2026-12-01T09:05:00.000Z");
}

#[tokio::test]
async fn what_happens_over_days_is_told_by_the_hour() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    world.clock.advance(30 * HOUR);
    world.report(|seen| if seen.to.ends_with('2') { vec![Report::Read] } else { Vec::new() }).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    let stats = stats(&world, id).await;
    assert_spread(&stats);
    let times: Vec<&Value> =
        stats["over_time"].as_array().expect("intervals").iter().map(|at| &at["at"]).collect();
    assert_eq!(times, ["2026-12-01T09:00:00.000Z", "2026-12-02T15:00:00.000Z"]);
    assert_eq!(stats["read"], 1);
}

#[tokio::test]
async fn rows_that_ended_when_they_were_written_are_in_the_rates_at_once() {
    let world = World::start().await;
    let id = world.send_sms(&["ghost".to_owned()], "Hi").await;
    world.drain().await;
    let stats = stats(&world, id).await;
    assert_spread(&stats);
    assert_eq!(numbers(&stats, &["total", "sent", "failed"]), [1, 0, 1]);
}

#[tokio::test]
async fn a_missed_schedule_fails_all_of_its_targets_as_expired() {
    let world = World::start().await;
    let members = world.members(3).await;
    let messages = json!([
        { "channel": "sms", "body": "Hi" }, { "channel": "email", "subject": "Hello", "body": "Hi" },
    ]);
    let id = world
        .send(json!({
            "target_ids": members, "messages": messages,
            "schedule_at": "2026-12-01T10:00:00Z", "expires_at": "2026-12-01T10:30:00Z",
        }))
        .await;
    world.purge();
    world.clock.advance(2 * HOUR);
    world.live(5 * MINUTE).await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("failed".into(), [0, 6, 0, 0, 0]));
    assert_eq!(action["failure_reason"], "schedule_missed");
    let stats = stats(&world, id).await;
    assert_spread(&stats);
    assert_eq!(numbers(&stats, &["total", "failed"]), [6, 6]);
    assert_eq!(numbers(&stats["by_channel"][1], &["total", "failed"]), [3, 3]);

    let items =
        world.ok("GET /bulk-actions/{id}/failed-items", &[("id", &id.to_string())], Value::Null).await;
    assert_eq!(items["counts"], json!({ "expired": 6 }));
    assert_eq!(items["items"], json!([]), "no message stands for them");
}

#[tokio::test]
async fn all_targets_of_a_cancelled_action_are_skipped() {
    let world = World::start().await;
    let members = world.members(2).await;
    let id = world
        .send(json!({
            "target_ids": members, "messages": [{ "channel": "sms", "body": "Hi" }],
            "schedule_at": "2026-12-02T10:00:00Z",
        }))
        .await;
    world.ok("POST /bulk-actions/{id}/cancel", &[("id", &id.to_string())], json!({})).await;
    let stats = stats(&world, id).await;
    assert_eq!(numbers(&stats, &["total", "skipped", "failed"]), [2, 2, 0]);
    assert_eq!(numbers(&stats["by_channel"][0], &["total", "skipped"]), [2, 2]);
    assert_eq!(stats["over_time"], json!([]));
}

#[tokio::test]
async fn rates_of_another_organisations_action_are_not_found() {
    let world = World::start().await;
    let unknown = BulkActionId::new(ulid::Ulid::from_parts(1, 1)).to_string();
    let reply = world.call("GET /bulk-actions/{id}/stats", &[("id", &unknown)], Value::Null).await;
    assert_eq!(reply.status, 404);
}

//! Senders keep their pace: rates, limits of 24 hours, patience, pauses, and what is expected of it all.

mod estimate;
mod follow;
mod rate;
mod refused;
mod renew;
mod slow;

use std::time::Duration;

use domain::{BulkActionId, Clock, Timestamp};
use serde_json::{Value, json};
use testing::{Seen, World};

/// The time in a world.
fn now(world: &World) -> Timestamp {
    world.clock.as_ref().now()
}

/// Changes a channel.
async fn change(world: &World, channel: &str, change: Value) {
    world.ok("PUT /channels/{channel}", &[("channel", channel)], change).await;
}

/// The SMS sender takes so many a second from now on.
async fn rate(world: &World, per_second: u32) {
    change(world, "sms", json!({ "rate_per_second": per_second })).await;
}

/// How many were accepted in a span that begins so long after `begin`.
fn accepted_in(world: &World, begin: Timestamp, after: Duration, span: Duration) -> usize {
    let from = begin + after;
    world.provider.accepted().iter().filter(|seen| seen.at >= from && seen.at < from + span).count()
}

/// The most calls that any span of this length held.
fn most_in(span: Duration, calls: &[Seen]) -> usize {
    let from = |first: &Seen| {
        let end = first.at + span;
        calls.iter().filter(|call| call.at >= first.at && call.at < end).count()
    };
    calls.iter().map(from).max().unwrap_or(0)
}

/// When the last message was accepted.
fn last_call(world: &World) -> Timestamp {
    world.provider.accepted().iter().map(|seen| seen.at).max().expect("a message was accepted")
}

/// A time of an action.
fn time_of(action: &Value, name: &str) -> Timestamp {
    action[name].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} of {action}"))
}

/// How long after now an action is expected to be through.
async fn expected_in(world: &World, id: BulkActionId) -> Duration {
    time_of(&world.action(id).await, "estimated_completion").since(now(world))
}

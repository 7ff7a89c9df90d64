//! Why a message went as it did: the whole evidence in order.

use std::time::Duration;

use domain::receipt::{Receipt, Report};
use domain::{BulkActionId, Channel, Clock, FailureCode, Timestamp};
use serde_json::{Value, json};
use testing::{Answer, Told, World};

use crate::support::{arrives, listed};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// `status: detail` of each entry of the history of a message.
async fn story(world: &World, message: &Value) -> Vec<String> {
    let id = message["id"].as_str().expect("an id");
    let one = world.ok("GET /messages/{id}", &[("id", id)], Value::Null).await;
    let history = one["history"].as_array().expect("a history").clone();
    let times: Vec<&str> = history.iter().filter_map(|entry| entry["at"].as_str()).collect();
    assert!(times.is_sorted(), "times climb: {history:?}");
    for address in [&one["address"], &one["text"]] {
        let secret = address.as_str().unwrap_or("nothing to hide");
        assert!(!history.iter().any(|entry| entry["detail"].to_string().contains(secret)), "{history:?}");
    }
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    history.iter().map(|entry| format!("{}: {}", text(entry, "status"), text(entry, "detail"))).collect()
}

async fn only_message(world: &World, id: BulkActionId) -> Value {
    let mut messages = listed(world, &format!("bulk_action_id={id}")).await;
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

#[tokio::test]
async fn a_message_tells_its_whole_way() {
    let world = World::start().await;
    world.member("ana", json!({ "first_names": "Ana", "primary_phone": "+6421123477" })).await;
    let id = world.send_sms(&["ana".to_owned()], "Hi {{member.first_names}}, it is me").await;
    world.clock.advance(SECOND);
    world.drain_one("send-message").await;
    world.clock.advance(SECOND);
    world.drain().await;
    world.clock.advance(SECOND);
    world.report(arrives).await;
    world.drain().await;
    let message = only_message(&world, id).await;
    let expected = [
        "queued: Selected by tester, as the only one named",
        "queued: Written to be sent: reachable, and not opted out of SMS (gate 1)",
        "queued: Claimed by dispatch-sms",
        "queued: Opt-outs were looked up again (gate 2): none of theirs since gate 1",
        "sending: Request 1 to the SMS provider, to +64••••••77",
        "sent: The SMS provider accepted it as SM1, 1 segment",
        "delivered: Reported by the SMS provider",
    ];
    assert_eq!(story(&world, &message).await, expected);
    world.live(2 * MINUTE).await;
}

#[tokio::test]
async fn an_opt_out_between_the_gates_is_told_as_that() {
    let world = World::start().await;
    let members = world.members(1).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    world.clock.advance(SECOND);
    world.ok("PUT /members/{id}/opt-outs/{channel}", &[("id", "m0"), ("channel", "sms")], json!({})).await;
    world.drain().await;
    let story = story(&world, &only_message(&world, id).await).await;
    assert_eq!(story[3], "queued: Opt-outs were looked up again (gate 2): they had opted out since gate 1");
    assert_eq!(story[4], "skipped: Opted out of SMS");
    assert_eq!(story.len(), 5, "there was no request: {story:?}");
    world.live(2 * MINUTE).await;
}

#[tokio::test]
async fn a_retry_names_the_message_that_it_sends_again() {
    let world = World::start().await;
    let members = world.members(2).await;
    world.provider.answer(|seen| {
        if seen.to.ends_with('1') { Answer::Refuse(FailureCode::InvalidPhone) } else { Answer::Accept }
    });
    let first = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    world.provider.answer(|_| Answer::Accept);
    let retry = world.ok("POST /bulk-actions/{id}/retry", &[("id", &first.to_string())], json!({})).await;
    world.drain().await;
    let id: BulkActionId = retry["id"].as_str().expect("an id").parse().expect("an id");
    let failed = listed(&world, &format!("bulk_action_id={first}&status=failed")).await;
    let failed_story = story(&world, &failed[0]).await;
    assert!(
        failed_story.last().expect("an end").starts_with("failed: The phone number is not valid"),
        "{failed_story:?}"
    );
    let again = story(&world, &only_message(&world, id).await).await;
    let expected = format!("in a retry: instead of {}", failed[0]["id"].as_str().expect("an id"));
    assert!(again[0].ends_with(&expected), "{again:?}");
    world.report(arrives).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
}

#[tokio::test]
async fn every_try_is_told_with_what_the_provider_answered() {
    let world = World::start().await;
    let members = world.members(1).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.provider.answer(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Answer::Throttle(Some(5 * SECOND)),
        1 => Answer::NotReached,
        _ => Answer::AcceptAndLoseAnswer,
    });
    world.provider.tell(|_| Told::Report(Report::Delivered));
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    let waiting = story(&world, &only_message(&world, id).await).await;
    assert!(
        waiting
            .last()
            .expect("an entry")
            .starts_with("sending: Refused for now (the provider's code 42); the next attempt is at "),
        "{waiting:?}"
    );
    world.live(10 * MINUTE).await;
    let told = story(&world, &only_message(&world, id).await).await;
    let place = |start: &str| {
        told.iter().position(|entry| entry.starts_with(start)).unwrap_or_else(|| panic!("{start}: {told:?}"))
    };
    let order = [
        place("sending: Request 1 "),
        place("sending: Refused for now"),
        place("sending: Request 2 "),
        place("sending: Refused for now (the provider's code 42)"),
        place("sending: Request 3 "),
        place("sending: The provider's answer did not come"),
        place("delivered: The SMS provider said so when it was asked"),
    ];
    assert!(
        order[0] < order[1] && order[2] < order[4] && order[4] < order[5] && order[5] < order[6],
        "{told:?}"
    );
    assert!(
        told.iter().any(|entry| entry.starts_with("sent: The SMS provider has had it since ")
            && entry.ends_with("it said so when it was asked")),
        "{told:?}"
    );
    assert_eq!(
        told.iter().filter(|entry| entry.contains("Claimed by")).count(),
        3,
        "once for each pass: {told:?}"
    );
}

#[tokio::test]
async fn a_worker_that_stopped_and_the_repair_are_told() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.provider.answer(|_| panic!("the function stops here"));
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    world.crash_one("dispatch-sms").await;
    let at_once = story(&world, &only_message(&world, id).await).await;
    assert_eq!(at_once.last().expect("an entry"), "sending: It is being handed to the SMS provider");
    world.provider.answer(|_| Answer::Accept);
    world.live(10 * MINUTE).await;
    let told = story(&world, &only_message(&world, id).await).await;
    assert!(
        told[2]
            .starts_with("sending: In a group that a dispatcher had claimed and was about to hand over to the SMS provider, to +64"),
        "{told:?}"
    );
    assert!(told[3].contains("Reconcile put it on its way again"), "{told:?}");
    assert!(told[4].starts_with("sending: The dispatcher had stopped"), "{told:?}");
    assert!(told[5].starts_with("unconfirmed: Tidings was interrupted"), "{told:?}");
}

#[tokio::test]
async fn a_message_that_was_lost_before_anybody_had_it_says_so() {
    let world = World::start().await;
    let members = world.members(1).await;
    let id = world.send_sms(&members, "Hi").await;
    world.purge();
    world.live(4 * MINUTE).await;
    let told = story(&world, &only_message(&world, id).await).await;
    assert!(told[1].starts_with("queued: Reconcile had its part of the send written again"), "{told:?}");
    world.report(arrives).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
}

#[tokio::test]
async fn a_report_that_names_its_time_tells_when_it_came_as_well() {
    let world = World::start().await;
    let members = world.members(1).await;
    let mail = json!([{ "channel": "email", "subject": "Hello", "body": "Hi" }]);
    let id = world.send(json!({ "target_ids": members, "messages": mail })).await;
    world.drain().await;
    let seen = world.provider.accepted()[0].clone();
    world.clock.advance(MINUTE);
    let at: Timestamp = seen.at + 10 * SECOND;
    let receipt = Receipt {
        message_id: seen.message_id,
        provider_message_id: Some("SM1".into()),
        report: Report::Delivered,
        at,
        provider_code: None,
    };
    world.post(Channel::Email, vec![receipt]).await;
    let came_at = world.clock.now();
    world.drain().await;
    let told = story(&world, &only_message(&world, id).await).await;
    let expected = format!("delivered: Reported by the email provider; the report came at {came_at}");
    assert_eq!(told.last(), Some(&expected));
    world.live(2 * MINUTE).await;
}

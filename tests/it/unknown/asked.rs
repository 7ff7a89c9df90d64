//! The provider is asked once the receipt window is over, and what it says counts.

use domain::FailureCode;
use domain::receipt::Report;
use serde_json::json;
use testing::{Answer, Told, World};

use super::{MINUTE, asked, messages, statuses, told};
use crate::support::{arrives, failed_items, summary};

#[tokio::test]
async fn a_message_without_a_report_is_asked_about_before_it_becomes_unconfirmed() {
    let world = World::start().await;
    let members = world.members(3).await;
    world.provider.tell(|seen| match seen.to.as_bytes().last() {
        Some(b'0') => Told::Report(Report::Delivered),
        Some(b'1') => Told::Report(Report::Failed(FailureCode::Undeliverable)),
        _ => Told::OnItsWay,
    });
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.clock.advance(std::time::Duration::from_millis(59_999));
    world.reconcile().await;
    assert_eq!(asked(&world), (0, 0), "its time is not over");
    world.live(2 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("partial".into(), [1, 1, 0, 1, 0]));
    assert_eq!(asked(&world), (3, 0));
    let messages = messages(&world, id).await;
    assert_eq!(statuses(&messages), ["delivered", "failed", "unconfirmed"]);
    assert_eq!(failed_items(&world, id).await, [("m1".to_owned(), "undeliverable".to_owned())].into());
    let detail = told(&world, &messages[2], "unconfirmed").await;
    assert!(detail.contains("said that it is still on its way"), "{detail}");
}

#[tokio::test]
async fn nothing_is_asked_about_what_is_settled() {
    let world = World::start().await;
    let members = world.members(4).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.report(|seen| if seen.to.ends_with('0') { arrives(seen) } else { Vec::new() }).await;
    world.drain().await;
    world.live(3 * MINUTE).await;
    assert_eq!(asked(&world), (3, 0));
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [1, 0, 0, 3, 0]));
    // Late news has the action counted again, and nobody asked.
    world.report(|seen| if seen.to.ends_with('1') { arrives(seen) } else { Vec::new() }).await;
    world.drain().await;
    world.live(120 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [2, 0, 0, 2, 0]));
    assert_eq!(asked(&world), (3, 0));
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_by_what_it_was_like() {
    let world = World::start().await;
    let members = world.members(3).await;
    world.provider.answer(|seen| match seen.to.as_bytes().last() {
        Some(b'2') => Answer::NoAnswer,
        _ => Answer::AcceptAndLoseAnswer,
    });
    world.provider.tell(|seen| match seen.to.as_bytes().last() {
        Some(b'0') => Told::Report(Report::Delivered),
        _ => Told::OnItsWay,
    });
    let id = world.send_sms(&members, "Hi {{member.first_names}}").await;
    world.drain().await;
    let called_at = world.provider.accepted()[0].at;
    world.live(3 * MINUTE).await;
    assert_eq!(asked(&world), (0, 3));
    let messages = messages(&world, id).await;
    assert_eq!(statuses(&messages), ["delivered", "unconfirmed", "unconfirmed"]);
    for (message, id) in messages.iter().zip([json!("SM1"), json!("SM2"), json!(null)]) {
        assert_eq!(message["provider_message_id"], id, "{message}");
        let sent_at = if id.is_null() { json!(null) } else { json!(called_at) };
        assert_eq!(message["sent_at"], sent_at, "when the provider took it, not when it was asked");
    }
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("completed".into(), [1, 0, 0, 2, 0]));
    assert_eq!(action["sent_count"], 2, "what is found is known to have been sent");
    assert_eq!(world.provider.calls().len(), 3, "and nothing was sent again");
    assert!(told(&world, &messages[1], "unconfirmed").await.starts_with("The SMS provider has the message"));
    let never = told(&world, &messages[2], "unconfirmed").await;
    assert!(never.contains("does not prove that there is none"), "{never}");
}

#[tokio::test]
async fn what_a_function_left_behind_that_stopped_is_found_as_far_as_it_was_accepted() {
    let world = World::start().await;
    let members = world.members(20).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.provider.answer(move |_| {
        assert!(calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) != 10, "the function stops here");
        Answer::Accept
    });
    world.provider.tell(|_| Told::Report(Report::Delivered));
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    world.crash_one("dispatch-sms").await;
    let accepted = world.provider.accepted().len() as u64;
    assert!(accepted > 0 && accepted < 20, "{accepted}");
    world.provider.answer(|_| Answer::Accept);
    world.live(20 * MINUTE).await;
    assert_eq!(world.provider.accepted().len() as u64, accepted, "nothing is sent again");
    let (status, [success, failed, skipped, unconfirmed, pending]) = summary(&world.action(id).await);
    assert_eq!((status.as_str(), failed, skipped, pending), ("completed", 0, 0, 0));
    assert_eq!((success, unconfirmed), (accepted, 20 - accepted));
    let messages = messages(&world, id).await;
    let lost = messages.iter().find(|message| message["status"] == "unconfirmed").expect("one");
    let detail = told(&world, lost, "unconfirmed").await;
    assert!(detail.contains("Tidings was interrupted"), "{detail}");
}

#[tokio::test]
async fn an_opt_out_that_the_provider_tells_of_when_asked_is_recorded() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.provider.tell(|_| Told::Report(Report::OptedOut));
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(3 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [0, 0, 1, 0, 0]));
    let second = world.send_sms(&members, "Hi again").await;
    world.drain().await;
    assert_eq!(failed_items(&world, second).await, [("m0".to_owned(), "opted_out".to_owned())].into());
    assert_eq!(world.provider.calls().len(), 1);
    world.live(2 * MINUTE).await;
}

#[tokio::test]
async fn a_receipt_that_comes_while_it_is_asked_counts_once() {
    let world = World::start().await;
    let members = world.members(2).await;
    world.provider.answer(|_| Answer::AcceptAndLoseAnswer);
    world.provider.tell(|_| Told::Report(Report::Delivered));
    let id = world.send_sms(&members, "Hi {{member.first_names}}").await;
    world.drain().await;
    world.clock.advance(2 * MINUTE);
    world.report(arrives).await;
    tokio::join!(world.reconcile(), world.drain(), world.reconcile());
    world.live(3 * MINUTE).await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("completed".into(), [2, 0, 0, 0, 0]));
    assert_eq!((&action["sent_count"], &action["delivered_count"]), (&json!(2), &json!(2)));
}

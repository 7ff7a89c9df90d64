//! What is lost, doubled or stopped half-way.

use std::time::Duration;

use testing::{Answer, Redelivery, World};

use usecases::reconcile::Report;

use crate::support::{arrives, assert_once_each, settle, settles_with_all_sent_once, summary};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn every_queue_message_may_come_twice() {
    let mut world = World::start().await;
    world.redeliver(Redelivery::Always);
    let members = world.members(1_150).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    settles_with_all_sent_once(&world, id, 1_150).await;
}

#[tokio::test]
async fn a_send_whose_first_message_is_lost_is_started_by_reconcile() {
    let world = World::start().await;
    let members = world.members(30).await;
    let id = world.send_sms(&members, "Hi").await;
    world.purge();
    world.live(5 * MINUTE).await;
    settles_with_all_sent_once(&world, id, 30).await;
}

#[tokio::test]
async fn a_send_whose_every_queue_is_purged_in_the_middle_completes() {
    let world = World::start().await;
    let members = world.members(2_050).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    world.purge();
    world.live(4 * MINUTE).await;
    world.purge();
    world.live(15 * MINUTE).await;
    assert_once_each(&world, 2_050);
    settle(&world).await;
    assert_eq!(summary(&world.action(id).await).0, "completed");
}

#[tokio::test]
async fn a_dispatcher_that_stops_in_its_calls_leaves_at_most_one_group_unknown() {
    let world = World::start().await;
    let members = world.members(100).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.provider.answer(move |_| {
        // The 31st call takes the function down, while its group is under way.
        assert!(calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) != 30, "the function stops here");
        Answer::Accept
    });
    let id = world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    world.crash_one("dispatch-sms").await;
    assert!(world.provider.accepted().len() < 100);

    world.provider.answer(|_| Answer::Accept);
    world.live(10 * MINUTE).await;
    let calls = world.provider.calls();
    let mut addresses: Vec<&str> = calls.iter().map(|seen| seen.to.as_str()).collect();
    addresses.sort_unstable();
    let before = addresses.len();
    addresses.dedup();
    assert_eq!(addresses.len(), before, "nobody was called twice");
    world.report(arrives).await;
    world.drain().await;
    world.live(5 * MINUTE).await;
    let (status, [success, failed, skipped, unconfirmed, pending]) = summary(&world.action(id).await);
    assert_eq!((status.as_str(), failed, skipped, pending), ("completed", 0, 0, 0));
    assert!(success >= 80 && unconfirmed <= 20, "{success} arrived, {unconfirmed} unconfirmed");
}

#[tokio::test]
async fn two_reconciles_at_once_change_no_more_than_one() {
    let world = World::start().await;
    let members = world.members(130).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    world.clock.advance(2 * MINUTE);
    tokio::join!(world.reconcile(), world.reconcile(), world.reconcile());
    world.drain().await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("completed".into(), [130, 0, 0, 0, 0]));
    assert_eq!(action["history"].as_array().unwrap().len(), 4, "it was settled once");
}

#[tokio::test]
async fn a_settled_action_is_left_alone() {
    let world = World::start().await;
    let members = world.members(20).await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.report(arrives).await;
    world.drain().await;
    world.live(5 * MINUTE).await;
    world.clock.advance(60 * MINUTE);
    let report = world.reconcile().await;
    assert_eq!(report, Report::default(), "nothing is due for it any more");
}

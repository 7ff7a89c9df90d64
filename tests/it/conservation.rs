//! Counts are kept, and what reconcile has to repair and finds wrong is measured. Every other test is held to there being neither: see `World`.

use std::time::Duration;

use domain::receipt::Report;
use domain::{BulkActionId, BulkActionStatus, Channel, Clock, MessageId};
use store::action::{Action, Saved};
use store::row::Change;
use telemetry::{Drift, Repair};
use testing::{Answer, World};

use crate::support::{arrives, assert_once_each, settle, summary};

const MINUTE: Duration = Duration::from_mins(1);

/// Writes the action as the test wants it, due now.
async fn falsify(world: &World, id: BulkActionId, change: impl FnOnce(&mut Action)) {
    world.counts_are_falsified();
    let found = world.store.action(&World::org(), id).await.expect("the engine answers");
    let mut action = found.expect("the action");
    change(&mut action);
    action.due_at = Some(world.clock.now());
    assert_eq!(world.store.save_action(&mut action).await.expect("the engine answers"), Saved::Yes);
}

#[tokio::test]
async fn blocks_whose_message_is_lost_are_repairs() {
    let world = World::start().await;
    let members = world.members(2_050).await;
    let id = world.send_sms(&members, "Hi").await;
    world.purge();
    world.live(4 * MINUTE).await;
    assert_eq!(world.repairs(), [(Repair::Block, 3)].into());
    settle(&world).await;
    assert_eq!(summary(&world.action(id).await).0, "completed");
    assert_eq!(world.repairs(), [(Repair::Block, 3)].into(), "and once is enough");
}

#[tokio::test]
async fn parcels_whose_message_is_lost_are_repairs() {
    let world = World::start().await;
    let members = world.members(250).await;
    world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    world.purge();
    world.live(4 * MINUTE).await;
    assert_eq!(world.repairs(), [(Repair::Parcel, 3)].into());
    assert_once_each(&world, 250);
    settle(&world).await;
}

#[tokio::test]
async fn a_claim_that_dies_is_a_repair() {
    let world = World::start().await;
    let members = world.members(50).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.provider.answer(move |_| {
        assert!(calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) != 30, "the function stops here");
        Answer::Accept
    });
    world.send_sms(&members, "Hi").await;
    world.drain_one("send-message").await;
    world.crash_one("dispatch-sms").await;
    world.provider.answer(|_| Answer::Accept);
    world.live(10 * MINUTE).await;
    assert_eq!(world.repairs(), [(Repair::Claim, 1)].into());
}

#[tokio::test]
async fn an_action_that_its_worker_did_not_delegate_is_a_repair() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.work_is_lost();
    // As its worker leaves it that stops between its last two writes.
    falsify(&world, id, |action| {
        action.status = BulkActionStatus::Processing;
        action.delegated_at = None;
        action.history.pop();
    })
    .await;
    world.live(5 * MINUTE).await;
    assert_eq!(world.repairs(), [(Repair::Delegated, 1)].into());
    let action = world.action(id).await;
    assert_eq!(action["history"][2]["by"], "reconcile", "{action}");
    settle(&world).await;
}

#[tokio::test]
async fn a_fan_out_that_is_given_up_is_a_repair_after_five_others() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    world.purge();
    for _ in 0..25 {
        world.clock.advance(MINUTE);
        world.reconcile().await;
        world.purge();
    }
    assert_eq!(world.repairs(), [(Repair::Block, 5), (Repair::GivenUp, 1)].into());
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("failed".into(), [0, 3, 0, 0, 0]));
    assert_eq!(action["failure_reason"], "internal_error");
}

#[tokio::test]
async fn what_is_due_later_than_a_queue_can_delay_is_handed_out_and_no_repair() {
    let world = World::start().await;
    let members = world.members(20).await;
    world.provider.answer(|_| Answer::Throttle(Some(40 * MINUTE)));
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.provider.answer(|_| Answer::Accept);
    world.live(39 * MINUTE).await;
    let before = world.provider.calls().len();
    assert!(world.provider.accepted().is_empty());
    world.live(2 * MINUTE).await;
    assert_once_each(&world, 20);
    assert_eq!(world.provider.calls().len(), before + 20);
    settle(&world).await;
}

#[tokio::test]
async fn a_row_that_changes_without_a_promise_is_drift_and_is_counted_when_it_is_seen() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    world.live(Duration::from_secs(50)).await;
    let row = MessageId { send: id.ulid(), chunk: 0, slot: 1 };
    let change = Change::Receipt {
        channel: Channel::Sms,
        report: Report::Delivered,
        provider_message_id: None,
        provider_code: None,
        at: world.clock.now(),
        came_at: None,
    };
    world.counts_are_falsified();
    world.store.change_row(&World::org(), row, &change).await.unwrap();
    world.live(3 * MINUTE).await;
    assert_eq!(world.drift(), [(Drift::Chunk, 1)].into(), "seen when the windows of the other rows ended");
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [1, 0, 0, 2, 0]));
}

#[tokio::test]
async fn counters_that_are_not_the_sum_of_their_chunks_are_drift_and_are_put_right() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    settle(&world).await;
    assert!(world.drift().is_empty());
    falsify(&world, id, |action| action.counts.success -= 1).await;
    world.live(MINUTE).await;
    assert_eq!(world.drift(), [(Drift::Action, 1)].into());
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [3, 0, 0, 0, 0]));
    world.live(10 * MINUTE).await;
    assert_eq!(world.drift(), [(Drift::Action, 1)].into(), "it was put right");
}

#[tokio::test]
async fn an_action_with_too_few_rows_is_drift() {
    let world = World::start().await;
    let members = world.members(3).await;
    let id = world.send_sms(&members, "Hi").await;
    settle(&world).await;
    falsify(&world, id, |action| action.total += 1).await;
    world.reconcile().await;
    assert_eq!(world.drift(), [(Drift::Total, 1)].into());
}

#[tokio::test]
async fn counting_from_several_sides_at_once_looks_like_no_drift() {
    let world = World::start().await;
    let members = world.members(130).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    for round in 0..8 {
        world.clock.advance(Duration::from_secs(20));
        world
            .report(
                |seen| {
                    if usize::from(seen.message_id.slot) % 8 == round { arrives(seen) } else { Vec::new() }
                },
            )
            .await;
        tokio::join!(world.reconcile(), world.drain(), world.action(id), world.reconcile(), world.action(id));
    }
    world.live(3 * MINUTE).await;
    let (status, [success, _, _, unconfirmed, pending]) = summary(&world.action(id).await);
    assert_eq!((status.as_str(), success, unconfirmed, pending), ("completed", 130, 0, 0));
}

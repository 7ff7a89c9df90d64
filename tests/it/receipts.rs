//! Receipts come doubled, shuffled, early and late, and only ever climb.

use std::time::Duration;

use domain::receipt::{Receipt, Report};
use domain::{Channel, Clock, FailureCode, MessageId};
use serde_json::{Value, json};
use testing::{Redelivery, World};

use crate::support::summary;

const MINUTE: Duration = Duration::from_mins(1);

async fn status(world: &World, id: MessageId) -> Value {
    world.ok("GET /messages/{id}", &[("id", &id.to_string())], Value::Null).await
}

fn receipt(world: &World, message_id: MessageId, report: Report) -> Receipt {
    let provider_message_id = Some("SM1".to_owned());
    Receipt { message_id, provider_message_id, report, at: world.clock.now(), provider_code: None }
}

#[tokio::test]
async fn any_order_and_any_number_of_receipts_end_alike() {
    let mut world = World::start().await;
    world.redeliver(Redelivery::Always);
    let members = world.members(6).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    let orders: [&[Report]; 6] = [
        &[Report::Sent, Report::Delivered],
        &[Report::Delivered, Report::Sent],
        &[Report::Delivered, Report::Delivered, Report::Sent, Report::Sent],
        &[Report::Failed(FailureCode::Undeliverable), Report::Delivered],
        &[Report::Delivered, Report::Failed(FailureCode::Undeliverable)],
        &[Report::Read, Report::Delivered, Report::Sent],
    ];
    for (seen, order) in world.provider.accepted().iter().zip(orders) {
        for report in order {
            world.post(Channel::Sms, vec![receipt(&world, seen.message_id, *report)]).await;
            world.drain().await;
        }
    }
    world.live(2 * MINUTE).await;
    let action = world.action(id).await;
    assert_eq!(summary(&action), ("completed".into(), [6, 0, 0, 0, 0]));
    assert_eq!((&action["delivered_count"], &action["read_count"]), (&json!(6), &json!(1)));
}

#[tokio::test]
async fn a_receipt_before_our_own_record_fills_it_in() {
    let world = World::start().await;
    let members = world.members(1).await;
    let id = world.send_sms(&members, "Hi").await;
    let message = MessageId { send: id.ulid(), chunk: 0, slot: 0 };
    // Only the fan-out has run: the row is queued, and the provider is quicker than we are.
    world.drain_one("send-message").await;
    world.post(Channel::Sms, vec![receipt(&world, message, Report::Delivered)]).await;
    world.drain_one("apply-receipt").await;
    let early = status(&world, message).await;
    assert_eq!((&early["status"], &early["provider_message_id"]), (&json!("delivered"), &json!("SM1")));
    world.drain().await;
    assert_eq!(status(&world, message).await["status"], "delivered", "and nothing is sent for it any more");
    assert!(world.provider.calls().is_empty());
    world.live(2 * MINUTE).await;
}

#[tokio::test]
async fn a_failure_in_a_receipt_is_final_and_a_delivery_corrects_it() {
    let world = World::start().await;
    let members = world.members(1).await;
    let id = world.send_sms(&members, "Hi").await;
    world.drain().await;
    let message = world.provider.accepted()[0].message_id;
    world
        .post(Channel::Sms, vec![receipt(&world, message, Report::Failed(FailureCode::CarrierBlocked))])
        .await;
    world.drain().await;
    world.live(5 * MINUTE).await;
    assert_eq!(summary(&world.action(id).await), ("failed".into(), [0, 1, 0, 0, 0]));
    assert_eq!(world.provider.calls().len(), 1, "the provider had accepted: no second call");
    assert_eq!(status(&world, message).await["failure_code"], "carrier_blocked");

    world.post(Channel::Sms, vec![receipt(&world, message, Report::Delivered)]).await;
    world.drain().await;
    world.live(2 * MINUTE).await;
    let corrected = status(&world, message).await;
    assert_eq!((&corrected["status"], &corrected["failure_code"]), (&json!("delivered"), &json!(null)));
    assert_eq!(summary(&world.action(id).await), ("completed".into(), [1, 0, 0, 0, 0]));
}

#[tokio::test]
async fn a_receipt_of_another_channel_or_for_a_message_that_is_not_there_changes_nothing() {
    let world = World::start().await;
    let members = world.members(1).await;
    world.send_sms(&members, "Hi").await;
    world.drain().await;
    let message = world.provider.accepted()[0].message_id;
    world.post(Channel::WhatsApp, vec![receipt(&world, message, Report::Delivered)]).await;
    let nowhere = MessageId { slot: 77, ..message };
    let no_chunk = MessageId { chunk: 77, ..message };
    world
        .post(
            Channel::Sms,
            vec![receipt(&world, nowhere, Report::Delivered), receipt(&world, no_chunk, Report::Read)],
        )
        .await;
    assert_eq!(world.drain().await, 0, "and none of them comes back");
    assert_eq!(status(&world, message).await["status"], "sent");
    let reply = world.call("GET /messages/{id}", &[("id", &nowhere.to_string())], Value::Null).await;
    assert_eq!(reply.status, 404, "no row was made by a receipt");
}

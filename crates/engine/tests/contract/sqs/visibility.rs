//! Visibility time-outs, receipt handles and counts.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;

use super::{Queue, code, handle, receives};
use crate::support::{contract, here};

#[tokio::test]
async fn a_received_message_comes_back_after_its_timeout_and_is_counted() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(VisibilityTimeout, "1")]).await;
        queue.send("one").await;
        assert_eq!(receives(&queue.received_one().await), 1);
        assert!(queue.received().await.is_empty());
        world.pass(Duration::from_secs(1)).await;
        assert_eq!(receives(&queue.received_one().await), 2);
    })
    .await;
}

#[tokio::test]
async fn a_receive_may_bring_its_own_timeout() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        queue.send("one").await;
        queue.receive().visibility_timeout(1).send().await.unwrap();
        world.pass(Duration::from_secs(1)).await;
        queue.received_one().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_can_be_shown_at_once_and_hidden_for_longer() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(VisibilityTimeout, "2")]).await;
        queue.send("one").await;
        let message = queue.received_one().await;
        let change = |handle: &str, timeout| {
            let change = world.sqs.change_message_visibility().queue_url(&queue.url);
            change.receipt_handle(handle).visibility_timeout(timeout).send()
        };
        change(handle(&message), 0).await.unwrap();
        let message = queue.received_one().await;
        change(handle(&message), 30).await.unwrap();
        world.pass(Duration::from_secs(2)).await;
        assert!(queue.received().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_message_cannot_be_hidden_for_more_than_twelve_hours() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        queue.send("one").await;
        let message = queue.received_one().await;
        for timeout in [43_201, -1] {
            let change = world.sqs.change_message_visibility().queue_url(&queue.url);
            let refused = change.receipt_handle(handle(&message)).visibility_timeout(timeout).send().await;
            assert_eq!(code(refused), "InvalidParameterValue", "{timeout} s");
        }
    })
    .await;
}

#[tokio::test]
async fn the_visibility_of_a_deleted_message_cannot_be_changed() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        queue.send("one").await;
        let message = queue.received_one().await;
        queue.delete(&message).await;
        let change = world.sqs.change_message_visibility().queue_url(&queue.url);
        let refused = change.receipt_handle(handle(&message)).visibility_timeout(5).send().await;
        assert_eq!(code(refused), "InvalidParameterValue");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_is_gone() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(VisibilityTimeout, "1")]).await;
        queue.send("one").await;
        let message = queue.received_one().await;
        queue.delete(&message).await;
        world.pass(Duration::from_secs(1)).await;
        assert!(queue.received().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn deleting_a_message_again_succeeds() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        queue.send("one").await;
        let message = queue.received_one().await;
        queue.delete(&message).await;
        queue.delete(&message).await;
    })
    .await;
}

#[tokio::test]
async fn a_handle_still_deletes_after_its_timeout_if_nobody_else_received() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(VisibilityTimeout, "1")]).await;
        queue.send("one").await;
        let message = queue.received_one().await;
        world.pass(Duration::from_secs(1)).await;
        queue.delete(&message).await;
        assert!(queue.received().await.is_empty());
        assert_eq!(queue.counts().await, (0, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn the_latest_handle_deletes_after_an_older_one_was_tried() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(VisibilityTimeout, "1")]).await;
        queue.send("one").await;
        let first = queue.received_one().await;
        world.pass(Duration::from_secs(1)).await;
        let second = queue.received_one().await;
        assert_ne!(handle(&first), handle(&second));
        // Succeeds, and may or may not delete.
        queue.delete(&first).await;
        queue.delete(&second).await;
        assert_eq!(queue.counts().await, (0, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn what_is_no_receipt_handle_is_refused() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let delete = world.sqs.delete_message().queue_url(&queue.url);
        let refused = delete.receipt_handle("no-handle-at-all").send().await;
        assert!(refused.unwrap_err().into_service_error().is_receipt_handle_is_invalid());
    })
    .await;
}

#[tokio::test]
async fn counts_tell_visible_in_flight_and_delayed_apart() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        for body in ["one", "two", "three"] {
            queue.send(body).await;
        }
        let send = world.sqs.send_message().queue_url(&queue.url).message_body("four");
        send.delay_seconds(600).send().await.unwrap();
        let received = queue.receive().max_number_of_messages(1).send().await.unwrap().messages.unwrap();
        assert_eq!(queue.counts().await, (2, 1, 1));
        queue.delete(&received[0]).await;
        assert_eq!(queue.counts().await, (2, 0, 1));
    })
    .await;
}

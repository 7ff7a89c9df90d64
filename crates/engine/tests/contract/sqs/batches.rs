//! Batch requests.

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use super::{Queue, bodies, code, handle};
use crate::support::{contract, here};

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

fn deletion(id: &str, handle: &str) -> DeleteMessageBatchRequestEntry {
    DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
}

#[tokio::test]
async fn ten_messages_can_be_sent_and_received_at_once() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let entries: Vec<_> = (0..10).map(|n| entry(&format!("e{n}"), &format!("body {n}"))).collect();
        let batch = world.sqs.send_message_batch().queue_url(&queue.url);
        let sent = batch.set_entries(Some(entries)).send().await.unwrap();
        assert_eq!((sent.successful().len(), sent.failed().len()), (10, 0));
        let mut messages = queue.received().await;
        messages.sort_by(|a, b| a.body().cmp(&b.body()));
        assert_eq!(messages.len(), 10);
        assert_eq!(bodies(&messages)[9], "body 9");
        let ids: std::collections::HashSet<_> = messages.iter().map(|m| m.message_id().unwrap()).collect();
        assert!(sent.successful().iter().all(|sent| ids.contains(sent.message_id())));
    })
    .await;
}

#[tokio::test]
async fn each_entry_of_a_batch_has_its_own_delay_and_group() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let entry = |id: &str, delay| {
            SendMessageBatchRequestEntry::builder()
                .id(id)
                .message_body(id)
                .delay_seconds(delay)
                .message_group_id("org_7")
                .build()
                .unwrap()
        };
        let batch = world.sqs.send_message_batch().queue_url(&queue.url);
        batch.entries(entry("now", 0)).entries(entry("later", 2)).send().await.unwrap();
        assert_eq!(queue.counts().await, (1, 0, 1));
        assert_eq!(bodies(&queue.received().await), ["now"]);
        world.pass(std::time::Duration::from_secs(2)).await;
        assert_eq!(bodies(&queue.received().await), ["later"]);
    })
    .await;
}

#[tokio::test]
async fn batches_that_are_malformed_are_refused_whole() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let send = |entries: Vec<SendMessageBatchRequestEntry>| {
            world.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send()
        };
        assert_eq!(code(send(vec![]).await), "AWS.SimpleQueueService.EmptyBatchRequest");
        let eleven = (0..11).map(|n| entry(&format!("e{n}"), "x")).collect();
        assert_eq!(code(send(eleven).await), "AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
        let twins = vec![entry("e", "x"), entry("e", "y")];
        assert_eq!(code(send(twins).await), "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
        for bad in ["with space", &"e".repeat(81)] {
            assert_eq!(code(send(vec![entry(bad, "x")]).await), "AWS.SimpleQueueService.InvalidBatchEntryId");
        }
        assert_eq!(queue.counts().await, (0, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_more_than_one_mebibyte_is_refused() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let half = "x".repeat(524_288);
        let batch = || world.sqs.send_message_batch().queue_url(&queue.url).entries(entry("a", &half));
        let refused = batch().entries(entry("b", &format!("{half}x"))).send().await;
        assert_eq!(code(refused), "AWS.SimpleQueueService.BatchRequestTooLong");
        batch().entries(entry("b", &half)).send().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_is_refused_does_not_touch_the_others() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
        let batch = world.sqs.send_message_batch().queue_url(&queue.url);
        let batch = batch.entries(entry("good", "fits"));
        let sent = batch.entries(entry("long", &"x".repeat(1025))).send().await.unwrap();
        assert_eq!(sent.successful()[0].id(), "good");
        let failed = &sent.failed()[0];
        assert_eq!(
            (failed.id(), failed.code(), failed.sender_fault()),
            ("long", "InvalidParameterValue", true)
        );
        assert_eq!(bodies(&queue.received().await), ["fits"]);
    })
    .await;
}

#[tokio::test]
async fn a_bad_handle_in_a_batch_of_deletions_fails_alone() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        queue.send("one").await;
        let message = queue.received_one().await;
        let batch = world.sqs.delete_message_batch().queue_url(&queue.url);
        let batch = batch.entries(deletion("good", handle(&message)));
        let deleted = batch.entries(deletion("bad", "no-handle-at-all")).send().await.unwrap();
        assert_eq!(deleted.successful()[0].id(), "good");
        assert_eq!(deleted.failed()[0].id(), "bad");
        assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
        assert_eq!(queue.counts().await, (0, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn visibility_can_be_changed_in_a_batch() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        queue.send("one").await;
        queue.send("two").await;
        let messages = queue.received().await;
        assert_eq!(messages.len(), 2);
        let change = |id: &str, message: usize, timeout| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id)
                .receipt_handle(handle(&messages[message]))
                .visibility_timeout(timeout)
                .build()
                .unwrap()
        };
        let batch = world.sqs.change_message_visibility_batch().queue_url(&queue.url);
        let changed = batch.entries(change("a", 0, 0)).entries(change("b", 1, 600)).send().await.unwrap();
        assert_eq!((changed.successful().len(), changed.failed().len()), (2, 0));
        assert_eq!(queue.received_one().await.message_id(), messages[0].message_id());
    })
    .await;
}

#[tokio::test]
async fn a_timeout_over_the_limit_fails_alone_in_a_batch() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        queue.send("one").await;
        let message = queue.received_one().await;
        let change = |id: &str, timeout| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id)
                .receipt_handle(handle(&message))
                .visibility_timeout(timeout)
                .build()
                .unwrap()
        };
        let batch = world.sqs.change_message_visibility_batch().queue_url(&queue.url);
        let changed = batch.entries(change("good", 60)).entries(change("long", 43_201)).send().await.unwrap();
        assert_eq!(changed.successful()[0].id(), "good");
        assert_eq!((changed.failed()[0].id(), changed.failed()[0].code()), ("long", "InvalidParameterValue"));
    })
    .await;
}

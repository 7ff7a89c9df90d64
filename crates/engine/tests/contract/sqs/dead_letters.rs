//! Dead-letter queues and the way back.

use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName as System;
use aws_sdk_sqs::types::QueueAttributeName::{RedriveAllowPolicy, RedrivePolicy};

use super::{Queue, attribute, bodies, code, receives};
use crate::support::{World, contract, here};

/// Sends a message and fails it until it has left `queue`.
async fn fail(world: &World, queue: &Queue<'_>, body: &str, max_receives: u32) {
    queue.send(body).await;
    for receive in 1..=max_receives {
        let received = queue.receive().visibility_timeout(1).send().await.unwrap().messages.unwrap();
        assert_eq!(receives(&received[0]), receive);
        world.pass(Duration::from_secs(1)).await;
    }
    assert!(queue.received().await.is_empty());
}

#[tokio::test]
async fn a_message_goes_to_the_dead_letter_queue_after_its_last_receive() {
    contract(here!(), async |world| {
        let dead = Queue::new(&world, "dead").await;
        let queue = Queue::with_dead_letters(&world, "jobs", &dead, 2).await;
        fail(&world, &queue, "poison", 2).await;
        assert_eq!(queue.counts().await, (0, 0, 0));
        let message = dead.received_one().await;
        assert_eq!(message.body(), Some("poison"));
        assert_eq!(receives(&message), 3);
        assert_eq!(attribute(&message, &System::DeadLetterQueueSourceArn), Some(queue.arn.as_str()));
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_keeps_its_id_its_group_and_the_time_at_which_it_was_sent() {
    contract(here!(), async |world| {
        let dead = Queue::new(&world, "dead").await;
        let queue = Queue::with_dead_letters(&world, "jobs", &dead, 1).await;
        let message = world.sqs.send_message().queue_url(&queue.url).message_body("poison");
        let sent = message.message_group_id("org_7").send().await.unwrap();
        let before = queue.receive().visibility_timeout(1).send().await.unwrap().messages.unwrap();
        world.pass(Duration::from_secs(1)).await;
        assert!(queue.received().await.is_empty());
        let after = dead.received_one().await;
        assert_eq!(after.message_id(), sent.message_id());
        assert_eq!(attribute(&after, &System::MessageGroupId), Some("org_7"));
        let sent_at = |message| attribute(message, &System::SentTimestamp);
        assert_eq!(sent_at(&after), sent_at(&before[0]));
    })
    .await;
}

#[tokio::test]
async fn the_sources_of_a_dead_letter_queue_are_listed() {
    contract(here!(), async |world| {
        let dead = Queue::new(&world, "dead").await;
        let first = Queue::with_dead_letters(&world, "jobs-1", &dead, 2).await;
        let second = Queue::with_dead_letters(&world, "jobs-2", &dead, 2).await;
        let list = world.sqs.list_dead_letter_source_queues().queue_url(&dead.url);
        let mut urls = list.send().await.unwrap().queue_urls;
        urls.sort();
        assert_eq!(urls, [first.url, second.url]);
    })
    .await;
}

#[tokio::test]
async fn dead_letters_can_be_moved_back_to_where_they_failed() {
    contract(here!(), async |world| {
        let dead = Queue::new(&world, "dead").await;
        let queue = Queue::with_dead_letters(&world, "jobs", &dead, 1).await;
        fail(&world, &queue, "poison", 1).await;
        world.sqs.start_message_move_task().source_arn(&dead.arn).send().await.unwrap();
        let moved = queue.receive().wait_time_seconds(10).send().await.unwrap().messages.unwrap();
        assert_eq!(bodies(&moved), ["poison"]);
        assert_eq!(receives(&moved[0]), 1);
        assert_eq!(dead.counts().await, (0, 0, 0));
        let list = world.sqs.list_message_move_tasks().source_arn(&dead.arn).send().await.unwrap();
        let task = &list.results()[0];
        assert_eq!(task.status(), Some("COMPLETED"));
        assert_eq!(task.approximate_number_of_messages_moved(), 1);
    })
    .await;
}

#[tokio::test]
async fn dead_letters_can_be_moved_to_another_queue() {
    contract(here!(), async |world| {
        let dead = Queue::new(&world, "dead").await;
        let queue = Queue::with_dead_letters(&world, "jobs", &dead, 1).await;
        let other = Queue::new(&world, "other").await;
        fail(&world, &queue, "poison", 1).await;
        let start = world.sqs.start_message_move_task().source_arn(&dead.arn);
        start.destination_arn(&other.arn).send().await.unwrap();
        let moved = other.receive().wait_time_seconds(10).send().await.unwrap().messages.unwrap();
        assert_eq!(bodies(&moved), ["poison"]);
        let refused = world.sqs.start_message_move_task().source_arn(&other.arn).send().await;
        assert_eq!(code(refused), "InvalidParameterValue");
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_queue_may_refuse_sources() {
    contract(here!(), async |world| {
        let deny = [(RedriveAllowPolicy, "{\"redrivePermission\":\"denyAll\"}")];
        let dead = Queue::with(&world, "dead", &deny).await;
        let policy = format!("{{\"deadLetterTargetArn\":\"{}\",\"maxReceiveCount\":1}}", dead.arn);
        let create = world.sqs.create_queue().queue_name(world.name("jobs"));
        let refused = create.attributes(RedrivePolicy, policy).send().await;
        assert_eq!(code(refused), "InvalidParameterValue");
    })
    .await;
}

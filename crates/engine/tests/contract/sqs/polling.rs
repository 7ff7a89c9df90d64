//! Long polling, limits of receiving, and many at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::future::{join, join_all};

use super::{Queue, bodies, code};
use crate::support::{contract, here};

#[tokio::test]
async fn a_long_poll_wakes_as_soon_as_a_message_arrives() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let began = Instant::now();
        let sender = async {
            // The poll has to be waiting before the message comes.
            tokio::time::sleep(Duration::from_millis(300)).await;
            queue.send("one").await;
            Instant::now()
        };
        let (received, sent) = join(queue.receive().wait_time_seconds(10).send(), sender).await;
        assert_eq!(bodies(&received.unwrap().messages.unwrap()), ["one"]);
        assert!(sent.elapsed() < Duration::from_millis(500), "it woke after {:?}", sent.elapsed());
        assert!(began.elapsed() >= Duration::from_millis(300));
    })
    .await;
}

#[tokio::test]
async fn a_long_poll_waits_as_long_as_it_was_told_and_then_answers_nothing() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let began = Instant::now();
        let received = queue.receive().wait_time_seconds(1).send().await.unwrap();
        assert!(received.messages().is_empty());
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(3), "it took {took:?}");
    })
    .await;
}

#[tokio::test]
async fn a_long_poll_wakes_when_a_delay_ends() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let send = world.sqs.send_message().queue_url(&queue.url).message_body("later");
        send.delay_seconds(1).send().await.unwrap();
        let (received, ()) = join(
            queue.receive().wait_time_seconds(10).send(),
            // On an engine whose clock is ours nothing else makes the delay end.
            world.pass(Duration::from_secs(1)),
        )
        .await;
        assert_eq!(bodies(&received.unwrap().messages.unwrap()), ["later"]);
    })
    .await;
}

#[tokio::test]
async fn a_receive_asks_for_one_to_ten_messages() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        for most in [0, 11] {
            let refused = queue.receive().max_number_of_messages(most).send().await;
            assert_eq!(code(refused), "InvalidParameterValue", "{most} messages");
        }
    })
    .await;
}

#[tokio::test]
async fn waiting_and_hiding_have_limits() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        for wait in [-1, 21] {
            let refused = queue.receive().wait_time_seconds(wait).send().await;
            assert_eq!(code(refused), "InvalidParameterValue", "{wait} s");
        }
        let refused = queue.receive().visibility_timeout(43_201).send().await;
        assert_eq!(code(refused), "InvalidParameterValue");
    })
    .await;
}

#[tokio::test]
async fn many_receivers_lose_nothing_and_get_nothing_twice() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let senders = (0..20).map(|batch| {
            let entries: Vec<_> = (0..10)
                .map(|n| {
                    let body = format!("{batch}-{n}");
                    SendMessageBatchRequestEntry::builder()
                        .id(format!("e{n}"))
                        .message_body(body)
                        .build()
                        .unwrap()
                })
                .collect();
            world.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send()
        });
        let receivers = (0..8).map(|_| async {
            let mut seen = Vec::new();
            loop {
                let messages = queue.receive().wait_time_seconds(1).send().await.unwrap();
                let messages = messages.messages.unwrap_or_default();
                if messages.is_empty() {
                    return seen;
                }
                for message in messages {
                    queue.delete(&message).await;
                    seen.push(message.body.unwrap());
                }
            }
        });
        let (sent, seen) = join(join_all(senders), join_all(receivers)).await;
        assert!(sent.into_iter().all(|sent| sent.unwrap().failed().is_empty()));
        let mut times: HashMap<String, u32> = HashMap::new();
        seen.into_iter().flatten().for_each(|body| *times.entry(body).or_default() += 1);
        assert_eq!(times.len(), 200);
        assert!(times.values().all(|times| *times == 1));
        assert_eq!(queue.counts().await, (0, 0, 0));
    })
    .await;
}

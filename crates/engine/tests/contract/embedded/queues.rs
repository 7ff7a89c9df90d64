//! Queues in ways that the service leaves open, and from within the process.

use std::time::{Duration, Instant};

use engine::{Engine, EngineError, EngineOptions, QueueCounts};
use futures_util::future::join;

use super::make_queue;
use crate::support::{TestClock, clients};

#[tokio::test]
async fn stopping_ends_long_polls_with_an_empty_answer() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    let poll = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        engine.stop().await;
        began.elapsed()
    };
    let (received, took) = join(poll, stop).await;
    assert!(received.unwrap().messages().is_empty());
    assert!(took < Duration::from_secs(1), "stopping took {took:?}");
}

#[tokio::test]
async fn a_long_poll_whose_client_has_gone_takes_no_message() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    let poll = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
    assert!(tokio::time::timeout(Duration::from_millis(200), poll).await.is_err());
    // Closing the connection travels through the kernel; the engine has it before the next request of this client.
    sqs.list_queues().send().await.unwrap();
    sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    assert_eq!(engine.sqs().counts("jobs").unwrap(), QueueCounts { visible: 1, in_flight: 0, delayed: 0 });
}

#[tokio::test]
async fn a_group_with_a_long_backlog_does_not_hold_up_another() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    let send = |group: &'static str, body: String| {
        sqs.send_message().queue_url(&url).message_body(body).message_group_id(group).send()
    };
    for n in 0..30 {
        send("large", format!("large {n}")).await.unwrap();
    }
    let receive = async || {
        let received = sqs.receive_message().queue_url(&url).send().await.unwrap();
        received.messages()[0].body().unwrap().to_owned()
    };
    assert_eq!(receive().await, "large 0");
    send("small", "small".to_owned()).await.unwrap();
    assert_eq!(receive().await, "small");
    assert_eq!(receive().await, "large 1");
}

/// The service succeeds and "might not" delete. Not deleting is the harder case for whoever relies on it.
#[tokio::test]
async fn a_handle_of_an_earlier_receive_deletes_nothing() {
    let clock = TestClock::start();
    let engine = Engine::start(EngineOptions { clock: clock.clock(), ..EngineOptions::default() }).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    let receive = async || {
        let received = sqs.receive_message().queue_url(&url).visibility_timeout(1).send().await.unwrap();
        received.messages()[0].receipt_handle().unwrap().to_owned()
    };
    let first = receive().await;
    clock.pass(Duration::from_secs(1));
    let second = receive().await;
    sqs.delete_message().queue_url(&url).receipt_handle(first).send().await.unwrap();
    assert_eq!(engine.sqs().counts("jobs").unwrap().total(), 1);
    sqs.delete_message().queue_url(&url).receipt_handle(second).send().await.unwrap();
    assert_eq!(engine.sqs().counts("jobs").unwrap().total(), 0);
}

#[tokio::test]
async fn a_purge_from_within_empties_a_queue_as_often_as_wanted() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    for _ in 0..2 {
        sqs.send_message().queue_url(&url).message_body("x").send().await.unwrap();
        engine.sqs().purge("jobs").unwrap();
        assert_eq!(engine.sqs().counts("jobs").unwrap().total(), 0);
    }
    assert_eq!(engine.sqs().queues(), ["jobs"]);
    assert!(matches!(engine.sqs().counts("none"), Err(EngineError::NoSuchQueue { .. })));
}

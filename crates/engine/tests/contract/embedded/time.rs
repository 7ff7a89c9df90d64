//! Time that jumps: retention, expiry, long polls.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use aws_sdk_sqs::types::QueueAttributeName;
use engine::{Engine, EngineOptions};
use futures_util::future::join;

use super::{has, make_queue, make_table, put};
use crate::support::{TestClock, clients};

#[tokio::test]
async fn messages_expire_when_the_retention_period_is_over() {
    let clock = TestClock::start();
    let engine = Engine::start(EngineOptions { clock: clock.clock(), ..EngineOptions::default() }).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let dead = make_queue(&sqs, "dead").await;
    let policy =
        "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":1}";
    let create = sqs.create_queue().queue_name("jobs").attributes(QueueAttributeName::RedrivePolicy, policy);
    let jobs = create.send().await.unwrap().queue_url.unwrap();
    for queue in [&dead, &jobs] {
        let set = sqs.set_queue_attributes().queue_url(queue);
        set.attributes(QueueAttributeName::MessageRetentionPeriod, "60").send().await.unwrap();
    }
    sqs.send_message().queue_url(&jobs).message_body("old").send().await.unwrap();
    let receive = |url: &String| sqs.receive_message().queue_url(url).visibility_timeout(1).send();
    assert_eq!(receive(&jobs).await.unwrap().messages().len(), 1);
    clock.pass(Duration::from_secs(59));
    // It moves to the dead-letter queue, but does not grow younger there.
    assert_eq!(receive(&jobs).await.unwrap().messages().len(), 0);
    assert_eq!(engine.sqs().counts("dead").unwrap().visible, 1);
    clock.pass(Duration::from_secs(1));
    assert_eq!(engine.sqs().counts("dead").unwrap().total(), 0);
    assert_eq!(receive(&dead).await.unwrap().messages().len(), 0);
}

#[tokio::test]
async fn expired_items_are_gone_after_a_sweep_and_others_stay() {
    let clock = TestClock::start();
    let engine = Engine::start(EngineOptions { clock: clock.clock(), ..EngineOptions::default() }).unwrap();
    let (dynamodb, _) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    make_table(&dynamodb, "things").await;
    let ttl = TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build().unwrap();
    let enable = dynamodb.update_time_to_live().table_name("things");
    enable.time_to_live_specification(ttl).send().await.unwrap();
    let now = clock.now_ms() / 1000;
    put(&dynamodb, "things", "short", now + 600).await;
    put(&dynamodb, "things", "long", now + 7200).await;
    assert_eq!(engine.sweep_ttl().unwrap(), 0);
    clock.pass(Duration::from_hours(1));
    assert!(has(&dynamodb, "things", "short").await);
    assert_eq!(engine.sweep_ttl().unwrap(), 1);
    assert!(!has(&dynamodb, "things", "short").await);
    assert!(has(&dynamodb, "things", "long").await);
}

#[tokio::test]
async fn a_long_poll_wakes_by_itself_when_a_delay_ends() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    let began = Instant::now();
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(1).send().await.unwrap();
    let received = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
    assert_eq!(received.messages().len(), 1);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(990) && took < Duration::from_secs(3), "it took {took:?}");
}

#[tokio::test]
async fn a_long_poll_wakes_when_the_clock_is_moved() {
    let clock = TestClock::start();
    let engine = Engine::start(EngineOptions { clock: clock.clock(), ..EngineOptions::default() }).unwrap();
    let (_, sqs) = clients(&engine.dynamodb_url(), &engine.sqs_url());
    let url = make_queue(&sqs, "jobs").await;
    sqs.send_message().queue_url(&url).message_body("later").delay_seconds(900).send().await.unwrap();
    let poll = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let later = async {
        // The poll has to be waiting before the clock moves.
        tokio::time::sleep(Duration::from_millis(200)).await;
        clock.pass(Duration::from_mins(15));
        engine.sqs().wake();
        Instant::now()
    };
    let (received, moved) = join(poll, later).await;
    assert_eq!(received.unwrap().messages().len(), 1);
    assert!(moved.elapsed() < Duration::from_secs(2), "it woke after {:?}", moved.elapsed());
}

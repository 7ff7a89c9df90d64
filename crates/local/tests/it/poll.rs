//! Event source mappings against the embedded engine, with the engine's clock moved by hand.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::support::{eventually, pool, probe};
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use engine::{Engine, EngineOptions};
use local::{
    functions::Pool,
    poll::{Mapping, Poller},
    provision::Clients,
    template::QueueSource,
};

const VISIBILITY_MS: i64 = 30_000;

struct World {
    engine: Engine,
    now: Arc<AtomicI64>,
    client: Client,
    url: String,
    pool: Pool,
    poller: Poller,
    logs: tempfile::TempDir,
}

impl World {
    /// A queue `jobs` with a dead-letter queue behind two receives, and the probe on it.
    async fn start(source: QueueSource, binary: &Path) -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let hand = now.clone();
        let clock: engine::Clock = Arc::new(move || hand.load(Ordering::SeqCst));
        let engine = Engine::start(EngineOptions { clock, ..EngineOptions::default() }).unwrap();
        let client = Clients::new(&engine.dynamodb_url(), &engine.sqs_url()).sqs;
        client.create_queue().queue_name("dlq").send().await.unwrap();
        let policy =
            r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dlq","maxReceiveCount":2}"#;
        let attributes = HashMap::from([
            (QueueAttributeName::VisibilityTimeout, (VISIBILITY_MS / 1000).to_string()),
            (QueueAttributeName::RedrivePolicy, policy.to_owned()),
        ]);
        let queue = client.create_queue().queue_name("jobs").set_attributes(Some(attributes));
        let url = queue.send().await.unwrap().queue_url.unwrap();
        let logs = tempfile::tempdir().unwrap();
        let pool = pool(binary, logs.path(), 2, Duration::from_secs(20));
        let poller = Poller::start(Mapping {
            client: client.clone(),
            queue_url: url.clone(),
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:jobs".into(),
            source,
            pool: pool.clone(),
            concurrency: 2,
        });
        Self { engine, now, client, url, pool, poller, logs }
    }

    async fn send(&self, body: &str) {
        self.client.send_message().queue_url(&self.url).message_body(body).send().await.unwrap();
    }

    fn counts(&self, queue: &str) -> (u64, u64) {
        let counts = self.engine.sqs().counts(queue).unwrap();
        (counts.visible, counts.in_flight)
    }

    fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.engine.sqs().wake();
    }

    fn batches(&self) -> usize {
        let log = std::fs::read_to_string(self.logs.path().join("probe.log")).unwrap();
        log.lines().filter(|line| line.starts_with("batch of")).count()
    }

    async fn stop(self) {
        self.poller.stop().await;
        self.pool.stop(Duration::from_secs(5)).await;
        self.engine.stop().await;
    }
}

fn source(batch_size: usize, window: Duration, partial: bool) -> QueueSource {
    QueueSource { queue: "jobs".into(), batch_size, window, max_concurrency: None, partial }
}

#[tokio::test]
async fn messages_that_were_dealt_with_are_deleted() {
    let world = World::start(source(10, Duration::ZERO, true), &probe()).await;
    for n in 0..25 {
        world.send(&format!("job {n}")).await;
    }
    eventually("the queue is empty", || world.counts("jobs") == (0, 0)).await;
    assert_eq!(world.counts("dlq"), (0, 0));
    world.stop().await;
}

#[tokio::test]
async fn a_failed_message_comes_again_after_its_visibility_and_then_goes_to_the_dead_letters() {
    let world = World::start(source(10, Duration::ZERO, true), &probe()).await;
    world.send("good").await;
    world.send("fail").await;
    eventually("only the failed one is left, in flight", || {
        world.counts("jobs") == (0, 1) && world.batches() >= 1
    })
    .await;
    let before = world.batches();
    world.pass(VISIBILITY_MS + 1);
    eventually("it was tried again", || world.batches() > before && world.counts("jobs") == (0, 1)).await;
    world.pass(VISIBILITY_MS + 1);
    eventually("it is among the dead letters", || world.counts("dlq") == (1, 0)).await;
    assert_eq!(world.counts("jobs"), (0, 0));
    world.stop().await;
}

#[tokio::test]
async fn an_error_or_a_crash_of_the_function_leaves_the_whole_batch() {
    for body in ["error", "exit"] {
        // A window, so that both messages are in one batch.
        let world = World::start(source(2, Duration::from_secs(5), true), &probe()).await;
        world.send("good").await;
        world.send(body).await;
        eventually("the batch was tried", || world.batches() == 1).await;
        eventually("both messages are in flight", || world.counts("jobs") == (0, 2)).await;
        world.pool.stop(Duration::from_secs(5)).await;
        assert_eq!(world.counts("jobs"), (0, 2), "{body}");
        world.stop().await;
    }
}

#[tokio::test]
async fn without_partial_reports_a_whole_batch_succeeds() {
    let world = World::start(source(10, Duration::ZERO, false), &probe()).await;
    world.send("fail").await;
    eventually("the queue is empty", || world.counts("jobs") == (0, 0)).await;
    world.stop().await;
}

#[tokio::test]
async fn a_batching_window_gathers_messages_beyond_one_receive() {
    let world = World::start(source(15, Duration::from_secs(30), true), &probe()).await;
    for n in 0..15 {
        world.send(&format!("job {n}")).await;
    }
    eventually("the queue is empty", || world.counts("jobs") == (0, 0)).await;
    assert_eq!(world.batches(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_function_that_does_not_start_is_not_fed_message_after_message() {
    let world = World::start(source(1, Duration::ZERO, true), Path::new("/nowhere/at-all")).await;
    for n in 0..20 {
        world.send(&format!("job {n}")).await;
    }
    eventually("some were taken", || world.counts("jobs").1 >= 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (waiting, taken) = world.counts("jobs");
    assert!(waiting >= 14, "{taken} messages were used up at once");
    world.stop().await;
}

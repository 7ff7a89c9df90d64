//! Event source mappings: takes messages from queues and gives them to functions, as Lambda's pollers do.
//!
//! One receiver per queue takes a batch whenever an invocation may start. Messages that were dealt with are deleted;
//! the others are left alone, so that their visibility time-out and the queue's redrive policy decide.

mod batch;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use aws_sdk_sqs::{
    Client,
    types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName},
};
use tokio::{
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use self::batch::Verdict;
use crate::{
    functions::{InvokeError, Pool},
    template::QueueSource,
};

/// SQS gives at most this many messages in one answer.
const MAX_RECEIVE: usize = 10;
/// The longest wait that SQS knows.
const LONG_POLL: Duration = Duration::from_secs(20);
/// A batch is closed when its bodies are this big, so that the event stays below Lambda's 6 MB.
const MAX_BODIES: usize = 4 * 1024 * 1024;
/// Attempts to delete what was dealt with. If all fail, the messages come again, as they may from SQS at any time.
const DELETE_ATTEMPTS: u32 = 3;

/// A queue and the function that consumes it.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The client of the engine.
    pub client: Client,
    /// The queue's URL.
    pub queue_url: String,
    /// The queue's ARN, as the function is told.
    pub queue_arn: String,
    /// Batch size, window and so on.
    pub source: QueueSource,
    /// The function.
    pub pool: Pool,
    /// The most invocations at once.
    pub concurrency: usize,
}

/// A running mapping.
#[derive(Debug)]
pub struct Poller {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Poller {
    /// Starts to poll.
    pub fn start(mapping: Mapping) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(run(Arc::new(mapping), stopped)) }
    }

    /// Takes no more messages and returns when what was taken has been dealt with. The caller bounds the wait.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "a poller ended badly");
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(mapping: Arc<Mapping>, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(mapping.concurrency.max(1)));
    let mut under_way: JoinSet<()> = JoinSet::new();
    let mut pause = Pause::default();
    loop {
        // The place is taken first, so that no message waits invisibly for an invocation to end.
        let next = async {
            let place = places.clone().acquire_owned().await?;
            Ok((place, mapping.next_batch().await?))
        };
        let batch: Result<_> = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            batch = next => batch,
        };
        match batch {
            Ok((_, messages)) if messages.is_empty() => pause.reset(),
            Ok((place, messages)) => {
                pause.reset();
                let (mapping, mut stopped) = (mapping.clone(), stopped.clone());
                under_way.spawn(async move {
                    let wait = mapping.deal_with(messages).await;
                    sleep_unless(&mut stopped, wait).await;
                    drop(place);
                });
            }
            Err(error) => {
                let wait = pause.next();
                tracing::warn!(queue = %mapping.source.queue, "cannot receive: {error:#}; again in {wait:?}");
                sleep_unless(&mut stopped, wait).await;
            }
        }
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

async fn sleep_unless(stopped: &mut watch::Receiver<bool>, wait: Duration) {
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = tokio::time::sleep(wait) => {}
    }
}

/// How long to wait after errors in a row: doubles up to some seconds.
#[derive(Debug, Default)]
struct Pause {
    errors: u32,
}

impl Pause {
    const LONGEST: Duration = Duration::from_secs(10);

    fn next(&mut self) -> Duration {
        let pause = Duration::from_millis(100).saturating_mul(1 << self.errors.min(10));
        self.errors += 1;
        pause.min(Self::LONGEST)
    }

    fn reset(&mut self) {
        self.errors = 0;
    }
}

impl Mapping {
    /// The next messages: at once what there is, or, with a batching window, what comes until the batch is full or
    /// the window over. Empty after a long poll without any.
    async fn next_batch(&self) -> Result<Vec<Message>> {
        let mut messages = self.receive(self.source.batch_size, LONG_POLL).await?;
        let window = Instant::now() + self.source.window;
        // A full answer means that more is there: only then is it worth asking again at once.
        let mut more_waits = messages.len() >= MAX_RECEIVE;
        while !messages.is_empty() && messages.len() < self.source.batch_size && size(&messages) < MAX_BODIES
        {
            let left = window.saturating_duration_since(Instant::now());
            if left.is_zero() && !more_waits {
                break;
            }
            let wanted = self.source.batch_size - messages.len();
            // SQS waits whole seconds; what is left of the window beyond them is slept in small steps.
            let wait = Duration::from_secs(left.as_secs());
            if wait.is_zero() && !more_waits {
                tokio::time::sleep(left.min(Duration::from_millis(100))).await;
            }
            match self.receive(wanted, wait).await {
                Ok(more) => {
                    more_waits = more.len() >= wanted.min(MAX_RECEIVE);
                    messages.extend(more);
                }
                Err(error) => {
                    tracing::warn!(queue = %self.source.queue, "a batch stays small: {error:#}");
                    break;
                }
            }
        }
        Ok(messages)
    }

    async fn receive(&self, wanted: usize, wait: Duration) -> Result<Vec<Message>> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(i32::try_from(wanted.min(MAX_RECEIVE))?)
            .wait_time_seconds(i32::try_from(wait.min(LONG_POLL).as_secs())?)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Invokes the function with a batch and deletes what it dealt with. Answers how long to wait before the next.
    async fn deal_with(&self, messages: Vec<Message>) -> Duration {
        let event = batch::event(&messages, &self.queue_arn);
        let answer = match self.pool.invoke(event).await {
            Ok(answer) => answer,
            // A function that does not start is not given message after message, each nearer to its DLQ.
            Err(InvokeError::Init { retry_after, .. }) => return retry_after,
            Err(_) => return Duration::ZERO,
        };
        match Verdict::of(&answer, &messages, self.source.partial) {
            Verdict::AllBut(failed) => {
                let done = |message: &&Message| message.message_id().is_none_or(|id| !failed.contains(id));
                self.delete(&messages.iter().filter(done).collect::<Vec<_>>()).await;
            }
            Verdict::Nothing(reason) => {
                tracing::warn!(function = self.pool.name(), "a whole batch counts as failed: {reason}");
            }
        }
        Duration::ZERO
    }

    async fn delete(&self, messages: &[&Message]) {
        for chunk in messages.chunks(MAX_RECEIVE) {
            let mut left: Vec<&Message> = chunk.to_vec();
            for attempt in 1..=DELETE_ATTEMPTS {
                left = match self.delete_once(&left).await {
                    Ok(left) => left,
                    Err(error) => {
                        tracing::debug!(queue = %self.source.queue, attempt, "cannot delete: {error:#}");
                        left
                    }
                };
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                let count = left.len();
                tracing::warn!(queue = %self.source.queue, count, "messages that were dealt with will come again");
            }
        }
    }

    /// Deletes up to ten messages and answers those that the queue refused to delete.
    async fn delete_once<'a>(&self, messages: &[&'a Message]) -> Result<Vec<&'a Message>> {
        let mut entries = Vec::with_capacity(messages.len());
        for (place, message) in messages.iter().enumerate() {
            let handle = message.receipt_handle().unwrap_or_default();
            let entry =
                DeleteMessageBatchRequestEntry::builder().id(place.to_string()).receipt_handle(handle);
            entries.push(entry.build()?);
        }
        let request =
            self.client.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        let answer = request.send().await?;
        let refused = answer.failed().iter().filter_map(|entry| entry.id().parse::<usize>().ok());
        Ok(refused.filter_map(|place| messages.get(place).copied()).collect())
    }
}

fn size(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.body().map_or(0, str::len)).sum()
}

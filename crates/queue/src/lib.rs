//! Publishing to SQS; the only user of its SDK.
//!
//! SQS is a hint, `DynamoDB` the truth: a message that is lost here is found again by reconcile, and one that is doubled meets a claim.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::{StreamExt, TryStreamExt, stream};
use thiserror::Error;
use wire::queue::Job;

/// Messages in one `SendMessageBatch`, and the bytes of all of them (the API's limits; the batch's bytes stay well below 1 MiB).
const BATCH: usize = 10;
const BATCH_BYTES: usize = 900_000;
/// The longest delay of a message (the API's limit).
pub const MAX_DELAY: Duration = Duration::from_mins(15);
const TRIES: u32 = 4;
const CONCURRENT: usize = 8;

/// Messages that SQS did not take. Those before them may have been sent.
#[derive(Debug, Error)]
pub enum QueueError {
    /// SQS refused the call or could not be reached.
    #[error("SQS SendMessageBatch failed ({code})")]
    Call {
        /// SQS's error code, or `no answer`.
        code: String,
        /// What the SDK says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Single entries were still refused after several tries.
    #[error("SQS refused {refused} entries ({code})")]
    Entries {
        /// How many.
        refused: usize,
        /// The code of one of them.
        code: String,
    },
    /// A body that does not serialise.
    #[error("a queue body does not serialise")]
    Body(#[source] serde_json::Error),
}

/// One queue, which carries one kind of job.
#[derive(Debug)]
pub struct Queue<J> {
    client: Client,
    url: String,
    job: std::marker::PhantomData<fn(J)>,
}

impl<J> Clone for Queue<J> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), url: self.url.clone(), job: std::marker::PhantomData }
    }
}

impl<J: Job> Queue<J> {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into(), job: std::marker::PhantomData }
    }

    /// Sends jobs, in batches, to be seen after `delay` (at most [`MAX_DELAY`], in whole seconds).
    ///
    /// # Errors
    /// If SQS does not take all of them; some may have been sent, and sending them again is safe.
    pub async fn send(&self, jobs: &[J], delay: Duration) -> Result<(), QueueError> {
        let delay = i32::try_from(delay.min(MAX_DELAY).as_secs()).unwrap_or(0);
        let mut batches: Vec<Vec<(String, String)>> = Vec::new();
        let mut bytes = 0;
        for job in jobs {
            let body = serde_json::to_string(job).map_err(QueueError::Body)?;
            let size = body.len();
            match batches.last_mut() {
                Some(batch) if batch.len() < BATCH && bytes + size <= BATCH_BYTES => {
                    batch.push((body, job.group()));
                    bytes += size;
                }
                _ => {
                    batches.push(vec![(body, job.group())]);
                    bytes = size;
                }
            }
        }
        stream::iter(batches)
            .map(|batch| self.send_batch(batch, delay))
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await
    }

    /// A 200 is not success: entries that SQS refused for a reason of its own are sent again, and no others.
    async fn send_batch(&self, batch: Vec<(String, String)>, delay: i32) -> Result<(), QueueError> {
        let mut entries = Vec::with_capacity(batch.len());
        for (index, (body, group)) in batch.into_iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(body)
                .message_group_id(group)
                .delay_seconds(delay)
                .build()
                .map_err(|e| QueueError::Call { code: "build".into(), source: e.into() })?;
            entries.push(entry);
        }
        let mut code = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(50) * 2u32.pow(attempt)).await;
            }
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.clone()))
                .send()
                .await
                .map_err(call)?;
            for failed in &answer.failed {
                code.clone_from(&failed.code);
            }
            // An entry that is our fault will be refused again: do not repeat it for ever, but do report it.
            entries.retain(|entry| answer.failed.iter().any(|failed| failed.id == entry.id));
            if entries.is_empty() {
                return Ok(());
            }
        }
        Err(QueueError::Entries { refused: entries.len(), code })
    }
}

fn call<E>(error: SdkError<E, HttpResponse>) -> QueueError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    QueueError::Call { code: error.code().unwrap_or("no answer").to_owned(), source: Box::new(error) }
}

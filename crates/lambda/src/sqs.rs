//! The partial-batch runner: each record is parsed, run and answered by itself, and a panic costs one record.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::Timestamp;
use futures_util::{FutureExt, StreamExt, stream};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use usecases::Error as UseCaseError;
use wire::queue::Job;

/// Records of a batch that are worked on at once.
const CONCURRENT: usize = 10;

/// Runs `handle` for every record of every batch; it gets the job and the time by which it must have answered.
///
/// # Errors
/// If the Lambda Runtime API goes away.
pub async fn run_sqs<J, F, Fut>(handle: F) -> Result<(), Error>
where
    J: Job,
    F: Fn(J, Timestamp) -> Fut,
    Fut: Future<Output = Result<(), UseCaseError>>,
{
    let handle = &handle;
    let on_event = |event: LambdaEvent<SqsEvent>| async move {
        let deadline = crate::deadline(&event.context);
        each_record(event.payload.records, handle, deadline).await
    };
    lambda_runtime::run(service_fn(on_event)).await
}

/// Like [`run_sqs`], for jobs that are cheaper together: `handle` gets all of a batch, and each by itself if that fails.
///
/// # Errors
/// If the Lambda Runtime API goes away.
pub async fn run_sqs_together<J, F, Fut>(handle: F) -> Result<(), Error>
where
    J: Job + Clone,
    F: Fn(Vec<J>) -> Fut,
    Fut: Future<Output = Result<(), UseCaseError>>,
{
    let handle = &handle;
    let on_event = |event: LambdaEvent<SqsEvent>| async move {
        let jobs: Option<Vec<J>> = jobs_of(&event.payload).into_iter().collect();
        let records = event.payload.records;
        if let Some(jobs) = jobs
            && one(handle(jobs)).await
        {
            return Ok::<_, Error>(SqsBatchResponse::default());
        }
        // Something in it does not parse or fails: it must cost only itself.
        each_record(records, &|job: J, _| handle(vec![job]), Timestamp::from_millis(0)).await
    };
    lambda_runtime::run(service_fn(on_event)).await
}

async fn each_record<J, F, Fut>(
    records: Vec<SqsMessage>,
    handle: &F,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, Error>
where
    J: Job,
    F: Fn(J, Timestamp) -> Fut,
    Fut: Future<Output = Result<(), UseCaseError>>,
{
    let failed: Vec<Option<String>> = stream::iter(records)
        .map(|record| async move {
            let id = record.message_id.clone();
            if one_record(record, handle, deadline).await { Ok(None) } else { id.map(Some).ok_or(()) }
        })
        .buffer_unordered(CONCURRENT)
        .collect::<Vec<Result<_, ()>>>()
        .await
        .into_iter()
        .collect::<Result<_, ()>>()
        // An empty identifier would be taken for the failure of the whole batch, silently.
        .map_err(|()| "a record that failed has no message id")?;
    let mut response = SqsBatchResponse::default();
    for id in failed.into_iter().flatten() {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

/// Whether the record is done with. One that does not parse never is: it goes to the dead-letter queue, where somebody looks at it.
async fn one_record<J, F, Fut>(record: SqsMessage, handle: &F, deadline: Timestamp) -> bool
where
    J: Job,
    F: Fn(J, Timestamp) -> Fut,
    Fut: Future<Output = Result<(), UseCaseError>>,
{
    match parse(&record) {
        Some(job) => one(handle(job, deadline)).await,
        None => false,
    }
}

/// The jobs in an event; `None` for what does not parse.
pub fn jobs_of<J: Job>(event: &SqsEvent) -> Vec<Option<J>> {
    event.records.iter().map(parse).collect()
}

fn parse<J: Job>(record: &SqsMessage) -> Option<J> {
    serde_json::from_str(record.body.as_deref().unwrap_or_default())
        // serde's message may quote the body: only its place is logged.
        .inspect_err(|error| {
            tracing::error!(line = error.line(), column = error.column(), "a queue body does not parse");
        })
        .ok()
}

/// Whether the work was done. A panic is a failure like others.
async fn one(work: impl Future<Output = Result<(), UseCaseError>>) -> bool {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(error = %telemetry::chain(&error), "a job was not finished");
            false
        }
        // The panic hook has logged its place.
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::queue::SendMessageJob;

    fn record(id: &str, body: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.into());
        message.body = Some(body.into());
        message
    }

    fn job(block: u32) -> String {
        let org_id = "o".parse().unwrap();
        let bulk_action_id = "ba_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let job = SendMessageJob::V1 { org_id, bulk_action_id, from_block: block, to_block: block + 1 };
        serde_json::to_string(&job).unwrap()
    }

    #[tokio::test]
    async fn a_record_that_does_not_parse_or_fails_or_panics_costs_only_itself() {
        let handle = |job: SendMessageJob, _| async move {
            let SendMessageJob::V1 { from_block, .. } = job;
            assert!(from_block != 2, "a panic");
            if from_block == 1 { Err(UseCaseError::Missing("it")) } else { Ok(()) }
        };
        let records = vec![
            record("works", &job(0)),
            record("fails", &job(1)),
            record("panics", &job(2)),
            record("nonsense", "{"),
            record("works too", &job(3)),
        ];
        let response = each_record(records, &handle, Timestamp::from_secs(0)).await.unwrap();
        let mut failed: Vec<_> =
            response.batch_item_failures.into_iter().map(|f| f.item_identifier).collect();
        failed.sort();
        assert_eq!(failed, ["fails", "nonsense", "panics"]);
    }
}

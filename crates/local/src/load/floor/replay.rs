//! One replay: a run's calls again, so many at a time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::Result;
use aws_sdk_sqs::{
    config::http::{HttpRequest, HttpResponse},
    error::SdkError,
    types::DeleteMessageBatchRequestEntry,
};
use axum::{body::Bytes, http::HeaderMap};
use engine::{Engine, EngineOptions, Service};
use serde_json::{Value as Json, json};

use super::{Before, Replayed, reports::sink};
use crate::{
    data::DataFolder,
    load::{
        account::{Accountant, Call, Kept},
        ground::settle_disk,
        processes::Times,
    },
    provision::Clients,
    stack::Twins,
};

/// A call, ready to be made.
pub(super) enum Step {
    DynamoDb { operation: String, body: Bytes },
    Send { operation: String, body: Bytes },
    Receive { url: String, body: Bytes },
    Delete { url: String, messages: usize },
    Provider { path: String, headers: HeaderMap, body: Bytes },
}

/// The step of a call; none of a receive that got nothing.
pub(super) fn step(kept: &Kept) -> Option<Step> {
    let (service, operation, request, messages) = match &kept.call {
        Call::Provider { path, headers, body } => {
            return Some(Step::Provider { path: path.clone(), headers: headers.clone(), body: body.clone() });
        }
        Call::Aws { service, operation, request, messages } => (*service, operation, request, *messages),
    };
    if service == Service::DynamoDb {
        return Some(Step::DynamoDb { operation: operation.clone(), body: request.clone() });
    }
    let mut body: Json = serde_json::from_slice(request).ok()?;
    let url = body["QueueUrl"].as_str()?.to_owned();
    match operation.as_str() {
        "ReceiveMessage" if messages == 0 => None,
        "ReceiveMessage" => {
            body["WaitTimeSeconds"] = json!(0);
            Some(Step::Receive { url, body: Bytes::from(body.to_string()) })
        }
        "DeleteMessageBatch" => Some(Step::Delete { url, messages: body["Entries"].as_array()?.len() }),
        _ => {
            // What waited on its queue then would be waited for now.
            for entry in body["Entries"].as_array_mut().into_iter().flatten() {
                entry["DelaySeconds"] = json!(0);
            }
            Some(Step::Send { operation: operation.clone(), body: Bytes::from(body.to_string()) })
        }
    }
}

/// Everything around one replay.
struct Replay {
    aws: Clients,
    http: reqwest::Client,
    providers: String,
    /// Where reports went, and where they go now, as they stand in a form.
    old_base: String,
    new_base: String,
    /// Handles of messages that were received and not deleted, by the queue's URL.
    handles: Mutex<HashMap<String, VecDeque<String>>>,
}

/// Makes the calls, so many at a time, on a fresh copy of the data.
pub(super) async fn replay(
    before: &Before,
    old_base: &str,
    steps: &Arc<[Step]>,
    concurrency: usize,
) -> Result<Replayed> {
    let folder = before.lay()?;
    let data = DataFolder::open(&folder)?;
    // Watched as it was in the run, which costs a little.
    let accountant = Accountant::new();
    let (folder, tap) = (Some(data.join("engine")), Some(accountant.watch().aws));
    let engine = Engine::start(EngineOptions { data: folder, tap, ..EngineOptions::default() })?;
    let (sink, reports) = sink().await?;
    let twins = Twins::start(&data, &sink, "arn:aws:sns:us-east-1:000000000000:events".into(), None).await?;
    let escaped = |url: &str| form_urlencoded::byte_serialize(url.as_bytes()).collect::<String>();
    let replay = Arc::new(Replay {
        aws: Clients::new(&engine.dynamodb_url(), &engine.sqs_url()),
        http: reqwest::Client::builder().no_proxy().pool_max_idle_per_host(concurrency).build()?,
        providers: twins.url(),
        old_base: escaped(old_base),
        new_base: escaped(&sink),
        handles: Mutex::default(),
    });
    settle_disk();
    let (times, began) = (Times::now()?, Instant::now());
    let next = Arc::new(AtomicUsize::new(0));
    let workers = (0..concurrency).map(|_| {
        let (replay, steps, next) = (replay.clone(), steps.clone(), next.clone());
        tokio::spawn(async move {
            while let Some(step) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                replay.make(step).await?;
            }
            anyhow::Ok(())
        })
    });
    for worker in futures_util::future::join_all(workers).await {
        worker??;
    }
    let calls = began.elapsed();
    let last_report = reports.last_after_quiet().await;
    let took = last_report.map_or(calls, |at| at.saturating_duration_since(began).max(calls));
    let times = Times::now()?.since(&times);
    twins.stop().await;
    engine.stop().await;
    let writes = accountant.end().sum(|_| true).writes;
    Ok(Replayed { concurrency, took, times, writes })
}

impl Replay {
    async fn make(&self, step: &Step) -> Result<()> {
        match step {
            Step::DynamoDb { operation, body } => {
                let call = self.aws.dynamodb.list_tables().customize();
                let target = format!("DynamoDB_20120810.{operation}");
                was_answered(call.mutate_request(becomes(Some(target), body.clone())).send().await)
            }
            Step::Send { operation, body } => {
                let call = self.aws.sqs.list_queues().customize();
                let target = format!("AmazonSQS.{operation}");
                was_answered(call.mutate_request(becomes(Some(target), body.clone())).send().await)
            }
            Step::Receive { url, body } => {
                let call = self.aws.sqs.receive_message().queue_url(url).customize();
                let got = call.mutate_request(becomes(None, body.clone())).send().await?;
                let got = got.messages.unwrap_or_default().into_iter().filter_map(|it| it.receipt_handle);
                let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
                handles.entry(url.clone()).or_default().extend(got);
                Ok(())
            }
            Step::Delete { url, messages } => {
                let entries = self.entries(url, *messages)?;
                if entries.is_empty() {
                    return Ok(());
                }
                let call = self.aws.sqs.delete_message_batch().queue_url(url).set_entries(Some(entries));
                was_answered(call.send().await)
            }
            Step::Provider { path, headers, body } => self.provider(path, headers, body).await,
        }
    }

    fn entries(&self, url: &str, most: usize) -> Result<Vec<DeleteMessageBatchRequestEntry>> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(handles) = handles.get_mut(url) else { return Ok(Vec::new()) };
        let most = most.min(handles.len());
        let entry = |(id, handle): (usize, String)| {
            DeleteMessageBatchRequestEntry::builder().id(id.to_string()).receipt_handle(handle).build()
        };
        Ok(handles.drain(..most).enumerate().map(entry).collect::<Result<_, _>>()?)
    }

    async fn provider(&self, path: &str, headers: &HeaderMap, body: &Bytes) -> Result<()> {
        let mut headers = headers.clone();
        for name in ["host", "content-length"] {
            headers.remove(name);
        }
        let body = match std::str::from_utf8(body) {
            Ok(text) if text.contains(&self.old_base) => {
                Bytes::from(text.replace(&self.old_base, &self.new_base))
            }
            _ => body.clone(),
        };
        let request = self.http.post(format!("{}{path}", self.providers)).headers(headers).body(body);
        request.send().await?.bytes().await?;
        Ok(())
    }
}

/// Makes a call the recorded one: the SDK has no way to be given a body as it is.
fn becomes(target: Option<String>, body: Bytes) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    move |request| {
        let headers = request.headers_mut();
        headers.insert("content-length", body.len().to_string());
        if let Some(target) = &target {
            headers.insert("x-amz-target", target.clone());
        }
        *request.body_mut() = body.clone().into();
    }
}

/// An error that was answered was one in the run, too.
fn was_answered<O, E>(outcome: Result<O, SdkError<E, HttpResponse>>) -> Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match outcome {
        Ok(_) | Err(SdkError::ServiceError(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

//! The floor: the calls of a run once more, from one process with no logic around them, on a copy of the data that the run began with.
//!
//! What is replayed is what AWS and the providers were asked for until everything was delivered, in the same order: calls of DynamoDB and SQS
//! (receives without a message apart) and requests to providers, whose reports go to somebody who only says thanks. Calls of AWS are made with
//! its SDK, which signs them: AWS takes no others.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use aws_sdk_sqs::{
    config::http::{HttpRequest, HttpResponse},
    error::SdkError,
    types::DeleteMessageBatchRequestEntry,
};
use axum::{Router, body::Bytes, http::HeaderMap};
use engine::{Engine, EngineOptions, Service};
use serde_json::{Value as Json, json};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle},
};

use super::{
    account::{Accountant, Call, Kept},
    ground::{Ground, tell},
    processes::Times,
    send::{Sent, settle_disk},
};
use crate::{data::DataFolder, provision::Clients, secrets, stack::Twins};

/// Concurrencies that are tried, until one more is slower.
const CONCURRENCIES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// The first of them that a large run tries: fewer have never been faster.
const FIRST_OF_LARGE: usize = 8;
const LARGE: usize = 10_000;
/// The reports are through when none has come for so long.
const QUIET: Duration = Duration::from_millis(400);

/// The floor.
#[derive(Debug, Clone)]
pub(super) struct Floor {
    pub(super) fastest: Replayed,
    pub(super) calls: usize,
    /// All that were tried.
    pub(super) tried: Vec<Replayed>,
}

/// One replay.
#[derive(Debug, Clone)]
pub(super) struct Replayed {
    pub(super) concurrency: usize,
    pub(super) took: Duration,
    /// Processor time; what made the calls is the rest.
    pub(super) times: Times,
    /// Write units that were consumed: about those of the run, if it did what the run did.
    pub(super) writes: f64,
}

/// The data as they were before a run.
pub(super) struct Before(PathBuf);

impl Before {
    /// Copies the data of a stack on which nothing happens at the moment.
    pub(super) fn copy(ground: &Ground) -> Result<Self> {
        let data = ground.stack.data().path();
        let folder = data.join("floor");
        copy(data, &folder.join("before"))?;
        Ok(Self(folder))
    }

    /// A fresh copy to run on.
    fn lay(&self) -> Result<PathBuf> {
        let now = self.0.join("now");
        if now.exists() {
            std::fs::remove_dir_all(&now)?;
        }
        copy(&self.0.join("before"), &now)?;
        Ok(now)
    }
}

/// What a stack keeps of the world.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for part in ["engine", "simulators"] {
        std::fs::create_dir_all(to.join(part))?;
        for entry in std::fs::read_dir(from.join(part))? {
            let entry = entry?;
            let copy = to.join(part).join(entry.file_name());
            std::fs::copy(entry.path(), &copy).context("the data cannot be copied")?;
        }
    }
    std::fs::copy(from.join(secrets::FILE), to.join(secrets::FILE))?;
    Ok(())
}

/// Replays the run at several concurrencies and answers the fastest.
pub(super) async fn find(ground: &Ground, before: Before, sent: &Sent) -> Result<Floor> {
    let steps: Arc<[Step]> = sent.trace.iter().filter_map(step).collect();
    tell(&format!("replaying {} calls", steps.len()));
    let first = if sent.recipients > LARGE { FIRST_OF_LARGE } else { 1 };
    let before = Arc::new(before);
    // A thread for each core, which is more than the stack itself makes do with.
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let tried = climb(runtime.handle(), &before, ground.stack.base_url(), &steps, first).await;
    runtime.shutdown_background();
    let tried = tried?;
    std::fs::remove_dir_all(&before.0)?;
    let fastest =
        tried.iter().min_by_key(|replayed| replayed.took).cloned().context("nothing was replayed")?;
    Ok(Floor { fastest, calls: steps.len(), tried })
}

/// Tries one concurrency after the other from `first` on, until one more is slower.
async fn climb(
    threads: &Handle,
    before: &Arc<Before>,
    base_url: &str,
    steps: &Arc<[Step]>,
    first: usize,
) -> Result<Vec<Replayed>> {
    let mut tried: Vec<Replayed> = Vec::new();
    for concurrency in CONCURRENCIES.into_iter().filter(|concurrency| *concurrency >= first) {
        let (before, base_url, steps) = (before.clone(), base_url.to_owned(), steps.clone());
        let replayed =
            threads.spawn(async move { replay(&before, &base_url, &steps, concurrency).await }).await??;
        tell(&format!("{concurrency} at a time: {:.2} s", replayed.took.as_secs_f64()));
        let slower = tried.last().is_some_and(|last| replayed.took > last.took.mul_f64(1.05));
        tried.push(replayed);
        if slower {
            break;
        }
    }
    Ok(tried)
}

/// A call, ready to be made.
enum Step {
    DynamoDb { operation: String, body: Bytes },
    Send { operation: String, body: Bytes },
    Receive { url: String, body: Bytes },
    Delete { url: String, messages: usize },
    Provider { path: String, headers: HeaderMap, body: Bytes },
}

fn step(kept: &Kept) -> Option<Step> {
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

async fn replay(
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

/// Takes the providers' reports.
struct Reports {
    began: Instant,
    /// Milliseconds from then to the last report; 0 before the first.
    last_ms: Arc<AtomicU64>,
}

/// A server that thanks for everything, and its address.
async fn sink() -> Result<(String, Reports)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let reports = Reports { began: Instant::now(), last_ms: Arc::default() };
    let (began, last) = (reports.began, reports.last_ms.clone());
    let router = Router::new().fallback(move |body: Bytes| async move {
        confirm(&body);
        last.fetch_max(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        "{}"
    });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "nobody takes reports any more");
        }
    });
    Ok((url, reports))
}

/// Confirms SNS's subscription, without which it would report nothing.
fn confirm(report: &[u8]) {
    let question =
        serde_json::from_slice::<Json>(report).ok().filter(|it| it["Type"] == "SubscriptionConfirmation");
    if let Some(url) = question.and_then(|question| question["SubscribeURL"].as_str().map(str::to_owned)) {
        tokio::spawn(async move {
            if let Err(error) = reqwest::get(url).await {
                tracing::error!(%error, "the subscription cannot be confirmed");
            }
        });
    }
}

impl Reports {
    /// When the last report came; returns when none has come for a while.
    async fn last_after_quiet(&self) -> Option<Instant> {
        loop {
            let last = self.last_ms.load(Ordering::Relaxed);
            let at = self.began + Duration::from_millis(last);
            if at.elapsed() > QUIET {
                return (last > 0).then_some(at);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

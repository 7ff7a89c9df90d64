//! Event source mappings: messages from the queues to the functions, and what SQS may do on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::host::{Host, Instance, QUEUE_TIMEOUT};
use super::network::millis;
use super::time::Time;

/// The queues with the most messages of a batch, as the template has them.
pub(crate) const QUEUES: [(&str, usize); 5] = [
    ("send-message", 1),
    ("dispatch-whatsapp", 1),
    ("dispatch-sms", 1),
    ("dispatch-email", 1),
    ("apply-receipt", 10),
];

/// How long a message that was handed out stays invisible, at most, in milliseconds.
const VISIBILITY_MS: u64 = 360_000;

/// When something may become visible in each queue: so nobody has to look in between.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    times: Mutex<BTreeMap<String, BTreeSet<u64>>>,
    changed: Notify,
}

impl Wakes {
    fn times(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<u64>>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was sent, perhaps with a delay.
    pub(crate) fn sent(&self, time: Time, request: &str) {
        let request: Value = serde_json::from_str(request).unwrap_or_default();
        let entries = request["Entries"].as_array().map_or(&[][..], Vec::as_slice);
        let delay_s = entries.iter().filter_map(|entry| entry["DelaySeconds"].as_u64()).max().unwrap_or(0);
        self.at(&request["QueueUrl"], time.elapsed_ms() + delay_s * 1_000);
    }

    fn at(&self, url: &Value, ms: u64) {
        let url = url.as_str().unwrap_or_default().to_owned();
        self.times().entry(url).or_default().insert(ms);
        self.changed.notify_waiters();
    }

    /// Waits until something may have become visible.
    async fn wait(&self, time: Time, url: &str) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = time.elapsed_ms();
            let next = self.times().get(url).and_then(BTreeSet::first).copied();
            match next {
                Some(at) if at <= now => {
                    self.times().entry(url.to_owned()).or_default().retain(|at| *at > now);
                    return;
                }
                Some(at) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = sleep(millis(at - now)) => {}
                },
                None => changed.await,
            }
        }
    }
}

/// A message as SQS hands it out.
#[derive(Debug, Clone)]
struct Received {
    body: String,
    handle: String,
}

impl Host {
    fn url(&self, queue: &str) -> String {
        testing::url_of(&self.urls, queue)
    }

    fn sqs(&self, operation: &str, body: &Value) -> Value {
        let answer = self.core.engine.call_sqs(operation, body.to_string().as_bytes());
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    fn receive(&self, queue: &str, most: usize) -> Vec<Received> {
        let body = json!({ "QueueUrl": self.url(queue), "MaxNumberOfMessages": most, "WaitTimeSeconds": 0 });
        let answer = self.sqs("ReceiveMessage", &body);
        let text = |message: &Value, name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let messages = answer["Messages"].as_array().into_iter().flatten();
        if answer["Messages"].as_array().is_some_and(|messages| !messages.is_empty()) {
            let again = self.core.time.elapsed_ms() + VISIBILITY_MS;
            self.core.wakes.at(&body["QueueUrl"], again);
            self.core.wakes.at(&body["QueueUrl"], again / 2 + self.core.time.elapsed_ms() / 2);
        }
        messages.map(|m| Received { body: text(m, "Body"), handle: text(m, "ReceiptHandle") }).collect()
    }

    /// Puts a body on a queue, from outside.
    pub(crate) fn put(&self, queue: &str, body: &str) {
        let request = json!({ "QueueUrl": self.url(queue), "MessageBody": body });
        self.sqs("SendMessage", &request);
        self.core.wakes.sent(self.core.time, &request.to_string());
    }

    /// Messages that wait or are being worked on, dead letters apart.
    pub(crate) fn waiting(&self) -> u64 {
        let sqs = self.core.engine.sqs();
        let alive = |(queue, _): &(&str, usize)| {
            let url = self.url(queue);
            sqs.counts(url.rsplit('/').next().unwrap_or_default()).map_or(0, engine::QueueCounts::total)
        };
        QUEUES.iter().map(alive).sum()
    }

    /// Messages that failed too often.
    pub(crate) fn dead(&self) -> u64 {
        let sqs = self.core.engine.sqs();
        let all: u64 = sqs
            .queues()
            .iter()
            .filter_map(|name| sqs.counts(name).ok())
            .map(engine::QueueCounts::total)
            .sum();
        all - self.waiting()
    }

    /// Empties all queues, also of what is being worked on.
    pub(crate) fn purge(&self) {
        let sqs = self.core.engine.sqs();
        for name in sqs.queues() {
            sqs.purge(&name).expect("the queue is there");
        }
        self.core.diary.note("world", "purges all queues", Vec::new());
    }

    /// Hands a queue's messages to its function, for ever.
    pub(crate) async fn serve(self: Rc<Self>, queue: &'static str, batch: usize) {
        let url = self.url(queue);
        loop {
            let messages = self.receive(queue, batch);
            if messages.is_empty() {
                self.core.wakes.wait(self.core.time, &url).await;
                continue;
            }
            let twice = self.core.fault(self.core.faults.redelivery);
            for _ in 0..=usize::from(twice) {
                let (host, messages) = (Rc::clone(&self), messages.clone());
                tokio::task::spawn_local(async move { host.deliver(queue, messages).await });
            }
        }
    }

    async fn deliver(&self, queue: &'static str, messages: Vec<Received>) {
        let core = &self.core;
        let late = core.fault(core.faults.delivered_late);
        let after = if late { core.dice.mostly_small(1, 90_000) } else { core.dice.mostly_small(1, 20) };
        sleep(millis(after)).await;
        let work = async |instance: &Instance, deadline| {
            let bodies: Vec<&str> = messages.iter().map(|message| message.body.as_str()).collect();
            // As `lambda::run_sqs_together`: what they have in common costs once, and each by itself if that fails.
            if queue == "apply-receipt" && instance.functions.run_receipts(&bodies).await.is_ok() {
                return vec![true; bodies.len()];
            }
            let each = bodies.iter().map(|body| instance.functions.run(queue, body, deadline));
            join_all(each).await.into_iter().map(|result| result.is_ok()).collect()
        };
        let Some(done) = self.invoke(queue, QUEUE_TIMEOUT, work).await else { return };
        if done.contains(&false) {
            self.loses(queue);
        }
        for (message, done) in messages.iter().zip(done) {
            if done && !core.fault(core.faults.delete_lost) {
                let handle = json!({ "QueueUrl": self.url(queue), "ReceiptHandle": message.handle });
                self.sqs("DeleteMessage", &handle);
            }
        }
    }
}

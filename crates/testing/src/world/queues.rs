//! Queues that are worked off by hand, and the time that passes.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use domain::receipt::{Receipt, Report};
use domain::{Channel, Clock};
use futures_util::FutureExt;
use queue::Queue;
use usecases::reconcile::{Report as Reconciled, reconcile};
use wire::queue::{ApplyReceiptJob, Job};

use super::{Redelivery, World, queue_of, url_of};
use crate::provider::Seen;

/// All queues, in the order in which they are worked off.
const QUEUES: [&str; 5] =
    ["send-message", "dispatch-whatsapp", "dispatch-sms", "dispatch-email", "apply-receipt"];

impl World {
    /// Works all queues off, as far as messages are visible at the present time. Answers how many jobs failed.
    pub async fn drain(&self) -> usize {
        let mut failed = 0;
        loop {
            let mut worked = 0;
            for name in QUEUES {
                for message in self.receive(name).await {
                    worked += 1;
                    failed += usize::from(!self.work(name, message).await);
                }
            }
            if worked == 0 {
                return failed;
            }
        }
    }

    /// Works one queue off, once over: what its jobs put on queues stays there.
    pub async fn drain_one(&self, name: &str) {
        for message in self.receive(name).await {
            self.work(name, message).await;
        }
    }

    /// Runs the next job of a queue until it panics, as a function that is killed; its message stays invisible and then comes back.
    ///
    /// # Panics
    /// If there is no job, or it does not panic.
    pub async fn crash_one(&self, name: &str) {
        self.work_is_lost();
        let message = self.receive(name).await.into_iter().next().expect("a job");
        let body = message.body.unwrap_or_default();
        let crashed = AssertUnwindSafe(self.run(name, &body)).catch_unwind().await;
        assert!(crashed.is_err(), "the function was to stop half-way");
    }

    /// Moves the clock on and lets reconcile run each minute of that time, as the schedule does.
    pub async fn live(&self, time: Duration) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            self.clock.advance(Duration::from_mins(1).min(end.since(self.clock.now())));
            self.reconcile().await;
            self.drain().await;
        }
    }

    /// Lets time pass second by second: jobs run when they become visible, one after the other, and reconcile each minute. Answers how many jobs
    /// ran. Who waits for a slot moves the clock on, so it may end a little later.
    pub async fn pass(&self, time: Duration) -> usize {
        let end = self.clock.now() + time;
        let mut worked = 0;
        while self.clock.now() < end {
            let minute = self.clock.now().secs() / 60;
            let before = worked;
            for name in QUEUES {
                worked += usize::from(self.work_next(name).await);
            }
            if worked == before {
                self.clock.advance(Duration::from_secs(1));
            }
            if self.clock.now().secs() / 60 != minute {
                self.reconcile().await;
            }
        }
        worked
    }

    /// Runs the next job of a queue, if one is visible. Whether there was one.
    pub async fn work_next(&self, name: &str) -> bool {
        let Some(message) = self.receive_up_to(name, 1).await.into_iter().next() else { return false };
        self.work(name, message).await;
        true
    }

    /// One run of reconcile.
    ///
    /// # Panics
    /// If it fails.
    pub async fn reconcile(&self) -> Reconciled {
        let deadline = self.clock.now() + Duration::from_hours(1);
        let report = reconcile(&self.functions.reconcile, deadline).await.expect("reconcile runs");
        self.law.note(&report);
        report
    }

    /// Everything on every queue is lost.
    ///
    /// # Panics
    /// If a queue does not exist.
    pub fn purge(&self) {
        self.work_is_lost();
        for name in self.engine.sqs().queues() {
            self.engine.sqs().purge(&name).expect("a queue");
        }
    }

    /// The providers report on messages: `report` says what, in order, for each that they accepted.
    pub async fn report(&self, report: impl Fn(&Seen) -> Vec<Report>) {
        let at = self.clock.now();
        let mut receipts: BTreeMap<Channel, Vec<Receipt>> = BTreeMap::new();
        for (number, seen) in self.provider.accepted().into_iter().enumerate() {
            for report in report(&seen) {
                receipts.entry(seen.channel).or_default().push(Receipt {
                    message_id: seen.message_id,
                    provider_message_id: Some(format!("SM{}", number + 1)),
                    report,
                    at,
                    provider_code: None,
                });
            }
        }
        for (channel, receipts) in receipts {
            self.post(channel, receipts).await;
        }
    }

    /// Puts receipts on the queue, in jobs of ten.
    ///
    /// # Panics
    /// If the queue does not take them.
    pub async fn post(&self, channel: Channel, receipts: Vec<Receipt>) {
        let jobs: Vec<_> = receipts
            .chunks(10)
            .map(|some| ApplyReceiptJob::V1 {
                org_id: Self::org(),
                channel,
                receipts: some.to_vec(),
                came_at: Some(self.clock.now()),
            })
            .collect();
        self.queue::<ApplyReceiptJob>("apply-receipt")
            .send(&jobs, Duration::ZERO)
            .await
            .expect("the queue takes them");
    }

    /// A queue of the world, for jobs of a test's own.
    pub fn queue<J: Job>(&self, name: &str) -> Queue<J> {
        queue_of(&self.sqs, &self.urls, name)
    }

    /// The fair-queue groups of the next jobs of a queue, which stay where they are.
    ///
    /// # Panics
    /// If the queue does not answer.
    pub async fn groups(&self, name: &str) -> Vec<String> {
        let url = url_of(&self.urls, name);
        let request =
            self.sqs.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(0);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::MessageGroupId);
        let messages = request.send().await.expect("the queue answers").messages.unwrap_or_default();
        let group = |message: &Message| {
            message.attributes()?.get(&MessageSystemAttributeName::MessageGroupId).cloned()
        };
        messages.iter().filter_map(group).collect()
    }

    async fn receive(&self, name: &str) -> Vec<Message> {
        self.receive_up_to(name, 10).await
    }

    async fn receive_up_to(&self, name: &str, most: i32) -> Vec<Message> {
        let url = url_of(&self.urls, name);
        let request =
            self.sqs.receive_message().queue_url(url).max_number_of_messages(most).wait_time_seconds(0);
        request.send().await.expect("the queue answers").messages.unwrap_or_default()
    }

    async fn work(&self, name: &str, message: Message) -> bool {
        let body = message.body.as_deref().unwrap_or_default();
        let times = if self.redelivery == Redelivery::Always { 2 } else { 1 };
        for _ in 0..times {
            if let Err(error) = self.run(name, body).await {
                tracing::debug!(%error, "a job failed");
                return false;
            }
        }
        let delete = self.sqs.delete_message().queue_url(url_of(&self.urls, name));
        delete.set_receipt_handle(message.receipt_handle).send().await.expect("the queue deletes");
        true
    }

    /// Runs one job as its function would.
    async fn run(&self, name: &str, body: &str) -> anyhow::Result<()> {
        let deadline = self.clock.now() + Duration::from_mins(1);
        let done = self.functions.run(name, body, deadline).await;
        assert!(
            self.clock.now() <= deadline,
            "{name} goes on after its time: in AWS it would have been stopped"
        );
        done
    }

    /// Messages on a queue, those with a delay included.
    ///
    /// # Panics
    /// If there is no such queue.
    pub fn waiting(&self, name: &str) -> u64 {
        let url = url_of(&self.urls, name);
        let queue = url.rsplit('/').next().unwrap_or_default();
        self.engine.sqs().counts(queue).expect("a queue").total()
    }

    /// Messages on all queues, dead-letter queues included.
    pub(super) fn left_over(&self) -> u64 {
        let sqs = self.engine.sqs();
        sqs.queues().iter().filter_map(|name| sqs.counts(name).ok()).map(engine::QueueCounts::total).sum()
    }
}

//! What all parts of the twins share, and the two things that happen: a send is accepted, a callback is made.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};

use crate::accounts::Accounts;
use crate::behaviour::{Admission, Behaviours};
use crate::book::{Book, Change, Sender};
use crate::callback::{Callback, Lane};
use crate::clock::now_ms;
use crate::database::{Database, DatabaseError};
use crate::ledger::{self, Accepted};
use crate::provider::Provider;
use crate::schedule::{self, Pending, Place, Planned, Schedule};
use crate::sns::Topic;
use crate::webhook::{Attempt, Webhook, post};
use crate::{Options, ses, twilio, whatsapp};

/// So many callbacks of one kind are on their way at once.
pub(crate) const CONCURRENCY: usize = 32;
/// How long a stop waits for callbacks that are on their way; what is cut off is made again after the next start.
const STOP_WAITS: Duration = Duration::from_secs(3);

/// See the module.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) database: Database,
    pub(crate) behaviours: Behaviours,
    pub(crate) book: Book,
    pub(crate) schedule: Schedule,
    pub(crate) topic: Topic,
    pub(crate) http: reqwest::Client,
    /// True once the simulators are being stopped.
    pub(crate) stopping: watch::Sender<bool>,
}

impl World {
    /// The accounts as they are now.
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts::read(&(self.options.secrets)())
    }

    /// Decides about a send after the provider's latency.
    pub(crate) async fn admit(&self, provider: Provider, account: &str, recipient: &str) -> Admission {
        let latency_ms = self.behaviours.of(provider).latency_ms;
        if latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
        self.behaviours.admit(provider, account, recipient, Instant::now())
    }

    /// Puts messages on record with their callbacks, in one transaction, and answers once it is committed.
    ///
    /// The work goes on if the client hangs up in the meantime: it is then accepted, as it would be at a provider.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        messages: Vec<(Accepted, Vec<Planned>)>,
    ) -> Result<(), DatabaseError> {
        let world = Arc::clone(self);
        let accepted = tokio::spawn(async move {
            let write = |connection: &rusqlite::Connection| {
                // Taken here, where messages are put in order, so that times never contradict the order.
                let at_ms = now_ms();
                let mut dues = Vec::new();
                for (accepted, planned) in messages {
                    ledger::insert(connection, &accepted, at_ms)?;
                    dues.extend(schedule::insert(connection, planned, at_ms)?);
                }
                Ok(dues)
            };
            world.schedule.add(world.database.run(write).await?);
            Ok(())
        });
        accepted.await.unwrap_or(Err(DatabaseError::Closed))
    }

    /// Notes who sends from an address, so that a reply to it finds its organisation.
    pub(crate) fn note_sender(&self, provider: Provider, address: &str, org: &str, detail: &str) {
        let sender = Sender { org: org.to_owned(), detail: detail.to_owned() };
        if let Some(change) = self.book.note_sender(provider, address, sender) {
            self.write_down(change);
        }
    }

    pub(crate) fn write_down(&self, change: Change) {
        self.database.run_unattended(move |connection| change.write(connection));
    }

    /// Makes the callbacks of one lane until the simulators are stopped.
    pub(crate) async fn run_lane(self: Arc<Self>, lane: Lane) {
        let permits = Arc::new(Semaphore::new(CONCURRENCY));
        let mut stopping = self.stopping.subscribe();
        let mut ready = VecDeque::new();
        loop {
            let next = async {
                if lane == Lane::Ses {
                    self.topic.confirmed().await;
                }
                let permit = Arc::clone(&permits).acquire_owned().await;
                if ready.is_empty() {
                    ready = self.read_due(lane).await;
                }
                (permit, schedule::take_request(&mut ready))
            };
            let (permit, group) = tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => break,
                next = next => next,
            };
            let world = Arc::clone(&self);
            tokio::spawn(async move {
                world.make(group).await;
                drop(permit);
            });
        }
        let all = u32::try_from(CONCURRENCY).unwrap_or(u32::MAX);
        drop(tokio::time::timeout(STOP_WAITS, permits.acquire_many(all)).await);
    }

    /// Waits for callbacks that are due. Those that cannot be read are left to the next start.
    async fn read_due(&self, lane: Lane) -> VecDeque<Pending> {
        let ids = self.schedule.next(lane).await;
        self.database.run(move |connection| schedule::read(connection, &ids)).await.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "callbacks cannot be read");
            VecDeque::new()
        })
    }

    async fn make(&self, group: Vec<Pending>) {
        let Some(webhook) = self.webhook(&group) else {
            // Nobody is left who could sign it: the secret was taken away.
            for due in &group {
                self.finish(due.id);
            }
            return;
        };
        let attempt = post(&self.http, &webhook).await;
        for due in group {
            self.settle(due, &attempt);
        }
    }

    fn webhook(&self, group: &[Pending]) -> Option<Webhook> {
        let first = group.first()?;
        match &first.callback {
            Callback::TwilioStatus(report) => twilio::status_webhook(self, report, first),
            Callback::WhatsAppStatus(report) => {
                let statuses = group.iter().filter_map(|due| match &due.callback {
                    Callback::WhatsAppStatus(report) => Some((report, due.occurred_ms)),
                    _ => None,
                });
                whatsapp::status_webhook(self, report, statuses)
            }
            Callback::SesEvent(report) => Some(ses::event_webhook(self, report, first)),
            Callback::Written(written) => {
                written.take_effect(self, first.occurred_ms);
                written.webhook(self, first.occurred_ms)
            }
            Callback::OneClick(one_click) => Some(one_click.webhook()),
        }
    }

    /// Forgets a callback that was made or given up, or plans the next attempt.
    fn settle(&self, mut due: Pending, attempt: &Attempt) {
        due.attempts += 1;
        let age = Duration::from_millis(now_ms().abs_diff(due.occurred_ms));
        match due.callback.retry_after(attempt, due.attempts, age) {
            None => {
                if !attempt.succeeded() {
                    let status = attempt.status();
                    tracing::warn!(lane = ?due.callback.lane(), status, attempts = due.attempts, "a callback was lost");
                }
                self.finish(due.id);
            }
            Some(wait) => {
                let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                let lane = due.callback.lane();
                let again = Place { id: due.id, lane, due_ms: now_ms().saturating_add_unsigned(wait) };
                let attempts = due.attempts;
                self.database
                    .run_unattended(move |connection| schedule::postpone(connection, again, attempts));
                self.schedule.add(vec![again]);
            }
        }
    }

    /// Nobody waits for this, and each report comes by here: many at a time are forgotten.
    fn finish(&self, id: i64) {
        self.database.run_later(move |connection| schedule::finish(connection, id));
    }
}

//! Receiving, and the way to the dead-letter queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::receipts::read_visibility;
use crate::sqs::address::{self, ACCOUNT};
use crate::sqs::attributes::{self, Redrive};
use crate::sqs::digest;
use crate::sqs::protocol::{AttributeValue, ReceiveInput, ReceiveOutput, Received};
use crate::sqs::receipt::{Receipt, message_id};
use crate::sqs::refusal::Refusal;
use crate::sqs::state::{Call, Queue};
use crate::sqs::storage::{MessageRow, Store};

const SYSTEM: [&str; 10] = [
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "MessageGroupId",
    "DeadLetterQueueSourceArn",
    "AWSTraceHeader",
    // Known, but standard queues have none of these.
    "MessageDeduplicationId",
    "SequenceNumber",
    "SqsManagedSseEnabled",
];

/// A receive, checked.
pub(in crate::sqs) struct Receive {
    url: Option<String>,
    most: usize,
    visibility_ms: Option<i64>,
    wait_s: Option<i64>,
    system: BTreeSet<String>,
    user: Vec<String>,
}

/// What a look into the queue found.
pub(in crate::sqs) enum Look {
    /// Messages, or none and no time to wait for any.
    Answer(ReceiveOutput),
    /// Nothing yet.
    Nothing {
        /// How long the client is willing to wait in all.
        wait: Duration,
        /// How long until the next message becomes visible.
        next: Option<Duration>,
    },
}

impl Receive {
    /// # Errors
    ///
    /// Numbers outside their limits and unknown attribute names.
    pub(in crate::sqs) fn read(input: ReceiveInput) -> Result<Self, Refusal> {
        let most = match input.max_number_of_messages.unwrap_or(1) {
            most @ 1..=10 => usize::try_from(most).unwrap_or(1),
            most => {
                let reason = "Must be between 1 and 10, if provided.";
                return Err(Refusal::parameter("MaxNumberOfMessages", most, reason));
            }
        };
        if let Some(wait) = input.wait_time_seconds.filter(|wait| !(0..=20).contains(wait)) {
            let reason = "Must be >= 0 and <= 20, if provided.";
            return Err(Refusal::parameter("WaitTimeSeconds", wait, reason));
        }
        let visibility_ms = input.visibility_timeout.map(read_visibility).transpose()?;
        let system: BTreeSet<String> =
            input.attribute_names.into_iter().chain(input.message_system_attribute_names).collect();
        if let Some(name) = system.iter().find(|name| *name != "All" && !SYSTEM.contains(&name.as_str())) {
            return Err(attributes::unknown(name));
        }
        Ok(Self {
            url: input.queue_url,
            most,
            visibility_ms,
            wait_s: input.wait_time_seconds,
            system,
            user: input.message_attribute_names,
        })
    }

    /// What fires when the queue changes.
    ///
    /// # Errors
    ///
    /// As [`Receive::look`].
    pub(in crate::sqs) fn arrived(&self, call: &mut Call<'_>) -> Result<Arc<Notify>, Refusal> {
        let (_, queue, _) = call.queue(self.url.as_deref())?;
        Ok(queue.arrived.clone())
    }

    /// Takes what is there now.
    ///
    /// # Errors
    ///
    /// `QueueDoesNotExist`, also while waiting: the queue may be deleted meanwhile.
    pub(in crate::sqs) fn look(&self, call: &mut Call<'_>) -> Result<Look, Refusal> {
        let now = call.now;
        let (_, queue, name) = call.queue(self.url.as_deref())?;
        let redrive = queue.settings.redrive.clone();
        let grave = redrive.and_then(|redrive| Grave::find(&redrive, &call.state.queues, name));
        let (store, queue, _) = call.queue(self.url.as_deref())?;
        loop {
            let taken = self.take(store, queue, grave.as_ref(), now)?;
            if taken.buried > 0
                && let Some(grave) = &grave
            {
                grave.arrived.notify_waiters();
            }
            let wait_s = self.wait_s.unwrap_or(queue.settings.wait_s);
            if taken.messages.is_empty() && taken.buried > 0 {
                // Those went to the dead-letter queue; there may be others behind them.
                continue;
            }
            if !taken.messages.is_empty() || wait_s == 0 {
                return Ok(Look::Answer(ReceiveOutput { messages: taken.messages }));
            }
            return Ok(Look::Nothing {
                wait: Duration::from_secs(wait_s.unsigned_abs()),
                next: taken.next.map(|next| Duration::from_millis((next - now).unsigned_abs())),
            });
        }
    }

    fn take(
        &self,
        store: &mut Store,
        queue: &mut Queue,
        grave: Option<&Grave>,
        now: i64,
    ) -> Result<Taken, Refusal> {
        store.tables().expire(queue.id, now - queue.settings.retention_ms)?;
        let picked = store.tables().pick(queue.id, &queue.turn, now, self.most)?;
        if picked.ids.is_empty() {
            return Ok(Taken { messages: Vec::new(), buried: 0, next: picked.next });
        }
        let visible_at = now + self.visibility_ms.unwrap_or(queue.settings.visibility_ms);
        let taken = store.write(|tables| {
            let mut taken = Taken { messages: Vec::with_capacity(picked.ids.len()), buried: 0, next: None };
            for id in picked.ids {
                if let Some(grave) = grave
                    && tables.receives(id)? >= grave.max_receives
                {
                    tables.bury(id, grave.queue, &grave.source_arn, now)?;
                    taken.buried += 1;
                    continue;
                }
                let row = tables.receive(id, now, visible_at)?;
                taken.messages.push(self.received(queue.id, row));
            }
            Ok(taken)
        })?;
        queue.turn = picked.turn;
        Ok(taken)
    }

    fn received(&self, queue: i64, row: MessageRow) -> Received {
        let attributes = self.system_attributes(&row);
        let mut message_attributes: BTreeMap<String, AttributeValue> =
            row.attributes.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        message_attributes.retain(|name, _| self.wants(name));
        Received {
            message_id: message_id(row.id),
            receipt_handle: Receipt { queue, message: row.id, receive: row.receives }.handle(),
            md5_of_body: digest::of_body(&row.body),
            body: row.body,
            attributes,
            // Of those that are returned, as the service does: the SDKs check it against them.
            md5_of_attributes: digest::of_attributes(&message_attributes),
            message_attributes,
        }
    }

    fn system_attributes(&self, row: &MessageRow) -> BTreeMap<&'static str, String> {
        if self.system.is_empty() {
            return BTreeMap::new();
        }
        let group = Some(row.group.clone()).filter(|group| !group.is_empty());
        let all = [
            ("SenderId", Some(ACCOUNT.to_owned())),
            ("SentTimestamp", Some(row.sent_at.to_string())),
            ("ApproximateReceiveCount", Some((row.receives + row.earlier_receives).to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(row.first_received_at.to_string())),
            ("MessageGroupId", group),
            ("DeadLetterQueueSourceArn", row.source.clone()),
            ("AWSTraceHeader", row.trace.clone()),
        ];
        let wanted = |name: &str| self.system.contains("All") || self.system.contains(name);
        all.into_iter()
            .filter(|(name, _)| wanted(name))
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Whether a message attribute was asked for: by name, by prefix (`foo.*`) or with all others.
    fn wants(&self, name: &str) -> bool {
        self.user.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == "All" || wanted == name,
        })
    }
}

struct Taken {
    messages: Vec<Received>,
    /// How many went to the dead-letter queue instead.
    buried: usize,
    next: Option<i64>,
}

/// Where messages go that failed too often.
struct Grave {
    queue: i64,
    arrived: Arc<Notify>,
    source_arn: String,
    max_receives: i64,
}

impl Grave {
    /// `None` if the dead-letter queue has been deleted: then messages stay where they are.
    fn find(redrive: &Redrive, queues: &BTreeMap<String, Queue>, source: &str) -> Option<Self> {
        let target = queues.get(&redrive.target)?;
        Some(Self {
            queue: target.id,
            arrived: target.arrived.clone(),
            source_arn: address::arn(source),
            max_receives: redrive.max_receives,
        })
    }
}

//! How rows change: conditional writes that only climb.

use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::receipt::Report;
use domain::{Channel, Inquiry, MessageId, MessageStatus, OrgId, Reason, SkipCode, Timestamp, Unknown};

use super::item::{from_item, to_item};
use super::{Event, Row};
use crate::batch::{Executed, Statement};
use crate::conditional::{Conditional, conditional};
use crate::item::{json, n, s, time};
use crate::{Result, Store, keys};

/// Something that became known about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The provider accepted it.
    Accepted {
        /// The provider's id.
        provider_message_id: String,
        /// SMS segments.
        segments: Option<u32>,
        /// Calls made so far, this one included.
        attempts: u32,
        /// When the call was made.
        tried_at: Timestamp,
        /// When the answer came.
        at: Timestamp,
    },
    /// Whether the provider accepted it is not known.
    Unknown {
        /// Why not.
        why: Unknown,
        /// Calls made so far, this one included.
        attempts: u32,
        /// When the call was made or may have been made.
        tried_at: Timestamp,
    },
    /// The provider refused it before processing; it belongs to the next pass.
    TryAgain {
        /// The next pass.
        pass: u32,
        /// Calls made so far, this one included.
        attempts: u32,
        /// When the call was made.
        tried_at: Timestamp,
        /// When it is tried again.
        next_attempt_at: Timestamp,
        /// The provider's own code.
        provider_code: Option<String>,
    },
    /// It failed or is skipped.
    Ended {
        /// Why.
        reason: Reason,
        /// What the reason leaves open.
        detail: Option<String>,
        /// The provider's own code.
        provider_code: Option<String>,
        /// Calls made so far.
        attempts: u32,
        /// When.
        at: Timestamp,
    },
    /// No report came in time.
    Unconfirmed {
        /// When.
        at: Timestamp,
        /// What came of asking the provider, if it can be asked.
        inquiry: Option<Inquiry>,
    },
    /// The provider was asked about it, and has it.
    Found {
        /// The provider's id.
        provider_message_id: String,
        /// SMS segments.
        segments: Option<u32>,
        /// When the provider accepted it, by its own clock.
        accepted_at: Timestamp,
        /// What became of it; `None` while it is on its way.
        report: Option<Report>,
        /// The provider's own code.
        provider_code: Option<String>,
        /// When it was asked.
        at: Timestamp,
    },
    /// A provider's receipt.
    Receipt {
        /// The channel whose provider reports; a row of another channel is left as it is.
        channel: Channel,
        /// What it reports.
        report: Report,
        /// The provider's id.
        provider_message_id: Option<String>,
        /// The provider's own code.
        provider_code: Option<String>,
        /// When it happened.
        at: Timestamp,
    },
}

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The row moved.
    Yes,
    /// The row was there or beyond already; the row as it is.
    AlreadyPast(Box<Row>),
    /// There is no such row.
    Missing,
}

/// What every row in `sent` has: receipts fill it in where it is missing.
const FILLED: [&str; 2] = ["sent_at", "provider_message_id"];

/// Attribute values to set; the flag says that a value that is there is kept.
type Sets = Vec<(&'static str, AttributeValue, bool)>;

impl Change {
    /// The status that the row is in afterwards; `None` if the change moves none.
    fn to(&self) -> Option<MessageStatus> {
        match self {
            Self::Accepted { .. } => Some(MessageStatus::Sent),
            Self::Unknown { .. } => Some(MessageStatus::Sending),
            Self::TryAgain { .. } => Some(MessageStatus::Queued),
            Self::Ended { reason: Reason::Failed(_), .. } => Some(MessageStatus::Failed),
            Self::Ended { reason: Reason::Skipped(_), .. } => Some(MessageStatus::Skipped),
            Self::Unconfirmed { .. } => Some(MessageStatus::Unconfirmed),
            Self::Found { report, .. } => report.map_or(Some(MessageStatus::Sent), Report::status),
            Self::Receipt { report, .. } => report.status(),
        }
    }

    /// The statuses in which the row may be.
    fn from(&self) -> Vec<MessageStatus> {
        match (self, self.to()) {
            // A failure of ours that comes to light after the provider accepted is none.
            (Self::Ended { .. }, _) => vec![MessageStatus::Queued, MessageStatus::Sending],
            (_, Some(MessageStatus::Queued)) => vec![MessageStatus::Queued],
            (_, Some(to)) => to.reachable_from().collect(),
            (_, None) => Vec::new(),
        }
    }

    /// Whether it says that the message arrived.
    fn delivers(&self) -> bool {
        match self {
            Self::Receipt { report, .. } | Self::Found { report: Some(report), .. } => {
                matches!(report, Report::Delivered | Report::Read)
            }
            Self::Found { report: None, .. }
            | Self::Accepted { .. }
            | Self::Unknown { .. }
            | Self::TryAgain { .. }
            | Self::Ended { .. }
            | Self::Unconfirmed { .. } => false,
        }
    }

    fn sets(&self) -> Sets {
        let mut sets: Sets = Vec::new();
        if let Some(to) = self.to() {
            sets.push(("status", s(to.as_str()), false));
        }
        match self {
            Self::Accepted { provider_message_id, segments, attempts, tried_at, at } => {
                sets.push(("provider_message_id", s(provider_message_id), false));
                sets.extend(segments.map(|segments| ("segments", n(segments), false)));
                sets.push(("attempts", n(attempts), false));
                sets.push(("tried_at", time(*tried_at), false));
                sets.push(("sent_at", time(*at), false));
            }
            Self::Unknown { why, attempts, tried_at } => {
                sets.push(("unknown", s(why.as_str()), false));
                sets.push(("attempts", n(attempts), false));
                sets.push(("tried_at", time(*tried_at), false));
            }
            Self::TryAgain { pass, attempts, tried_at, next_attempt_at, provider_code } => {
                sets.push(("pass", n(pass), false));
                sets.push(("attempts", n(attempts), false));
                sets.push(("tried_at", time(*tried_at), false));
                sets.push(("next_attempt_at", time(*next_attempt_at), false));
                sets.extend(provider_code.as_ref().map(|code| ("provider_code", s(code), false)));
            }
            Self::Ended { reason, detail, provider_code, attempts, at } => {
                sets.push(("reason", s(reason.as_str()), false));
                sets.extend(detail.as_ref().map(|detail| ("detail", s(detail), false)));
                sets.extend(provider_code.as_ref().map(|code| ("provider_code", s(code), false)));
                sets.push(("attempts", n(attempts), false));
                sets.push(("ended_at", time(*at), false));
            }
            Self::Unconfirmed { at, inquiry } => {
                sets.push(("unconfirmed_at", time(*at), false));
                sets.extend(inquiry.iter().flat_map(|inquiry| inquired(*inquiry, *at)));
            }
            Self::Found { provider_message_id, segments, accepted_at, report, provider_code, at } => {
                sets.push(("provider_message_id", s(provider_message_id), true));
                sets.extend(segments.map(|segments| ("segments", n(segments), true)));
                sets.push(("sent_at", time(*accepted_at), true));
                sets.extend(provider_code.as_ref().map(|code| ("provider_code", s(code), false)));
                sets.extend(report.iter().flat_map(|report| receipt_sets(*report, *at)));
                sets.extend(inquired(Inquiry::Found, *at));
            }
            Self::Receipt { report, provider_message_id, provider_code, at, .. } => {
                sets.push(("sent_at", time(*at), true));
                sets.extend(provider_message_id.as_ref().map(|id| ("provider_message_id", s(id), true)));
                sets.extend(provider_code.as_ref().map(|code| ("provider_code", s(code), false)));
                sets.extend(receipt_sets(*report, *at));
            }
        }
        sets
    }
}

fn inquired(inquiry: Inquiry, at: Timestamp) -> Sets {
    vec![("inquiry", s(inquiry.as_str()), false), ("asked_at", time(at), false)]
}

fn receipt_sets(report: Report, at: Timestamp) -> Sets {
    match report {
        Report::Sent | Report::Complained => Vec::new(),
        Report::Delivered => vec![("delivered_at", time(at), true)],
        Report::Read => vec![("delivered_at", time(at), true), ("read_at", time(at), true)],
        Report::Failed(code) => vec![("reason", s(code.as_str()), false), ("ended_at", time(at), false)],
        Report::OptedOut => {
            vec![("reason", s(SkipCode::OptedOut.as_str()), false), ("ended_at", time(at), false)]
        }
    }
}

impl Store {
    /// Creates rows; the answer says for each whether it was created. A row that exists is left as it is.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; any of the rows may then exist, and repeating is safe.
    pub async fn create_rows(&self, rows: &[Row]) -> Result<Vec<bool>> {
        let statements = rows.iter().map(|row| self.insert(row)).collect();
        let done = self.execute_all(statements).await?;
        Ok(done.into_iter().map(|executed| executed == Executed::Done).collect())
    }

    fn insert(&self, row: &Row) -> Statement {
        let item: Vec<(String, AttributeValue)> = to_item(row).into_iter().collect();
        let fields: Vec<String> = item.iter().map(|(name, _)| format!("'{name}': ?")).collect();
        Statement {
            text: format!("INSERT INTO \"{}\" VALUE {{{}}}", self.tables.message_logs, fields.join(", ")),
            parameters: item.into_iter().map(|(_, value)| value).collect(),
        }
    }

    /// Makes changes of rows that are believed to be in status `seen`: in batches, which is several times cheaper than one by one, and one by
    /// one where a row is elsewhere. Each row at most once; answers in their order.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; any of the changes may then have been made, and repeating is safe.
    pub async fn record(
        &self,
        org: &OrgId,
        seen: MessageStatus,
        changes: &[(MessageId, Change)],
    ) -> Result<Vec<Changed>> {
        let statements =
            changes.iter().map(|(id, change)| self.update_seen(org, *id, seen, change)).collect();
        let done = self.execute_all(statements).await?;
        let mut results = Vec::with_capacity(done.len());
        for ((id, change), executed) in changes.iter().zip(done) {
            results.push(match executed {
                Executed::Done => Changed::Yes,
                Executed::Refused => self.record_late(org, *id, change).await?,
            });
        }
        Ok(results)
    }

    /// A row that is not where it was believed to be: it moves if it may, and gets what it lacks if it has moved on.
    async fn record_late(&self, org: &OrgId, id: MessageId, change: &Change) -> Result<Changed> {
        let changed = self.change_row(org, id, change).await?;
        if let (Changed::AlreadyPast(row), Change::Accepted { .. }) = (&changed, change) {
            self.fill_gaps(row, change).await?;
        }
        Ok(changed)
    }

    fn update_seen(&self, org: &OrgId, id: MessageId, seen: MessageStatus, change: &Change) -> Statement {
        // PartiQL knows no `if_not_exists`: what is only to fill a gap is left out, and a row with gaps is not in a status that is worth a batch.
        let sets: Sets =
            change.sets().into_iter().filter(|(name, _, keep)| !keep || !FILLED.contains(name)).collect();
        let assignments: Vec<String> = sets.iter().map(|(name, ..)| format!("SET \"{name}\" = ?")).collect();
        let mut parameters: Vec<AttributeValue> = sets.into_iter().map(|(_, value, _)| value).collect();
        parameters.extend([s(keys::row(org, id)), n(id.slot), s(seen.as_str())]);
        let mut condition = "pk = ? AND sk = ? AND \"status\" = ?".to_owned();
        if let Change::Receipt { channel, .. } = change {
            condition.push_str(" AND channel = ?");
            parameters.push(s(channel.as_str()));
        }
        let text =
            format!("UPDATE \"{}\" {} WHERE {condition}", self.tables.message_logs, assignments.join(" "));
        Statement { text, parameters }
    }

    /// Applies one change if the row may still make it.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn change_row(&self, org: &OrgId, id: MessageId, change: &Change) -> Result<Changed> {
        let from = change.from();
        if from.is_empty() {
            // It moves no row; whoever asks wants to know which row it is about.
            return Ok(self
                .row(org, id)
                .await?
                .map_or(Changed::Missing, |row| Changed::AlreadyPast(Box::new(row))));
        }
        let names: Vec<String> = (0..from.len()).map(|i| format!(":from{i}")).collect();
        let mut condition = format!("attribute_exists(pk) AND #status IN ({})", names.join(", "));
        let mut update = self.update_row(org, id, &change.sets(), change);
        if let Change::Receipt { channel, .. } = change {
            condition.push_str(" AND channel = :channel");
            update = update.expression_attribute_values(":channel", s(channel.as_str()));
        }
        update = update.condition_expression(condition);
        update = update.expression_attribute_names("#status", "status");
        for (name, status) in names.iter().zip(from) {
            update = update.expression_attribute_values(name, s(status.as_str()));
        }
        changed(conditional(update.send().await)?)
    }

    /// Completes a row that overtook the record of its acceptance.
    async fn fill_gaps(&self, row: &Row, change: &Change) -> Result<()> {
        let sets: Sets = change
            .sets()
            .into_iter()
            .filter(|(name, ..)| *name != "status")
            // The time of acceptance is ours; a receipt that came first could only guess it.
            .map(|(name, value, _)| (name, value, name != "attempts" && name != "tried_at"))
            .collect();
        let update =
            self.update_row(&row.org_id, row.id, &sets, change).condition_expression("attribute_exists(pk)");
        conditional(update.send().await).map(drop)
    }

    /// Adds to what happened to a message without moving it; beyond 20 events nothing is added.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; a repeat may add the event twice.
    pub async fn add_event(&self, org: &OrgId, id: MessageId, event: &Event) -> Result<()> {
        let result = self
            .client
            .update_item()
            .table_name(&self.tables.message_logs)
            .key("pk", s(keys::row(org, id)))
            .key("sk", n(id.slot))
            .update_expression("SET events = list_append(if_not_exists(events, :none), :event)")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(events) OR (size(events) < :most AND NOT contains(events, :text)))",
            )
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":event", AttributeValue::L(vec![json(event)]))
            .expression_attribute_values(":text", json(event))
            .expression_attribute_values(":most", n(20))
            .send()
            .await;
        conditional(result).map(drop)
    }

    fn update_row(
        &self,
        org: &OrgId,
        id: MessageId,
        sets: &Sets,
        change: &Change,
    ) -> UpdateItemFluentBuilder {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.message_logs)
            .key("pk", s(keys::row(org, id)))
            .key("sk", n(id.slot))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut assignments = Vec::new();
        for (index, (name, value, keep)) in sets.iter().enumerate() {
            update = update
                .expression_attribute_names(format!("#n{index}"), *name)
                .expression_attribute_values(format!(":v{index}"), value.clone());
            assignments.push(if *keep {
                format!("#n{index} = if_not_exists(#n{index}, :v{index})")
            } else {
                format!("#n{index} = :v{index}")
            });
        }
        let mut expression = format!("SET {}", assignments.join(", "));
        // What no longer holds goes: a delivered message has no failure.
        if change.delivers() {
            expression.push_str(" REMOVE reason, detail, provider_code");
        }
        update.update_expression(expression)
    }
}

fn changed(update: Conditional<UpdateItemOutput>) -> Result<Changed> {
    match update {
        Conditional::Done(_) => Ok(Changed::Yes),
        Conditional::Refused(Some(item)) => Ok(Changed::AlreadyPast(Box::new(from_item(&item)?))),
        Conditional::Refused(None) => Ok(Changed::Missing),
    }
}

//! What a recipient did about a message: kept with the message, since the statistics of a send are counts of its rows.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{MessageId, OrgId, Timestamp};

use super::{Event, Row};
use crate::item::{json, key, n, time};
use crate::transaction::{Committed, Table, Write};
use crate::{Result, Store, keys};

/// Events that a row keeps.
const MAX_EVENTS: usize = 20;

/// A recipient's first answer to a message, or their opting out because of it. Promise the change to the counts before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    message: MessageId,
    replied_at: Option<Timestamp>,
    opted_out_at: Option<Timestamp>,
    events: Vec<Event>,
}

impl Reaction {
    /// To `row`, of which only what it does not know yet is written.
    pub fn to(row: &Row) -> Self {
        Self { message: row.id, replied_at: None, opted_out_at: None, events: Vec::new() }
    }

    /// An answer, which has an id of its own.
    #[must_use]
    pub fn replied(mut self, row: &Row, at: Timestamp, answer: MessageId) -> Self {
        if row.replied_at.is_none() {
            self.replied_at = Some(at);
            self.tell(row, at, format!("Answered by {answer}"));
        }
        self
    }

    /// An opt-out.
    #[must_use]
    pub fn opted_out(mut self, row: &Row, at: Timestamp) -> Self {
        if row.opted_out_at.is_none() {
            self.opted_out_at = Some(at);
            self.tell(row, at, "The recipient opted out because of it".to_owned());
        }
        self
    }

    fn tell(&mut self, row: &Row, at: Timestamp, what: String) {
        if row.events.len() + self.events.len() < MAX_EVENTS {
            self.events.push(Event { at, what });
        }
    }

    /// Whether the row knows it all.
    pub fn is_known(&self) -> bool {
        self.replied_at.is_none() && self.opted_out_at.is_none()
    }

    /// The message that it is about.
    pub fn message(&self) -> MessageId {
        self.message
    }

    /// The write that keeps it, unless the row has got to know of it since it was read.
    pub(crate) fn write(&self, org: &OrgId) -> Write {
        let mut sets = Vec::new();
        let mut conditions = vec!["attribute_exists(pk)"];
        if self.replied_at.is_some() {
            sets.push("replied_at = :replied");
            conditions.push("attribute_not_exists(replied_at)");
        }
        if self.opted_out_at.is_some() {
            sets.push("opted_out_at = :opted_out");
            conditions.push("attribute_not_exists(opted_out_at)");
        }
        if !self.events.is_empty() {
            sets.push("events = list_append(if_not_exists(events, :none), :events)");
        }
        let row = key(keys::row(org, self.message), n(self.message.slot));
        let mut write = Write::update(Table::MessageLogs, row, format!("SET {}", sets.join(", ")))
            .when(conditions.join(" AND "));
        if let Some(at) = self.replied_at {
            write = write.value(":replied", time(at));
        }
        if let Some(at) = self.opted_out_at {
            write = write.value(":opted_out", time(at));
        }
        if !self.events.is_empty() {
            let events = self.events.iter().map(json).collect();
            write = write
                .value(":none", AttributeValue::L(Vec::new()))
                .value(":events", AttributeValue::L(events));
        }
        write
    }
}

impl Store {
    /// Keeps a reaction with its message. Answers whether it did: not if the message has got to know of another in between.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn keep_reaction(&self, org: &OrgId, reaction: &Reaction) -> Result<bool> {
        if reaction.is_known() {
            return Ok(false);
        }
        Ok(self.commit(vec![reaction.write(org)]).await? == Committed::Yes)
    }
}

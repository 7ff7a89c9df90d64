//! Reading rows in the order of lists: newest first by the time of creation, then by the text of the id.

use std::cmp::Reverse;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    ConversationId, FailureCode, MemberId, MessageId, MessageStatus, OrgId, Reason, SkipCode, Timestamp,
};
use ulid::Ulid;

use super::Row;
use super::item::{created, created_at};
use crate::batch_get::Wanted;
use crate::item::{Item, Reader, key, n, s};
use crate::{Result, Store, StoreError, keys};

/// Which part of a member's timeline, or of another list that is sorted like it, to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimelineSpan {
    /// Rows created at or after this time.
    pub from: Option<Timestamp>,
    /// Rows created before this time.
    pub to: Option<Timestamp>,
    /// Rows that follow this one in the list, which are older.
    pub after: Option<(Timestamp, MessageId)>,
}

/// Where a row stands in a list: its time of creation, then its id.
pub(crate) type Place = (Timestamp, MessageId);

/// An index of rows by time of creation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index {
    name: &'static str,
    key: &'static str,
}

/// Of the rows of a member.
pub(crate) const BY_MEMBER: Index = Index { name: "by-member", key: "member_key" };
/// Of single sends, replies and what members wrote.
pub(crate) const BY_ORG: Index = Index { name: "by-org", key: "org_key" };
/// Of what was written in a conversation.
pub(crate) const BY_CONVERSATION: Index = Index { name: "by-conversation", key: "conversation_key" };

impl TimelineSpan {
    /// The sort keys between which its rows lie. The upper one is that of `after`, if that counts, and of no row else.
    fn bounds(self) -> (String, String) {
        let time = |at: Timestamp| format!("{:013}", at.millis());
        let oldest = self.from.map_or_else(|| "0".to_owned(), time);
        let ends = [self.to.map(time), self.after.map(|(at, id)| created(at, id))];
        let newest = ends.into_iter().flatten().min().unwrap_or_else(|| "~".to_owned());
        (oldest, newest)
    }
}

impl Row {
    /// Sorts rows as lists show them, the last first.
    pub fn list_key(&self) -> (Timestamp, String) {
        (self.created_at, self.id.to_string())
    }
}

impl Store {
    /// The first `limit` rows of a part of a member's timeline, newest first, and behind which row there may be more. Eventually consistent.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn timeline(
        &self,
        org: &OrgId,
        member: &MemberId,
        span: TimelineSpan,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<Place>)> {
        self.rows_of(BY_MEMBER, keys::member_timeline(org, member), org, span, limit).await
    }

    /// The first `limit` rows of a part of what an organisation's members wrote and what was sent to them singly, newest first, and behind which
    /// row there may be more. Bulk rows are found through their chunks. Eventually consistent.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn direct_rows(
        &self,
        org: &OrgId,
        span: TimelineSpan,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<Place>)> {
        self.rows_of(BY_ORG, org.to_string(), org, span, limit).await
    }

    /// The same of what was written in a conversation.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn rows_of_conversation(
        &self,
        org: &OrgId,
        id: &ConversationId,
        span: TimelineSpan,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<Place>)> {
        self.rows_of(BY_CONVERSATION, keys::thread(org, id), org, span, limit).await
    }

    async fn rows_of(
        &self,
        index: Index,
        key: String,
        org: &OrgId,
        span: TimelineSpan,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<Place>)> {
        let (places, more) = self.places(index, key, span, limit).await?;
        let ids: Vec<MessageId> = places.iter().map(|(_, id)| *id).collect();
        let mut rows = self.rows(org, &ids).await?;
        rows.sort_by_cached_key(|row| Reverse(row.list_key()));
        Ok((rows, places.last().copied().filter(|_| more)))
    }

    /// Where the first `limit` rows of a part of an index are, newest first, and whether there may be more.
    pub(crate) async fn places(
        &self,
        index: Index,
        key: String,
        span: TimelineSpan,
        limit: usize,
    ) -> Result<(Vec<Place>, bool)> {
        let (oldest, newest) = span.bounds();
        if newest < oldest {
            return Ok((Vec::new(), false));
        }
        // The row that the part begins behind is read too.
        let asked = limit + usize::from(span.after.is_some());
        let answer = self
            .client
            .query()
            .table_name(&self.tables.message_logs)
            .index_name(index.name)
            .key_condition_expression("#key = :key AND created BETWEEN :oldest AND :newest")
            .expression_attribute_names("#key", index.key)
            .expression_attribute_values(":key", s(key))
            .expression_attribute_values(":oldest", s(oldest))
            .expression_attribute_values(":newest", s(newest))
            .scan_index_forward(false)
            .limit(i32::try_from(asked).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(StoreError::call("Query"))?;
        let mut places: Vec<Place> = answer.items().iter().map(place).collect::<Result<_>>()?;
        places.retain(|place| span.after != Some(*place));
        // With an end in time that comes first, the row that the part begins behind was not among them.
        let more = places.len() > limit || answer.last_evaluated_key.is_some();
        places.truncate(limit);
        Ok((places, more))
    }

    /// When the first row of each of these chunks was created. The rows of a chunk are written together, so this places the chunk among others.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn chunk_times(
        &self,
        org: &OrgId,
        chunks: &[(Ulid, u32)],
    ) -> Result<HashMap<(Ulid, u32), Timestamp>> {
        let wanted =
            Wanted { table: &self.tables.message_logs, strong: false, attributes: Some("pk, created") };
        let first = |(send, chunk): &(Ulid, u32)| key(keys::rows(org, *send, *chunk), n(0));
        let wanted_keys: Vec<Item> = chunks.iter().map(first).collect();
        let items = self.get_all(wanted, &wanted_keys).await?;
        let time = |item| {
            let read = Reader(item);
            let (_, id) = read.parsed("pk", |pk| keys::parse_row(pk, 0))?;
            Ok(((id.send, id.chunk), read.parsed("created", created_at)?))
        };
        items.iter().map(time).collect()
    }

    /// The reasons of a chunk's failed and skipped rows, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn reasons_of_chunk(&self, org: &OrgId, send: Ulid, chunk: u32) -> Result<Vec<Reason>> {
        let items = self
            .client
            .query()
            .table_name(&self.tables.message_logs)
            .key_condition_expression("pk = :pk")
            .projection_expression("pk, sk, #status, #reason")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#reason", "reason")
            .expression_attribute_values(":pk", s(keys::rows(org, send, chunk)))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<HashMap<String, AttributeValue>>, _>>()
            .await
            .map_err(StoreError::call("Query"))?;
        items.iter().filter_map(|item| reason_of(item).transpose()).collect()
    }
}

impl Row {
    /// Why the row has no success; `None` unless it failed or is skipped.
    pub fn ended_for(&self) -> Option<Reason> {
        ended_for(self.status, self.reason)
    }
}

fn reason_of(item: &Item) -> Result<Option<Reason>> {
    let read = Reader(item);
    let status = read.parsed("status", MessageStatus::from_name)?;
    Ok(ended_for(status, read.parsed_opt("reason", Reason::from_code)?))
}

fn ended_for(status: MessageStatus, reason: Option<Reason>) -> Option<Reason> {
    match status {
        // Whatever ends a row gives a reason; without one, the fault is ours.
        MessageStatus::Failed => Some(reason.unwrap_or(Reason::Failed(FailureCode::InternalError))),
        MessageStatus::Skipped => Some(reason.unwrap_or(Reason::Skipped(SkipCode::OptedOut))),
        MessageStatus::Queued
        | MessageStatus::Sending
        | MessageStatus::Sent
        | MessageStatus::Unconfirmed
        | MessageStatus::Delivered
        | MessageStatus::Read => None,
    }
}

fn place(item: &Item) -> Result<Place> {
    let read = Reader(item);
    let slot: u16 = read.number("sk")?;
    let (_, id) = read.parsed("pk", |pk| keys::parse_row(pk, slot))?;
    Ok((read.parsed("created", created_at)?, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn id(slot: u16) -> MessageId {
        MessageId { send: Ulid::from_parts(1, 1), chunk: 0, slot }
    }

    fn within(span: TimelineSpan, millis: i64, slot: u16) -> bool {
        let (oldest, newest) = span.bounds();
        let key = created(at(millis), id(slot));
        oldest <= key && key <= newest
    }

    #[test]
    fn a_part_holds_its_first_moment_and_not_its_last() {
        let span = TimelineSpan { from: Some(at(10)), to: Some(at(20)), after: None };
        let held: Vec<i64> = [9, 10, 19, 20].into_iter().filter(|millis| within(span, *millis, 3)).collect();
        assert_eq!(held, [10, 19]);
    }

    #[test]
    fn a_part_without_bounds_holds_everything() {
        for millis in [0, 253_402_300_799_999] {
            assert!(within(TimelineSpan::default(), millis, 99));
        }
    }

    #[test]
    fn what_follows_a_row_is_older_or_has_a_smaller_id() {
        let span = TimelineSpan { after: Some((at(10), id(5))), ..TimelineSpan::default() };
        assert!(within(span, 9, 9) && within(span, 10, 4));
        assert!(!within(span, 10, 6) && !within(span, 11, 0));
        let with_to = TimelineSpan { to: Some(at(10)), ..span };
        assert!(within(with_to, 9, 9) && !within(with_to, 10, 4));
    }
}

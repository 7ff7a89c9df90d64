//! Chunks: at most 100 rows of an action, their counts, and the note that says that the counts are out of date.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::counts::Counts;
use domain::histogram::Histogram;
use domain::{Channel, OrgId, Timestamp};
use ulid::Ulid;

use crate::action::Saved;
use crate::conditional::{Conditional, conditional};
use crate::item::{Item, Reader, Writer, json, key, n, s, time};
use crate::row::Row;
use crate::{Result, Store, StoreError, keys};

/// The most rows in a chunk.
pub const CHUNK_ROWS: usize = 100;
/// How often a promise is made anew that met another.
const TRIES: u32 = 3;

/// A chunk's summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Which chunk of its send.
    pub number: u32,
    /// Rows that it holds.
    pub rows: u32,
    /// The rows' counts by channel, as last counted.
    pub counts: BTreeMap<Channel, Counts>,
    /// When they came by these counts, all channels together.
    pub over_time: Histogram,
    /// When the last of its messages left that a provider has.
    pub last_sent_at: Option<Timestamp>,
    /// Until when somebody may still be changing rows that the counts do not show.
    pub noted_until: Option<Timestamp>,
    /// When the first receipt window of its rows ends.
    pub window_ends_at: Option<Timestamp>,
    /// When to look at those whose window is over next, if it was not to be told yet what became of them.
    pub look_at: Option<Timestamp>,
    /// Counts the writes of the counts.
    pub version: u64,
}

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// The chunk is noted until the time that was asked for.
    Yes,
    /// Somebody has noted it for as long or longer.
    Already,
    /// There is no such chunk.
    NoSuchChunk,
}

/// A chunk that somebody has begun to count as he changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The chunk as it then is: noted, in a new version.
    pub chunk: Chunk,
    /// Until when others had promised changes before.
    pub others: Option<Timestamp>,
}

impl Chunk {
    /// The summary of a chunk that consists of these rows, with no promise made.
    pub fn of_rows(number: u32, rows: &[Row]) -> Self {
        let mut counts: BTreeMap<Channel, Counts> = BTreeMap::new();
        let mut over_time = Histogram::default();
        for row in rows {
            *counts.entry(row.channel).or_default() += row.counts();
            row.enter(&mut over_time);
        }
        let last_sent_at = rows.iter().filter_map(Row::left_at).max();
        let rows = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        Self {
            number,
            rows,
            counts,
            over_time,
            last_sent_at,
            noted_until: None,
            window_ends_at: None,
            look_at: None,
            version: 0,
        }
    }

    /// When something becomes of its silent rows: their window ends, or it is looked at them again.
    pub fn silence_ends_at(&self) -> Option<Timestamp> {
        self.look_at.or(self.window_ends_at)
    }

    /// The counts of all channels.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for counts in self.counts.values() {
            total += *counts;
        }
        total
    }
}

impl Store {
    /// Writes a chunk's summary once; a chunk that exists is left as it is.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn create_chunk(&self, org: &OrgId, send: Ulid, chunk: &Chunk) -> Result<()> {
        self.put_new(&self.tables.bulk_actions, to_item(org, send, chunk)).await.map(drop)
    }

    /// All chunks of a send, read strongly, in order.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn chunks(&self, org: &OrgId, send: Ulid) -> Result<Vec<Chunk>> {
        let items = self.parts(org, send, keys::CHUNK).await?;
        items.iter().map(from_item).collect()
    }

    /// A chunk, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn chunk(&self, org: &OrgId, send: Ulid, number: u32) -> Result<Option<Chunk>> {
        let place = key(keys::send(org, send), s(keys::chunk(number)));
        let found = self.get(&self.tables.bulk_actions, place).await?;
        found.as_ref().map(from_item).transpose()
    }

    /// Promises that rows of a chunk may change until `until`. To be made before they do.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn note_chunk(&self, org: &OrgId, send: Ulid, chunk: u32, until: Timestamp) -> Result<Noted> {
        let result = self
            .client
            .update_item()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(org, send)))
            .key("sk", s(keys::chunk(chunk)))
            .update_expression("SET noted_until = :until")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(noted_until) OR noted_until < :until)",
            )
            .expression_attribute_values(":until", time(until))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(match conditional(result)? {
            Conditional::Done(_) => Noted::Yes,
            Conditional::Refused(Some(_)) => Noted::Already,
            Conditional::Refused(None) => Noted::NoSuchChunk,
        })
    }

    /// Promises that rows of a chunk that was read as `seen` may change until `until`, for somebody who counts them himself as he changes them.
    /// Answers the chunk as it then is, or nothing if somebody else has counted it since: then nothing may be changed.
    ///
    /// It counts as a write of the counts. So of two who begin, only the second can save what he counted, and he knows of the first's promise.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; then nothing may be changed either.
    pub async fn begin_count(
        &self,
        org: &OrgId,
        send: Ulid,
        seen: &Chunk,
        until: Timestamp,
    ) -> Result<Option<Begun>> {
        let mut others = seen.noted_until;
        for _ in 0..TRIES {
            let until = others.map_or(until, |others| others.max(until));
            let update = self
                .client
                .update_item()
                .table_name(&self.tables.bulk_actions)
                .key("pk", s(keys::send(org, send)))
                .key("sk", s(keys::chunk(seen.number)))
                .update_expression("SET noted_until = :until, version = :next")
                .expression_attribute_values(":until", time(until))
                .expression_attribute_values(":next", n(seen.version + 1))
                .expression_attribute_values(":seen", n(seen.version))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let update = match others {
                Some(others) => update
                    .condition_expression("version = :seen AND noted_until = :others")
                    .expression_attribute_values(":others", time(others)),
                None => update.condition_expression("version = :seen AND attribute_not_exists(noted_until)"),
            };
            match conditional(update.send().await)? {
                Conditional::Done(_) => {
                    let chunk = Chunk { noted_until: Some(until), version: seen.version + 1, ..seen.clone() };
                    return Ok(Some(Begun { chunk, others }));
                }
                Conditional::Refused(item) => {
                    let now = item.as_ref().map(from_item).transpose()?;
                    match now.filter(|now| now.version == seen.version) {
                        Some(now) => others = now.noted_until,
                        None => return Ok(None),
                    }
                }
            }
        }
        Ok(None)
    }

    /// Writes fresh counts of a chunk that was read as `seen`. With `clear` its note is taken away: only if every promise is over and no new
    /// one was made.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn save_counts(
        &self,
        org: &OrgId,
        send: Ulid,
        seen: &Chunk,
        counted: &Chunk,
        clear: bool,
    ) -> Result<Saved> {
        let mut sets = vec!["counts = :counts", "version = :next"];
        let mut removes = Vec::new();
        if counted.over_time.is_empty() {
            removes.push("over_time");
        } else {
            sets.push("over_time = :over_time");
        }
        let mut conditions = vec!["version = :seen"];
        if counted.window_ends_at.is_some() {
            sets.push("window_ends_at = :ends");
        } else {
            removes.push("window_ends_at");
        }
        if counted.last_sent_at.is_some() {
            sets.push("last_sent_at = :last_sent_at");
        } else {
            removes.push("last_sent_at");
        }
        if counted.look_at.is_some() {
            sets.push("look_at = :look_at");
        } else {
            removes.push("look_at");
        }
        if clear && seen.noted_until.is_some() {
            removes.push("noted_until");
            conditions.push("noted_until = :noted");
        }
        let mut expression = format!("SET {}", sets.join(", "));
        if !removes.is_empty() {
            expression = format!("{expression} REMOVE {}", removes.join(", "));
        }
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.bulk_actions)
            .key("pk", s(keys::send(org, send)))
            .key("sk", s(keys::chunk(seen.number)))
            .update_expression(expression)
            .condition_expression(conditions.join(" AND "))
            .expression_attribute_values(":counts", json(&counted.counts))
            .expression_attribute_values(":seen", n(seen.version))
            .expression_attribute_values(":next", n(seen.version + 1));
        if !counted.over_time.is_empty() {
            update = update.expression_attribute_values(":over_time", json(&counted.over_time));
        }
        if let Some(ends) = counted.window_ends_at {
            update = update.expression_attribute_values(":ends", time(ends));
        }
        if let Some(at) = counted.last_sent_at {
            update = update.expression_attribute_values(":last_sent_at", time(at));
        }
        if let Some(at) = counted.look_at {
            update = update.expression_attribute_values(":look_at", time(at));
        }
        if let Some(noted) = seen.noted_until.filter(|_| clear) {
            update = update.expression_attribute_values(":noted", time(noted));
        }
        conditional(update.send().await).map(Saved::from)
    }

    /// All items of an action's partition whose sort key starts with `prefix`, read strongly.
    pub(crate) async fn parts(&self, org: &OrgId, send: Ulid, prefix: &str) -> Result<Vec<Item>> {
        self.client
            .query()
            .table_name(&self.tables.bulk_actions)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", s(keys::send(org, send)))
            .expression_attribute_values(":prefix", s(prefix))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<_>, _>>()
            .await
            .map_err(StoreError::call("Query"))
    }
}

/// The item of a chunk that is being created.
pub(crate) fn to_item(org: &OrgId, send: Ulid, chunk: &Chunk) -> Item {
    Writer::default()
        .set("pk", s(keys::send(org, send)))
        .set("sk", s(keys::chunk(chunk.number)))
        .set("rows", n(chunk.rows))
        .set("counts", json(&chunk.counts))
        .maybe("over_time", (!chunk.over_time.is_empty()).then(|| json(&chunk.over_time)))
        .maybe("last_sent_at", chunk.last_sent_at.map(time))
        .set("version", n(chunk.version))
        .done()
}

fn from_item(item: &Item) -> Result<Chunk> {
    let read = Reader(item);
    Ok(Chunk {
        number: read.parsed("sk", |sk| sk.strip_prefix(keys::CHUNK)?.parse().ok())?,
        rows: read.number("rows")?,
        counts: read.json("counts")?,
        over_time: read.json_or_default("over_time")?,
        last_sent_at: read.time_opt("last_sent_at")?,
        noted_until: read.time_opt("noted_until")?,
        window_ends_at: read.time_opt("window_ends_at")?,
        look_at: read.time_opt("look_at")?,
        version: read.number("version")?,
    })
}

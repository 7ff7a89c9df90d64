//! Messages.

use rusqlite::{OptionalExtension, Row, params};

use super::Tables;
use crate::sqs::message::Accepted;

/// A message that was just received.
pub(in crate::sqs) struct MessageRow {
    pub(in crate::sqs) id: i64,
    pub(in crate::sqs) body: String,
    pub(in crate::sqs) sent_at: i64,
    /// In this queue, this time included.
    pub(in crate::sqs) receives: i64,
    pub(in crate::sqs) earlier_receives: i64,
    pub(in crate::sqs) first_received_at: i64,
    /// Empty without group.
    pub(in crate::sqs) group: String,
    /// JSON.
    pub(in crate::sqs) attributes: Option<String>,
    pub(in crate::sqs) trace: Option<String>,
    /// The ARN of the queue that it failed in, if it is in a dead-letter queue.
    pub(in crate::sqs) source: Option<String>,
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sqs) struct Counts {
    pub(in crate::sqs) visible: i64,
    pub(in crate::sqs) in_flight: i64,
    pub(in crate::sqs) delayed: i64,
}

impl Tables<'_> {
    /// Returns the number of the new message.
    pub(in crate::sqs) fn insert_message(
        self,
        queue: i64,
        message: &Accepted,
        now: i64,
    ) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO messages (queue, grp, visible_at, sent_at, attributes, trace, body) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let Accepted { body, group, delay_ms, attributes, trace, .. } = message;
        self.0.prepare_cached(sql)?.insert(params![
            queue,
            group,
            now + delay_ms,
            now,
            attributes,
            trace,
            body
        ])
    }

    /// Hides the message until `visible_at` and counts the receipt.
    pub(in crate::sqs) fn receive(self, id: i64, now: i64, visible_at: i64) -> rusqlite::Result<MessageRow> {
        let sql = "UPDATE messages SET visible_at = ?3, received = 1, receives = receives + 1, received_at = ?2, \
                   first_received_at = coalesce(first_received_at, ?2) WHERE id = ?1 \
                   RETURNING body, sent_at, receives, earlier_receives, first_received_at, grp, attributes, trace, source";
        let read = |row: &Row<'_>| {
            Ok(MessageRow {
                id,
                body: row.get(0)?,
                sent_at: row.get(1)?,
                receives: row.get(2)?,
                earlier_receives: row.get(3)?,
                first_received_at: row.get(4)?,
                group: row.get(5)?,
                attributes: row.get(6)?,
                trace: row.get(7)?,
                source: row.get(8)?,
            })
        };
        self.0.prepare_cached(sql)?.query_row(params![id, now, visible_at], read)
    }

    /// How often the message was received in its present queue.
    pub(in crate::sqs) fn receives(self, id: i64) -> rusqlite::Result<i64> {
        self.0
            .prepare_cached("SELECT receives FROM messages WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
    }

    /// Moves a message to its dead-letter queue. Its age goes on: retention counts from the first queue.
    pub(in crate::sqs) fn bury(
        self,
        id: i64,
        target: i64,
        source_arn: &str,
        now: i64,
    ) -> rusqlite::Result<()> {
        let sql = "UPDATE messages SET queue = ?2, source = ?3, visible_at = ?4, received = 0, received_at = NULL, \
                   earlier_receives = earlier_receives + receives, receives = 0 WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![id, target, source_arn, now]).map(drop)
    }

    /// Deletes the message if `receive` is its latest receipt.
    pub(in crate::sqs) fn delete_message(self, queue: i64, id: i64, receive: i64) -> rusqlite::Result<()> {
        let sql = "DELETE FROM messages WHERE id = ?1 AND queue = ?2 AND receives = ?3";
        self.0.prepare_cached(sql)?.execute(params![id, queue, receive]).map(drop)
    }

    /// When the message was last received; `None` if it is gone or was not received in this queue.
    pub(in crate::sqs) fn received_at(self, queue: i64, id: i64) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT received_at FROM messages WHERE id = ?1 AND queue = ?2 AND received_at IS NOT NULL";
        self.0.prepare_cached(sql)?.query_row(params![id, queue], |row| row.get(0)).optional()
    }

    pub(in crate::sqs) fn set_visible_at(self, id: i64, visible_at: i64) -> rusqlite::Result<()> {
        let sql = "UPDATE messages SET visible_at = ?2 WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![id, visible_at]).map(drop)
    }

    pub(in crate::sqs) fn counts(self, queue: i64, now: i64) -> rusqlite::Result<Counts> {
        let sql = "SELECT count(*), total(visible_at <= ?2), total(visible_at > ?2 AND received) \
                   FROM messages WHERE queue = ?1";
        self.0.prepare_cached(sql)?.query_row(params![queue, now], |row| {
            // `total` answers a float so as never to be null; these are counts of rows.
            #[expect(clippy::cast_possible_truncation, reason = "a count of rows is whole and below 2^53")]
            let [visible, in_flight] = [row.get::<_, f64>(1)? as i64, row.get::<_, f64>(2)? as i64];
            Ok(Counts { visible, in_flight, delayed: row.get::<_, i64>(0)? - visible - in_flight })
        })
    }

    /// Deletes all messages of a queue.
    pub(in crate::sqs) fn purge(self, queue: i64) -> rusqlite::Result<()> {
        self.0.prepare_cached("DELETE FROM messages WHERE queue = ?1")?.execute([queue]).map(drop)
    }

    /// Deletes the messages that were sent at `until` or before.
    pub(in crate::sqs) fn expire(self, queue: i64, until: i64) -> rusqlite::Result<()> {
        let sql = "SELECT 1 FROM messages WHERE queue = ?1 AND sent_at <= ?2";
        // Asked first because nearly always there is none, and a delete of none would still lock the database.
        if !self.0.prepare_cached(sql)?.exists(params![queue, until])? {
            return Ok(());
        }
        let sql = "DELETE FROM messages WHERE queue = ?1 AND sent_at <= ?2";
        self.0.prepare_cached(sql)?.execute(params![queue, until]).map(drop)
    }

    /// The visible messages of a queue, each with the ARN of the queue that it failed in.
    pub(in crate::sqs) fn visible(
        self,
        queue: i64,
        now: i64,
    ) -> rusqlite::Result<Vec<(i64, Option<String>)>> {
        let sql = "SELECT id, source FROM messages WHERE queue = ?1 AND visible_at <= ?2 ORDER BY id";
        let mut statement = self.0.prepare_cached(sql)?;
        statement.query_map(params![queue, now], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Puts a message into another queue as a new one: new id, new age, never received.
    pub(in crate::sqs) fn resend(self, id: i64, target: i64, now: i64) -> rusqlite::Result<()> {
        let sql = "INSERT INTO messages (queue, grp, visible_at, sent_at, attributes, trace, body) \
                   SELECT ?2, grp, ?3, ?3, attributes, trace, body FROM messages WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![id, target, now])?;
        self.0.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([id]).map(drop)
    }
}

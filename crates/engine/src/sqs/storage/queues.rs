//! Queues and ended moves.

use std::collections::BTreeMap;

use rusqlite::types::Type;
use rusqlite::{Row, params};
use serde::de::DeserializeOwned;

use super::Tables;
use crate::sqs::attributes::Attributes;
use crate::sqs::protocol::MoveTask;

/// A queue as kept.
pub(in crate::sqs) struct QueueRow {
    pub(in crate::sqs) id: i64,
    pub(in crate::sqs) name: String,
    /// Milliseconds since the epoch, as all times here.
    pub(in crate::sqs) created_at: i64,
    pub(in crate::sqs) modified_at: i64,
    pub(in crate::sqs) attributes: Attributes,
    pub(in crate::sqs) tags: BTreeMap<String, String>,
}

impl Tables<'_> {
    pub(in crate::sqs) fn queues(self) -> rusqlite::Result<Vec<QueueRow>> {
        let sql = "SELECT id, name, created_at, modified_at, attributes, tags FROM queues ORDER BY name";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            Ok(QueueRow {
                id: row.get(0)?,
                name: row.get(1)?,
                created_at: row.get(2)?,
                modified_at: row.get(3)?,
                attributes: json(row, 4)?,
                tags: json(row, 5)?,
            })
        })?;
        rows.collect()
    }

    /// Returns the id of the new queue.
    pub(in crate::sqs) fn insert_queue(
        self,
        name: &str,
        now: i64,
        attributes: &Attributes,
        tags: &BTreeMap<String, String>,
    ) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO queues (name, created_at, modified_at, attributes, tags) \
                   VALUES (?1, ?2, ?2, ?3, ?4)";
        self.0.prepare_cached(sql)?.insert(params![name, now, text(attributes), text(tags)])
    }

    pub(in crate::sqs) fn update_queue(
        self,
        id: i64,
        now: i64,
        attributes: &Attributes,
    ) -> rusqlite::Result<()> {
        let sql = "UPDATE queues SET modified_at = ?2, attributes = ?3 WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![id, now, text(attributes)]).map(drop)
    }

    pub(in crate::sqs) fn update_tags(
        self,
        id: i64,
        tags: &BTreeMap<String, String>,
    ) -> rusqlite::Result<()> {
        let sql = "UPDATE queues SET tags = ?2 WHERE id = ?1";
        self.0.prepare_cached(sql)?.execute(params![id, text(tags)]).map(drop)
    }

    pub(in crate::sqs) fn delete_queue(self, id: i64) -> rusqlite::Result<()> {
        self.0.prepare_cached("DELETE FROM queues WHERE id = ?1")?.execute([id]).map(drop)
    }

    /// Returns the number of the task.
    pub(in crate::sqs) fn insert_move(self, task: &MoveTask) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO moves (source, task) VALUES (?1, ?2)";
        self.0.prepare_cached(sql)?.insert(params![task.source_arn, text(task)])
    }

    /// The newest first.
    pub(in crate::sqs) fn moves(self, source: &str, limit: i64) -> rusqlite::Result<Vec<MoveTask>> {
        let sql = "SELECT task FROM moves WHERE source = ?1 ORDER BY id DESC LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        statement.query_map(params![source, limit], |row| json(row, 0))?.collect()
    }
}

fn text<T: serde::Serialize>(value: &T) -> String {
    // Maps of strings and `MoveTask` always convert.
    serde_json::to_string(value).unwrap_or_default()
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

//! All that the simulated providers accepted, in order of acceptance.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::Value;

use crate::clock::rfc3339;
use crate::provider::Provider;

/// A message that a provider accepts.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) provider: Provider,
    /// The provider's account that pays for it: what a list of messages is restricted to.
    pub(crate) account: String,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) text: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) message_id: String,
    /// All that the request said.
    pub(crate) request: Value,
    /// What the provider itself remembers of it, as JSON.
    pub(crate) state: String,
}

/// An item as `GET /messages` shows it.
#[derive(Serialize)]
struct Item<'a> {
    provider: Provider,
    to: &'a str,
    from: &'a str,
    text: Option<&'a str>,
    subject: Option<&'a str>,
    at: String,
    provider_message_id: &'a str,
    request: &'a Value,
}

/// A message as it is read back.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) at_ms: i64,
    pub(crate) to: String,
    pub(crate) message_id: String,
    /// JSON of the item as `GET /messages` shows it.
    pub(crate) item: String,
    pub(crate) state: String,
}

const ENTRY: &str = "SELECT seq, at_ms, recipient, message_id, item, state FROM accepted";

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        at_ms: row.get(1)?,
        to: row.get(2)?,
        message_id: row.get(3)?,
        item: row.get(4)?,
        state: row.get(5)?,
    })
}

/// Puts a message on record.
pub(crate) fn insert(connection: &Connection, accepted: &Accepted, at_ms: i64) -> rusqlite::Result<()> {
    let item = Item {
        provider: accepted.provider,
        to: &accepted.to,
        from: &accepted.from,
        text: accepted.text.as_deref(),
        subject: accepted.subject.as_deref(),
        at: rfc3339(at_ms),
        provider_message_id: &accepted.message_id,
        request: &accepted.request,
    };
    let item = serde_json::to_string(&item)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached(
            "INSERT INTO accepted (provider, account, recipient, sender, at_ms, message_id, item, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            accepted.provider.name(),
            accepted.account,
            accepted.to,
            accepted.from,
            at_ms,
            accepted.message_id,
            item,
            accepted.state,
        ])
        .map(drop)
}

/// The items after `after`, oldest first, at most `limit`; to one recipient if given, whose number may lack its `+`.
pub(crate) fn page(
    connection: &Connection,
    to: Option<&str>,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match to {
        None => connection
            .prepare_cached(&format!("{ENTRY} WHERE seq > ?1 ORDER BY seq LIMIT ?2"))?
            .query_map(params![after, limit], entry)?
            .collect(),
        Some(to) => {
            let other = to.strip_prefix('+').map_or_else(|| format!("+{to}"), str::to_owned);
            connection
                .prepare_cached(&format!(
                    "{ENTRY} WHERE recipient IN (?1, ?2) AND seq > ?3 ORDER BY seq LIMIT ?4"
                ))?
                .query_map(params![to, other, after, limit], entry)?
                .collect()
        }
    }
}

/// A part of the ledger in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that were accepted.
    pub accepted: u64,
    /// Addresses to which they went.
    pub recipients: u64,
    /// The number of the last one; 0 if there is none.
    pub last: i64,
}

/// What was accepted after the message of this number.
pub(crate) fn tally(connection: &Connection, after: i64) -> rusqlite::Result<Tally> {
    connection
        .prepare_cached(
            "SELECT COUNT(*), COUNT(DISTINCT recipient), COALESCE(MAX(seq), ?1) FROM accepted WHERE seq > ?1",
        )?
        .query_row([after], |row| {
            Ok(Tally { accepted: row.get(0)?, recipients: row.get(1)?, last: row.get(2)? })
        })
}

/// One message of an account.
pub(crate) fn by_message(
    connection: &Connection,
    provider: Provider,
    account: &str,
    message_id: &str,
) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(&format!("{ENTRY} WHERE message_id = ?1 AND provider = ?2 AND account = ?3"))?
        .query_row(params![message_id, provider.name(), account], entry)
        .optional()
}

/// What a list of an account's messages is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) to: Option<String>,
    pub(crate) from: Option<String>,
    /// Accepted at this time or later.
    pub(crate) since_ms: i64,
    /// Accepted before this time.
    pub(crate) before_ms: i64,
    pub(crate) limit: u32,
    pub(crate) skip: u64,
}

/// An account's messages, newest first.
pub(crate) fn select(
    connection: &Connection,
    provider: Provider,
    account: &str,
    selection: &Selection,
) -> rusqlite::Result<Vec<Entry>> {
    // Without the `+` the optimiser would walk all messages backwards instead of using the recipient's index.
    let filter = if selection.to.is_some() {
        "recipient = ?3 AND +provider = ?1"
    } else {
        "?3 IS NULL AND provider = ?1"
    };
    connection
        .prepare_cached(&format!(
            "{ENTRY} WHERE {filter} AND account = ?2 AND (?4 IS NULL OR sender = ?4)
             AND at_ms >= ?5 AND at_ms < ?6 ORDER BY seq DESC LIMIT ?7 OFFSET ?8"
        ))?
        .query_map(
            params![
                provider.name(),
                account,
                selection.to,
                selection.from,
                selection.since_ms,
                selection.before_ms,
                selection.limit,
                i64::try_from(selection.skip).unwrap_or(i64::MAX),
            ],
            entry,
        )?
        .collect()
}

/// How many messages SES accepted since then.
pub(crate) fn count_ses_since(connection: &Connection, since_ms: i64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT COUNT(*) FROM accepted WHERE provider = 'ses' AND at_ms >= ?1")?
        .query_row([since_ms], |row| row.get(0))
}

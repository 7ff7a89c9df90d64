//! Acceptance: an action and all that goes with it become true at once, or nothing does.

use domain::{BulkActionId, OrgId, Timestamp};

use crate::action::{self, Action};
use crate::chunk::{self, Chunk};
use crate::content::{self, FrozenContent};
use crate::conversation::Touch;
use crate::idempotency::IdempotencyKey;
use crate::item::{Item, Reader, Writer, json, key, n, s};
use crate::parcel::{self, Parcel};
use crate::row::{self, Row};
use crate::transaction::{Committed, Table, Write};
use crate::{Result, Store, keys};

/// What is to be accepted.
#[derive(Debug, Clone, Copy)]
pub struct Acceptance<'a> {
    /// The action, with an id that was never used.
    pub action: &'a Action,
    /// What it says.
    pub content: &'a FrozenContent,
    /// The caller's key.
    pub key: Option<&'a IdempotencyKey>,
    /// What else is written.
    pub with: With<'a>,
}

/// What is written with an action.
#[derive(Debug, Clone, Copy)]
pub enum With<'a> {
    /// A bulk action's acceptance counts against the organisation's limit; a retry is entered at the action that it retries.
    Bulk {
        /// The organisation's acceptances, this one among them.
        limit: &'a Admission,
        /// The retried action as it was read.
        retried: Option<&'a Action>,
    },
    /// A send of one has its only row at once; no parcel if the row is final.
    Single {
        /// The row.
        row: &'a Row,
        /// The chunk that it is.
        chunk: &'a Chunk,
        /// The parcel that it is.
        parcel: Option<&'a Parcel>,
        /// What it is to the conversation that it is written in.
        touch: Option<&'a Touch>,
    },
}

/// What an acceptance came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is accepted.
    Yes,
    /// Nothing was written: the key, the limit or the retried action changed since they were read. Decide anew.
    Stale,
}

/// When an organisation's last bulk actions were accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limit {
    /// The times, oldest first.
    pub accepted: Vec<Timestamp>,
    /// Counts the writes.
    version: u64,
}

/// An organisation's last acceptances with one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    accepted: Vec<Timestamp>,
    /// The version of the limit that it follows.
    seen: u64,
}

impl Limit {
    /// The times as [`domain::rate_limit::admit`] made them of this limit's.
    pub fn with(&self, accepted: Vec<Timestamp>) -> Admission {
        Admission { accepted, seen: self.version }
    }
}

impl Admission {
    fn write(&self, org: &OrgId) -> Write {
        let item = Writer::default()
            .set("pk", s(keys::limit(org)))
            .set("sk", s(keys::LIMIT))
            .set("accepted", json(&self.accepted))
            .set("version", n(self.seen + 1))
            .done();
        Write::put(Table::BulkActions, item).when_version(self.seen)
    }
}

impl Acceptance<'_> {
    fn writes(&self) -> Vec<Write> {
        let Self { action, content, key, with } = *self;
        let (org, id) = (&action.org_id, action.id);
        let put = |item: Item| Write::put(Table::BulkActions, item).when_new();
        let mut writes = vec![put(action::to_item(action)), put(content::to_item(org, id, content))];
        match with {
            With::Bulk { limit, retried } => {
                writes.push(limit.write(org));
                writes.extend(retried.map(|retried| entered(retried, id)));
                writes.extend(key.map(|key| key.write(org, &id.to_string(), action.created_at)));
            }
            With::Single { row, chunk, parcel, touch } => {
                writes.push(put(chunk::to_item(org, id.ulid(), chunk)));
                writes.extend(parcel.map(|parcel| put(parcel::to_item(org, id.ulid(), parcel))));
                writes.push(Write::put(Table::MessageLogs, row::to_item(row)).when_new());
                writes.extend(touch.map(|touch| touch.write(org)));
                writes.extend(key.map(|key| key.write(org, &row.id.to_string(), action.created_at)));
            }
        }
        writes
    }
}

/// Of two retries that took the same rows, only one finds the list as both read it.
fn entered(original: &Action, by: BulkActionId) -> Write {
    let place = key(keys::send(&original.org_id, original.id.ulid()), s(keys::ACTION));
    let mut retries = original.retries.clone();
    retries.push(by);
    let write = Write::update(Table::BulkActions, place, "SET retries = :with ADD version :one")
        .value(":with", json(&retries))
        .value(":one", n(1));
    if original.retries.is_empty() {
        write.when("attribute_exists(pk) AND attribute_not_exists(retries)")
    } else {
        write.when("retries = :seen").value(":seen", json(&original.retries))
    }
}

impl Store {
    /// Accepts an action, with its key, its place in the limit and whatever else belongs to it, or nothing of it.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; it may then be accepted.
    pub async fn accept(&self, acceptance: Acceptance<'_>) -> Result<Accepted> {
        if self.commit(acceptance.writes()).await? == Committed::Yes {
            return Ok(Accepted::Yes);
        }
        // The id is fresh: an action that exists under it was put there by an earlier try of this very call, whose answer was lost.
        let Action { org_id, id, created_at, .. } = acceptance.action;
        let landed = self.action(org_id, *id).await?.is_some_and(|found| found.created_at == *created_at);
        Ok(if landed { Accepted::Yes } else { Accepted::Stale })
    }

    /// When the organisation's last bulk actions were accepted, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn limit(&self, org: &OrgId) -> Result<Limit> {
        let found = self.get(&self.tables.bulk_actions, key(keys::limit(org), s(keys::LIMIT))).await?;
        let Some(item) = found else { return Ok(Limit::default()) };
        let read = Reader(&item);
        Ok(Limit { accepted: read.json("accepted")?, version: read.number("version")? })
    }
}

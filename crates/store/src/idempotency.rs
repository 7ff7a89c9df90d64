//! Idempotency keys: which request a caller's key stood for, so that its repeat is answered and not done again.

use std::time::Duration;

use domain::{OrgId, Timestamp};
use sha2::{Digest, Sha256};

use crate::item::{self, Reader, Writer, n, s, time};
use crate::transaction::{Table, Write};
use crate::{Result, Store, keys};

/// How long a key is kept.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// A caller's key for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// A hash of the path and of the caller's text: a key is good for its path.
    place: String,
    /// A hash of the request's body.
    body: String,
}

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyUse {
    /// Nothing yet.
    Fresh,
    /// The same request, which made the resource of this id.
    Same(String),
    /// Another request.
    Other,
}

impl IdempotencyKey {
    /// The key `text` of a request to `path` with `body`.
    pub fn new(path: &str, text: &str, body: &[u8]) -> Self {
        // A path holds no zero byte, so the parts cannot run into each other.
        let place = Sha256::new().chain_update(path).chain_update([0]).chain_update(text).finalize();
        Self { place: hex::encode(place), body: hex::encode(Sha256::digest(body)) }
    }

    /// The write by which the key stands for `resource` from `now` on, unless it stands for something.
    pub(crate) fn write(&self, org: &OrgId, resource: &str, now: Timestamp) -> Write {
        let item = Writer::default()
            .set("pk", s(keys::idempotency_key(org, &self.place)))
            .set("sk", s(keys::KEY))
            .set("body", s(&self.body))
            .set("resource", s(resource))
            .set("until", time(now + KEPT_FOR))
            .set("ttl", n((now + KEPT_FOR).secs()))
            .done();
        Write::put(Table::BulkActions, item)
            .when("attribute_not_exists(pk) OR #until <= :now")
            .name("#until", "until")
            .value(":now", time(now))
    }
}

impl Store {
    /// What a key stands for, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn key_use(&self, org: &OrgId, key: &IdempotencyKey, now: Timestamp) -> Result<KeyUse> {
        let place = item::key(keys::idempotency_key(org, &key.place), s(keys::KEY));
        let found = self.get(&self.tables.bulk_actions, place).await?;
        let Some(item) = found else { return Ok(KeyUse::Fresh) };
        let read = Reader(&item);
        Ok(match read.time("until")? {
            // TTL removes it some time later.
            until if until <= now => KeyUse::Fresh,
            _ if read.text("body")? == key.body => KeyUse::Same(read.text("resource")?.to_owned()),
            _ => KeyUse::Other,
        })
    }
}

//! Addresses: who has them, and what they are opted out of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::opt_out::{AddressHash, OptOuts};
use domain::{MemberId, OrgId, Timestamp};

use super::read::Consistency;
use crate::item::{Item, Reader, Writer, json, key, n, s, time};
use crate::transaction::{Table, Write};
use crate::{Result, Store, keys};

/// How long it is remembered that somebody gave an address up. Who had it before that is not known.
const LEFT_KEPT_FOR: Duration = Duration::from_hours(31 * 24);

/// An address that some member has or had, or that has been opted out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRecord {
    /// The members who have it.
    pub members: BTreeSet<MemberId>,
    /// What it is opted out of.
    pub opt_outs: OptOuts,
    /// When a member last gave it up.
    pub(super) left_at: Option<Timestamp>,
    /// Counts the writes of this item; 0 if there is none.
    pub(super) version: u64,
    /// The version whose copies may not have reached all members.
    pub(super) copying: Option<u64>,
}

impl AddressRecord {
    pub(super) fn key(org: &OrgId, hash: &AddressHash) -> Item {
        key(keys::address(org, hash.as_str()), s(keys::ADDRESS))
    }

    /// Whether all who had the address at any time since `from` are still among [`Self::members`].
    pub fn nobody_left_since(&self, from: Timestamp) -> bool {
        self.left_at.is_none_or(|left| left < from)
    }

    pub(super) fn leave(&mut self, member: &MemberId, now: Timestamp) {
        if self.members.remove(member) {
            self.left_at = Some(now);
        }
    }

    /// The write that makes this the record, if it still has the version `seen`. An address that nobody has and that has
    /// no opt-outs leaves an item only for as long as it matters who had it.
    pub(super) fn write(&self, org: &OrgId, hash: &AddressHash, seen: u64) -> Write {
        let vacant = self.members.is_empty() && self.opt_outs.is_empty();
        let expires_at = self.left_at.map(|left| left + LEFT_KEPT_FOR).filter(|_| vacant);
        if vacant && expires_at.is_none() {
            return Write::delete(Table::Directory, Self::key(org, hash)).when_version(seen);
        }
        let members = self.members.iter().map(ToString::to_string).collect::<Vec<_>>();
        let item = Writer::default()
            .set("pk", s(keys::address(org, hash.as_str())))
            .set("sk", s(keys::ADDRESS))
            .maybe("members", (!members.is_empty()).then_some(AttributeValue::Ss(members)))
            .set("opt_outs", json(&self.opt_outs))
            .set("version", n(self.version))
            .maybe("copying", self.copying.map(n))
            .maybe("left_at", self.left_at.map(time))
            .maybe("ttl", expires_at.map(|at| n(at.secs())))
            .done();
        Write::put(Table::Directory, item).when_version(seen)
    }

    fn from_item(item: &Item) -> Result<Self> {
        let read = Reader(item);
        let members = match item.get("members") {
            None => Some(BTreeSet::new()),
            Some(AttributeValue::Ss(ids)) => ids.iter().map(|id| id.parse().ok()).collect(),
            Some(_) => None,
        };
        Ok(Self {
            members: members.ok_or_else(|| read.corrupt("members"))?,
            opt_outs: read.json("opt_outs")?,
            left_at: read.time_opt("left_at")?,
            version: read.number("version")?,
            copying: read.number_opt("copying")?,
        })
    }
}

impl Store {
    /// What is known of an address, read strongly; an address that nobody has or has had is an empty record.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn address(&self, org: &OrgId, hash: &AddressHash) -> Result<AddressRecord> {
        let item = self.directory_item(&keys::address(org, hash.as_str()), keys::ADDRESS).await?;
        item.as_ref().map_or_else(|| Ok(AddressRecord::default()), AddressRecord::from_item)
    }

    /// Those of `hashes` of which something is known.
    pub(super) async fn addresses(
        &self,
        org: &OrgId,
        hashes: impl IntoIterator<Item = &AddressHash>,
        consistency: Consistency,
    ) -> Result<HashMap<AddressHash, AddressRecord>> {
        let by_pk: BTreeMap<String, AddressHash> =
            hashes.into_iter().map(|hash| (keys::address(org, hash.as_str()), hash.clone())).collect();
        let asked: Vec<Item> = by_pk.keys().map(|pk| key(pk, s(keys::ADDRESS))).collect();
        let items = self.directory_items(&asked, consistency).await?;
        items
            .iter()
            .map(|item| {
                let read = Reader(item);
                let hash = read.parsed("pk", |pk| by_pk.get(pk).cloned())?;
                Ok((hash, AddressRecord::from_item(item)?))
            })
            .collect()
    }
}

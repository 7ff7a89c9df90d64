//! Reading members: by id, by part of the organisation, and those that a selection means.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::member::Member;
use domain::opt_out::AddressHash;
use domain::{Channel, MemberId, OrgId};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::member_item::{MemberItem, Reach};
use super::read::Consistency;
use super::{AddressRecord, MemberFilter, Page};
use crate::item::{Item, Reader, key, s};
use crate::{Result, Store, StoreError, keys};

/// Parts into which an organisation's members are divided, by a hash of their id; numbered from 0.
pub const MEMBER_SHARDS: u8 = keys::MEMBER_SHARDS;
/// Parts that are read at once.
const CONCURRENT: usize = 4;

/// A member, with what a send has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMember {
    /// The member.
    pub member: Member,
    /// The channels that the member, or the address that the channel uses, is opted out of.
    pub opted_out: BTreeSet<Channel>,
}

/// The members that a selection means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These, sorted by id.
    Members(Vec<MemberId>),
    /// More than the caller's limit.
    TooMany,
}

impl Store {
    /// A member with their opt-outs, read strongly. `org_country` reads phones in national form.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn member(
        &self,
        org: &OrgId,
        id: &MemberId,
        org_country: &str,
    ) -> Result<Option<StoredMember>> {
        let item = self.member_item(org, id).await?;
        Ok(self.resolve(org, item.into_iter().collect(), org_country).await?.pop())
    }

    /// The addresses of a member as they read when the member was last written, read strongly; none of one who is deleted.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn addresses_of(&self, org: &OrgId, id: &MemberId) -> Result<BTreeSet<AddressHash>> {
        let item = self.member_item(org, id).await?;
        Ok(item.map(|item| item.copies.into_keys().collect()).unwrap_or_default())
    }

    /// Those of `ids` who are members. Reads may lag by a moment: gate 2 covers what was opted out in it.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn members_by_id(
        &self,
        org: &OrgId,
        ids: &[MemberId],
        org_country: &str,
    ) -> Result<HashMap<MemberId, StoredMember>> {
        let ids = ids.iter().cloned().collect();
        let items = self.member_items(org, &ids, Consistency::Eventual).await?;
        let members = self.resolve(org, items.into_values().collect(), org_country).await?;
        Ok(members.into_iter().map(|stored| (stored.member.id.clone(), stored)).collect())
    }

    /// Members of one of the [`MEMBER_SHARDS`] by id, beginning behind `after`. Looks at `limit` items at most.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn members_page(
        &self,
        org: &OrgId,
        shard: u8,
        after: Option<&MemberId>,
        limit: u16,
        org_country: &str,
    ) -> Result<Page<StoredMember, MemberId>> {
        let pk = keys::member_shard(org, shard);
        let request = self
            .client
            .query()
            .table_name(&self.tables.directory)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(&pk))
            .set_exclusive_start_key(after.map(|id| key(&pk, s(id.as_str()))))
            .limit(i32::from(limit.max(1)))
            .consistent_read(true);
        let answer = request.send().await.map_err(StoreError::call("Query"))?;
        let items: Vec<MemberItem> =
            answer.items().iter().map(MemberItem::from_item).collect::<Result<_>>()?;
        let next = match &answer.last_evaluated_key {
            Some(last) => Some(Reader(last).parsed("sk", |id| id.parse().ok())?),
            None => None,
        };
        Ok(Page { items: self.resolve(org, items, org_country).await?, next })
    }

    /// The members that `filter` means, unless they are more than `max`. Read strongly: who was a member when the call
    /// began is found.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn select_members(&self, org: &OrgId, filter: &MemberFilter, max: usize) -> Result<Selection> {
        let mut found: Vec<MemberId> = Vec::new();
        let mut shards = stream::iter(0..MEMBER_SHARDS)
            .map(|shard| self.select_in_shard(org, shard, filter, max))
            .buffer_unordered(CONCURRENT);
        while let Some(of_shard) = shards.try_next().await? {
            found.extend(of_shard);
            if found.len() > max {
                return Ok(Selection::TooMany);
            }
        }
        found.sort_unstable();
        Ok(Selection::Members(found))
    }

    /// The members of one part; stops when there are more than `max`.
    async fn select_in_shard(
        &self,
        org: &OrgId,
        shard: u8,
        filter: &MemberFilter,
        max: usize,
    ) -> Result<Vec<MemberId>> {
        let mut found = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.tables.directory)
                .key_condition_expression("pk = :pk")
                // What is left of deleted members has no data.
                .filter_expression("attribute_exists(#data)")
                .projection_expression(if filter.is_empty() { "sk" } else { "sk, #data" })
                .expression_attribute_names("#data", "data")
                .expression_attribute_values(":pk", s(keys::member_shard(org, shard)))
                .set_exclusive_start_key(start)
                .consistent_read(true);
            let answer = request.send().await.map_err(StoreError::call("Query"))?;
            for item in answer.items() {
                let read = Reader(item);
                if filter.is_empty() || filter.matches(&read.json::<Member>("data")?) {
                    found.push(read.parsed("sk", |id| id.parse().ok())?);
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() > max {
                return Ok(found);
            }
        }
    }

    /// A member's item, read strongly; also what is left of a deleted member.
    pub(super) async fn member_item(&self, org: &OrgId, id: &MemberId) -> Result<Option<MemberItem>> {
        let item = self.directory_item(&keys::member(org, id), id.as_str()).await?;
        item.as_ref().map(MemberItem::from_item).transpose()
    }

    /// The items of those of `ids` that have one.
    pub(super) async fn member_items(
        &self,
        org: &OrgId,
        ids: &BTreeSet<MemberId>,
        consistency: Consistency,
    ) -> Result<BTreeMap<MemberId, MemberItem>> {
        let asked: Vec<Item> = ids.iter().map(|id| MemberItem::key(org, id)).collect();
        let items = self.directory_items(&asked, consistency).await?;
        items
            .iter()
            .map(|item| {
                let read = MemberItem::from_item(item)?;
                if ids.contains(&read.id) {
                    Ok((read.id.clone(), read))
                } else {
                    Err(Reader(item).corrupt("sk"))
                }
            })
            .collect()
    }

    /// Members with their opt-outs, without what is left of deleted ones. Where the organisation's country has changed
    /// since a member was written, its present addresses are looked up.
    async fn resolve(
        &self,
        org: &OrgId,
        items: Vec<MemberItem>,
        org_country: &str,
    ) -> Result<Vec<StoredMember>> {
        let reaches: Vec<Option<Reach>> = items
            .iter()
            .map(|item| {
                let member = item.member.as_ref().filter(|_| item.depends_on(org_country))?;
                Some(Reach::of(&self.keys, org, member, org_country))
            })
            .collect();
        let moved: BTreeSet<&AddressHash> =
            reaches.iter().flatten().filter_map(|reach| reach.phone.as_ref()).collect();
        let records = self.addresses(org, moved, Consistency::Eventual).await?;
        let resolved = items.into_iter().zip(&reaches).filter_map(|(mut item, reach)| {
            if let Some(reach) = reach {
                item.read_anew(reach, &records);
            }
            let opted_out = item.opted_out();
            Some(StoredMember { member: item.member?, opted_out })
        });
        Ok(resolved.collect())
    }
}

impl MemberItem {
    /// Takes the member's phone as it reads now, with what is known of it.
    fn read_anew(&mut self, reach: &Reach, records: &HashMap<AddressHash, AddressRecord>) {
        self.phone.clone_from(&reach.phone);
        if let Some((hash, record)) = reach.phone.as_ref().and_then(|hash| Some((hash, records.get(hash)?))) {
            self.copies.entry(hash.clone()).or_default().out = record.opt_outs.channels();
        }
    }
}

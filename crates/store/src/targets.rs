//! The frozen targets of an action, in blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use domain::{BulkActionId, Channel, MemberId, OrgId, Timestamp};

use crate::action::BLOCK_TARGETS;
use crate::batch_get::Wanted;
use crate::item::{Item, Reader, Writer, key, n, s};
use crate::{Result, Store, keys};

/// Targets are needed until their rows are written; then the rows are the truth. A refused request leaves its blocks to this.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

/// The place of a row in its send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowPlace {
    /// Which chunk.
    pub chunk: u32,
    /// Which row of the chunk.
    pub slot: u16,
}

/// `12.5`.
impl fmt::Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.chunk, self.slot)
    }
}

impl RowPlace {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (chunk, slot) = text.split_once('.')?;
        Some(Self { chunk: chunk.parse().ok()?, slot: slot.parse().ok()? })
    }
}

/// Whom a send is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The member.
    pub member_id: MemberId,
    /// In a retry, the rows that are sent again, by their channel; else none.
    pub retried: BTreeMap<Channel, RowPlace>,
}

impl Target {
    /// The channels that are meant; none stands for all.
    pub fn only(&self) -> BTreeSet<Channel> {
        self.retried.keys().copied().collect()
    }
}

impl From<MemberId> for Target {
    fn from(member_id: MemberId) -> Self {
        Self { member_id, retried: BTreeMap::new() }
    }
}

/// `m1`, or `m1;sms=12.5;email=12.6`: the marks occur in no id.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.member_id.as_str())?;
        self.retried.iter().try_for_each(|(channel, at)| write!(f, ";{channel}={at}"))
    }
}

impl Target {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let member_id = parts.next()?.parse().ok()?;
        let row = |part: &str| {
            let (channel, place) = part.split_once('=')?;
            Some((channel.parse().ok()?, RowPlace::parse(place)?))
        };
        Some(Self { member_id, retried: parts.map(row).collect::<Option<_>>()? })
    }
}

impl Store {
    /// Writes the blocks of an action that is about to be accepted. Nobody reads them before the action exists.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; the blocks that were written expire.
    pub async fn freeze_targets(
        &self,
        org: &OrgId,
        id: BulkActionId,
        targets: &[Target],
        until: Timestamp,
    ) -> Result<()> {
        let ttl = (until + KEPT_FOR).secs();
        let items = targets.chunks(BLOCK_TARGETS).zip(0u32..).map(|(block, number)| {
            let texts: Vec<String> = block.iter().map(ToString::to_string).collect();
            Writer::default()
                .set("pk", s(keys::targets(org, id.ulid(), number)))
                .set("sk", s(keys::TARGETS))
                // Targets hold no space, and one text is smaller and faster than a list of texts.
                .set("ids", s(texts.join(" ")))
                .set("ttl", n(ttl))
                .done()
        });
        self.put_all(&self.tables.bulk_actions, items.collect()).await
    }

    /// One block of an action's targets, in their order; empty if there is none.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn targets(&self, org: &OrgId, id: BulkActionId, block: u32) -> Result<Vec<Target>> {
        let found = self
            .get(&self.tables.bulk_actions, key(keys::targets(org, id.ulid(), block), s(keys::TARGETS)))
            .await?;
        found.as_ref().map_or_else(|| Ok(Vec::new()), from_item)
    }

    /// All targets of some blocks of an action, in no particular order of the blocks.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn all_targets(
        &self,
        org: &OrgId,
        id: BulkActionId,
        blocks: impl Iterator<Item = u32>,
    ) -> Result<Vec<Target>> {
        let wanted = Wanted { table: &self.tables.bulk_actions, strong: true, attributes: None };
        let wanted_keys: Vec<Item> =
            blocks.map(|block| key(keys::targets(org, id.ulid(), block), s(keys::TARGETS))).collect();
        let items = self.get_all(wanted, &wanted_keys).await?;
        let blocks: Vec<Vec<Target>> = items.iter().map(from_item).collect::<Result<_>>()?;
        Ok(blocks.into_iter().flatten().collect())
    }
}

fn from_item(item: &Item) -> Result<Vec<Target>> {
    Reader(item).parsed("ids", |ids| ids.split(' ').map(Target::parse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_survives_its_text() {
        let plain = Target::from("m_1-A".parse::<MemberId>().unwrap());
        assert_eq!(plain.to_string(), "m_1-A");
        let retried = BTreeMap::from([
            (Channel::Sms, RowPlace { chunk: 12, slot: 5 }),
            (Channel::Email, RowPlace { chunk: 12, slot: 6 }),
        ]);
        let again = Target { retried, ..plain.clone() };
        for target in [plain, again] {
            assert_eq!(Target::parse(&target.to_string()), Some(target));
        }
        for bad in ["", ";sms=1.2", "m;sms", "m;fax=1.2", "m;sms=1", "m;sms=1.x"] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }
}

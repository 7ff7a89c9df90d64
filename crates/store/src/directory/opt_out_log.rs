//! The opt-out log: gate 2 reads here what changed since gate 1.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::opt_out::{AddressHash, Subject};
use domain::{Channel, MemberId, OrgId, Timestamp};

use crate::item::{Item, Reader, Writer, n, s, time};
use crate::transaction::{Table, Write};
use crate::{Result, Store, StoreError, keys};

/// How long an entry is kept: longer than a row may wait between its gates.
const KEPT: Duration = Duration::from_hours(40 * 24);

/// A change of whether a subject is opted out of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutChange {
    /// Whom or what it is about.
    pub subject: Subject,
    /// The channel.
    pub channel: Channel,
    /// Whether the subject is opted out since.
    pub out: bool,
    /// When it was written, by the writer's clock. The write itself may have landed some seconds later.
    pub recorded_at: Timestamp,
    /// The version that the subject's item got by it: of two changes, the one with the higher version holds.
    pub version: u64,
}

impl OptOutChange {
    /// The write of this entry.
    pub(super) fn write(&self, org: &OrgId) -> Write {
        let subject = match &self.subject {
            Subject::Member(id) => format!("M{id}"),
            Subject::Address(hash) => format!("A{hash}"),
        };
        let sk = format!("{}#{}#{subject}", sort_key(self.recorded_at), self.channel);
        let item = Writer::default()
            .set("pk", s(keys::opt_out_log(org)))
            .set("sk", s(sk))
            .set("out", AttributeValue::Bool(self.out))
            .set("recorded_at", time(self.recorded_at))
            .set("version", n(self.version))
            .set("ttl", n((self.recorded_at + KEPT).secs()))
            .done();
        Write::put(Table::Directory, item)
    }

    fn from_item(item: &Item) -> Result<Self> {
        let read = Reader(item);
        let (channel, subject) = read.parsed("sk", |sk| {
            let mut parts = sk.splitn(3, '#').skip(1);
            let channel: Channel = parts.next()?.parse().ok()?;
            let (kind, id) = parts.next()?.split_at_checked(1)?;
            let subject = match kind {
                "M" => Subject::Member(id.parse().ok()?),
                "A" => Subject::Address(id.parse().ok()?),
                _ => return None,
            };
            Some((channel, subject))
        })?;
        Ok(Self {
            subject,
            channel,
            out: read.flag("out"),
            recorded_at: read.time("recorded_at")?,
            version: read.number("version")?,
        })
    }
}

fn sort_key(at: Timestamp) -> String {
    format!("{:013}", at.millis())
}

/// What the log says of a span of time, newest state per subject and channel.
#[derive(Debug, Clone, Default)]
pub struct OptOutsSince {
    by_address: HashMap<(AddressHash, Channel), (u64, bool)>,
    by_member: HashMap<(MemberId, Channel), (u64, bool)>,
}

impl OptOutsSince {
    fn add(&mut self, change: OptOutChange) {
        let state = (change.version, change.out);
        let known = match change.subject {
            Subject::Address(hash) => self.by_address.entry((hash, change.channel)).or_insert(state),
            Subject::Member(id) => self.by_member.entry((id, change.channel)).or_insert(state),
        };
        *known = state.max(*known);
    }

    /// Whether, by the log, `member` or the address is opted out of `channel`. What happened before the span is not in
    /// it: gate 1 has seen that.
    pub fn has_opted_out(&self, channel: Channel, member: Option<&MemberId>, address: &AddressHash) -> bool {
        let out = |state: Option<&(u64, bool)>| state.is_some_and(|(_, out)| *out);
        out(self.by_address.get(&(address.clone(), channel)))
            || member.is_some_and(|member| out(self.by_member.get(&(member.clone(), channel))))
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty() && self.by_member.is_empty()
    }
}

impl Store {
    /// The opt-outs that were recorded at `since` or later, read strongly. An entry's time is taken before its write, so
    /// a caller who wants everything that it could not see at a time asks for a minute more.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn opt_outs_since(&self, org: &OrgId, since: Timestamp) -> Result<OptOutsSince> {
        let mut found = OptOutsSince::default();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.tables.directory)
                .key_condition_expression("pk = :pk AND sk >= :since")
                .expression_attribute_values(":pk", s(keys::opt_out_log(org)))
                .expression_attribute_values(":since", s(sort_key(since)))
                .set_exclusive_start_key(start)
                .consistent_read(true)
                .send()
                .await
                .map_err(StoreError::call("Query"))?;
            for item in answer.items() {
                found.add(OptOutChange::from_item(item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(version: u64, out: bool) -> OptOutChange {
        OptOutChange {
            subject: Subject::Member("m".parse().unwrap()),
            channel: Channel::Sms,
            out,
            recorded_at: Timestamp::from_secs(1),
            version,
        }
    }

    #[test]
    fn of_several_entries_the_one_with_the_highest_version_holds_whatever_the_clocks_said() {
        let (member, address) = ("m".parse().unwrap(), AddressHash::new([0; 16]));
        for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1]] {
            let mut log = OptOutsSince::default();
            for version in order {
                log.add(change(version, version != 3));
            }
            assert!(!log.has_opted_out(Channel::Sms, Some(&member), &address), "{order:?}");
            log.add(change(4, true));
            assert!(log.has_opted_out(Channel::Sms, Some(&member), &address));
            assert!(!log.has_opted_out(Channel::Email, Some(&member), &address));
        }
    }
}

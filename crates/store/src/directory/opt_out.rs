//! Recording opt-outs. A call returns when what it recorded is durable everywhere, and may be repeated at any time: what
//! is recorded already is not recorded again, and what a call that died left undone is finished.

use std::collections::BTreeSet;

use domain::opt_out::{AddressHash, Change, Lifter, Source, Subject};
use domain::{Channel, MemberId, OrgId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::AddressRecord;
use super::member_item::{Kind, MemberItem, out_attribute};
use super::opt_out_log::OptOutChange;
use super::read::Consistency;
use super::{MemberWrite, Written};
use crate::item::n;
use crate::transaction::{Committed, Table, Write, contended, next_version, pause};
use crate::{Result, Store};

/// How many members' copies go into the transaction of an address; it holds 100 writes at most.
const WITH_ADDRESS: usize = 80;
/// How many further copies are written at once.
const CONCURRENT: usize = 16;
/// How often a change is decided anew because others wrote in between.
const TRIES: u32 = 10;

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Whether the subject was opted out before.
    pub was_out: bool,
    /// Whether it is now.
    pub is_out: bool,
}

impl Store {
    /// Opts an address out of a channel, for all members who have it, now or later. `at`: when the request for it came;
    /// `now`: the present.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or others write without end; repeating is safe.
    pub async fn opt_out_address(
        &self,
        org: &OrgId,
        channel: Channel,
        address: &AddressHash,
        source: Source,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Recorded> {
        self.change_address(org, channel, address, Change::Out { source, at }, now).await
    }

    /// Lifts what can be lifted of an address's opt-out, and what the API set on the members who have the address.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or others write without end; repeating is safe.
    pub async fn opt_in_address(
        &self,
        org: &OrgId,
        channel: Channel,
        address: &AddressHash,
        by: Lifter,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Recorded> {
        let change = Change::In { by, at };
        let recorded = self.change_address(org, channel, address, change, now).await?;
        let members = self.address(org, address).await?.members;
        for item in self.member_items(org, &members, Consistency::Strong).await?.into_values() {
            if item.opt_outs.is_out(channel) {
                self.change_member_scope(org, channel, &item.id, change, now).await?;
            }
        }
        Ok(recorded)
    }

    /// Opts a member and all their addresses out of a channel, or lifts that. `org_country` reads phones in national form.
    /// `None` if there is no such member.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or others write without end; repeating is safe.
    pub async fn change_member(
        &self,
        org: &OrgId,
        channel: Channel,
        member: &MemberId,
        change: Change,
        org_country: &str,
        now: Timestamp,
    ) -> Result<Option<Recorded>> {
        let Some(mut item) = self.member_item(org, member).await?.filter(|item| item.member.is_some()) else {
            return Ok(None);
        };
        if item.depends_on(org_country) {
            // Its addresses read differently since the organisation moved: enter it at those that it has now.
            let again = item.member.take().map(MemberWrite::Put).into_iter().collect();
            let written = self.write_members(org, again, org_country, now).await?;
            if written.contains(&Written::Contended) {
                return Err(contended());
            }
            item = match self.member_item(org, member).await? {
                Some(item) if item.member.is_some() => item,
                _ => return Ok(None),
            };
        }
        let Some(recorded) = self.change_member_scope(org, channel, member, change, now).await? else {
            return Ok(None);
        };
        for (hash, _) in item.copies.iter().filter(|(_, copy)| copy.kind == Kind::of(channel)) {
            self.change_address(org, channel, hash, change, now).await?;
        }
        Ok(Some(recorded))
    }

    /// A change of what an address itself is opted out of.
    async fn change_address(
        &self,
        org: &OrgId,
        channel: Channel,
        address: &AddressHash,
        change: Change,
        now: Timestamp,
    ) -> Result<Recorded> {
        // Members that the address lists although they do not have it, which no write of ours leaves behind. An opt-out
        // must not fail for ever because of one.
        let mut strays = BTreeSet::new();
        for attempt in 0..TRIES {
            let known = self.address(org, address).await?;
            let mut next = known.clone();
            next.opt_outs.apply(channel, change);
            next.members.retain(|member| !strays.contains(member));
            let recorded =
                Recorded { was_out: known.opt_outs.is_out(channel), is_out: next.opt_outs.is_out(channel) };
            if next == known && known.copying.is_none() {
                return Ok(recorded);
            }
            next.version = next_version(known.version, now);
            let flips = recorded.was_out != recorded.is_out || known.copying.is_some();
            let copies = if flips { next.members.iter().cloned().collect() } else { Vec::new() };
            let (first, rest) = copies.split_at(copies.len().min(WITH_ADDRESS));
            next.copying = (!rest.is_empty()).then_some(next.version);

            let mut writes = vec![next.write(org, address, known.version)];
            let copy = |member: &MemberId| copy_write(org, member, address, &next);
            writes.extend(first.iter().map(|member| copy(member).0));
            if flips {
                writes.push(
                    log_entry(Subject::Address(address.clone()), channel, recorded, next.version, now)
                        .write(org),
                );
            }
            match self.commit(writes).await? {
                Committed::Yes => {
                    self.copy_rest(org, address, &next, rest).await?;
                    return Ok(recorded);
                }
                Committed::No(failed) => {
                    if !failed.is_empty() && !failed.contains(&0) {
                        strays.extend(failed.iter().filter_map(|place| first.get(place - 1)).cloned());
                    }
                    pause(attempt).await;
                }
            }
        }
        Err(contended())
    }

    /// Writes the copies that did not fit into the transaction, and takes the mark off that says so.
    async fn copy_rest(
        &self,
        org: &OrgId,
        address: &AddressHash,
        record: &AddressRecord,
        rest: &[MemberId],
    ) -> Result<()> {
        let Some(version) = record.copying else { return Ok(()) };
        stream::iter(rest)
            .map(|member| async {
                let mut attempt = 0;
                // A condition that does not hold: the member has got a newer copy, or given the address up.
                while self.commit(vec![copy_write(org, member, address, record).1]).await?
                    == Committed::No(Vec::new())
                {
                    attempt += 1;
                    if attempt == TRIES {
                        return Err(contended());
                    }
                    pause(attempt).await;
                }
                Ok(())
            })
            .buffer_unordered(CONCURRENT)
            .try_collect::<()>()
            .await?;
        let done = Write::update(Table::Directory, AddressRecord::key(org, address), "REMOVE copying");
        // If the mark is another's by now, it stays: it costs that one's successor some writes and nothing else.
        self.commit(vec![done.when("copying = :version").value(":version", n(version))]).await.map(drop)
    }

    /// A change of what a member is opted out of whatever their addresses. `None` if there is no such member.
    async fn change_member_scope(
        &self,
        org: &OrgId,
        channel: Channel,
        member: &MemberId,
        change: Change,
        now: Timestamp,
    ) -> Result<Option<Recorded>> {
        for attempt in 0..TRIES {
            let Some(item) = self.member_item(org, member).await?.filter(|item| item.member.is_some()) else {
                return Ok(None);
            };
            let mut opt_outs = item.opt_outs.clone();
            opt_outs.apply(channel, change);
            let recorded =
                Recorded { was_out: item.opt_outs.is_out(channel), is_out: opt_outs.is_out(channel) };
            if opt_outs == item.opt_outs {
                return Ok(Some(recorded));
            }
            let version = next_version(item.version, now);
            let mut writes = vec![
                Write::update(
                    Table::Directory,
                    MemberItem::key(org, member),
                    "SET opt_outs = :opt_outs, version = :version",
                )
                .when_version(item.version)
                .value(":opt_outs", crate::item::json(&opt_outs))
                .value(":version", n(version)),
            ];
            if recorded.was_out != recorded.is_out {
                writes.push(
                    log_entry(Subject::Member(member.clone()), channel, recorded, version, now).write(org),
                );
            }
            if self.commit(writes).await? == Committed::Yes {
                return Ok(Some(recorded));
            }
            pause(attempt).await;
        }
        Err(contended())
    }
}

fn log_entry(
    subject: Subject,
    channel: Channel,
    recorded: Recorded,
    version: u64,
    now: Timestamp,
) -> OptOutChange {
    OptOutChange { subject, channel, out: recorded.is_out, recorded_at: now, version }
}

/// The write of a member's copy: in the transaction, where the member is known to have the address, and by itself.
fn copy_write(
    org: &OrgId,
    member: &MemberId,
    address: &AddressHash,
    record: &AddressRecord,
) -> (Write, Write) {
    let update = Write::update(
        Table::Directory,
        MemberItem::key(org, member),
        "SET copies.#address.#out = :out, copies.#address.#v = :v",
    )
    .name("#address", address.as_str())
    .name("#out", "out")
    .name("#v", "v")
    .value(":out", out_attribute(&record.opt_outs.channels()))
    .value(":v", n(record.version));
    let alone = update.clone().when("attribute_exists(copies.#address) AND copies.#address.#v < :v");
    (update.when("attribute_exists(copies.#address)"), alone)
}

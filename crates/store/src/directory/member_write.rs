//! Writing and deleting members, one or thousands. How copies of opt-outs stay exact: [`super`].

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use domain::member::Member;
use domain::{MemberId, OrgId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::member_draft::{Draft, Setting};
use super::member_plan::round;
use super::read::Consistency;
use crate::transaction::Committed;
use crate::{Result, Store};

/// Most members who may have the same address. It bounds what an opt-out of the address has to write, and keeps the
/// address's item far below DynamoDB's 400 KB.
pub const MAX_MEMBERS_PER_ADDRESS: usize = 1_000;

/// Items in one transaction at first, half as many after each conflict; the API's limit is 100.
const ROOM: usize = 100;
/// Transactions under way at once.
const CONCURRENT: usize = 8;
/// Conflicts with other writers after which a row is given up.
const TRIES: u32 = 10;

/// A change of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are members; a box each would cost more than it saves"
)]
pub enum MemberWrite {
    /// Make them what is given.
    Put(Member),
    /// Make them unknown. Their addresses' opt-outs stay, and their own stay for the case that they come back.
    Delete(MemberId),
}

impl MemberWrite {
    /// Who is changed.
    pub fn id(&self) -> &MemberId {
        match self {
            Self::Put(member) => &member.id,
            Self::Delete(id) => id,
        }
    }
}

/// What a change of a member came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The member is new.
    Created,
    /// The member was there and is replaced.
    Replaced,
    /// The member is not there any more, if it ever was.
    Deleted,
    /// Nothing was done: [`MAX_MEMBERS_PER_ADDRESS`] others have one of the addresses.
    AddressFull,
    /// Nothing was done: others wrote the same items again and again.
    Contended,
}

impl Store {
    /// Writes one member. `org_country` reads phones in national form.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn put_member(
        &self,
        org: &OrgId,
        member: Member,
        org_country: &str,
        now: Timestamp,
    ) -> Result<Written> {
        self.write_member(org, MemberWrite::Put(member), org_country, now).await
    }

    /// Deletes a member, if there is one.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; repeating is safe.
    pub async fn delete_member(&self, org: &OrgId, id: &MemberId, now: Timestamp) -> Result<Written> {
        self.write_member(org, MemberWrite::Delete(id.clone()), "", now).await
    }

    async fn write_member(
        &self,
        org: &OrgId,
        write: MemberWrite,
        org_country: &str,
        now: Timestamp,
    ) -> Result<Written> {
        let written = self.write_members(org, vec![write], org_country, now).await?;
        Ok(written.first().copied().unwrap_or(Written::Contended))
    }

    /// Writes members and answers in their order. Each is written whole or not at all, and none waits for another except
    /// those who share an address or an id, who are written in their order.
    ///
    /// # Errors
    /// If DynamoDB gives no answer: some are then written; repeating is safe.
    pub async fn write_members(
        &self,
        org: &OrgId,
        writes: Vec<MemberWrite>,
        org_country: &str,
        now: Timestamp,
    ) -> Result<Vec<Written>> {
        let setting = Setting { keys: &self.keys, org, org_country, now };
        let mut results: Vec<Option<Written>> = vec![None; writes.len()];
        let mut conflicts = vec![0_u32; writes.len()];
        let mut room = ROOM;
        loop {
            let pending: Vec<usize> = (0..writes.len()).filter(|i| results.get(*i) == Some(&None)).collect();
            if pending.is_empty() {
                break;
            }
            let conflicted = self.write_round(setting, &writes, &pending, room, &mut results).await?;
            for index in &conflicted {
                if let (Some(count), Some(result)) = (conflicts.get_mut(*index), results.get_mut(*index)) {
                    *count += 1;
                    *result = (*count >= TRIES).then_some(Written::Contended);
                }
            }
            if !conflicted.is_empty() {
                room = (room / 2).max(4);
                let most = conflicts.iter().max().copied().unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(10) * 2_u32.pow(most.min(6))).await;
            }
        }
        Ok(results.into_iter().map(|result| result.unwrap_or(Written::Contended)).collect())
    }

    /// One round over what is pending: fills in results and answers the places that met other writers.
    async fn write_round(
        &self,
        setting: Setting<'_>,
        writes: &[MemberWrite],
        pending: &[usize],
        room: usize,
        results: &mut [Option<Written>],
    ) -> Result<HashSet<usize>> {
        let of = |index: &usize| Some((*index, writes.get(*index)?));
        let ids: BTreeSet<MemberId> =
            pending.iter().filter_map(of).map(|(_, write)| write.id().clone()).collect();
        let known = self.member_items(setting.org, &ids, Consistency::Strong).await?;
        let drafts: Vec<Draft<'_>> = pending
            .iter()
            .filter_map(of)
            .map(|(index, write)| Draft::new(setting, index, write, known.get(write.id())))
            .collect();
        let addresses =
            self.addresses(setting.org, drafts.iter().flat_map(Draft::touched), Consistency::Strong).await?;
        let round = round(setting, drafts, &addresses, room);
        for index in &round.refused {
            set(results, *index, Written::AddressFull);
        }
        let mut conflicted = HashSet::new();
        let mut commits = stream::iter(round.groups)
            .map(|group| async move { Ok((self.commit(group.writes(setting)).await?, group)) })
            .buffer_unordered(CONCURRENT);
        while let Some((committed, group)) = commits.try_next().await? {
            for draft in group.rows {
                match committed {
                    Committed::Yes => set(results, draft.index, draft.written()),
                    Committed::No(_) => drop(conflicted.insert(draft.index)),
                }
            }
        }
        Ok(conflicted)
    }
}

fn set(results: &mut [Option<Written>], index: usize, written: Written) {
    results.iter_mut().skip(index).take(1).for_each(|result| *result = Some(written));
}

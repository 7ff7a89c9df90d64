//! Dividing members' writes into transactions. A pure function of what was read.

use std::collections::{BTreeSet, HashMap};

use domain::MemberId;
use domain::opt_out::AddressHash;

use super::member_draft::{Addresses, Changed, Draft, Setting};
use super::{AddressRecord, MAX_MEMBERS_PER_ADDRESS};
use crate::transaction::{Write, next_version};

/// Longest transaction, in bytes of members; DynamoDB takes 4 MB.
const MAX_BYTES: usize = 1_000_000;

/// Writes that go together.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub(super) rows: Vec<Draft<'a>>,
    addresses: Addresses,
    bytes: usize,
}

impl<'a> Group<'a> {
    fn has_room(&self, draft: &Draft<'_>, room: usize) -> bool {
        let new = draft.touched().filter(|hash| !self.addresses.0.contains_key(*hash)).count();
        let writes = self.rows.len() + self.addresses.0.len() + new + 1;
        self.rows.is_empty() || (writes <= room && self.bytes + draft.bytes() <= MAX_BYTES)
    }

    fn add(&mut self, setting: Setting<'_>, draft: Draft<'a>, known: &HashMap<AddressHash, AddressRecord>) {
        for hash in draft.touched() {
            let changed = self.addresses.0.entry(hash.clone()).or_insert_with(|| {
                let mut next = known.get(hash).cloned().unwrap_or_default();
                let seen = next.version;
                next.version = next_version(seen, setting.now);
                Changed { seen, next }
            });
            if draft.joins.contains(hash) {
                changed.next.members.insert(draft.id.clone());
            } else {
                changed.next.leave(draft.id, setting.now);
            }
        }
        self.bytes += draft.bytes();
        self.rows.push(draft);
    }

    /// The writes of the group's transaction.
    pub(super) fn writes(&self, setting: Setting<'_>) -> Vec<Write> {
        let members = self.rows.iter().filter_map(|draft| draft.member_write(setting, &self.addresses));
        let addresses = self
            .addresses
            .0
            .iter()
            .map(|(hash, changed)| changed.next.write(setting.org, hash, changed.seen));
        members.chain(addresses).collect()
    }
}

/// What is done in one round, and what is left to the next.
pub(super) struct Round<'a> {
    /// Groups of which no two write the same item.
    pub(super) groups: Vec<Group<'a>>,
    /// Places of writes that have to wait for another group.
    pub(super) deferred: Vec<usize>,
    /// Places of writes that would give an address to too many members.
    pub(super) refused: Vec<usize>,
}

/// Divides writes into groups of at most `room` items. Members who share an address go together where there is room;
/// else the later one waits, since its copy depends on what the earlier one's write makes of the address's version.
pub(super) fn round<'a>(
    setting: Setting<'_>,
    drafts: Vec<Draft<'a>>,
    known: &HashMap<AddressHash, AddressRecord>,
    room: usize,
) -> Round<'a> {
    let mut round = Round { groups: Vec::new(), deferred: Vec::new(), refused: Vec::new() };
    let mut current = Group::default();
    let mut closed: BTreeSet<AddressHash> = BTreeSet::new();
    let mut taken: BTreeSet<&MemberId> = BTreeSet::new();
    for draft in drafts {
        if taken.contains(draft.id) || draft.touched().any(|hash| closed.contains(hash)) {
            round.deferred.push(draft.index);
            continue;
        }
        if draft.joins.iter().any(|hash| is_full(hash, &current, known)) {
            round.refused.push(draft.index);
            continue;
        }
        taken.insert(draft.id);
        if draft.touched().next().is_none() {
            // Nothing but its own item: a write by itself, at half the price of a transaction.
            let mut alone = Group::default();
            alone.add(setting, draft, known);
            round.groups.push(alone);
            continue;
        }
        if !current.has_room(&draft, room) {
            let shares = draft.touched().any(|hash| current.addresses.0.contains_key(hash));
            closed.extend(current.addresses.0.keys().cloned());
            round.groups.push(std::mem::take(&mut current));
            if shares {
                round.deferred.push(draft.index);
                continue;
            }
        }
        current.add(setting, draft, known);
    }
    if !current.rows.is_empty() {
        round.groups.push(current);
    }
    round
}

fn is_full(hash: &AddressHash, group: &Group<'_>, known: &HashMap<AddressHash, AddressRecord>) -> bool {
    let record = group.addresses.0.get(hash).map(|changed| &changed.next).or_else(|| known.get(hash));
    record.is_some_and(|record| record.members.len() >= MAX_MEMBERS_PER_ADDRESS)
}

//! One member's write, worked out from what was read.

use std::collections::{BTreeMap, BTreeSet};

use domain::member::Member;
use domain::opt_out::AddressHash;
use domain::{MemberId, OrgId, Timestamp};

use super::member_item::{Copy, MemberItem, Reach};
use super::{AddressKeys, AddressRecord, MemberWrite, Written};
use crate::item::{json, n, s};
use crate::transaction::{Table, Write, next_version};

/// What all writes of a call share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) keys: &'a AddressKeys,
    pub(super) org: &'a OrgId,
    pub(super) org_country: &'a str,
    pub(super) now: Timestamp,
}

/// One member's write, worked out as far as that needs no address items.
pub(super) struct Draft<'a> {
    /// Its place in the call.
    pub(super) index: usize,
    pub(super) id: &'a MemberId,
    write: &'a MemberWrite,
    known: Option<&'a MemberItem>,
    reach: Reach,
    pub(super) joins: BTreeSet<AddressHash>,
    leaves: BTreeSet<AddressHash>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        setting: Setting<'_>,
        index: usize,
        write: &'a MemberWrite,
        known: Option<&'a MemberItem>,
    ) -> Self {
        let reach = match write {
            MemberWrite::Put(member) => Reach::of(setting.keys, setting.org, member, setting.org_country),
            MemberWrite::Delete(_) => Reach::default(),
        };
        let before: BTreeSet<&AddressHash> = known.iter().flat_map(|item| item.copies.keys()).collect();
        let joins = reach.all.keys().filter(|hash| !before.contains(hash)).cloned().collect();
        let leaves = before
            .iter()
            .filter(|hash| !reach.all.contains_key(**hash))
            .map(|hash| (*hash).clone())
            .collect();
        Self { index, id: write.id(), write, known, reach, joins, leaves }
    }

    /// The addresses whose items change with this write.
    pub(super) fn touched(&self) -> impl Iterator<Item = &AddressHash> {
        self.joins.iter().chain(&self.leaves)
    }

    /// About how long the write is, and rather more.
    pub(super) fn bytes(&self) -> usize {
        let fields = |member: &Member| -> usize {
            member.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        match self.write {
            MemberWrite::Put(member) => 2_000 + fields(member),
            MemberWrite::Delete(_) => 500,
        }
    }

    /// What the write comes to once it is carried out.
    pub(super) fn written(&self) -> Written {
        match (self.write, self.known.is_some_and(|item| item.member.is_some())) {
            (MemberWrite::Delete(_), _) => Written::Deleted,
            (MemberWrite::Put(_), true) => Written::Replaced,
            (MemberWrite::Put(_), false) => Written::Created,
        }
    }

    /// The write of the member's item; `addresses` are those of the group as they will be. `None` if there is nothing to do.
    pub(super) fn member_write(&self, setting: Setting<'_>, addresses: &Addresses) -> Option<Write> {
        let seen = self.known.map_or(0, |item| item.version);
        let version = next_version(seen, setting.now);
        let write = match (self.write, self.known) {
            (MemberWrite::Delete(_), None) => return None,
            (MemberWrite::Delete(id), Some(known)) => {
                if known.opt_outs.is_empty() {
                    Write::delete(Table::Directory, MemberItem::key(setting.org, id))
                } else if known.member.is_none() {
                    return None;
                } else {
                    Write::put(Table::Directory, Self::left_over(known, version).to_item(setting.org))
                }
            }
            (MemberWrite::Put(member), Some(known)) if self.changes_nothing(setting, member, known) => {
                return None;
            }
            (MemberWrite::Put(_), Some(known)) if known.member.is_some() => {
                self.update(setting, addresses, version)
            }
            (MemberWrite::Put(member), known) => {
                let copies =
                    self.joins.iter().filter_map(|hash| Some((hash.clone(), self.copy(hash, addresses)?)));
                let item = MemberItem {
                    id: self.id.clone(),
                    member: Some(member.clone()),
                    country: setting.org_country.to_owned(),
                    phone: self.reach.phone.clone(),
                    email: self.reach.email.clone(),
                    copies: copies.collect(),
                    opt_outs: known.map(|item| item.opt_outs.clone()).unwrap_or_default(),
                    version,
                };
                Write::put(Table::Directory, item.to_item(setting.org))
            }
        };
        Some(write.when_version(seen))
    }

    /// Whether the item says all this already, as it does when an import is repeated.
    fn changes_nothing(&self, setting: Setting<'_>, member: &Member, known: &MemberItem) -> bool {
        known.member.as_ref() == Some(member)
            && known.country == setting.org_country
            && (&known.phone, &known.email) == (&self.reach.phone, &self.reach.email)
            && self.touched().next().is_none()
    }

    /// What is kept of a deleted member: that they opted out, should they come back.
    fn left_over(known: &MemberItem, version: u64) -> MemberItem {
        MemberItem {
            member: None,
            country: String::new(),
            phone: None,
            email: None,
            copies: BTreeMap::new(),
            version,
            ..known.clone()
        }
    }

    fn copy(&self, hash: &AddressHash, addresses: &Addresses) -> Option<Copy> {
        let record = &addresses.0.get(hash)?.next;
        Some(Copy {
            kind: *self.reach.all.get(hash)?,
            version: record.version,
            out: record.opt_outs.channels(),
        })
    }

    /// Replaces the member on its item. Copies of addresses that stay are not touched: whoever changes those addresses
    /// writes them.
    fn update(&self, setting: Setting<'_>, addresses: &Addresses, version: u64) -> Write {
        let mut sets =
            vec!["#data = :data".to_owned(), "country = :country".into(), "version = :version".into()];
        let mut removes = Vec::new();
        for (name, used) in [("phone", &self.reach.phone), ("email", &self.reach.email)] {
            match used {
                Some(_) => sets.push(format!("{name} = :{name}")),
                None => removes.push(name.to_owned()),
            }
        }
        sets.extend((0..self.joins.len()).map(|i| format!("copies.#j{i} = :j{i}")));
        removes.extend((0..self.leaves.len()).map(|i| format!("copies.#l{i}")));
        let removes =
            if removes.is_empty() { String::new() } else { format!(" REMOVE {}", removes.join(", ")) };
        let data = match self.write {
            MemberWrite::Put(member) => json(member),
            MemberWrite::Delete(_) => json(&()),
        };
        let mut write = Write::update(
            Table::Directory,
            MemberItem::key(setting.org, self.id),
            format!("SET {}{removes}", sets.join(", ")),
        )
        .name("#data", "data")
        .value(":data", data)
        .value(":country", s(setting.org_country))
        .value(":version", n(version));
        for (name, used) in [(":phone", &self.reach.phone), (":email", &self.reach.email)] {
            if let Some(hash) = used {
                write = write.value(name, s(hash.as_str()));
            }
        }
        for (i, hash) in self.joins.iter().enumerate() {
            let copy = self.copy(hash, addresses).unwrap_or_default();
            write =
                write.name(&format!("#j{i}"), hash.as_str()).value(&format!(":j{i}"), copy.to_attribute());
        }
        for (i, hash) in self.leaves.iter().enumerate() {
            write = write.name(&format!("#l{i}"), hash.as_str());
        }
        write
    }
}

/// An address's item before and after a group of writes.
pub(super) struct Changed {
    pub(super) seen: u64,
    pub(super) next: AddressRecord,
}

/// The addresses of a group.
#[derive(Default)]
pub(super) struct Addresses(pub(super) BTreeMap<AddressHash, Changed>);

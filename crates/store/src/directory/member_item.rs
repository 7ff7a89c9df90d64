//! A member's item: the member, which addresses it had when it was written, and what these are opted out of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::member::{Address, Member};
use domain::opt_out::{AddressHash, OptOuts};
use domain::{Channel, MemberId, OrgId};

use super::AddressKeys;
use crate::item::{Item, Reader, Writer, json, key, n, s};
use crate::{Result, keys};

/// What an address is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Phone,
    Email,
}

impl Kind {
    pub(super) fn of(channel: Channel) -> Self {
        match channel {
            Channel::Sms | Channel::WhatsApp => Self::Phone,
            Channel::Email => Self::Email,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }
}

/// The addresses of a member, as they read with a given country of the organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// All of them.
    pub(super) all: BTreeMap<AddressHash, Kind>,
    /// Where SMS and WhatsApp go.
    pub(super) phone: Option<AddressHash>,
    /// Where mail goes.
    pub(super) email: Option<AddressHash>,
}

impl Reach {
    pub(super) fn of(keys: &AddressKeys, org: &OrgId, member: &Member, org_country: &str) -> Self {
        let kind = |address: &Address| {
            // E.164 begins with +; a mailbox with a local part that does has an @.
            if address.as_str().contains('@') { Kind::Email } else { Kind::Phone }
        };
        let hash = |address: &Address| keys.address_hash(org, address);
        let all =
            member.addresses(org_country).iter().map(|address| (hash(address), kind(address))).collect();
        let used = |channel| member.address(channel, org_country).ok().map(|address| hash(&address));
        Self { all, phone: used(Channel::Sms), email: used(Channel::Email) }
    }

    /// The address that a message on `channel` goes to.
    pub(super) fn used(&self, channel: Channel) -> Option<&AddressHash> {
        match Kind::of(channel) {
            Kind::Phone => self.phone.as_ref(),
            Kind::Email => self.email.as_ref(),
        }
    }
}

/// What an address was opted out of when its item had `version`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) kind: Kind,
    pub(super) version: u64,
    pub(super) out: BTreeSet<Channel>,
}

impl Copy {
    pub(super) fn to_attribute(&self) -> AttributeValue {
        AttributeValue::M(HashMap::from([
            ("k".to_owned(), s(self.kind.as_str())),
            ("v".to_owned(), n(self.version)),
            ("out".to_owned(), out_attribute(&self.out)),
        ]))
    }

    fn from_attribute(value: &AttributeValue) -> Option<Self> {
        let parts = value.as_m().ok()?;
        let kind = match parts.get("k")?.as_s().ok()?.as_str() {
            "phone" => Kind::Phone,
            "email" => Kind::Email,
            _ => return None,
        };
        let version = parts.get("v")?.as_n().ok()?.parse().ok()?;
        let out = parts.get("out")?.as_s().ok()?;
        let out = out.split(' ').filter(|name| !name.is_empty()).map(|name| name.parse().ok());
        Some(Self { kind, version, out: out.collect::<Option<_>>()? })
    }
}

/// Channels of a copy, as one text.
pub(super) fn out_attribute(out: &BTreeSet<Channel>) -> AttributeValue {
    s(out.iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join(" "))
}

/// A member's item. Without a member it is what is left of one who was deleted: their own opt-outs.
#[derive(Debug, Clone)]
pub(super) struct MemberItem {
    pub(super) id: MemberId,
    pub(super) member: Option<Member>,
    /// The organisation's country with which the addresses were read.
    pub(super) country: String,
    pub(super) phone: Option<AddressHash>,
    pub(super) email: Option<AddressHash>,
    pub(super) copies: BTreeMap<AddressHash, Copy>,
    /// The member's own, whatever their addresses.
    pub(super) opt_outs: OptOuts,
    /// Counts all writes of this item except those of copies, which have the versions of their addresses.
    pub(super) version: u64,
}

impl MemberItem {
    /// The key of a member's item.
    pub(super) fn key(org: &OrgId, id: &MemberId) -> Item {
        key(keys::member(org, id), s(id.as_str()))
    }

    pub(super) fn to_item(&self, org: &OrgId) -> Item {
        let copies = self.copies.iter().map(|(hash, copy)| (hash.to_string(), copy.to_attribute())).collect();
        Writer::default()
            .set("pk", s(keys::member(org, &self.id)))
            .set("sk", s(self.id.as_str()))
            .maybe("data", self.member.as_ref().map(json))
            .set("country", s(&self.country))
            .maybe("phone", self.phone.as_ref().map(|hash| s(hash.as_str())))
            .maybe("email", self.email.as_ref().map(|hash| s(hash.as_str())))
            .set("copies", AttributeValue::M(copies))
            .set("opt_outs", json(&self.opt_outs))
            .set("version", n(self.version))
            .done()
    }

    pub(super) fn from_item(item: &Item) -> Result<Self> {
        let read = Reader(item);
        let hash = |text: &str| text.parse::<AddressHash>().ok();
        let copies = match item.get("copies") {
            Some(AttributeValue::M(copies)) => {
                copies.iter().map(|(text, copy)| Some((hash(text)?, Copy::from_attribute(copy)?))).collect()
            }
            _ => None,
        };
        Ok(Self {
            id: read.parsed("sk", |id| id.parse().ok())?,
            member: read.text_opt("data")?.map(|_| read.json("data")).transpose()?,
            country: read.text("country")?.to_owned(),
            phone: read.parsed_opt("phone", hash)?,
            email: read.parsed_opt("email", hash)?,
            copies: copies.ok_or_else(|| read.corrupt("copies"))?,
            opt_outs: read.json("opt_outs")?,
            version: read.number("version")?,
        })
    }

    /// The channels that the member, or the address that the channel uses, is opted out of; going by the copies.
    pub(super) fn opted_out(&self) -> BTreeSet<Channel> {
        let by_address = |channel: Channel| {
            let used = match Kind::of(channel) {
                Kind::Phone => self.phone.as_ref(),
                Kind::Email => self.email.as_ref(),
            };
            used.and_then(|hash| self.copies.get(hash)).is_some_and(|copy| copy.out.contains(&channel))
        };
        Channel::ALL
            .into_iter()
            .filter(|channel| self.opt_outs.is_out(*channel) || by_address(*channel))
            .collect()
    }

    /// Whether the member's addresses may read differently now that the organisation's country is `org_country`.
    pub(super) fn depends_on(&self, org_country: &str) -> bool {
        let Some(member) = self.member.as_ref() else { return false };
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
        let national =
            |text: &Option<String>| given(text) && !text.as_ref().is_some_and(|t| t.trim().starts_with('+'));
        self.country != org_country
            && !given(&member.country)
            && (national(&member.primary_phone) || national(&member.secondary_phone))
    }
}

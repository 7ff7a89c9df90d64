//! Organisations, channels, templates, members, addresses and opt-outs.
//!
//! # How an opt-out reaches a member
//!
//! Opt-outs are kept where they belong: a member's own on the member's item, an address's on the address's item, under a
//! keyed hash of the address. An address's item also lists the members who have it. What a send needs to know has to be
//! on the member's item alone, so each member carries a *copy* of what its addresses are opted out of. Three rules keep
//! copies exact:
//!
//! 1. A member's write that adds or removes an address is one transaction with the items of these addresses, each on
//!    condition of its `version`. The copies come from what was read under these versions.
//! 2. A change of an address's opt-outs is one transaction of the address's item, on condition of its `version`, an entry
//!    of the opt-out log and the copies on the members. Members beyond the first 80 follow in single writes before
//!    the call returns; a mark on the address's item (`copying`) makes whoever repeats a call that died finish them.
//! 3. A copy carries the address's version and is never overwritten by an older one.
//!
//! # Which address a copy is about
//!
//! A member's phone in national form means a number only together with a country: the member's own or the
//! organisation's. Copies are about the addresses as they were read when the member was written, with the organisation's
//! country of that time, which the item keeps. When the organisation changes its country, its members are not rewritten
//! (there may be 100,000). Instead [`Store::members_by_id`](crate::Store::members_by_id) is told the present country, and a member whose
//! addresses it changes is looked up at the address items themselves. Such a member's new number is entered into the
//! address's item when the member is written next, or when an opt-out is set or lifted through the member.

mod address;
mod address_keys;
pub(crate) mod channel;
mod filter;
mod member;
mod member_draft;
mod member_item;
mod member_opt_outs;
mod member_plan;
mod member_write;
mod opt_out;
mod opt_out_log;
mod organisation;
mod read;
mod seen;
mod template;
mod tokens;

pub use address::AddressRecord;
pub use address_keys::{AddressKeys, Purpose, WeakKey};
pub use domain::opt_out::AddressHash;
pub use filter::MemberFilter;
pub use member::{MEMBER_SHARDS, Selection, StoredMember};
pub use member_opt_outs::{MemberOptOut, Scope};
pub use member_write::{MAX_MEMBERS_PER_ADDRESS, MemberWrite, Written};
pub use opt_out::Recorded;
pub use opt_out_log::{OptOutChange, OptOutsSince};
pub use tokens::UnsubscribeTokens;

/// What a write of a resource came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// There was none before.
    Created,
    /// There was one before.
    Replaced,
}

impl Put {
    fn from_old(old: Option<&crate::item::Item>) -> Self {
        if old.is_some_and(|old| !old.is_empty()) { Self::Replaced } else { Self::Created }
    }
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T, P> {
    /// What it holds; may be empty although more follows.
    pub items: Vec<T>,
    /// Where the next part begins behind; `None` at the end.
    pub next: Option<P>,
}

#[cfg(test)]
mod tests;

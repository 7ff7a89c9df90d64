//! Conversations: what is known of the exchange with one address on one channel. What was written in it are rows of the log.

mod assign;
mod inbound;
mod item;
mod list;
mod messages;

use std::collections::BTreeSet;

use domain::member::Address;
use domain::{ConversationId, MemberId, MessageId, OrgId, Timestamp};

use crate::item::{n, s};
use crate::transaction::{Table, Write};
use crate::{Result, Store};

pub use inbound::{Arrival, Arrived};
pub use list::Activity;

/// Characters of a message that a list of conversations shows.
const PREVIEW: usize = 100;
/// Members that are kept as those who may be on the other side.
const MAX_CANDIDATES: usize = 100;
/// How often a write is tried again because others write the same.
const TRIES: u32 = 10;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Whose it is.
    pub org_id: OrgId,
    /// Its id, which is its key.
    pub id: ConversationId,
    /// The other side's address; `None` once its member was erased.
    pub address: Option<Address>,
    /// Who is there.
    pub other_side: OtherSide,
    /// Messages that came in since it was last marked read.
    pub unread: u64,
    /// When the last message that came in was written.
    pub last_inbound_at: Option<Timestamp>,
    /// When something was last written in it.
    pub active_at: Timestamp,
    /// How that begins.
    pub preview: String,
    /// The last message that came in.
    pub last_inbound: Option<MessageId>,
    /// The version that it was read with; 0 if it is new.
    seen: u64,
}

/// Who is on the other side of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherSide {
    /// Not known; perhaps one of these members, who share the address.
    Unknown(BTreeSet<MemberId>),
    /// This member, as far as addresses and what was sent to them tell.
    Matched(MemberId),
    /// This member, as a person said, for good.
    Assigned(MemberId),
}

impl OtherSide {
    /// The member, if it is known who it is.
    pub fn member(&self) -> Option<&MemberId> {
        match self {
            Self::Unknown(_) => None,
            Self::Matched(member) | Self::Assigned(member) => Some(member),
        }
    }

    /// One of several members, or nobody that is known.
    pub fn one_of(members: &BTreeSet<MemberId>) -> Self {
        Self::Unknown(members.iter().take(MAX_CANDIDATES).cloned().collect())
    }
}

impl Conversation {
    /// One in which nothing has been written.
    pub fn begin(org_id: OrgId, id: ConversationId, address: Address, now: Timestamp) -> Self {
        Self {
            org_id,
            id,
            address: Some(address),
            other_side: OtherSide::one_of(&BTreeSet::new()),
            unread: 0,
            last_inbound_at: None,
            active_at: now,
            preview: String::new(),
            last_inbound: None,
            seen: 0,
        }
    }

    /// The member on the other side, if it is known who it is.
    pub fn member(&self) -> Option<&MemberId> {
        self.other_side.member()
    }

    /// Takes note of a message that came in `at`, was written at `written_at` and says `text`.
    pub fn receive(&mut self, message: MessageId, text: &str, at: Timestamp, written_at: Timestamp) {
        self.unread += 1;
        self.last_inbound_at = self.last_inbound_at.max(Some(written_at));
        self.last_inbound = Some(message);
        // A call that was late is still the newest that people have not seen.
        self.active_at = self.active_at.max(at);
        self.preview = preview(text);
    }
}

/// How a text begins, on one line.
fn preview(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(PREVIEW).collect();
    words.join(" ").chars().take(PREVIEW).collect()
}

/// Something that the organisation wrote in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    id: ConversationId,
    at: Timestamp,
    preview: Option<String>,
}

impl Touch {
    /// At `at`, with what it says, unless nothing could be written.
    pub fn new(id: ConversationId, at: Timestamp, text: Option<&str>) -> Self {
        Self { id, at, preview: text.map(preview) }
    }

    /// The write that keeps it, if there is such a conversation.
    pub(crate) fn write(&self, org: &OrgId) -> Write {
        let sets = if self.preview.is_some() {
            "SET #active = :active, #preview = :preview"
        } else {
            "SET #active = :active"
        };
        let write =
            Write::update(Table::Directory, item::key_of(org, &self.id), format!("{sets} ADD #version :one"))
                .when("attribute_exists(pk)")
                .name("#active", "active")
                .name("#version", "version")
                .value(":active", s(item::active(self.at, &self.id)))
                .value(":one", n(1));
        match &self.preview {
            Some(preview) => write.name("#preview", "preview").value(":preview", s(preview)),
            None => write,
        }
    }
}

impl Store {
    /// A conversation, read strongly.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or the item does not convert.
    pub async fn conversation(&self, org: &OrgId, id: &ConversationId) -> Result<Option<Conversation>> {
        let found = self.get(&self.tables.directory, item::key_of(org, id)).await?;
        found.as_ref().map(item::from_item).transpose()
    }

    /// Marks a conversation read. Answers whether there is such a conversation.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or others write without end; repeating is safe.
    pub async fn mark_read(&self, org: &OrgId, id: &ConversationId) -> Result<bool> {
        let write =
            Write::update(Table::Directory, item::key_of(org, id), "SET #unread = :none ADD #version :one")
                .when("attribute_exists(pk)")
                .name("#unread", "unread")
                .name("#version", "version")
                .value(":none", n(0))
                .value(":one", n(1));
        self.commit_alone(write).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_the_beginning_on_one_line() {
        assert_eq!(preview(" Yes,\n\twe  come "), "Yes, we come");
        assert_eq!(preview(&"é".repeat(500)).chars().count(), PREVIEW);
        assert_eq!(preview(""), "");
    }
}

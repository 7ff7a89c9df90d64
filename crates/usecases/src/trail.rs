//! What the organisation has lately written to an address: what an answer or an opt-out is about.

use std::time::Duration;

use domain::opt_out::AddressHash;
use domain::{Channel, ConversationId, MemberId, MessageStatus, OrgId, Timestamp};
use store::Store;
use store::row::{Origin, Row, TimelineSpan};

use crate::Error;
use crate::read_log::{Shown, show};

/// How far back it is looked.
const LOOK_BACK: Duration = Duration::from_hours(30 * 24);
/// Rows that are read at once, and how often for one member.
const PAGE: usize = 50;
const MAX_PAGES: usize = 10;

/// Messages to one address on one channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trail<'a> {
    pub(crate) store: &'a Store,
    pub(crate) org: &'a OrgId,
    pub(crate) channel: Channel,
    pub(crate) address: &'a AddressHash,
    /// The present.
    pub(crate) now: Timestamp,
    /// The provider's id of a message that is wanted itself.
    pub(crate) quoted: Option<&'a str>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The message that was wanted itself.
    pub(crate) quoted: Option<Row>,
    /// The message that was handed to the provider last, and when.
    pub(crate) latest: Option<(Timestamp, Row)>,
}

/// Where rows are listed.
#[derive(Debug, Clone, Copy)]
enum List<'a> {
    Member(&'a MemberId),
    Conversation(&'a ConversationId),
}

impl Trail<'_> {
    /// Looks at what `member` was sent.
    ///
    /// # Errors
    /// If the database gives no answer.
    pub(crate) async fn of_member(&self, member: &MemberId) -> Result<Found, Error> {
        self.search(List::Member(member)).await
    }

    /// Looks at what was written in a conversation, also to nobody that is known.
    ///
    /// # Errors
    /// If the database gives no answer.
    pub(crate) async fn of_conversation(&self, id: &ConversationId) -> Result<Found, Error> {
        self.search(List::Conversation(id)).await
    }

    async fn search(&self, list: List<'_>) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut span = TimelineSpan { from: Some(self.now - LOOK_BACK), ..TimelineSpan::default() };
        for _ in 0..MAX_PAGES {
            let (rows, more) = match list {
                List::Member(member) => self.store.timeline(self.org, member, span, PAGE).await?,
                List::Conversation(id) => self.store.rows_of_conversation(self.org, id, span, PAGE).await?,
            };
            let sent = |row: &Row| row.channel == self.channel && !matches!(row.origin, Origin::Inbound(_));
            let sent: Vec<Row> = rows.into_iter().filter(sent).collect();
            for shown in show(self.store, self.org, sent).await? {
                self.take(&mut found, shown);
            }
            let enough = found.latest.is_some() && (self.quoted.is_none() || found.quoted.is_some());
            match more {
                Some(after) if !enough => span.after = Some(after),
                Some(_) | None => break,
            }
        }
        Ok(found)
    }

    fn take(&self, found: &mut Found, shown: Shown) {
        let row = &shown.row;
        // What is quoted was read, wherever we think that it went.
        if self.quoted.is_some() && row.provider_message_id.as_deref() == self.quoted {
            found.quoted = Some(row.clone());
        }
        let there =
            row.address.as_ref().is_some_and(|to| self.store.address_hash(self.org, to) == *self.address);
        if there && let Some(at) = handed_over(&shown) {
            found.add_latest(at, shown.row);
        }
    }
}

/// When the provider got the message, if it got it and did not give it back.
fn handed_over(shown: &Shown) -> Option<Timestamp> {
    match shown.status {
        MessageStatus::Sending
        | MessageStatus::Sent
        | MessageStatus::Unconfirmed
        | MessageStatus::Delivered
        | MessageStatus::Read => {
            let row = &shown.row;
            Some(row.tried_at.or(shown.called_at).or(row.sent_at).unwrap_or(row.created_at))
        }
        MessageStatus::Queued | MessageStatus::Failed | MessageStatus::Skipped => None,
    }
}

impl Found {
    fn add_latest(&mut self, at: Timestamp, row: Row) {
        if self.latest.as_ref().is_none_or(|(known_at, known)| (*known_at, known.id) < (at, row.id)) {
            self.latest = Some((at, row));
        }
    }

    /// What was found here and there.
    pub(crate) fn and(mut self, other: Self) -> Self {
        if let Some((at, row)) = other.latest {
            self.add_latest(at, row);
        }
        self.quoted = self.quoted.or(other.quoted);
        self
    }
}

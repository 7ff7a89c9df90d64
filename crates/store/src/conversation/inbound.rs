//! Recording what a member wrote: its row, its conversation and the message that it answers, as one.

use domain::Timestamp;

use super::Conversation;
use super::item::to_item;
use crate::row::{self, Reaction, Row};
use crate::transaction::{Committed, Table, Write};
use crate::{Result, Store};

/// A message that came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Its row, whose id comes from the provider's, so that one message has one row.
    pub row: &'a Row,
    /// Its conversation as it was read, with the message.
    pub conversation: &'a Conversation,
    /// What it is to the message that it answers.
    pub reaction: Option<&'a Reaction>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// It is recorded.
    Yes,
    /// It had been recorded before; nothing was written.
    Before,
    /// Nothing was written: the conversation or the answered message has changed since it was read. Decide anew.
    Stale,
}

impl Store {
    /// Records a message that came in, or nothing of it.
    ///
    /// # Errors
    /// If DynamoDB gives no answer; it may then be recorded, and repeating is safe.
    pub async fn record_inbound(&self, arrival: Arrival<'_>, now: Timestamp) -> Result<Arrived> {
        let Arrival { row, conversation, reaction } = arrival;
        let mut writes = vec![
            Write::put(Table::MessageLogs, row::to_item(row)).when_new(),
            Write::put(Table::Directory, to_item(conversation, now)).when_version(conversation.seen),
        ];
        let news = reaction.filter(|reaction| !reaction.is_known());
        writes.extend(news.map(|reaction| reaction.write(&row.org_id)));
        Ok(match self.commit(writes).await? {
            Committed::Yes => Arrived::Yes,
            Committed::No(failed) if failed.contains(&0) => Arrived::Before,
            Committed::No(_) => Arrived::Stale,
        })
    }
}

//! Saying who is on the other side.

use domain::{ConversationId, MemberId, MessageId, OrgId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::item::to_item;
use super::{Conversation, OtherSide, TRIES};
use crate::item::{key, n, s};
use crate::row::{BY_CONVERSATION, TimelineSpan};
use crate::transaction::{Committed, Table, Write, contended, pause};
use crate::{Result, Store, keys};

/// Rows that are looked up, and rows that are written at once.
const PAGE: usize = 200;
const CONCURRENT: usize = 16;

impl Store {
    /// Assigns a conversation to a member: its messages, also the older ones, are on the member's timeline when the call returns, and
    /// nothing but another assignment changes who it is with. `None` if there is no such conversation.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or others write without end; repeating finishes what was begun.
    pub async fn assign_conversation(
        &self,
        org: &OrgId,
        id: &ConversationId,
        member: &MemberId,
        now: Timestamp,
    ) -> Result<Option<Conversation>> {
        // What comes in from now on goes to the member by itself; so the older messages are moved afterwards.
        let Some(conversation) = self.set_other_side(org, id, member, now).await? else { return Ok(None) };
        if let Some(last) = conversation.last_inbound {
            // The index may not show it yet.
            self.move_row(org, last, member).await?;
        }
        let mut span = TimelineSpan::default();
        loop {
            let (places, more) = self.places(BY_CONVERSATION, keys::thread(org, id), span, PAGE).await?;
            stream::iter(&places)
                .map(|(_, row)| self.move_row(org, *row, member))
                .buffer_unordered(CONCURRENT)
                .try_collect::<()>()
                .await?;
            span.after = places.last().copied();
            if !more {
                return Ok(Some(conversation));
            }
        }
    }

    async fn set_other_side(
        &self,
        org: &OrgId,
        id: &ConversationId,
        member: &MemberId,
        now: Timestamp,
    ) -> Result<Option<Conversation>> {
        for attempt in 0..TRIES {
            let Some(mut conversation) = self.conversation(org, id).await? else { return Ok(None) };
            conversation.other_side = OtherSide::Assigned(member.clone());
            let write = Write::put(Table::Directory, to_item(&conversation, now));
            if self.commit(vec![write.when_version(conversation.seen)]).await? == Committed::Yes {
                return Ok(Some(conversation));
            }
            pause(attempt).await;
        }
        Err(contended())
    }

    async fn move_row(&self, org: &OrgId, id: MessageId, member: &MemberId) -> Result<()> {
        let row = key(keys::row(org, id), n(id.slot));
        let write = Write::update(Table::MessageLogs, row, "SET member_key = :member")
            .when("attribute_exists(pk)")
            .value(":member", s(keys::member_timeline(org, member)));
        // If it is refused, the index still showed what is gone.
        self.commit_alone(write).await.map(drop)
    }
}

//! The messages of a conversation: what was written in it, and what else its member was sent there, each in its place.

use std::cmp::Reverse;

use domain::{MessageId, Timestamp};

use super::Conversation;
use crate::row::{BY_CONVERSATION, BY_MEMBER, Place, Row, TimelineSpan};
use crate::{Result, Store, keys};

/// A part of an index, and whether there may be more of it.
type Part = (Vec<Place>, bool);

impl Store {
    /// Looks at up to `limit` rows behind `after`, newest first, and answers those that belong to the conversation and where the rest
    /// begins behind. A bulk message to the address of a matched member belongs to it. Eventually consistent.
    ///
    /// # Errors
    /// If DynamoDB gives no answer or an item does not convert.
    pub async fn messages_of_conversation(
        &self,
        conversation: &Conversation,
        after: Option<(Timestamp, MessageId)>,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<(Timestamp, MessageId)>)> {
        let Conversation { org_id: org, id, .. } = conversation;
        let span = TimelineSpan { after, ..TimelineSpan::default() };
        let mut parts = vec![self.places(BY_CONVERSATION, keys::thread(org, id), span, limit).await?];
        if let Some(member) = conversation.member() {
            parts.push(self.places(BY_MEMBER, keys::member_timeline(org, member), span, limit).await?);
        }
        let (places, more) = merged(parts, limit);
        let ids: Vec<MessageId> = places.iter().map(|(_, id)| *id).collect();
        let mut rows = self.rows(org, &ids).await?;
        let there = |row: &Row| {
            row.conversation.as_ref() == Some(id)
                || row.channel == id.channel
                    && row.address.as_ref().is_some_and(|to| self.address_hash(org, to) == id.address)
        };
        rows.retain(there);
        rows.sort_by_cached_key(|row| Reverse(row.list_key()));
        Ok((rows, places.last().copied().filter(|_| more)))
    }
}

/// The first `limit` of several lists as one, and whether there may be more. Where a list may go on, nothing older than its part is taken: what
/// comes next in it may lie before.
fn merged(parts: Vec<Part>, limit: usize) -> Part {
    let sort_key = |(at, id): &Place| (*at, id.to_string());
    let known_to =
        parts.iter().filter(|(_, more)| *more).filter_map(|(places, _)| places.last().map(sort_key)).max();
    let mut more = parts.iter().any(|(_, more)| *more);
    let mut places: Vec<Place> = parts.into_iter().flat_map(|(places, _)| places).collect();
    places.sort_by_cached_key(|place| Reverse(sort_key(place)));
    places.dedup();
    let all = places.len();
    places.retain(|place| known_to.as_ref().is_none_or(|oldest| sort_key(place) >= *oldest));
    places.truncate(limit);
    more |= places.len() < all;
    (places, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ulid::Ulid;

    fn place(at: i64, slot: u16) -> Place {
        (Timestamp::from_millis(at), MessageId { send: Ulid::from_parts(1, 1), chunk: 0, slot })
    }

    #[test]
    fn two_lists_become_one_in_order_and_without_doubles() {
        let own = vec![place(9, 0), place(5, 1)];
        let timeline = vec![place(9, 0), place(7, 2), place(5, 10), place(1, 3)];
        let expected = vec![place(9, 0), place(7, 2), place(5, 10), place(5, 1), place(1, 3)];
        assert_eq!(merged(vec![(own, false), (timeline, false)], 10), (expected, false));
    }

    #[test]
    fn nothing_is_taken_before_what_a_list_may_still_bring() {
        let own = vec![place(9, 0), place(8, 1)];
        let timeline = vec![place(9, 5), place(2, 6)];
        let (places, more) = merged(vec![(own, true), (timeline, false)], 10);
        assert_eq!((places, more), (vec![place(9, 5), place(9, 0), place(8, 1)], true));
    }

    #[test]
    fn what_does_not_fit_is_left_for_the_next_part() {
        let (places, more) = merged(vec![(vec![place(9, 0)], false), (vec![place(8, 1)], false)], 1);
        assert_eq!((places, more), (vec![place(9, 0)], true));
    }
}

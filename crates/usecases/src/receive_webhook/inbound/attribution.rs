//! Who wrote, and what it answers.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{Attribution, MemberId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::conversation::{Conversation, OtherSide};
use store::row::Row;

use super::super::ReceiveWebhook;
use super::Receipt;
use crate::Error;
use crate::trail::{Found, Trail};

/// How long after a message whatever comes from its address counts as an answer to it.
const ANSWERS: Duration = Duration::from_hours(7 * 24);
/// Members of one address whose messages are looked at, and at once.
const MOST_MEMBERS: usize = 100;
const CONCURRENT: usize = 10;

/// What was found out about a message.
pub(super) struct Attributed {
    /// Who wrote it.
    pub(super) other_side: OtherSide,
    /// The message that it answers, and how that is known.
    pub(super) answered: Option<(Row, Attribution)>,
}

/// Looks at what those who may have written were sent lately.
///
/// # Errors
/// If the database gives no answer.
pub(super) async fn attribute(
    deps: &ReceiveWebhook,
    receipt: &Receipt<'_>,
    conversation: &Conversation,
    now: Timestamp,
) -> Result<Attributed, Error> {
    let trail = Trail {
        store: &deps.store,
        org: receipt.org,
        channel: receipt.message.channel,
        address: &receipt.place.address,
        now,
        quoted: receipt.message.quotes.as_deref(),
    };
    let members = &receipt.known.members;
    // Whom a person has named may not have the address at all.
    let asked: BTreeSet<&MemberId> = members.iter().take(MOST_MEMBERS).chain(conversation.member()).collect();
    let by_member: Vec<(&MemberId, Found)> = stream::iter(asked)
        .map(async |member| Ok::<_, Error>((member, trail.of_member(member).await?)))
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    let newest = by_member
        .iter()
        .filter(|(member, _)| members.contains(*member))
        .filter_map(|(member, found)| Some((found.latest.as_ref()?.0, *member)))
        .max();
    let other_side = other_side(&conversation.other_side, members, newest.map(|(_, member)| member));
    let own = trail.of_conversation(receipt.place).await?;
    let found = by_member.into_iter().fold(own, |found, (_, of_member)| found.and(of_member));
    Ok(Attributed { other_side, answered: answered(found, receipt.at) })
}

/// Who is on the other side, given who has the address and which of them was last sent something there.
fn other_side(known: &OtherSide, members: &BTreeSet<MemberId>, last: Option<&MemberId>) -> OtherSide {
    let only = members.first().filter(|_| members.len() == 1);
    match (known, only.or(last)) {
        (OtherSide::Assigned(_), _) => known.clone(),
        (_, Some(member)) => OtherSide::Matched(member.clone()),
        (_, None) => OtherSide::one_of(members),
    }
}

fn answered(found: Found, at: Timestamp) -> Option<(Row, Attribution)> {
    let latest = found.latest.filter(|(sent_at, _)| at <= *sent_at + ANSWERS).map(|(_, row)| row);
    found
        .quoted
        .map(|row| (row, Attribution::Quoted))
        .or_else(|| latest.map(|row| (row, Attribution::Latest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(ids: &[&str]) -> BTreeSet<MemberId> {
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    fn side(known: &OtherSide, of: &[&str], last: Option<&str>) -> OtherSide {
        let last: Option<MemberId> = last.map(|id| id.parse().unwrap());
        other_side(known, &members(of), last.as_ref())
    }

    #[test]
    fn who_alone_has_the_address_is_on_the_other_side() {
        let nobody = OtherSide::one_of(&members(&[]));
        assert_eq!(side(&nobody, &["a"], None), OtherSide::Matched("a".parse().unwrap()));
        assert_eq!(side(&nobody, &[], None), nobody);
    }

    #[test]
    fn of_several_it_is_who_was_last_sent_something_there() {
        let before = OtherSide::Matched("a".parse().unwrap());
        assert_eq!(side(&before, &["a", "b"], Some("b")), OtherSide::Matched("b".parse().unwrap()));
        assert_eq!(side(&before, &["a", "b"], None), OtherSide::Unknown(members(&["a", "b"])));
    }

    #[test]
    fn whom_a_person_named_stays() {
        let named = OtherSide::Assigned("c".parse().unwrap());
        assert_eq!(side(&named, &["a"], Some("a")), named);
    }
}

//! Erasure of a member: the member, and of everything that was sent to them or that they wrote the address, the values and the text. Counts stay,
//! and so do opt-outs, which are kept under hashes of the addresses.
//!
//! Each step leaves what the next one needs, so that a call that stops anywhere is finished by repeating it: conversations are found by the
//! addresses of the member and of the rows, so they are emptied before these are; the member is deleted before the rows are looked at, so that
//! no new ones follow.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use domain::permission::Caller;
use domain::{BulkActionId, Channel, ConversationId, FailureCode, MemberId, MessageStatus, OrgId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::chunk::Noted;
use store::directory::{AddressHash, Written};
use store::row::{Origin, Row, TimelineSpan};
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;

use super::{Directory, id_in_path};
use crate::{Error, Refused};

/// How long a call goes on; a function has 29 seconds.
const TIME: Duration = Duration::from_secs(20);
/// Rows that are read at once, and emptied at once.
const BATCH: usize = 100;
const CONCURRENT: usize = 16;
/// How long a function that had read the member may go on writing rows to them: longer than any function runs.
const WRITING: Duration = Duration::from_mins(2);

/// `POST /members/{id}/erase`.
pub(super) async fn erase(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let id: MemberId = id_in_path(request, "member")?;
    Body::parse_nothing(&request.body, request.header("content-type"))?;
    let org = &caller.org_id;
    let began = deps.clock.now();
    let mut erasure = Erasure { deps, org, member: &id, until: began + TIME, forgotten: HashSet::new() };
    for address in deps.store.addresses_of(org, &id).await? {
        for channel in Channel::ALL {
            erasure.forget(channel, address.clone()).await?;
        }
    }
    if deps.store.delete_member(org, &id, began).await? == Written::Contended {
        return Err(Error::Contended("the member").into());
    }
    // A second look, at the newest rows, finds those that the index did not show yet or that were being written.
    for from in [None, Some(began - WRITING)] {
        if !erasure.empty_rows(from).await? {
            let mut problem = Problem::unavailable();
            problem.detail = "The member has very many messages; repeat the request to go on".into();
            return Err(problem.into());
        }
    }
    Ok(Reply::empty(204))
}

/// An erasure on its way.
struct Erasure<'a> {
    deps: &'a Directory,
    org: &'a OrgId,
    member: &'a MemberId,
    until: Timestamp,
    /// Conversations that were looked at.
    forgotten: HashSet<ConversationId>,
}

impl Erasure<'_> {
    /// Empties the conversation with an address, unless another member has the address too.
    async fn forget(&mut self, channel: Channel, address: AddressHash) -> Result<(), Error> {
        let id = ConversationId { channel, address };
        if self.forgotten.contains(&id) {
            return Ok(());
        }
        let store = &self.deps.store;
        let shared = store.address(self.org, &id.address).await?.members;
        if shared.iter().all(|member| member == self.member) {
            store.empty_conversation(self.org, &id).await?;
        }
        self.forgotten.insert(id);
        Ok(())
    }

    /// Empties the rows on the member's timeline, from the newest to those of a time. Answers whether there was time for all of them.
    async fn empty_rows(&mut self, from: Option<Timestamp>) -> Result<bool, Error> {
        let deps = self.deps;
        let mut span = TimelineSpan { from, ..TimelineSpan::default() };
        loop {
            let (rows, more) = deps.store.timeline(self.org, self.member, span, BATCH).await?;
            let places: BTreeSet<(Channel, AddressHash)> = rows
                .iter()
                .filter_map(|row| {
                    Some((row.channel, deps.store.address_hash(self.org, row.address.as_ref()?)))
                })
                .collect();
            for (channel, address) in places {
                self.forget(channel, address).await?;
            }
            stream::iter(rows)
                .map(|row| empty(deps, row))
                .buffer_unordered(CONCURRENT)
                .try_collect::<()>()
                .await?;
            if more.is_none() {
                return Ok(true);
            }
            if deps.clock.now() >= self.until {
                return Ok(false);
            }
            span.after = more;
        }
    }
}

/// Empties a row and, if nobody else got the same, what it says.
async fn empty(deps: &Directory, row: Row) -> Result<(), Error> {
    if !row.erased && !fails(deps, &row).await? {
        deps.store.empty_row(&row, deps.clock.now()).await?;
    }
    match row.origin {
        Origin::Single => Ok(deps.store.empty_content(&row.org_id, BulkActionId::new(row.id.send)).await?),
        Origin::Bulk | Origin::Inbound(_) => Ok(()),
    }
}

/// Empties a row and fails it, which was promised to the counts before, if it waits and nobody has it in hand. One that somebody has may be on
/// its way to the provider; if it turns out not to be, it fails for want of an address when its turn comes. So does one whose chunk has no
/// summary yet: that would not show the failure. Answers whether it did.
async fn fails(deps: &Directory, row: &Row) -> Result<bool, Error> {
    let Row { org_id: org, id, channel, status, .. } = row;
    if *status != MessageStatus::Queued {
        return Ok(false);
    }
    let parcel = deps.store.parcel(org, id.send, id.chunk, *channel).await?;
    let in_hand = parcel.as_ref().is_some_and(|parcel| parcel.has_in_hand(row));
    if in_hand || deps.notes.promise(&deps.store, deps.clock.as_ref(), org, *id).await? != Noted::Yes {
        return Ok(false);
    }
    let code = FailureCode::MemberNotFound;
    Ok(deps.store.fail_and_empty_row(row, parcel.as_ref(), code, deps.clock.now()).await?)
}

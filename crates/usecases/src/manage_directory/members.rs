//! Members, one at a time and as a list.

use domain::member::Member;
use domain::permission::Caller;
use domain::{MemberId, OrgId};
use serde::{Deserialize, Serialize};
use store::directory::{MAX_MEMBERS_PER_ADDRESS, MEMBER_SHARDS, MemberFilter, Written};
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::list::List;
use wire::api::member::read_member;
use wire::api::problem::{FieldError, Problem};

use super::templates::foreign_cursor;
use super::{Directory, id_in_path};
use crate::query::{Query, refused};
use crate::{Error, Refused, cursor};

/// Longest text that is searched for, in characters.
const MAX_Q: usize = 200;
/// Members that a request looks at before it answers with what it has.
const MAX_EXAMINED: usize = 2_000;
/// Members that are read at once when some of them may not match.
const BATCH: usize = 250;
/// What the members of a page may come to, in bytes: one may have 200 KB, and a function may answer with 6 MB.
const MAX_BYTES: usize = 2_000_000;

/// The country with which the organisation's phones in national form are read; empty while it is not set up.
pub(super) async fn country(deps: &Directory, org: &OrgId) -> Result<String, Refused> {
    Ok(deps.store.organisation(org).await?.map(|organisation| organisation.country).unwrap_or_default())
}

/// Where a list goes on: behind a member, in a part of the members.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Position {
    shard: u8,
    after: Option<MemberId>,
}

/// Members have no time of creation and are listed by part and id.
pub(super) async fn list(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let query = Query::parse(request, &["unit_id", "q", "limit", "cursor"])?;
    let limit = query.limit(200)?;
    if query.text("q").is_some_and(|q| q.chars().count() > MAX_Q) {
        return Err(refused("q", "must have at most 200 characters"));
    }
    let text = |name| query.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let filter = MemberFilter { unit_id: text("unit_id"), q: text("q") };
    let list = format!("members?{}", query.filters());
    let start: Position = match query.text("cursor") {
        None => Position::default(),
        Some(given) => cursor::open(deps.store.keys(), org, &list, given).ok_or_else(foreign_cursor)?,
    };
    let country = country(deps, org).await?;
    let (items, next) = page(deps, org, &country, &filter, start, limit).await?;
    let next_cursor = next.map(|next| cursor::seal(deps.store.keys(), org, &list, &next));
    Ok(Reply::json(200, &List { items, next_cursor }))
}

async fn page(
    deps: &Directory,
    org: &OrgId,
    country: &str,
    filter: &MemberFilter,
    start: Position,
    limit: usize,
) -> Result<(Vec<Member>, Option<Position>), Refused> {
    let mut found: Vec<Member> = Vec::new();
    let (mut bytes, mut room) = (0, MAX_EXAMINED);
    let Position { mut shard, mut after } = start;
    while shard < MEMBER_SHARDS {
        let missing = limit.saturating_sub(found.len());
        if missing == 0 || room == 0 || bytes >= MAX_BYTES {
            return Ok((found, Some(Position { shard, after })));
        }
        let batch = if filter.is_empty() { missing } else { BATCH }.min(room);
        room -= batch;
        let batch = u16::try_from(batch).unwrap_or(u16::MAX);
        let page = deps.store.members_page(org, shard, after.as_ref(), batch, country).await?;
        for stored in page.items {
            if found.len() == limit || bytes >= MAX_BYTES {
                return Ok((found, Some(Position { shard, after })));
            }
            after = Some(stored.member.id.clone());
            if filter.matches(&stored.member) {
                bytes += serde_json::to_vec(&stored.member).map_or(0, |json| json.len());
                found.push(stored.member);
            }
        }
        after = page.next;
        if after.is_none() {
            shard += 1;
        }
    }
    Ok((found, None))
}

pub(super) async fn get(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let id: MemberId = id_in_path(request, "member")?;
    let country = country(deps, &caller.org_id).await?;
    let stored = deps.store.member(&caller.org_id, &id, &country).await?;
    let stored = stored.ok_or_else(|| Problem::not_found("member"))?;
    Ok(Reply::json(200, &stored.member))
}

pub(super) async fn put(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let id: MemberId = id_in_path(request, "member")?;
    let body = Body::of(request)?;
    let member = read_member(&body, &id)?;
    let country = country(deps, &caller.org_id).await?;
    let written = deps.store.put_member(&caller.org_id, member.clone(), &country, deps.clock.now()).await?;
    match written {
        Written::Created => Ok(Reply::json(201, &member)),
        Written::Replaced | Written::Deleted => Ok(Reply::json(200, &member)),
        Written::AddressFull => Err(Problem::invalid(vec![address_full()]).into()),
        Written::Contended => Err(Error::Contended("the member").into()),
    }
}

pub(super) fn address_full() -> FieldError {
    let message =
        format!("{MAX_MEMBERS_PER_ADDRESS} other members have one of these addresses; no more may share it");
    FieldError::new("(body)", "address_full", message)
}

pub(super) async fn delete(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let id: MemberId = id_in_path(request, "member")?;
    match deps.store.delete_member(&caller.org_id, &id, deps.clock.now()).await? {
        Written::Contended => Err(Error::Contended("the member").into()),
        Written::Created | Written::Replaced | Written::Deleted | Written::AddressFull => {
            Ok(Reply::empty(204))
        }
    }
}

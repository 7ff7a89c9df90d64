//! Opt-outs of a member, as the host application sees and sets them.

use domain::opt_out::{Change, Lifter, Source};
use domain::permission::Caller;
use domain::{Channel, MemberId};
use store::directory::{MemberOptOut, Scope};
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::list::List;
use wire::api::member::OptOutView;
use wire::api::problem::Problem;

use super::members::country;
use super::{Directory, channel_in_path, id_in_path};
use crate::Refused;
use crate::query::Query;

pub(super) async fn list(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let id: MemberId = id_in_path(request, "member")?;
    let country = country(deps, &caller.org_id).await?;
    let found = deps.store.member_opt_outs(&caller.org_id, &id, &country).await?;
    let found = found.ok_or_else(|| Problem::not_found("member"))?;
    Ok(Reply::json(200, &List { items: found.iter().map(view).collect(), next_cursor: None }))
}

/// Sets an opt-out, for the member and all their addresses. Setting it again moves its time.
pub(super) async fn put(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let (id, channel) = in_path(request)?;
    Body::parse_nothing(&request.body, request.header("content-type"))?;
    let (source, at) = (Source::Api, deps.clock.now());
    let was_out = change(deps, caller, &id, channel, Change::Out { source, at }).await?;
    let view = OptOutView { channel, source, at, scope: scope(Scope::Member) };
    Ok(Reply::json(if was_out { 200 } else { 201 }, &view))
}

/// Lifts what can be lifted. A complaint and a hard bounce stay, and stay in the list.
pub(super) async fn delete(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let (id, channel) = in_path(request)?;
    change(deps, caller, &id, channel, Change::In { by: Lifter::Api, at: deps.clock.now() }).await?;
    Ok(Reply::empty(204))
}

async fn change(
    deps: &Directory,
    caller: &Caller,
    id: &MemberId,
    channel: Channel,
    change: Change,
) -> Result<bool, Refused> {
    let org = &caller.org_id;
    let country = country(deps, org).await?;
    let recorded = deps.store.change_member(org, channel, id, change, &country, deps.clock.now()).await?;
    Ok(recorded.ok_or_else(|| Problem::not_found("member"))?.was_out)
}

fn in_path(request: &Request) -> Result<(MemberId, Channel), Problem> {
    Ok((id_in_path(request, "member")?, channel_in_path(request)?))
}

fn view(found: &MemberOptOut) -> OptOutView {
    let MemberOptOut { channel, opt_out, scope: of } = *found;
    OptOutView { channel, source: opt_out.source, at: opt_out.at, scope: scope(of) }
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Member => "member",
        Scope::Address => "address",
    }
}

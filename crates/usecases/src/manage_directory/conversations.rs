//! Conversations, as far as people change them without writing: read, and assigned to a member.

use domain::permission::Caller;
use wire::api::conversation::read_assignment;
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::problem::{FieldError, Problem};

use super::Directory;
use super::members::country;
use crate::{Refused, conversation};

/// `POST /conversations/{id}/read`: nothing in it is unread any more.
pub(super) async fn read(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Body::parse_nothing(&request.body, request.header("content-type"))?;
    let id = conversation::id_of(request.param("id"))?;
    if !deps.store.mark_read(&caller.org_id, &id).await? {
        return Err(conversation::not_found().into());
    }
    Ok(Reply::empty(204))
}

/// `POST /conversations/{id}/assign`: a person says who is on the other side.
pub(super) async fn assign(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let member = read_assignment(&Body::of(request)?)?;
    let id = conversation::id_of(request.param("id"))?;
    let country = country(deps, org).await?;
    if deps.store.member(org, &member, &country).await?.is_none() {
        // Of two things that are not there, the one in the path is named.
        conversation::find(&deps.store, org, request.param("id")).await?;
        let error = FieldError::new("member_id", "not_found", "there is no such member");
        return Err(Problem::invalid(vec![error]).into());
    }
    let assigned = deps.store.assign_conversation(org, &id, &member, deps.clock.now()).await?;
    let assigned = assigned.ok_or_else(conversation::not_found)?;
    Ok(Reply::json(200, &conversation::view(assigned)))
}

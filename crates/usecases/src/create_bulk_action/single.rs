//! `POST /messages`: one message to one member, through the same engine.

use domain::Routing;
use domain::permission::Caller;
use store::targets::Target;
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::message::MessageView;
use wire::api::single::SingleSend;

use super::accept::{in_progress, key_of, made_before, replayed};
use super::{CreateBulkActions, content};
use crate::planner::Planner;
use crate::send_one::{Letter, Sent, send_one};
use crate::{Error, Refused, read_log};

const TRIES: u32 = 5;

/// Answers 202 with the message. Whoever cannot be reached has a message that says so.
pub(super) async fn single(
    deps: &CreateBulkActions,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let body = Body::of(request)?;
    let wanted = SingleSend::read(&body)?;
    let key = key_of(request, "/messages")?;
    for _ in 0..TRIES {
        if let Some(made) = made_before(&deps.store, deps.clock.as_ref(), org, key.as_ref()).await? {
            return again(deps, org, &made).await;
        }
        let channels = deps.store.channels(org).await?;
        let content = content::freeze_one(&deps.store, caller, &channels, &wanted.message).await?;
        let said = std::slice::from_ref(&content);
        let planner = Planner::load(&deps.store, org, &channels, said, Routing::All).await?;
        let gate1_at = deps.clock.now();
        let target = [Target::from(wanted.member_id.clone())];
        let members = planner.members(&deps.store, org, &target).await?;
        let [target] = target;
        let row = planner.rows(&target, members.get(&target.member_id)).pop();
        let letter = Letter {
            by: caller.sub.clone(),
            member_id: Some(target.member_id),
            conversation: None,
            planned: row.ok_or(Error::Missing("a row"))?,
            content,
            as_given: body.clone(),
            receipt_window_s: content::receipt_window(&channels, wanted.message.channel),
            key: key.clone(),
            gate1_at,
        };
        if let Sent::Accepted(view) = send_one(&deps.one(), org, deps.ids.ulid(gate1_at), letter).await? {
            return Ok(accepted(&view));
        }
    }
    Err(in_progress())
}

/// The answer to a request whose message is accepted.
pub(super) fn accepted(view: &MessageView) -> Reply {
    Reply::json(202, view).header("location", format!("/messages/{}", view.id))
}

/// The answer to a request that was accepted before: the message as it is now.
pub(crate) async fn again(
    deps: &CreateBulkActions,
    org: &domain::OrgId,
    made: &str,
) -> Result<Reply, Refused> {
    Ok(replayed(accepted(&read_log::message(&deps.store, org, made).await?)))
}

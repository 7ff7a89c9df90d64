//! `POST /conversations/{id}/messages`: an answer to what a member wrote, through the same engine.

use std::time::Duration;

use domain::Routing;
use domain::Timestamp;
use domain::content::{Body as ContentBody, Content};
use domain::permission::Caller;
use store::conversation::Conversation;
use wire::api::content::MessageRequest;
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::problem::{FieldError, Problem};
use wire::api::single::read_reply;

use super::accept::{in_progress, key_of, made_before};
use super::single::{accepted, again};
use super::{CreateBulkActions, content};
use crate::planner::Planner;
use crate::send_one::{Letter, Sent, send_one};
use crate::{Refused, conversation};

const TRIES: u32 = 5;
/// How long after the member wrote WhatsApp takes free text (Meta's customer service window).
const WINDOW: Duration = Duration::from_hours(24);

/// Answers 202 with the message. An address that has opted out has a message that says so.
pub(super) async fn reply(
    deps: &CreateBulkActions,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let id = conversation::id_of(request.param("id"))?;
    let body = Body::of(request)?;
    let says = read_reply(&body, id.channel)?;
    let message = MessageRequest { channel: id.channel, says };
    let key = key_of(request, &format!("/conversations/{id}/messages"))?;
    for _ in 0..TRIES {
        if let Some(made) = made_before(&deps.store, deps.clock.as_ref(), org, key.as_ref()).await? {
            return again(deps, org, &made).await;
        }
        let found = deps.store.conversation(org, &id).await?;
        let conversation = found.ok_or_else(conversation::not_found)?;
        let channels = deps.store.channels(org).await?;
        let content = content::freeze_one(&deps.store, caller, &channels, &message).await?;
        let gate1_at = deps.clock.now();
        check_window(&conversation, &content, gate1_at)?;
        let said = std::slice::from_ref(&content);
        let planner = Planner::load(&deps.store, org, &channels, said, Routing::All).await?;
        let letter = Letter {
            by: caller.sub.clone(),
            member_id: conversation.member().cloned(),
            planned: conversation::planned(&deps.store, &planner, &conversation).await?,
            conversation: Some(conversation.id),
            content,
            as_given: body.clone(),
            receipt_window_s: content::receipt_window(&channels, id.channel),
            key: key.clone(),
            gate1_at,
        };
        if let Sent::Accepted(view) = send_one(&deps.one(), org, deps.ids.ulid(gate1_at), letter).await? {
            return Ok(accepted(&view));
        }
    }
    Err(in_progress())
}

/// Meta takes free text only for a day after the member wrote; outside of it a template opens the conversation again.
fn check_window(conversation: &Conversation, content: &Content, now: Timestamp) -> Result<(), Problem> {
    let free = matches!(content.body, ContentBody::WhatsAppText { .. });
    let open = conversation.last_inbound_at.is_some_and(|at| now <= at + WINDOW);
    if !free || open {
        return Ok(());
    }
    let message = "on WhatsApp free text can be sent only within 24 hours after the member wrote; send an approved template instead";
    let errors = vec![FieldError::new("body", "outside_reply_window", message)];
    let problem =
        Problem::new(422, "outside_reply_window", "Outside the reply window", format!("body: {message}"));
    Err(Problem { errors, ..problem })
}

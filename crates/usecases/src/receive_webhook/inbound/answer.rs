//! Answers to keywords. STOP has none: after an opt-out is acknowledged nothing is sent.

use std::time::Duration;

use domain::content::{Body, Content};
use domain::opt_out::Keyword;
use domain::variables::RENDERER_VERSION;
use domain::{Channel, ConversationId, MessageId, OrgId, Routing};
use serde_json::json;
use ulid::Ulid;

use super::super::ReceiveWebhook;
use crate::create_bulk_action::receipt_window;
use crate::opt_out::Heard;
use crate::planner::Planner;
use crate::send_one::{Letter, SendOne, Sent, send_one};
use crate::{Error, conversation};

/// Who sends the answers.
const BY: &str = "receive-webhook";
/// What HELP is answered with where the organisation has no text of its own: who writes, and how to stop it (CTIA Messaging Principles).
const HELP: &str = "{{org.name}} sends you these messages. Reply STOP to get no more.";
/// What START is answered with.
const STARTED: &str = "{{org.name}}: you get our messages again. Reply STOP to get no more.";
/// Tries to send while others write to the conversation.
const TRIES: u32 = 8;

/// Answers what was heard, once however often it comes, under the id that was made for the answer.
///
/// # Errors
/// If the database gives no answer.
pub(super) async fn answer(
    deps: &ReceiveWebhook,
    org: &OrgId,
    place: &ConversationId,
    id: Ulid,
    heard: Heard,
) -> Result<(), Error> {
    let text = match heard.keyword {
        Keyword::Help => help(deps, org).await?,
        Keyword::Start if !heard.is_out => STARTED.to_owned(),
        Keyword::Start | Keyword::Stop | Keyword::Yes => return Ok(()),
    };
    let deps = SendOne { store: &deps.store, dispatch: &deps.dispatch, clock: deps.clock.as_ref() };
    for attempt in 0..TRIES {
        let row = MessageId { send: id, chunk: 0, slot: 0 };
        if deps.store.row(org, row).await?.is_some() {
            return Ok(());
        }
        let letter = letter(&deps, org, place, &text).await?;
        if let Sent::Accepted(_) = send_one(&deps, org, id, letter).await? {
            tracing::info!(org_id = %org, channel = %place.channel, message_id = %row, "a keyword was answered");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10) * 2_u32.pow(attempt)).await;
    }
    Err(Error::Contended("the conversation"))
}

/// The organisation's answer to HELP, if it has one that can be written.
async fn help(deps: &ReceiveWebhook, org: &OrgId) -> Result<String, Error> {
    let own = deps.store.organisation(org).await?.and_then(|organisation| organisation.help_text);
    let own = own.filter(|text| !text.trim().is_empty() && body(Channel::Sms, text).prepare().is_ok());
    Ok(own.unwrap_or_else(|| HELP.to_owned()))
}

fn body(channel: Channel, text: &str) -> Body {
    let text = text.to_owned();
    match channel {
        Channel::WhatsApp => Body::WhatsAppText { text },
        // Nobody writes to us by mail.
        Channel::Sms | Channel::Email => Body::Sms { text },
    }
}

async fn letter(
    deps: &SendOne<'_>,
    org: &OrgId,
    place: &ConversationId,
    text: &str,
) -> Result<Letter, Error> {
    let channel = place.channel;
    let body = body(channel, text);
    let content = Content { template_id: None, renderer: RENDERER_VERSION, body };
    let gate1_at = deps.clock.now();
    let channels = deps.store.channels(org).await?;
    let said = std::slice::from_ref(&content);
    let planner = Planner::load(deps.store, org, &channels, said, Routing::All).await?;
    let conversation =
        deps.store.conversation(org, place).await?.ok_or(Error::Missing("the conversation"))?;
    Ok(Letter {
        by: BY.to_owned(),
        member_id: conversation.member().cloned(),
        planned: conversation::planned(deps.store, &planner, &conversation).await?,
        conversation: Some(conversation.id),
        content,
        as_given: json!({ "channel": channel, "body": text }),
        receipt_window_s: receipt_window(&channels, channel),
        key: None,
        gate1_at,
    })
}

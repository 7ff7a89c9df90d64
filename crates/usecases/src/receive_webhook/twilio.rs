//! Twilio: status callbacks and inbound messages, signed with the account's auth token.

use std::sync::Arc;

use channels::Secret;
use channels::twilio::signature::{Call, SETTINGS_HEADER, SIGNATURE_HEADER, verify};
use channels::twilio::webhook::{Inbound, Media, OptOutType, parse_inbound, parse_status};
use domain::member::Address;
use domain::opt_out::Keyword;
use domain::phone::E164;
use domain::settings::ChannelSettings;
use domain::{Channel, OrgId, Timestamp};
use serde_json::{Value, json};
use wire::api::http::{Reply, Request};

use super::inbound::{self, Message};
use super::{Known, ReceiveWebhook, enqueue, forged, organisation};
use crate::secrets::field;
use crate::{Error, Refused};

/// An answer to an inbound message that says nothing to the member.
const NO_REPLY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

pub(super) async fn status(deps: &ReceiveWebhook, request: &Request) -> Result<Reply, Refused> {
    let (org, _, secret) = verified(deps, request, "status").await?;
    let report = match parse_status(&request.raw_query, &request.body, deps.clock.now()) {
        Ok(report) => report,
        Err(error) => {
            // Genuine but not understood: to refuse it would only bring it again.
            tracing::error!(org_id = %org, %error, "a status callback is not understood");
            return Ok(Reply::empty(204));
        }
    };
    check_account(&secret, &report.account_sid)?;
    if let Some(receipt) = report.receipt {
        enqueue(deps, &org, Channel::Sms, vec![receipt]).await?;
    }
    Ok(Reply::empty(204))
}

pub(super) async fn inbound(deps: &ReceiveWebhook, request: &Request) -> Result<Reply, Refused> {
    let (org, settings, secret) = verified(deps, request, "inbound").await?;
    let answer = Reply::text(200, "text/xml", NO_REPLY);
    let message = match parse_inbound(&request.body) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(org_id = %org, %error, "an inbound message is not understood");
            return Ok(answer);
        }
    };
    check_account(&secret, &message.account_sid)?;
    // A short code writes nothing that concerns a member.
    let Ok(from) = message.from.parse::<E164>() else { return Ok(answer) };
    let message = written(message, from.into(), deps.clock.now());
    inbound::receive(deps, &org, &settings, &message).await?;
    Ok(answer)
}

/// The message in our own words. Twilio does not say when it was written.
fn written(message: Inbound, from: Address, now: Timestamp) -> Message {
    let keyword = match message.opt_out_type {
        Some(OptOutType::Stop) => Some(Keyword::Stop),
        Some(OptOutType::Start) => Some(Keyword::Start),
        Some(OptOutType::Help) => Some(Keyword::Help),
        None => Keyword::of(&message.text),
    };
    let kind = message.media.first().and_then(|media| media.content_type.split('/').next());
    let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or("text").to_owned();
    let media = |media: &Media| json!({ "url": media.url, "content_type": media.content_type });
    Message {
        channel: Channel::Sms,
        from,
        provider_message_id: message.provider_message_id,
        media: message.media.iter().map(media).collect(),
        text: message.text,
        kind,
        quotes: message.reply_to,
        written_at: now,
        keyword,
        provider_answered: message.opt_out_type.is_some(),
    }
}

/// The URL as Twilio called it is rebuilt from our public host, the route and the raw query.
async fn verified(
    deps: &ReceiveWebhook,
    request: &Request,
    last: &str,
) -> Result<(OrgId, Arc<ChannelSettings>, Value), Refused> {
    let org = organisation(request)?;
    let (settings, secret) = Known::sender(deps, &org, Channel::Sms).await?;
    let mut url = format!("{}/webhooks/twilio/{org}/{last}", deps.public_base_url);
    if !request.raw_query.is_empty() {
        url = format!("{url}?{}", request.raw_query);
    }
    let token = Secret::new(field(&secret, "auth_token").map_err(Error::from)?);
    let call = Call {
        url: &url,
        body: &request.body,
        signature: request.header(SIGNATURE_HEADER),
        settings: request.header(SETTINGS_HEADER),
    };
    if verify(&[&token], &call) { Ok((org, settings, secret)) } else { Err(forged()) }
}

/// A token may be shared by accounts; what concerns another account is not ours.
fn check_account(secret: &Value, account_sid: &str) -> Result<(), Refused> {
    let ours = field(secret, "account_sid").map_err(Error::from)?;
    if ours == account_sid { Ok(()) } else { Err(forged()) }
}

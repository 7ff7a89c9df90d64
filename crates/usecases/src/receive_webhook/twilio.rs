//! Twilio: status callbacks and inbound messages, signed with the account's auth token.

use channels::Secret;
use channels::twilio::signature::{Call, SETTINGS_HEADER, SIGNATURE_HEADER, verify};
use channels::twilio::webhook::{OptOutType, parse_inbound, parse_status};
use domain::member::Address;
use domain::opt_out::Keyword;
use domain::phone::E164;
use domain::{Channel, OrgId};
use serde_json::Value;
use wire::api::http::{Reply, Request};

use super::{Known, ReceiveWebhook, enqueue, forged, organisation};
use crate::opt_out;
use crate::secrets::field;
use crate::{Error, Refused};

/// An answer to an inbound message that says nothing to the member.
const NO_REPLY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

pub(super) async fn status(deps: &ReceiveWebhook, request: &Request) -> Result<Reply, Refused> {
    let (org, secret) = verified(deps, request, "status").await?;
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
    let (org, secret) = verified(deps, request, "inbound").await?;
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
    let keyword = match message.opt_out_type {
        Some(OptOutType::Stop) => Some(Keyword::Stop),
        Some(OptOutType::Start) => Some(Keyword::Start),
        Some(OptOutType::Help) => Some(Keyword::Help),
        None => Keyword::of(&message.text),
    };
    if let Some(keyword) = keyword {
        opt_out::record_keyword(
            &deps.store,
            deps.clock.as_ref(),
            &org,
            Channel::Sms,
            &Address::from(from),
            &message.provider_message_id,
            keyword,
        )
        .await?;
    }
    Ok(answer)
}

/// The URL as Twilio called it is rebuilt from our public host, the route and the raw query.
async fn verified(deps: &ReceiveWebhook, request: &Request, last: &str) -> Result<(OrgId, Value), Refused> {
    let org = organisation(request)?;
    let (_, secret) = Known::sender(deps, &org, Channel::Sms).await?;
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
    if verify(&[&token], &call) { Ok((org, secret)) } else { Err(forged()) }
}

/// A token may be shared by accounts; what concerns another account is not ours.
fn check_account(secret: &Value, account_sid: &str) -> Result<(), Refused> {
    let ours = field(secret, "account_sid").map_err(Error::from)?;
    if ours == account_sid { Ok(()) } else { Err(forged()) }
}

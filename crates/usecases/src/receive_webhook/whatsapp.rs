//! WhatsApp: the verification of the endpoint, and statuses, messages and preferences, signed with the app secret.

use channels::Secret;
use channels::whatsapp::signature::verify;
use channels::whatsapp::webhook::{NumberEvents, parse, verify_challenge};
use domain::Channel;
use domain::member::Address;
use domain::opt_out::{Change, Keyword, Lifter, Source};
use domain::phone::E164;
use wire::api::http::{Reply, Request};

use super::{Known, ReceiveWebhook, enqueue, forged, organisation};
use crate::opt_out;
use crate::secrets::field;
use crate::{Error, Refused};

const SIGNATURE_HEADER: &str = "x-hub-signature-256";

pub(super) async fn challenge(deps: &ReceiveWebhook, request: &Request) -> Result<Reply, Refused> {
    let org = organisation(request)?;
    let (_, secret) = Known::sender(deps, &org, Channel::WhatsApp).await?;
    let token = Secret::new(field(&secret, "verify_token").map_err(Error::from)?);
    let challenge = verify_challenge(&request.raw_query, &token).ok_or_else(forged)?;
    Ok(Reply::text(200, "text/plain", challenge))
}

pub(super) async fn events(deps: &ReceiveWebhook, request: &Request) -> Result<Reply, Refused> {
    let org = organisation(request)?;
    let (settings, secret) = Known::sender(deps, &org, Channel::WhatsApp).await?;
    let app_secret = Secret::new(field(&secret, "app_secret").map_err(Error::from)?);
    if !verify(&app_secret, &request.body, request.header(SIGNATURE_HEADER)) {
        return Err(forged());
    }
    let events = match parse(&request.body, deps.clock.now()) {
        Ok(events) => events,
        Err(error) => {
            // Meta would bring a refused call again for seven days.
            tracing::error!(org_id = %org, %error, "a WhatsApp webhook is not understood");
            return Ok(Reply::empty(200));
        }
    };
    if events.ignored > 0 {
        tracing::info!(org_id = %org, ignored = events.ignored, "parts of a WhatsApp webhook are not for us");
    }
    for number in events.numbers {
        if number.phone_number_id != settings.sender {
            tracing::warn!(org_id = %org, "a WhatsApp webhook concerns a number that is not the organisation's sender");
            continue;
        }
        record_opt_outs(deps, &org, &number).await?;
        enqueue(deps, &org, Channel::WhatsApp, number.receipts).await?;
    }
    Ok(Reply::empty(200))
}

async fn record_opt_outs(
    deps: &ReceiveWebhook,
    org: &domain::OrgId,
    number: &NumberEvents,
) -> Result<(), Error> {
    let (store, clock) = (&deps.store, deps.clock.as_ref());
    for message in &number.inbound {
        let from = message.from.as_deref().and_then(|from| from.parse::<E164>().ok());
        if let (Some(from), Some(keyword)) = (from, Keyword::of(&message.text)) {
            opt_out::record_keyword(
                store,
                clock,
                org,
                Channel::WhatsApp,
                &Address::from(from),
                &message.provider_message_id,
                keyword,
            )
            .await?;
        }
    }
    for preference in &number.preferences {
        let Ok(from) = preference.from.parse::<E164>() else { continue };
        let at = preference.at;
        let change = if preference.stop {
            Change::Out { source: Source::Provider, at }
        } else {
            Change::In { by: Lifter::Provider, at }
        };
        opt_out::record(store, clock, org, Channel::WhatsApp, &Address::from(from), change).await?;
    }
    Ok(())
}

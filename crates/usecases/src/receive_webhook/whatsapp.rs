//! WhatsApp: the verification of the endpoint, and statuses, messages and preferences, signed with the app secret.

use std::collections::BTreeMap;

use channels::Secret;
use channels::whatsapp::signature::verify;
use channels::whatsapp::webhook::{Inbound, Preference, parse, verify_challenge};
use domain::member::Address;
use domain::opt_out::{Change, Keyword, Lifter, Source};
use domain::phone::E164;
use domain::settings::ChannelSettings;
use domain::{Channel, OrgId};
use futures_util::{StreamExt, TryStreamExt, stream};
use wire::api::http::{Reply, Request};

use super::inbound::{self, Message};
use super::{Known, ReceiveWebhook, enqueue, forged, organisation};
use crate::opt_out::Blamed;
use crate::secrets::field;
use crate::{Error, Refused, opt_out};

/// Members whose messages are recorded at once.
const CONCURRENT: usize = 12;
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
        let (inbound, preferences) = (number.inbound, number.preferences);
        // One does not keep the other: a repeat of the call does both again.
        let queued = enqueue(deps, &org, Channel::WhatsApp, number.receipts).await;
        receive_all(deps, &org, &settings, inbound).await?;
        record_preferences(deps, &org, &preferences).await?;
        queued?;
    }
    Ok(Reply::empty(200))
}

/// Records what members wrote: each one's messages in their order, several members' at once.
async fn receive_all(
    deps: &ReceiveWebhook,
    org: &OrgId,
    settings: &ChannelSettings,
    inbound: Vec<Inbound>,
) -> Result<(), Error> {
    let mut by_author: BTreeMap<Address, Vec<Message>> = BTreeMap::new();
    for message in inbound {
        if let Some(from) = author(&message) {
            by_author.entry(from.clone()).or_default().push(written(message, from));
        } else {
            tracing::error!(org_id = %org, "a WhatsApp message does not say who wrote it");
        }
    }
    stream::iter(by_author.into_values())
        .map(async |messages| {
            for message in &messages {
                inbound::receive(deps, org, settings, message).await?;
            }
            Ok::<_, Error>(())
        })
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await
}

/// Who wrote: a number, or of somebody who hides it the id that Meta has given them for this business.
fn author(message: &Inbound) -> Option<Address> {
    let phone = message.from.as_deref().and_then(phone);
    phone.or_else(|| message.user_id.clone().map(Address::stored))
}

/// Meta's form of a number, brought up to date where numbering plans have changed.
fn phone(number: &str) -> Option<Address> {
    E164::from_wa_id(number.trim_start_matches('+')).ok().map(Address::from)
}

/// The message in our own words.
fn written(message: Inbound, from: Address) -> Message {
    Message {
        channel: Channel::WhatsApp,
        from,
        provider_message_id: message.provider_message_id,
        keyword: Keyword::of(&message.text),
        text: message.text,
        media: message.media.into_iter().collect(),
        kind: message.kind,
        quotes: message.context_id,
        written_at: message.at,
        provider_answered: false,
    }
}

/// Records who stopped or resumed marketing messages in WhatsApp's own settings.
async fn record_preferences(
    deps: &ReceiveWebhook,
    org: &OrgId,
    preferences: &[Preference],
) -> Result<(), Error> {
    let (store, clock, channel) = (&deps.store, deps.clock.as_ref(), Channel::WhatsApp);
    for preference in preferences {
        let Some(from) = phone(&preference.from) else { continue };
        let at = preference.at;
        let change = if preference.stop {
            Change::Out { source: Source::Provider, at }
        } else {
            Change::In { by: Lifter::Provider, at }
        };
        let hash = store.address_hash(org, &from);
        let about = Blamed { org, channel, address: &hash, message: None };
        opt_out::blame(store, clock, &deps.notes, about, change).await;
        opt_out::record(store, clock, org, channel, &from, change).await?;
    }
    Ok(())
}

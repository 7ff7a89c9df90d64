//! SES, through SNS: signed by Amazon, from our topic, within the hour.

use channels::ses::sns::{Envelope, Kind, SnsError};
use channels::ses::webhook::parse_event;
use domain::Channel;
use domain::email::parse_email;
use domain::member::Address;
use domain::opt_out::{Change, Source};
use wire::api::http::{Reply, Request};

use super::{ReceiveWebhook, enqueue, forged};
use crate::opt_out::Blamed;
use crate::{Error, Refused, opt_out};

pub(super) async fn notification(deps: &ReceiveWebhook, request: &Request) -> Result<Reply, Refused> {
    let now = deps.clock.now();
    let envelope = Envelope::parse(&request.body).map_err(|_| forged())?;
    envelope.check(&deps.sns_topic_arn, now).map_err(|_| forged())?;
    match deps.certificates.verify(&envelope, now).await {
        Ok(()) => {}
        // Amazon's certificate could not be fetched: that says nothing about the call, and SNS brings it again.
        Err(SnsError::Unavailable) => return Err(Error::Unavailable("SNS").into()),
        Err(_) => return Err(forged()),
    }
    match &envelope.kind {
        Kind::SubscriptionConfirmation(confirmation) => {
            deps.certificates.confirm(confirmation).await.map_err(|_| Error::Unavailable("SNS"))?;
            tracing::info!("the subscription to SES events is confirmed");
        }
        Kind::UnsubscribeConfirmation(_) => tracing::error!("the subscription to SES events was cancelled"),
        Kind::Notification { .. } => event(deps, &envelope.message).await?,
    }
    Ok(Reply::empty(200))
}

async fn event(deps: &ReceiveWebhook, message: &str) -> Result<(), Error> {
    let now = deps.clock.now();
    let event = match parse_event(message, now) {
        Ok(Some(event)) => event,
        Ok(None) => return Ok(()),
        Err(error) => {
            tracing::error!(%error, "an SES event is not understood");
            return Ok(());
        }
    };
    let (store, clock, org) = (&deps.store, deps.clock.as_ref(), &event.org_id);
    let message = event.receipts.first().map(|receipt| receipt.message_id);
    for suppress in &event.suppress {
        let Ok(address) = parse_email(&suppress.address) else { continue };
        let address = Address::from(address);
        let source = if suppress.complaint { Source::Complaint } else { Source::Bounce };
        let change = Change::Out { source, at: now };
        let hash = store.address_hash(org, &address);
        let about = Blamed { org, channel: Channel::Email, address: &hash, message };
        opt_out::blame(store, clock, &deps.notes, about, change).await;
        opt_out::record(store, clock, org, Channel::Email, &address, change).await?;
    }
    enqueue(deps, &event.org_id, Channel::Email, event.receipts).await
}

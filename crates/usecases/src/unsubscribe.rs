//! `unsubscribe`: the signed link of every email. GET shows a page with a button and changes nothing, because scanners
//! and previews follow links; POST opts the address out (RFC 8058's one-click form, or the page's button).

mod page;

use std::sync::Arc;

use domain::opt_out::{AddressHash, Change, Source};
use domain::{Channel, Clock, OrgId};
use store::Store;
use store::directory::UnsubscribeTokens;
use wire::api::http::{Reply, Request};

use crate::opt_out::Blamed;
use crate::{Error, Notes, opt_out};

/// What `unsubscribe` needs.
pub struct Unsubscribe {
    /// The database.
    pub store: Store,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Promises of changes.
    pub notes: Notes,
    /// Reads the tokens of the links.
    pub tokens: UnsubscribeTokens,
}

/// `GET` and `POST /unsubscribe/{token}`. What the POST's body says does not matter: the token says everything, and
/// mail programs differ in what they send.
pub async fn unsubscribe(deps: &Unsubscribe, request: &Request) -> Reply {
    let Some((org, channel, address)) = deps.tokens.open(request.param("token")) else {
        return page::reply(404, &page::unknown());
    };
    let answered = match request.route.as_str() {
        "POST /unsubscribe/{token}" => stop(deps, &org, channel, &address).await,
        _ => ask(deps, &org, channel).await,
    };
    answered.unwrap_or_else(|error| {
        tracing::error!(org_id = %org, error = %telemetry::chain(&error), "an unsubscribe link was not served");
        page::reply(503, &page::later()).header("retry-after", "2")
    })
}

async fn ask(deps: &Unsubscribe, org: &OrgId, channel: Channel) -> Result<Reply, Error> {
    Ok(page::reply(200, &page::ask(&name(deps, org).await?, channel)))
}

async fn stop(
    deps: &Unsubscribe,
    org: &OrgId,
    channel: Channel,
    address: &AddressHash,
) -> Result<Reply, Error> {
    let now = deps.clock.now();
    let about = Blamed { org, channel, address, message: None };
    let change = Change::Out { source: Source::Link, at: now };
    opt_out::blame(&deps.store, deps.clock.as_ref(), &deps.notes, about, change).await;
    let recorded = deps.store.opt_out_address(org, channel, address, Source::Link, now, now).await?;
    tracing::info!(org_id = %org, %channel, changed = !recorded.was_out, "an unsubscribe link was used");
    // It is recorded: whatever else fails, the answer says so.
    let name = name(deps, org).await.unwrap_or_default();
    Ok(page::reply(200, &page::done(&name, channel)))
}

/// The organisation's name; empty if it has none.
async fn name(deps: &Unsubscribe, org: &OrgId) -> Result<String, Error> {
    Ok(deps.store.organisation(org).await?.map(|organisation| organisation.name).unwrap_or_default())
}

#[cfg(test)]
mod tests;

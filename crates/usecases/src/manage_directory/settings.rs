//! The organisation and its channels.

use domain::permission::Caller;
use wire::api::channel::{ChannelChange, ChannelView};
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::list::List;
use wire::api::organisation::{OrganisationView, read_organisation};
use wire::api::problem::Problem;

use super::{Directory, channel_in_path, status_of};
use crate::Refused;
use crate::query::Query;

pub(super) async fn organisation(
    deps: &Directory,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let found = deps.store.organisation(&caller.org_id).await?;
    let organisation = found.ok_or_else(|| {
        Problem::new(
            404,
            "not-found",
            "Not found",
            "The organisation is not set up yet; PUT /organisation does that",
        )
    })?;
    Ok(Reply::json(200, &OrganisationView::from(&organisation)))
}

pub(super) async fn put_organisation(
    deps: &Directory,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    let body = Body::of(request)?;
    let organisation = read_organisation(&body, &caller.org_id)?;
    let put = deps.store.put_organisation(&organisation).await?;
    Ok(Reply::json(status_of(put), &OrganisationView::from(&organisation)))
}

pub(super) async fn channels(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let channels = deps.store.channels(&caller.org_id).await?;
    let items: Vec<ChannelView<'_>> = channels.iter().map(ChannelView::from).collect();
    Ok(Reply::json(200, &List { items, next_cursor: None }))
}

pub(super) async fn put_channel(
    deps: &Directory,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    let channel = channel_in_path(request)?;
    let body = Body::of(request)?;
    let change = match ChannelChange::read(&body, channel) {
        Ok(change) => change,
        Err(problem) => {
            let channels = deps.store.channels(&caller.org_id).await?;
            let is_new = channels.iter().all(|settings| settings.channel != channel);
            let lacking = if is_new { ChannelChange::lacks(&body, channel) } else { Vec::new() };
            return Err(Problem::invalid(problem.errors.into_iter().chain(lacking).collect()).into());
        }
    };
    let now = deps.clock.now();
    let changed =
        deps.store.change_channel(&caller.org_id, channel, |known| change.apply(known, now)).await?;
    let (settings, put) = changed?;
    Ok(Reply::json(status_of(put), &ChannelView::from(&settings)))
}

pub(super) async fn delete_channel(
    deps: &Directory,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    deps.store.delete_channel(&caller.org_id, channel_in_path(request)?).await?;
    Ok(Reply::empty(204))
}

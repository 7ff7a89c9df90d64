//! The communication log: of a member, of an action, or of the whole organisation.

use domain::permission::Caller;
use domain::{BulkActionId, MessageId, OrgId};
use store::Store;
use wire::api::http::{Reply, Request};
use wire::api::list::List;
use wire::api::message::{MessageView, MessageWithHistory};
use wire::api::problem::Problem;

use super::ReadLog;
use super::cursors::Cursors;
use super::filters::{Direction, Filters, PARAMETERS};
use super::history::{Evidence, history};
use super::log::{Log, Reached};
use super::page::{MAX_EXAMINED, Page};
use super::shown::{Messages, Shown, show};
use crate::Refused;
use crate::query::Query;

const MAX_LIMIT: usize = 200;

/// `GET /messages/{id}`.
pub(super) async fn one(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let (shown, said) = found(&deps.store, &caller.org_id, request.param("id")).await?;
    let evidence = Evidence::of(&deps.store, &caller.org_id, &shown.row).await?;
    let history = history(&shown, &evidence);
    Ok(Reply::json(200, &MessageWithHistory { message: shown.view(said.as_ref()), history }))
}

/// A message as it is now.
///
/// # Errors
/// 404 if the organisation has none of that id.
pub(crate) async fn message(store: &Store, org: &OrgId, id: &str) -> Result<MessageView, Refused> {
    let (shown, said) = found(store, org, id).await?;
    Ok(shown.view(said.as_ref()))
}

async fn found(store: &Store, org: &OrgId, id: &str) -> Result<(Shown, Option<Messages>), Refused> {
    let not_found = || Problem::not_found("message");
    let id: MessageId = id.parse().map_err(|_| not_found())?;
    let row = store.row(org, id).await?.ok_or_else(not_found)?;
    let content = store.content(org, BulkActionId::new(id.send)).await?;
    let shown = show(store, org, vec![row]).await?.pop().ok_or_else(not_found)?;
    Ok((shown, content.as_ref().map(Messages::of)))
}

/// `GET /messages`.
pub(super) async fn list(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let query = Query::parse(request, &PARAMETERS)?;
    let filters = Filters::read(&query)?;
    let cursors = Cursors::new(deps, org, "messages", &query);
    let from: Option<Reached> = cursors.open()?;
    let page = Page::new(query.limit(MAX_LIMIT)?, MAX_EXAMINED);
    let mut log = Log::new(deps, org, &filters, page);
    let next = match (filters.direction, &filters.member, filters.action) {
        (_, Some(member), _) => log.of_member(member, from).await?,
        // The rows of an action all go out. What answers them is found among all that came in since.
        (None | Some(Direction::Outbound), None, Some(action)) => log.of_action(action, from).await?,
        (Some(Direction::Inbound), None, Some(_)) | (_, None, None) => log.of_organisation(from).await?,
    };
    let next_cursor = next.map(|next| cursors.seal(&next));
    Ok(Reply::json(200, &List { items: log.into_items(), next_cursor }))
}

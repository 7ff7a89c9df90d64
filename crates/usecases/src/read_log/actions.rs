//! Bulk actions: one, and the history of an organisation.

use domain::permission::Caller;
use domain::settings::ChannelSettings;
use domain::{BulkActionId, BulkActionStatus, OrgId, SendSource};
use store::Store;
use store::action::Action;
use store::action_list::{ActionPosition, ActionSpan};
use wire::api::action::ActionView;
use wire::api::http::{Reply, Request};
use wire::api::list::List;
use wire::api::problem::Problem;

use super::ReadLog;
use super::cursors::Cursors;
use super::fresh::fresh;
use super::page::{MAX_EXAMINED, Page};
use crate::query::Query;
use crate::view::{self, action_view, may_wait};
use crate::{Error, Refused};

const MAX_LIMIT: usize = 200;
/// Actions that are read at once where most may be left out.
const BATCH: usize = 100;
/// Contents that are read at once; one may have a few hundred kilobytes.
const CONTENTS: usize = 25;

/// The action that a path names.
///
/// # Errors
/// 404 if the organisation has none of that id, or if it is none.
pub(crate) async fn find(store: &Store, org: &OrgId, id: &str) -> Result<Action, Refused> {
    let not_found = || Problem::not_found("bulk action");
    let id: BulkActionId = id.parse().map_err(|_| not_found())?;
    let action = store.action(org, id).await?;
    Ok(action.filter(|action| action.source == SendSource::BulkAction).ok_or_else(not_found)?)
}

/// `GET /bulk-actions/{id}`.
pub(super) async fn one(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    Query::parse(request, &[])?;
    let org = &caller.org_id;
    let action = fresh(deps, find(&deps.store, org, request.param("id")).await?).await?;
    Ok(Reply::json(200, &view::of_action(&deps.store, org, action, deps.clock.now()).await?))
}

/// `GET /bulk-actions`. The counts are those that are known: who watches an action reads it by itself.
pub(super) async fn list(deps: &ReadLog, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    let query = Query::parse(request, &["status", "limit", "cursor"])?;
    let status = query.choice("status", BulkActionStatus::ALL, BulkActionStatus::as_str)?;
    let mut page = Page::new(query.limit(MAX_LIMIT)?, MAX_EXAMINED);
    let cursors = Cursors::new(deps, org, "bulk-actions", &query);
    let mut after: Option<ActionPosition> = cursors.open()?;
    let mut channels: Option<Vec<ChannelSettings>> = None;
    let next = loop {
        // One more than is wanted tells whether there are more.
        let asked = if status.is_some() { BATCH } else { page.missing() + 1 }.min(page.room());
        if asked == 0 {
            break after;
        }
        let span = after.map_or(ActionSpan::All, ActionSpan::After);
        let actions = deps.store.actions(org, span, asked).await?;
        let is_last = actions.len() < asked;
        page.examined(actions.len());
        if channels.is_none() && actions.iter().any(may_wait) {
            channels = Some(deps.store.channels(org).await?);
        }
        if !add(deps, org, &mut page, &mut after, actions, status, channels.as_deref().unwrap_or_default())
            .await?
        {
            break after;
        }
        if is_last {
            break None;
        }
    };
    let next_cursor = next.map(|next| cursors.seal(&next));
    Ok(Reply::json(200, &List { items: page.into_items(), next_cursor }))
}

/// Adds actions to the page; answers whether all of them were looked at before it was full. `after` moves along.
async fn add(
    deps: &ReadLog,
    org: &OrgId,
    page: &mut Page<ActionView>,
    after: &mut Option<ActionPosition>,
    actions: Vec<Action>,
    status: Option<BulkActionStatus>,
    channels: &[ChannelSettings],
) -> Result<bool, Error> {
    let wanted = |action: &Action| status.is_none_or(|status| action.status == status);
    let mut left = actions.into_iter().peekable();
    while left.peek().is_some() {
        if page.is_full() {
            return Ok(false);
        }
        let some: Vec<Action> = left.by_ref().take(CONTENTS).collect();
        let ids: Vec<BulkActionId> =
            some.iter().filter(|action| wanted(action)).map(|action| action.id).collect();
        let mut contents = deps.store.contents(org, &ids).await?;
        for action in some {
            if page.is_full() {
                return Ok(false);
            }
            *after = Some(action.position());
            if wanted(&action) {
                let content = contents.remove(&action.id).ok_or(Error::Missing("the content"))?;
                page.push(action_view(action, content, channels));
            }
        }
    }
    Ok(true)
}

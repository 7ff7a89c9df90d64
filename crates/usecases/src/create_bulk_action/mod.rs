//! `create-bulk-action`: accepts what is to be sent, in bulk or singly, and starts it; previews, cancels and retries.

mod accept;
mod cancel;
mod content;
mod create;
mod preview;
mod reply;
mod retry;
mod single;

use std::sync::Arc;

use domain::permission::{Caller, Permission};
use domain::{Clock, Ids};
use queue::Queue;
use store::Store;
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;
use wire::queue::SendMessageJob;

use crate::Refused;
use crate::jobs::DispatchQueues;
use crate::send_one::SendOne;

pub(crate) use content::receipt_window;

/// What `create-bulk-action` needs.
pub struct CreateBulkActions {
    /// The database.
    pub store: Store,
    /// Where the fan-out starts.
    pub queue: Queue<SendMessageJob>,
    /// Where single messages go.
    pub dispatch: DispatchQueues,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Ids of what is accepted.
    pub ids: Arc<dyn Ids>,
}

/// Answers a request by its route.
pub async fn create_bulk_action(deps: &CreateBulkActions, request: &Request) -> Reply {
    crate::reply(answer(deps, request).await)
}

async fn answer(deps: &CreateBulkActions, request: &Request) -> Result<Reply, Refused> {
    match request.route.as_str() {
        "POST /bulk-actions" => create::create(deps, sender(request)?, request).await,
        "POST /bulk-actions/preview" => preview::preview(deps, sender(request)?, request).await,
        "POST /bulk-actions/{id}/cancel" => cancel::cancel(deps, sender(request)?, request).await,
        "POST /bulk-actions/{id}/retry" => retry::retry(deps, sender(request)?, request).await,
        "POST /messages" => single::single(deps, sender(request)?, request).await,
        "POST /conversations/{id}/messages" => reply::reply(deps, correspondent(request)?, request).await,
        _ => Err(Problem::not_found("route").into()),
    }
}

impl CreateBulkActions {
    /// What single messages need.
    fn one(&self) -> SendOne<'_> {
        SendOne { store: &self.store, dispatch: &self.dispatch, clock: self.clock.as_ref() }
    }
}

/// A caller who may answer those who write.
fn correspondent(request: &Request) -> Result<&Caller, Refused> {
    let caller = crate::caller(request)?;
    crate::permit(caller.require_all(&[Permission::MessagingSend]))?;
    Ok(caller)
}

/// A caller who may send.
fn sender(request: &Request) -> Result<&Caller, Refused> {
    let caller = crate::caller(request)?;
    crate::permit(caller.require_all(&[Permission::MembersEdit, Permission::MessagingSend]))?;
    Ok(caller)
}

//! `manage-directory`: the organisation, its channels, templates and members, and the members' opt-outs.

mod conversations;
mod csv_rows;
mod erase;
mod import;
mod members;
mod opt_outs;
pub mod rows;
mod settings;
mod templates;

use std::sync::Arc;

use domain::Clock;
use domain::permission::{Caller, Permission};
use store::Store;
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;

use crate::{Notes, Refused};

/// What `manage-directory` needs.
pub struct Directory {
    /// The database; its keys seal cursors.
    pub store: Store,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Promises of changes.
    pub notes: Notes,
}

/// What a caller must be allowed to do; of several permissions one is enough.
const READ_SETTINGS: [Permission; 4] = [
    Permission::MessagingView,
    Permission::MessagingSend,
    Permission::MessagingManage,
    Permission::TemplateOverride,
];
const WRITE_SETTINGS: [Permission; 1] = [Permission::MessagingManage];
const CORRESPOND: [Permission; 1] = [Permission::MessagingSend];
const READ_MEMBERS: [Permission; 3] =
    [Permission::MembersView, Permission::MembersEdit, Permission::MessagingSend];
const WRITE_MEMBERS: [Permission; 1] = [Permission::MembersEdit];

/// Answers a request for any of the routes below.
pub async fn handle(deps: &Directory, request: &Request) -> Reply {
    crate::reply(answer(deps, request).await)
}

async fn answer(deps: &Directory, request: &Request) -> Result<Reply, Refused> {
    let caller = crate::caller(request)?;
    let org = &caller.org_id;
    let may = |permissions: &[Permission]| allowed(caller, permissions);
    match request.route.as_str() {
        "GET /organisation" => settings::organisation(deps, may(&READ_SETTINGS)?, request).await,
        "PUT /organisation" => settings::put_organisation(deps, may(&WRITE_SETTINGS)?, request).await,
        "GET /channels" => settings::channels(deps, may(&READ_SETTINGS)?, request).await,
        "PUT /channels/{channel}" => settings::put_channel(deps, may(&WRITE_SETTINGS)?, request).await,
        "DELETE /channels/{channel}" => settings::delete_channel(deps, may(&WRITE_SETTINGS)?, request).await,
        "GET /templates" => templates::list(deps, may(&READ_SETTINGS)?, request).await,
        "GET /templates/{id}" => templates::get(deps, may(&READ_SETTINGS)?, request).await,
        "PUT /templates/{id}" => templates::put(deps, may(&WRITE_SETTINGS)?, request).await,
        "DELETE /templates/{id}" => templates::delete(deps, may(&WRITE_SETTINGS)?, request).await,
        "GET /members" => members::list(deps, may(&READ_MEMBERS)?, request).await,
        "GET /members/{id}" => members::get(deps, may(&READ_MEMBERS)?, request).await,
        "PUT /members/{id}" => members::put(deps, may(&WRITE_MEMBERS)?, request).await,
        "DELETE /members/{id}" => members::delete(deps, may(&WRITE_MEMBERS)?, request).await,
        "POST /members/{id}/erase" => erase::erase(deps, may(&WRITE_MEMBERS)?, request).await,
        "POST /members/import" => import::import(deps, may(&WRITE_MEMBERS)?, request).await,
        "GET /members/{id}/opt-outs" => opt_outs::list(deps, may(&READ_MEMBERS)?, request).await,
        "PUT /members/{id}/opt-outs/{channel}" => opt_outs::put(deps, may(&WRITE_MEMBERS)?, request).await,
        "DELETE /members/{id}/opt-outs/{channel}" => {
            opt_outs::delete(deps, may(&WRITE_MEMBERS)?, request).await
        }
        "POST /conversations/{id}/read" => conversations::read(deps, may(&CORRESPOND)?, request).await,
        "POST /conversations/{id}/assign" => conversations::assign(deps, may(&CORRESPOND)?, request).await,
        other => {
            tracing::error!(route = other, org_id = %org, "a route came here that is not ours");
            Err(Problem::not_found("route").into())
        }
    }
}

fn allowed<'a>(caller: &'a Caller, permissions: &[Permission]) -> Result<&'a Caller, Problem> {
    crate::permit(caller.require_any(permissions)).map(|()| caller)
}

/// The id in the path. What is no id names nothing.
fn id_in_path<T: std::str::FromStr>(request: &Request, what: &'static str) -> Result<T, Problem> {
    request.param("id").parse().map_err(|_| Problem::not_found(what))
}

/// The channel in the path.
fn channel_in_path(request: &Request) -> Result<domain::Channel, Problem> {
    request.param("channel").parse().map_err(|_| Problem::not_found("channel"))
}

/// 201 for what is new, 200 for what was there.
fn status_of(put: store::directory::Put) -> u16 {
    match put {
        store::directory::Put::Created => 201,
        store::directory::Put::Replaced => 200,
    }
}

#[cfg(test)]
mod tests;

//! `read-log`: what callers read of sends. The session, actions with their failed items and delivery rates, and the
//! communication log.
//!
//! Lists are newest first by the time of creation, then by id. A list of rows goes through chunks (see `walk`), the organisation's log through its
//! actions (see `window`). Nothing here sends, and what is written are counts alone.

mod accept;
mod actions;
mod conversations;
mod cover;
mod csv_file;
mod cursors;
mod failed;
mod filters;
mod fresh;
mod history;
mod log;
mod messages;
mod page;
#[cfg(test)]
mod samples;
mod shown;
mod stats;
mod walk;
mod window;

use std::sync::Arc;

use domain::Clock;
use domain::permission::{Caller, Permission};
use store::Store;
use wire::api::http::{Reply, Request};
use wire::api::list::SessionView;
use wire::api::problem::Problem;

use crate::Refused;
use crate::query::Query;

pub(crate) use actions::find;
pub(crate) use messages::message;
pub(crate) use shown::{Shown, fresh_view, show};

/// What `read-log` needs.
pub struct ReadLog {
    /// The database; its keys seal cursors.
    pub store: Store,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

/// Answers a request by its route. A route that is none gets a problem document, too.
pub async fn read_log(deps: &ReadLog, request: &Request) -> Reply {
    crate::reply(answer(deps, request).await)
}

async fn answer(deps: &ReadLog, request: &Request) -> Result<Reply, Refused> {
    match request.route.as_str() {
        "GET /session" => session(request),
        "GET /bulk-actions" => actions::list(deps, reader(request)?, request).await,
        "GET /bulk-actions/{id}" => actions::one(deps, reader(request)?, request).await,
        "GET /bulk-actions/{id}/failed-items" => failed::list(deps, reader(request)?, request).await,
        "GET /bulk-actions/{id}/stats" => stats::of_action(deps, reader(request)?, request).await,
        "GET /messages" => messages::list(deps, reader(request)?, request).await,
        "GET /messages/{id}" => messages::one(deps, reader(request)?, request).await,
        "GET /conversations" => conversations::list(deps, reader(request)?, request).await,
        "GET /conversations/{id}" => conversations::one(deps, reader(request)?, request).await,
        "GET /conversations/{id}/messages" => conversations::messages(deps, reader(request)?, request).await,
        _ => Err(Problem::not_found("route").into()),
    }
}

/// A caller who may read actions and messages.
fn reader(request: &Request) -> Result<&Caller, Refused> {
    let caller = crate::caller(request)?;
    crate::permit(caller.require_any(&[Permission::MessagingView, Permission::MessagingSend]))?;
    Ok(caller)
}

/// `GET /session`: any token will do.
fn session(request: &Request) -> Result<Reply, Refused> {
    let caller = crate::caller(request)?;
    Query::parse(request, &[])?;
    let view = SessionView {
        sub: caller.sub.clone(),
        org_id: caller.org_id.clone(),
        permissions: caller.permissions.clone(),
        may: caller.may(),
    };
    Ok(Reply::json(200, &view))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(permissions: &[&str]) -> Request {
        let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
        let caller = Caller { sub: "u".into(), org_id: "demo".parse().unwrap(), permissions };
        Request { caller: Some(caller), ..Request::default() }
    }

    fn status(refused: Refused) -> u16 {
        match refused {
            Refused::Problem(problem) => problem.status,
            Refused::Fault(error) => panic!("{error}"),
        }
    }

    #[test]
    fn any_token_has_a_session_that_says_what_it_allows() {
        let reply = session(&request(&["messaging.view", "other"])).unwrap();
        let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!((reply.status, body["org_id"].as_str()), (200, Some("demo")));
        assert_eq!(body["permissions"], serde_json::json!(["messaging.view", "other"]));
        assert_eq!(
            (body["may"]["view"].as_bool(), body["may"]["reply"].as_bool()),
            (Some(true), Some(false))
        );
        assert_eq!(status(session(&Request { raw_query: "x=1".into(), ..request(&[]) }).unwrap_err()), 400);
    }

    #[test]
    fn reading_needs_one_of_two_permissions() {
        for good in ["messaging.view", "messaging.send"] {
            assert!(reader(&request(&[good])).is_ok(), "{good}");
        }
        assert_eq!(status(reader(&request(&["messaging.manage", "members.view"])).unwrap_err()), 403);
        assert_eq!(status(reader(&Request::default()).unwrap_err()), 401);
    }
}

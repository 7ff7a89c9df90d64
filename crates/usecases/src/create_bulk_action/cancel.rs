//! `POST /bulk-actions/{id}/cancel`: stops an action before it starts.

use domain::BulkActionStatus;
use domain::counts::Counts;
use domain::permission::Caller;
use domain::status::Transition;
use store::action::{Action, Saved};
use wire::api::fields::Body;
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;

use super::CreateBulkActions;
use crate::{Error, Refused, read_log, view};

const TRIES: u32 = 10;

/// Answers 200 with the action. Of a cancel and a start that meet, the one whose write comes first wins.
pub(super) async fn cancel(
    deps: &CreateBulkActions,
    caller: &Caller,
    request: &Request,
) -> Result<Reply, Refused> {
    let org = &caller.org_id;
    Body::parse_nothing(&request.body, request.header("content-type"))?;
    for _ in 0..TRIES {
        let mut action = read_log::find(&deps.store, org, request.param("id")).await?;
        if !matches!(action.status.step(BulkActionStatus::Cancelled), Transition::To(_)) {
            return Err(too_late(&action).into());
        }
        let now = deps.clock.now();
        action.enter(BulkActionStatus::Cancelled, now, &caller.sub);
        action.counts = Counts { skipped: action.total, ..Counts::default() };
        action.finished_at = Some(now);
        action.reconciled_at = Some(now);
        action.due_at = None;
        if deps.store.save_action(&mut action).await? == Saved::Yes {
            return Ok(Reply::json(200, &view::of_action(&deps.store, org, action, deps.clock.now()).await?));
        }
    }
    Err(Error::Contended("the action").into())
}

fn too_late(action: &Action) -> Problem {
    let detail = match action.status {
        BulkActionStatus::Cancelled => "It is cancelled already".to_owned(),
        status => format!("It can be cancelled only while it is queued; it is {status}"),
    };
    Problem::conflict("not-cancellable", detail).with("current_status", action.status.as_str())
}

//! Idempotency keys and the rate limit: what stands between a request and its acceptance.

use domain::permission::Caller;
use domain::{OrgId, rate_limit};
use store::Store;
use store::accept::Admission;
use store::idempotency::{IdempotencyKey, KeyUse};
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;

use super::CreateBulkActions;
use crate::Refused;

/// Longest key, in characters.
const MAX_KEY: usize = 64;

/// The caller's key of this request, if there is one. `path` is that of the resource that the request goes to.
///
/// # Errors
/// 400 if it is not what a key must be.
pub(crate) fn key_of(request: &Request, path: &str) -> Result<Option<IdempotencyKey>, Refused> {
    let Some(text) = request.header("idempotency-key") else { return Ok(None) };
    let fits = (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !fits {
        let detail = format!("The header Idempotency-Key must be 1 to {MAX_KEY} printable ASCII characters");
        return Err(Problem::bad_request(detail).with("parameter", "Idempotency-Key").into());
    }
    Ok(Some(IdempotencyKey::new(path, text, &request.body)))
}

/// The id of what the same request made before; `None` if the key stands for nothing yet.
///
/// # Errors
/// 409 if the key stands for another request.
pub(crate) async fn made_before(
    store: &Store,
    clock: &dyn domain::Clock,
    org: &OrgId,
    key: Option<&IdempotencyKey>,
) -> Result<Option<String>, Refused> {
    let Some(key) = key else { return Ok(None) };
    match store.key_use(org, key, clock.now()).await? {
        KeyUse::Fresh => Ok(None),
        KeyUse::Same(resource) => Ok(Some(resource)),
        KeyUse::Other => {
            let detail = "This Idempotency-Key was used with another body; use a new key for a new request";
            Err(Problem::conflict("idempotency-key-reused", detail).into())
        }
    }
}

/// An answer that repeats an earlier one.
pub(crate) fn replayed(reply: Reply) -> Reply {
    reply.header("idempotent-replayed", "true")
}

/// The answer when others were faster again and again: with a key most likely the same request, still in progress.
pub(crate) fn in_progress() -> Refused {
    let detail = "The same request, or one that concerns the same, is in progress; try again in a second";
    let mut problem = Problem::conflict("in-progress", detail);
    problem.retry_after = Some(1);
    problem.into()
}

/// Room for one more bulk action within the organisation's limit.
///
/// # Errors
/// 429 with the time to wait.
pub(super) async fn admit(deps: &CreateBulkActions, caller: &Caller) -> Result<Admission, Refused> {
    let limit = deps.store.limit(&caller.org_id).await?;
    match rate_limit::admit(&limit.accepted, deps.clock.now()) {
        Ok(accepted) => Ok(limit.with(accepted)),
        Err(wait) => {
            let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
            let detail = format!(
                "At most {} bulk actions are accepted in any {} seconds; try again in {seconds} seconds",
                rate_limit::MOST,
                rate_limit::WINDOW.as_secs()
            );
            let mut problem = Problem::new(429, "rate-limit", "Too many bulk actions", detail);
            problem.retry_after = Some(seconds);
            Err(problem.into())
        }
    }
}

//! What keeps a request from being carried out, and how that is answered.

use domain::permission::{Caller, Lacking};
use wire::api::http::{Reply, Request};
use wire::api::problem::Problem;

use crate::Error;

/// A request that is not carried out.
#[derive(Debug)]
pub enum Refused {
    /// The caller can do something about it.
    Problem(Box<Problem>),
    /// A fault that passes, or one of ours.
    Fault(Error),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

/// The answer to a request. What a client sees of a fault and what the log sees are two texts.
pub(crate) fn reply(result: Result<Reply, Refused>) -> Reply {
    match result {
        Ok(reply) => reply,
        Err(Refused::Problem(problem)) => (*problem).into(),
        Err(Refused::Fault(error)) => {
            tracing::error!(error = %telemetry::chain(&error), "a request failed");
            match error {
                Error::Store(store::StoreError::Corrupt { .. })
                | Error::Missing(_)
                | Error::Content(_)
                | Error::Secret(_) => Problem::internal().into(),
                Error::Store(_) | Error::Queue(_) | Error::Contended(_) | Error::Unavailable(_) => {
                    Problem::unavailable().into()
                }
            }
        }
    }
}

/// Who calls. The gateway lets nobody through without a token, where the route asks for one.
pub(crate) fn caller(request: &Request) -> Result<&Caller, Problem> {
    request.caller.as_ref().ok_or_else(|| Problem::new(401, "no-token", "No token", "Send a bearer token"))
}

/// Turns a missing permission into its answer.
pub(crate) fn permit(result: Result<(), Lacking>) -> Result<(), Problem> {
    result.map_err(|lacking| Problem::forbidden(&lacking))
}

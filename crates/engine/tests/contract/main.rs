//! What Tidings relies on in DynamoDB and SQS, checked through the real SDK clients.
//!
//! By default each check starts the embedded engine. With `TIDINGS_ENGINE_URL` it talks to that endpoint instead, which
//! serves both services; `TIDINGS_ENGINE_NAME` (default `ministack`) says whose rows of `DIVERGENCES.md` apply: a
//! check that is listed there must fail, every other must pass.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is test code, its helpers included: a panic is how a check fails"
)]

mod dynamodb;
mod embedded;
mod sqs;
mod support;
mod throughput;

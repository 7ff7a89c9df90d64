//! The providers behind the channels: one trait, and one folder per provider with what is said to it ([`Sender`]), what it reports
//! (`webhook`), how its calls are known to be genuine (`signature`, [`ses::sns`]) and what its codes mean (`errors`).
//!
//! A provider's vocabulary never leaves its folder: outside there are [`Outcome`], [`domain::receipt::Receipt`] and inbound messages in
//! our own words. Nothing here retries, keeps state about messages or writes logs.
//!
//! # The four outcomes of a call
//!
//! No provider has an idempotency key, so what a failed call means decides whether a member gets a message twice. *Accepted*, *refused
//! before processing* (may be tried again), *refused for good* (for this recipient, or for the sender as a whole), and *unknown*: a
//! time-out, a 5xx, a connection lost after the request's first byte, a success that cannot be read. Unknown is never sent again by us.
//! What is not understood counts as unknown where it may hide an acceptance, and as refused where the provider said no.
//!
//! # Adding a provider
//!
//! A folder with `send.rs` (implements [`Sender`]), `errors.rs` (its codes as a table, held to a fixture by a test), `signature.rs` and
//! `webhook.rs`; samples of its answers and calls under `tests/fixtures`; contract tests in this crate's `tests`.

mod codes;
mod http;
mod look_up;
mod outcome;
mod problem;
mod secret;
pub mod ses;
pub mod twilio;
mod webhook;
pub mod whatsapp;

pub use http::{HttpClient, REQUEST_TIMEOUT, http_client};
pub use look_up::{Asked, Known, LookUp, Sought};
pub use outcome::{Limited, Outcome, Outgoing, Sender, SenderProblem};
pub use problem::Problem;
pub use secret::Secret;
pub use webhook::WebhookError;

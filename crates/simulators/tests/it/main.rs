//! The twins over real connections: a system's webhooks on one side, its requests on the other.

#![expect(clippy::unwrap_used, reason = "a helper of a test that fails should stop that test")]

mod behaviour;
mod inbound;
mod ledger;
mod restart;
mod ses;
mod sns;
mod stage;
mod twilio;
mod whatsapp;

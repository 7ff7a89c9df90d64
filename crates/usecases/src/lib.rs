//! What Tidings does: one file per function, named like it. Plain async functions of their dependencies and an input.

pub mod apply_receipt;
mod conversation;
pub mod create_bulk_action;
pub mod cursor;
pub mod dispatch;
mod error;
mod estimate;
pub mod jobs;
mod layout;
pub mod manage_directory;
mod notes;
pub mod opt_out;
mod pacing;
mod planner;
mod query;
pub mod read_log;
pub mod receive_webhook;
pub mod reconcile;
pub mod recount;
mod refused;
pub mod secrets;
pub mod send_message;
mod send_one;
#[cfg(test)]
mod test_directory;
mod trail;
pub mod unsubscribe;
mod view;

pub use error::Error;
pub use notes::Notes;
pub use refused::Refused;
pub(crate) use refused::{caller, permit, reply};

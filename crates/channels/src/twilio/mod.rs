//! SMS over Twilio Programmable Messaging.
//!
//! Each message carries our id in the query of its status callback URL (`?m=`), which Twilio keeps and signs. There is no
//! idempotency key, so an answer that was lost is resolved by that callback alone: the list of messages holds no callback URL, and a
//! match by recipient, text and time would confuse members who share a phone.

mod codes;
mod errors;
mod lookup;
mod send;
pub mod signature;
mod status;
pub mod webhook;

pub use lookup::Lookup;
pub use send::{TwilioConfig, TwilioSender};

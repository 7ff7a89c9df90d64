//! SMS over Twilio Programmable Messaging.
//!
//! Each message carries our id in the query of its status callback URL (`?m=`), which Twilio keeps and signs. There is no
//! idempotency key, so an answer that was lost is resolved by that callback, or else by asking ([`TwilioLookUp`]).

mod codes;
mod errors;
mod lookup;
mod send;
pub mod signature;
mod status;
pub mod webhook;

pub use lookup::TwilioLookUp;
pub use send::{TwilioConfig, TwilioSender};

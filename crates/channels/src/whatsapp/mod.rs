//! WhatsApp over Meta's Cloud API.
//!
//! Each message carries our id as `biz_opaque_callback_data`, which every status of it brings back; that is the only way in which an
//! answer that was lost is resolved.

mod codes;
mod errors;
mod inbound;
mod send;
pub mod signature;
pub mod webhook;

pub use send::{WhatsAppConfig, WhatsAppSender};

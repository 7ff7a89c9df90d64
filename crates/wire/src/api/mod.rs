//! Bodies of the HTTP API, as `2-contract` in the `OpenAPI` description fixes them.

pub mod action;
pub mod bulk_action;
pub mod channel;
pub mod content;
pub mod conversation;
pub mod fields;
pub mod http;
pub mod list;
pub mod member;
pub mod message;
pub mod organisation;
pub mod preview;
pub mod problem;
pub mod single;
pub mod stats;
pub mod template;

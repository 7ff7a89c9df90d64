//! What crosses a process border: the bodies of SQS messages ([`queue`]) and of the HTTP API ([`api`]).

pub mod api;
pub mod queue;

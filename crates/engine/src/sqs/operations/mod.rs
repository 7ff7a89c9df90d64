//! The operations. Each takes the call and its input and answers the output or a refusal.

pub(super) mod queues;
pub(super) mod receipts;
pub(super) mod receive;
pub(super) mod redrive;
pub(super) mod send;

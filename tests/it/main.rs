//! The pipeline, by behaviour: real use cases on the real store and queues of the embedded engine, and for every claim an assertion on what
//! the provider saw.

mod alarms;
mod bad_input;
mod cancel;
mod conservation;
mod conversations;
mod day;
mod erase;
mod frozen;
mod hostile;
mod household;
mod idempotency;
mod layers;
mod life_of_a_send;
mod lints;
mod log;
mod mail;
mod openapi;
mod opt_outs;
mod outcomes;
mod pacing;
mod permissions;
mod preview;
mod progress;
mod queue_bodies;
mod receipts;
mod recovery;
mod retry;
mod schedule;
mod single;
mod stats;
mod support;
mod template_contract;
mod unknown;
mod why;

//! The embedded engine of the local stack: what stands in for DynamoDB and SQS when nothing runs in AWS.
//!
//! [`Engine::start`] opens two loopback listeners that the ordinary AWS SDK clients talk to. DynamoDB is
//! `dynoxide-rs`; SQS is our own twin on SQLite ([`Sqs`]). Both keep their state in a data folder, where it
//! survives `kill -9`, or in memory for tests. [`InProcess`] has neither listeners nor threads.
//!
//! What the engine cannot show: eventual consistency, throttling, transaction conflicts, IAM, encryption.
//! For SQS also: FIFO queues, the cap on messages in flight, the minute after a queue's deletion, and the
//! policies (they are kept and answered, without effect). `DIVERGENCES.md` in this crate lists where other
//! engines differ from the contract that both are tested against.
//!
//! dynoxide writes a warning for each request that it refuses, and at `TRACE` whole bodies: a subscriber that must not
//! see addresses leaves the target `dynoxide` out.
//!
//! ```
//! # fn main() -> Result<(), engine::EngineError> {
//! let engine = engine::Engine::start(engine::EngineOptions::default())?;
//! assert!(engine.sqs_url().starts_with("http://127.0.0.1:"));
//! # Ok(()) }
//! ```

mod clock;
mod dynamodb;
mod error;
mod folder;
mod in_process;
mod intact;
mod server;
mod sqs;
mod tap;

mod engine;

pub use crate::clock::{Clock, system_clock};
pub use crate::engine::{Engine, EngineOptions};
pub use crate::error::EngineError;
pub use crate::in_process::{Answer, InProcess};
pub use crate::sqs::{QueueCounts, Sqs};
pub use crate::tap::{Service, Tap, Tapped, Units};

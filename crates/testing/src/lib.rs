//! A world to test in: the real store and queues on the embedded engine, the real use cases, a clock that is moved by hand, and providers
//! that do as they are told and keep a ledger of what they accepted.

mod provider;
mod sources;
mod world;

pub use provider::{Answer, Provider, Seen};
pub use sources::{CountingIds, TestClock};
pub use world::{Redelivery, World};

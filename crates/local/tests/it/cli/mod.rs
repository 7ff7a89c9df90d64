//! The commands as processes, against an API that answers as each test says.

mod actions;
mod errors;
mod failures;
mod inbox;
mod log;
mod message;
mod schedule;
mod send;
mod token;
mod world;

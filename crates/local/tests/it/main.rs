//! The parts of the local stack at work, each with the real thing on its other side.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod cli;
mod damaged;
mod functions;
mod gateway;
mod hostile;
mod other_engine;
mod poll;
#[cfg(target_os = "linux")]
mod process;
mod stack;
mod support;
mod template;

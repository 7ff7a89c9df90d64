//! Runs the whole of `template.yaml` on this machine.
//!
//! [`Stack::start`] reads the template, makes its tables and queues on an engine, runs the function binaries as
//! processes over the Lambda Runtime API, polls the queues for them, serves the HTTP API and fires the schedules. The
//! functions are the deployed ones, unchanged: only addresses and credentials in their environment differ.
//!
//! | module | plays the part of |
//! |---|---|
//! | [`template`] | CloudFormation: reads the template |
//! | [`provision`] | CloudFormation: makes tables and queues |
//! | [`functions`] | Lambda: processes and their runtime API |
//! | [`poll`] | Lambda: event source mappings |
//! | [`gateway`] | API Gateway: routes, authorizer, payload format 2.0 |
//! | [`schedule`] | EventBridge: schedules |
//! | [`secrets`], [`jwt`] | Secrets Manager and the host application's identity provider |

pub mod api;
pub mod build_functions;
pub mod cli;
pub mod clock;
pub mod data;
pub mod functions;
pub mod gateway;
pub mod jwt;
pub mod load;

pub mod poll;
pub mod provision;
pub mod schedule;
pub mod secrets;
pub mod seed;
mod stack;
pub mod template;

pub use stack::{Binaries, Exchange, Exchanges, Stack, StackOptions, Watch};

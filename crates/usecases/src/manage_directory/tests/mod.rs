//! The HTTP API of the directory, on the embedded engine.

mod import;
mod members;
mod opt_outs;
mod permissions;
mod settings;
mod templates;

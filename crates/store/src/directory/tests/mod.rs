//! The directory on the embedded engine.

mod channels;
mod conversations;
mod faults;
mod members;
mod opt_outs;
mod races;
mod settings;
mod world;

//! Tests across crates. The simulation is a library, so that both `cargo test` and the program `simulate` can run it.

pub mod simulation;

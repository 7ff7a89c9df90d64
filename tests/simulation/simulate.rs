//! `cargo run --release -p tests --bin simulate -- --seeds 100000 [--from N]`: as many simulations as wanted.

fn main() {}
